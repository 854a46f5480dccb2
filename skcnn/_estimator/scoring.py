"""How a scorer of scikit-learn, or of a user's, is asked about a network during training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring

from skcnn._data.samples import Data
from skcnn._data.sklearn_compat import takes_sample_weight
from skcnn._estimator.fitted import Fitted, unfitted_copy
from skcnn.network import Network


def validation_score(
    estimator: BaseEstimator, scoring: Any, fitted: Fitted, held_out: Data
) -> str | Callable[[Network], Any]:
    """Return "loss" or "accuracy", or a function that asks the scorer about a network.

    Parameters
    ----------
    estimator : estimator
        Copied; scorers get the copy, flat X and y.
    scoring : str or callable
        The estimator's parameter.
    fitted : Fitted
        The model before training.
    held_out : Data
        What to score.

    Raises
    ------
    ValueError
        If the scorer takes no weights and samples differ in weight, or if scikit-learn's scorer
        cannot score the data.
    """
    if isinstance(scoring, str) and scoring in ("loss", "accuracy"):
        return scoring
    scorer = check_scoring(estimator, scoring)
    weights = held_out.relative_weights
    if weights is not None and not takes_sample_weight(scorer):
        raise ValueError(
            f"scoring={scoring!r} does not take sample_weight, but rows of the validation set "
            f"differ in weight. Use a scorer with a parameter sample_weight."
        )
    model = unfitted_copy(estimator)
    vars(model).update(fitted.attributes)
    vars(model).pop("feature_names_in_", None)  # what is held out is an array
    weighing = {} if weights is None else {"sample_weight": weights}
    images = held_out.chosen_images

    def score(network: Network) -> Any:
        model.network_ = network
        return scorer(model, images, held_out.y, **weighing)

    if isinstance(scoring, str):  # a function of the user's may count its calls
        _try(score, fitted.network, scoring)
    return score


def _try(score: Callable[[Network], Any], network: Network, scoring: str) -> None:
    """Score once before training, which may take long."""
    try:
        score(network)
    except ValueError as error:
        raise ValueError(
            f"scoring={scoring!r} cannot score this validation set: {error} Choose another "
            f"scorer, such as 'loss' or 'accuracy', or pass an X_val that has all classes."
        ) from error
