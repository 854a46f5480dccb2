"""scikit-learn's checks with what regularises; one of them cannot hold for all."""

from unittest import SkipTest

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from skcnn import ScratchCNNClassifier
from skcnn.augmentation import RandomErasing, Shift

REPETITION = "check_sample_weight_equivalence_on_dense_data"
COUPLED = {
    "batch_norm": {"batch_norm": True},
    "batch_norm, hidden layer": {"batch_norm": True, "hidden_layer_sizes": (16,)},
    "dropout": {"dropout": 0.2},
    "block_dropout": {"block_dropout": 0.1},
    "augment": {"augment": [Shift(0.1), RandomErasing(0.2)]},
}
PLAIN = {"label_smoothing": {"label_smoothing": 0.1}}


def named(check):
    return getattr(check, "func", check).__name__


def cases():
    """Give every check for every variant, but repetition where it cannot hold."""
    for name, parameters in (COUPLED | PLAIN).items():
        for model, check in estimator_checks_generator(ScratchCNNClassifier(**parameters)):
            if not (name in COUPLED and named(check) == REPETITION):
                yield pytest.param(model, check, id=f"{name}: {named(check)}")


@pytest.mark.slow
@pytest.mark.parametrize(("model", "check"), list(cases()))
def test_variant_passes_check_without_skipping(model, check):
    try:
        check(model)
    except SkipTest as skipped:
        pytest.fail(f"{check} was skipped: {skipped}")


@pytest.mark.parametrize("parameters", COUPLED.values(), ids=COUPLED)
def test_why_an_integer_weight_is_not_repetition(parameters):
    """A repeated row is dropped, shifted or normalised twice, a heavy row once.

    Zero weight is removal nevertheless, which is the other half of the check.
    """
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((15, 10)), np.arange(15) % 3
    weights = rng.integers(0, 3, 15)
    keep = weights > 0
    model = ScratchCNNClassifier(random_state=0, max_iter=5, **parameters)

    def probabilities(rows, sample_weight=None):
        return model.fit(X[rows], y[rows], sample_weight).predict_proba(X)

    weighted = probabilities(slice(None), weights)
    assert np.array_equal(weighted, probabilities(keep, weights[keep]))
    assert np.abs(weighted - probabilities(np.repeat(np.arange(15), weights))).max() > 1e-4
