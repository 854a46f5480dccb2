import pickle

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error

from skcnn._engine.workspace import Workspace
from skcnn.losses import AbsoluteError, CrossEntropy, Loss, SquaredError, _Regression
from skcnn.testing import check_loss


def drawn(seed):
    """Return outputs, classes, numbers and weights, which losses must leave alone."""
    rng = np.random.default_rng(seed)
    outputs, classes = rng.normal(0, 3, (4, 9)), rng.integers(0, 4, 9)
    arrays = outputs, classes, rng.normal(0, 3, (9, 4)), rng.uniform(0.2, 3, 9)
    for array in arrays:
        array.setflags(write=False)
    return arrays


OUTPUTS, CLASSES, NUMBERS, WEIGHTS = drawn(0)

REGRESSION = [SquaredError(), AbsoluteError()]
LOSSES = [CrossEntropy(), CrossEntropy(0.3), *REGRESSION]
TARGETS = {CrossEntropy: CLASSES, SquaredError: NUMBERS, AbsoluteError: NUMBERS}


def evaluate(loss, outputs, targets, weights):
    return loss.value_and_gradient(outputs, targets, weights, Workspace())


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.5, 1.0, 1, np.float32(0.1)])
def test_cross_entropy_passes_check_loss(label_smoothing, global_random_seed):
    outputs, classes, _, _ = drawn(global_random_seed)
    for n_classes in (4, 2):
        check_loss(CrossEntropy(label_smoothing), outputs[:n_classes], classes % n_classes)
    check_loss(CrossEntropy(), outputs[:1], 0 * classes)


@pytest.mark.parametrize("loss", REGRESSION, ids=str)
def test_losses_of_regression_pass_check_loss(loss, global_random_seed):
    outputs, _, numbers, _ = drawn(global_random_seed)
    for targets in (numbers, numbers[:, :1], numbers[:, 0], np.arange(36).reshape(9, 4)):
        check_loss(loss, outputs[: np.atleast_2d(targets.T).shape[0]], targets)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_sample_of_weight_zero_counts_for_nothing(loss):
    targets, weights = TARGETS[type(loss)], WEIGHTS.copy()
    weights[3] = 0
    value, gradient = evaluate(loss, OUTPUTS, targets, weights)
    keep = np.arange(9) != 3
    rest = evaluate(loss, OUTPUTS[:, keep], targets[keep], weights[keep])
    assert value == pytest.approx(rest[0], rel=1e-14)
    assert np.array_equal(gradient[:, keep], rest[1])
    assert not gradient[:, 3].any()


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_float32_stays_float32(loss):
    outputs, targets = OUTPUTS.astype(np.float32), TARGETS[type(loss)]
    dtypes = [np.int64] if targets.ndim == 1 else [np.float32, np.float64, np.int64]
    for dtype in dtypes:
        for weights in (0.5, WEIGHTS.astype(np.float32), WEIGHTS):
            value, gradient = evaluate(loss, outputs, targets.astype(dtype), weights)
            assert type(value) is float
            assert gradient.dtype == np.float32
    assert loss.predict(outputs).dtype == np.float32


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_losses_are_values(loss):
    assert loss == pickle.loads(pickle.dumps(loss)) == eval(str(loss))
    assert sum(loss == other for other in LOSSES) == 1
    assert str(CrossEntropy(0.1)) == "CrossEntropy(label_smoothing=0.1)"


def test_base_loss_asks_for_its_methods():
    with pytest.raises(NotImplementedError, match=r"^Loss has no value_and_gradient\.$"):
        evaluate(Loss(), np.ones((2, 1)), np.zeros(1, int), 1.0)
    with pytest.raises(NotImplementedError, match=r"^Loss has no predict\.$"):
        Loss().predict(np.ones((2, 1)))
    with pytest.raises(NotImplementedError, match=r"^_Regression has no _of_errors\.$"):
        evaluate(_Regression(), np.ones((1, 2)), np.ones(2), 1.0)


def test_only_cross_entropy_has_correct_predictions():
    assert Loss().correct(OUTPUTS, CLASSES, None) is None
    assert SquaredError().correct(OUTPUTS, NUMBERS, WEIGHTS) is None


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_gradient_is_in_the_workspace(loss):
    workspace = Workspace()
    gradients = [
        loss.value_and_gradient(OUTPUTS, TARGETS[type(loss)], 1.0, workspace)[1] for _ in range(2)
    ]
    assert np.shares_memory(*gradients)


@pytest.mark.parametrize(
    ("loss", "largest"), [(SquaredError(), 2.0**12), (AbsoluteError(), 2.0**23)], ids=str
)
def test_losses_of_float32_are_summed_in_float64(loss, largest):
    errors = np.array([[largest, 1, 1]], np.float32)
    value, _ = evaluate(loss, errors, np.zeros(3), np.array([1.0, 0.5, 0.5], np.float32))
    assert value == 2**23 + (0.5 if isinstance(loss, SquaredError) else 1)


# Cross-entropy


@pytest.mark.parametrize("weights", [1.0, 0.25, None], ids=["one", "factor", "of samples"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.7, 1.0])
def test_smoothing_mixes_the_target_with_even_probabilities(
    label_smoothing, weights, global_random_seed
):
    outputs, classes, _, drawn_weights = drawn(global_random_seed)
    weights = drawn_weights if weights is None else weights
    value, gradient = evaluate(CrossEntropy(label_smoothing), outputs, classes, weights)
    wanted = (1 - label_smoothing) * np.eye(4)[:, classes] + label_smoothing / 4
    cross_entropies = -(wanted * log_softmax(outputs, axis=0)).sum(axis=0)
    assert value == pytest.approx((weights * cross_entropies).sum(), rel=1e-13)
    expected = weights * (softmax(outputs, axis=0) - wanted)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-14)


def test_value_is_the_log_loss_of_scikit_learn(global_random_seed):
    outputs, classes, _, sample_weight = drawn(global_random_seed)
    value, _ = evaluate(CrossEntropy(), outputs, classes, sample_weight)
    probabilities = softmax(outputs, axis=0).T
    kind = {"sample_weight": sample_weight, "normalize": False, "labels": range(4)}
    assert value == pytest.approx(log_loss(classes, probabilities, **kind), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_smoothing_the_bits_are_those_of_the_plain_formula(dtype):
    outputs, weights = OUTPUTS.astype(dtype), WEIGHTS.astype(dtype)
    value, gradient = evaluate(CrossEntropy(0.0), outputs, CLASSES, weights)
    z = outputs - outputs.max(axis=0)
    at_target = z[CLASSES, np.arange(9)]
    z = np.exp(z)
    total = z.sum(axis=0)
    losses = (np.log(total) - at_target) * weights
    z /= total
    z[CLASSES, np.arange(9)] -= 1
    z *= weights
    assert value == float(losses.sum(dtype=np.float64))
    assert gradient.tobytes() == z.tobytes()


def test_loss_is_smallest_where_the_probabilities_are_the_smoothed_ones():
    wanted = np.array([[0.1, 0.1], [0.8, 0.1], [0.1, 0.8]])
    _, gradient = evaluate(CrossEntropy(0.3), np.log(wanted), np.array([1, 2]), 1.0)
    np.testing.assert_allclose(gradient, 0, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand_are_stable(dtype):
    outputs = np.array([[1e4, -1e4, 1e4, 1e4], [-1e4, 1e4, 1e4, -1e4]], dtype)
    targets = np.array([0, 0, 0, 1])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, gradient = evaluate(CrossEntropy(), outputs, targets, np.ones(4))
        smooth, slope = evaluate(CrossEntropy(0.5), outputs[:, :2], targets[:2], np.ones(2))
        probabilities = CrossEntropy().predict(outputs)
        logs = CrossEntropy().predict_log(outputs)
    assert value == pytest.approx(2e4 + np.log(2) + 2e4)
    assert gradient.tolist() == [[0, -1, -0.5, 1], [0, 1, 0.5, -1]]
    assert smooth == pytest.approx(0.25 * 2e4 + 0.75 * 2e4)
    assert slope.tolist() == [[0.25, -0.75], [-0.25, 0.75]]
    assert probabilities.tolist() == [[1, 0, 0.5, 1], [0, 1, 0.5, 0]]
    assert np.isfinite(logs).all()
    assert logs[:, 0].tolist() == [0, -2e4]


def test_shifting_all_logits_changes_nothing(global_random_seed):
    outputs, classes, _, sample_weight = drawn(global_random_seed)
    value, gradient = evaluate(CrossEntropy(), outputs, classes, sample_weight)
    shifted, same = evaluate(CrossEntropy(), outputs + 1000, classes, sample_weight)
    assert shifted == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(same, gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64])
def test_class_indices_may_be_small_integers(dtype):
    outputs, classes = np.tile(OUTPUTS, 50), np.tile(CLASSES, 50)
    value, gradient = evaluate(CrossEntropy(), outputs, classes.astype(dtype), 1.0)
    expected, same = evaluate(CrossEntropy(), OUTPUTS, CLASSES, 1.0)
    assert value == pytest.approx(50 * expected, rel=1e-12)
    assert np.array_equal(gradient, np.tile(same, 50))


def test_correct_is_the_weight_of_samples_whose_class_has_the_largest_output():
    outputs = np.array([[3.0, 0, 1, 2], [0, 3, 2, 1], [1, 1, 0, 0]])
    classes, weights = np.array([0, 1, 2, 0]), np.array([0.5, 0.25, 4, 8])
    assert CrossEntropy().correct(outputs, classes, None) == 3
    assert CrossEntropy().correct(outputs, classes, weights) == 8.75
    assert type(CrossEntropy().correct(outputs, classes, None)) is float
    assert CrossEntropy(0.5).measured == CrossEntropy()
    assert SquaredError().measured == SquaredError()


def test_probabilities_of_any_logits_raise_no_floating_point_error():
    largest = np.finfo(np.float32).max
    outputs = np.array([[largest, 0, -largest], [-largest, 1000, -largest]], np.float32)
    with np.errstate(all="raise"):
        probabilities, logs = CrossEntropy().predict(outputs), CrossEntropy().predict_log(outputs)
    assert probabilities.tolist() == [[1, 0, 0.5], [0, 1, 0.5]]
    assert logs[:, :2].tolist() == [[0, -1000], [-largest, 0]]
    assert logs[:, 2] == pytest.approx(np.log(0.5))


def test_predictions_are_softmax_and_its_logarithm(global_random_seed):
    outputs, *_ = drawn(global_random_seed)
    loss, logs = CrossEntropy(), log_softmax(outputs, axis=0)
    np.testing.assert_allclose(loss.predict(outputs), softmax(outputs, axis=0), rtol=1e-13)
    np.testing.assert_allclose(loss.predict_log(outputs), logs, rtol=1e-13)
    assert loss.predict_log(outputs.astype(np.float32)).dtype == np.float32


def test_each_sample_has_a_maximum_of_its_own():
    outputs = np.array([[0.0, 1e5], [1, 1e5]])
    expected = log_softmax(outputs, axis=0)
    np.testing.assert_allclose(CrossEntropy().predict(outputs), np.exp(expected), rtol=1e-13)
    np.testing.assert_allclose(CrossEntropy().predict_log(outputs), expected, rtol=1e-13)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "a", None])
def test_label_smoothing_that_is_none_is_named(value):
    with pytest.raises(ValueError, match=r"label_smoothing=.* must be a number between 0 and 1"):
        CrossEntropy(value)


# Squared and absolute error


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


@pytest.mark.parametrize("loss", REGRESSION, ids=str)
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
    constant = np.full((1, 101), best(targets))
    assert evaluate(loss, constant, targets, 1.0)[1].sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", REGRESSION, ids=str)
def test_predictions_are_the_outputs_and_targets_of_another_shape_are_named(loss):
    assert np.array_equal(loss.predict(OUTPUTS), OUTPUTS)
    for shape in [(4,), (9,), (4, 9), (9, 3)]:
        with pytest.raises(ValueError, match=r"targets of shape .* do not fit.*one row of 4 num"):
            evaluate(loss, OUTPUTS, np.ones(shape), 1.0)
