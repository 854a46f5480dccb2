import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error

from skcnn.losses import AbsoluteError, Loss, SquaredError
from skcnn.losses.regression import RegressionLoss
from skcnn.testing import check_loss
from tests.support.losses import OUTPUTS, REGRESSION, drawn, evaluate


@pytest.mark.parametrize("loss", REGRESSION, ids=str)
def test_losses_of_regression_pass_check_loss(loss, global_random_seed):
    outputs, _, numbers, _ = drawn(global_random_seed)
    for targets in (numbers, numbers[:, :1], numbers[:, 0], np.arange(36).reshape(9, 4)):
        check_loss(loss, outputs[: np.atleast_2d(targets.T).shape[0]], targets)


def test_base_loss_asks_for_its_methods():
    with pytest.raises(NotImplementedError, match=r"^Loss has no value_and_gradient\.$"):
        evaluate(Loss(), np.ones((2, 1)), np.zeros(1, int), 1.0)
    with pytest.raises(NotImplementedError, match=r"^Loss has no predict\.$"):
        Loss().predict(np.ones((2, 1)))
    with pytest.raises(NotImplementedError, match=r"^RegressionLoss has no _of_errors\.$"):
        evaluate(RegressionLoss(), np.ones((1, 2)), np.ones(2), 1.0)


@pytest.mark.parametrize("n_outputs", [1, 4])
def test_values_are_the_errors_of_scikit_learn(n_outputs, global_random_seed):
    all_outputs, _, numbers, sample_weight = drawn(global_random_seed)
    outputs, targets = all_outputs[:n_outputs], numbers[:, :n_outputs]
    for loss, metric, factor in (
        (SquaredError(), mean_squared_error, 0.5),
        (AbsoluteError(), mean_absolute_error, 1.0),
    ):
        value, _ = evaluate(loss, outputs, targets, sample_weight)
        mean = metric(targets, outputs.T, sample_weight=sample_weight)
        assert value == pytest.approx(factor * mean * sample_weight.sum(), rel=1e-13)


@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError()], ids=str)
def test_gradients_are_those_of_plain_loops(loss, global_random_seed):
    outputs, _, numbers, sample_weight = drawn(global_random_seed)
    slope = np.sign if isinstance(loss, AbsoluteError) else float
    _, gradient = evaluate(loss, outputs, numbers, sample_weight)
    for k, i in np.ndindex(4, 9):
        expected = sample_weight[i] * slope(outputs[k, i] - numbers[i, k]) / 4
        assert gradient[k, i] == pytest.approx(expected, rel=1e-14)


def test_absolute_error_has_slope_zero_at_zero():
    value, gradient = evaluate(AbsoluteError(), np.ones((2, 3)), np.ones((3, 2)), 1.0)
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize(
    ("loss", "best"),
    [(SquaredError(), np.mean), (AbsoluteError(), np.median)],
    ids=["mean", "median"],
)
def test_best_constant_is_the_mean_or_the_median(loss, best, global_random_seed):
    targets = np.random.default_rng(global_random_seed).exponential(size=101)
    assert loss.best_constant(targets[:, None], None) == pytest.approx(best(targets), rel=1e-14)
    constant = np.full((1, 101), best(targets))
    assert evaluate(loss, constant, targets, 1.0)[1].sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError()], ids=str)
def test_weights_count_in_the_best_constant_as_repeated_samples(loss, global_random_seed):
    rng = np.random.default_rng(global_random_seed)
    targets, weights = rng.exponential(size=(40, 2)), rng.integers(0, 4, 40)
    repeated = loss.best_constant(targets.repeat(weights, axis=0), None)
    np.testing.assert_allclose(loss.best_constant(targets, weights), repeated, rtol=1e-12)


@pytest.mark.parametrize("loss", REGRESSION, ids=str)
def test_predictions_are_the_outputs_and_targets_of_another_shape_are_named(loss):
    assert np.array_equal(loss.predict(OUTPUTS), OUTPUTS)
    for shape in [(4,), (9,), (4, 9), (9, 3)]:
        with pytest.raises(ValueError, match=r"targets of shape .* do not fit.*one row of 4 num"):
            evaluate(loss, OUTPUTS, np.ones(shape), 1.0)
