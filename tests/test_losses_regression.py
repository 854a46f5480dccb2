"""Squared and absolute error."""

import pickle

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error

from skcnn._engine.workspace import Workspace
from skcnn.losses import AbsoluteError, SquaredError
from skcnn.testing import check_loss

LOSSES = [SquaredError(), AbsoluteError()]


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    return rng.normal(0, 3, (4, 9)), rng.normal(0, 3, (9, 4)), rng.uniform(0.2, 3, 9)


def evaluate(loss, outputs, targets, weights):
    return loss.value_and_gradient(outputs, targets, weights, Workspace())


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_losses_pass_check_loss(case, loss):
    outputs, targets, _ = case
    check_loss(loss, outputs, targets)
    check_loss(loss, outputs[:1], targets[:, :1])
    check_loss(loss, outputs[:1], targets[:, 0])
    check_loss(loss, outputs, np.arange(36).reshape(9, 4))


@pytest.mark.parametrize("n_outputs", [1, 4])
def test_values_against_scikit_learn(case, n_outputs):
    outputs, targets, weights = case
    outputs, targets = outputs[:n_outputs], targets[:, :n_outputs]
    for loss, metric, factor in (
        (SquaredError(), mean_squared_error, 0.5),
        (AbsoluteError(), mean_absolute_error, 1.0),
    ):
        value, _ = evaluate(loss, outputs, targets, weights)
        mean = metric(targets, outputs.T, sample_weight=weights)
        assert value == pytest.approx(factor * mean * weights.sum(), rel=1e-13)


def test_gradients_against_plain_loops(case):
    outputs, targets, weights = case
    for loss, slope in ((SquaredError(), lambda e: e), (AbsoluteError(), np.sign)):
        _, gradient = evaluate(loss, outputs, targets, weights)
        for k in range(4):
            for i in range(9):
                expected = weights[i] * slope(outputs[k, i] - targets[i, k]) / 4
                assert gradient[k, i] == pytest.approx(expected, rel=1e-14)


def test_the_absolute_error_has_slope_zero_at_zero():
    value, gradient = evaluate(AbsoluteError(), np.ones((2, 3)), np.ones((3, 2)), 1.0)
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize(
    ("loss", "best"),
    [(SquaredError(), np.mean), (AbsoluteError(), np.median)],
    ids=["mean", "median"],
)
def test_the_best_constant_is_the_mean_or_the_median(loss, best):
    targets = np.random.default_rng(0).exponential(size=101)
    constant = np.full((1, 101), best(targets))
    assert evaluate(loss, constant, targets, 1.0)[1].sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_row_of_weight_zero_counts_for_nothing(case, loss):
    outputs, targets, weights = case
    weights[3] = 0
    value, gradient = evaluate(loss, outputs, targets, weights)
    keep = np.arange(9) != 3
    rest = evaluate(loss, outputs[:, keep], targets[keep], weights[keep])
    assert value == pytest.approx(rest[0], rel=1e-14)
    assert np.array_equal(gradient[:, keep], rest[1])
    assert not gradient[:, 3].any()


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("target_dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("weight", [0.5, "float32", "float64"])
def test_float32_stays_float32(case, loss, target_dtype, weight):
    outputs, targets, weights = case
    factor = weight if isinstance(weight, float) else weights.astype(weight)
    value, gradient = evaluate(
        loss, outputs.astype(np.float32), targets.astype(target_dtype), factor
    )
    assert type(value) is float
    assert gradient.dtype == np.float32


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_predictions_are_the_outputs(case, loss):
    assert np.array_equal(loss.predict(case[0]), case[0])


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("shape", [(4,), (9,), (4, 9), (9, 3)])
def test_targets_of_another_shape_are_named(case, loss, shape):
    with pytest.raises(ValueError, match=r"targets of shape .* do not fit.*one row of 4 number"):
        evaluate(loss, case[0], np.ones(shape), 1.0)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_losses_are_values(loss):
    assert loss == type(loss)() == pickle.loads(pickle.dumps(loss))
    assert str(loss) == f"{type(loss).__name__}()"
    assert SquaredError() != AbsoluteError()
