"""What follows from the estimator's parameters alone."""

import pytest

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor
from skcnn._estimator.parameters import resolve_alpha, resolve_batch_size
from skcnn.optimizers import SGD


@pytest.mark.parametrize(
    ("n", "size"),
    [
        (1, 32),  # all samples at once
        (32, 32),
        (33, 8),
        (400, 8),
        (1000, 20),
        (1600, 32),
        (5000, 32),
        (16_499, 32),
        (20_000, 40),
        (60_000, 120),
        (10**6, 128),
    ],
)
def test_auto_batch_size(n, size):
    assert resolve_batch_size("auto", n) == size
    assert resolve_batch_size(7, n) == 7


@pytest.mark.parametrize("solver", ["adam", "sgd", SGD(0.5)], ids=str)
def test_auto_alpha_is_weight_decay_of_classifiers(solver):
    assert resolve_alpha(ScratchCNNClassifier(solver=solver)) == 0.1
    assert resolve_alpha(ScratchCNNRegressor(solver=solver)) == 0


def test_auto_alpha_of_lbfgs_is_an_l2_term_of_its_own():
    assert resolve_alpha(ScratchCNNClassifier(solver="lbfgs")) == 0.001
    assert resolve_alpha(ScratchCNNRegressor(solver="lbfgs")) == 0


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("alpha", [0, 0.1, 3])
def test_a_number_as_alpha_is_taken_with_any_solver(solver, alpha):
    assert resolve_alpha(ScratchCNNClassifier(solver=solver, alpha=alpha)) == alpha
