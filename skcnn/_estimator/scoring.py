"""How a scorer of scikit-learn, or of a user's, is asked about a network during training."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from math import isnan, nan
from threading import get_ident
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring

from skcnn._data.samples import Data
from skcnn._data.sklearn_compat import _BaseScorer, takes_sample_weight
from skcnn._estimator.fitted import Fitted, unfitted_copy
from skcnn.network import Network

Array = npt.NDArray[Any]


def validation_score(
    estimator: Any, scoring: Any, fitted: Fitted, held_out: Data
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
        cannot score the data, or predictions of this kind of estimator.
    """
    if isinstance(scoring, str) and scoring in ("loss", "accuracy"):
        return scoring
    scorer = check_scoring(estimator, scoring)
    weights = held_out.relative_weights
    if weights is not None and not takes_sample_weight(scorer):
        raise ValueError(
            f"scoring={scoring!r} does not take sample_weight, but samples of the validation "
            f"set differ in weight. Use a scorer with a parameter sample_weight."
        )
    model = unfitted_copy(estimator)
    vars(model).update(fitted.attributes)
    vars(model).pop("feature_names_in_", None)  # what is held out is an array
    weighing = {} if weights is None else {"sample_weight": weights}
    images = held_out.chosen_images

    def advice(reason: str) -> str:
        lacking = is_classifier(estimator) and bool(_absent(held_out.y, fitted.targets.n_outputs))
        return _advice(estimator, scoring, reason, lacking=lacking)

    def score(network: Network) -> Any:
        model.network_ = network
        return scorer(model, images, held_out.y, **weighing)

    def named_score(network: Network) -> Any:
        try:
            return score(network)
        except ValueError as error:
            raise ValueError(advice(str(error).rstrip("."))) from error

    def score_of(outputs: Array) -> Any:
        vars(model)["_outputs"] = lambda X: outputs
        try:
            return scorer(model, images, held_out.y, **weighing)
        finally:
            del vars(model)["_outputs"]

    if isinstance(scorer, _BaseScorer):  # a function of the user's may count its calls
        right, *wrong = fitted.targets.example_outputs(fitted.samples(held_out, "y_val").targets)
        strict = isinstance(scoring, str) or _is_of_sklearn(scorer)
        # a sample without any label is no fault of the validation set
        several = is_classifier(estimator) and held_out.y.ndim == 2
        value, reason = _ask(lambda: score_of(right), strict=strict and not several)
        if not reason:
            _, reason = _ask(lambda: score(fitted.network))
        if not reason and strict:
            reason = _tells_nothing(value, [_ask(partial(score_of, each))[0] for each in wrong])
        if reason:
            raise ValueError(advice(reason))
        return warning_once(named_score)
    return warning_once(score)


def _absent(y: Array, n_outputs: int) -> int:
    """Return how many classes, or labels of a matrix, no sample has."""
    present = len(np.unique(y)) if y.ndim == 1 else np.count_nonzero(y.any(axis=0))
    return n_outputs - int(present)


def _is_of_sklearn(scorer: Any) -> bool:
    """Return whether a scorer calls a metric of scikit-learn."""
    return getattr(scorer._score_func, "__module__", "").startswith("sklearn.")


def warning_once(score: Callable[[Network], Any]) -> Callable[[Network], Any]:
    """Return the function, which shows each distinct warning of its calls once.

    Which warnings are shown, ignored or errors is decided as always, where they are given.
    """
    shown: set[str] = set()

    def asked(network: Network) -> Any:
        with _filters({"ignore": Warning}, shown):
            return score(network)

    return asked


class _Never(Warning):
    """Is never given."""


class _Pattern:
    """What a filter of warnings takes for a pattern: matches in one thread, until it is ended.

    Parameters
    ----------
    shown : set of str or None
        Texts that match; one that is new is added. None: all match.
    """

    def __init__(self, shown: set[str] | None) -> None:
        self._thread: int | None = get_ident()
        self._shown = shown

    @property
    def is_ended(self) -> bool:
        """Whether it matches nothing any more."""
        return self._thread is None

    def match(self, text: str) -> bool:
        """Return whether the filter is for a warning that is given now."""
        if get_ident() != self._thread:
            return False
        if self._shown is None or text in self._shown:
            return True
        self._shown.add(text)
        return False

    def end(self) -> None:
        """Match nothing from now on."""
        self._thread = None


@contextmanager
def _filters(actions: dict[str, type[Warning]], shown: set[str] | None = None) -> Iterator[None]:
    """Filter the warnings of this thread, the last action first; with `shown`, repeated ones.

    Not by `catch_warnings`: filters are the process's, and of threads that overlap there, one
    restores those of the other for good. What others so restore of these filters does nothing, and
    the next that comes takes it away.
    """
    pattern, filters = _Pattern(shown), cast(list[Any], warnings.filters)
    _remove(filters, [each for each in filters if getattr(each[1], "is_ended", False)])
    entries = [(action, pattern, category, None, 0) for action, category in actions.items()][::-1]
    try:
        filters[:0] = entries
        warnings.simplefilter("ignore", _Never, append=True)  # so that Python sees a change
        yield
    finally:
        pattern.end()
        for each in (filters, cast(list[Any], warnings.filters)):
            _remove(each, [*entries, ("ignore", None, _Never, None, 0)])


def _remove(filters: list[Any], entries: list[Any]) -> None:
    """Take entries out of a list that other threads may change at the same time."""
    for entry in entries:
        with suppress(ValueError):
            filters.remove(entry)


def _ask(score: Callable[[], Any], *, strict: bool = False) -> tuple[float, str]:
    """Return a score, and why there is none, if so.

    Parameters
    ----------
    score : callable
        Asks the scorer.
    strict : bool, default=False
        Whether a warning is a reason, too: scikit-learn's scorers warn of right predictions if
        their score means nothing.
    """
    actions: dict[str, type[Warning]] = {"ignore": Warning}
    try:
        with _filters(actions | ({"error": UserWarning} if strict else {})):
            value = float(score())
    except Exception as error:  # whatever it is, training would end with it
        return nan, str(error).rstrip(".")
    return value, f"the score would be {value}" if isnan(value) else ""


def _tells_nothing(right: float, wrong: list[float]) -> str:
    """Return that wrong predictions have the score of right ones, if so."""
    same = bool(wrong) and all(value == right for value in wrong)
    return f"right and wrong predictions alike have the score {right}" if same else ""


def _advice(estimator: Any, scoring: Any, reason: str, *, lacking: bool) -> str:
    """Return an error message with what suits this kind of estimator.

    Parameters
    ----------
    estimator, scoring
        What was asked for.
    reason : str
        Why there is no score.
    lacking : bool
        Whether the validation set lacks classes.
    """
    classes = is_classifier(estimator)
    names = ("loss", "accuracy") if classes else ("loss", "r2")
    others = " or ".join(repr(name) for name in names if name != scoring)
    suitable = f"{'' if classes else 'for regression, '}such as {others}"
    if lacking:
        suitable += ", or pass an X_val that has all classes, or set a larger validation_fraction"
    elif not classes:
        suitable += ", or pass another X_val, or set a larger validation_fraction"
    return (
        f"scoring={scoring!r} cannot score predictions of {type(estimator).__name__} for this "
        f"validation set: {reason}. Choose another scorer, {suitable}."
    )
