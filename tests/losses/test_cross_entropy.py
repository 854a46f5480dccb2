import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from skcnn.losses import AbsoluteError, CrossEntropy, SquaredError
from skcnn.testing import check_loss
from tests.support.losses import CLASSES, OUTPUTS, WEIGHTS, drawn, evaluate


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.5, 1.0, 1, np.float32(0.1)])
def test_cross_entropy_passes_check_loss(label_smoothing, global_random_seed):
    outputs, classes, _, _ = drawn(global_random_seed)
    for n_classes in (4, 2):
        check_loss(CrossEntropy(label_smoothing), outputs[:n_classes], classes % n_classes)
    check_loss(CrossEntropy(), outputs[:1], 0 * classes)


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


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
def test_probabilities_as_targets_pass_check_loss(smoothing, global_random_seed):
    outputs, *_ = drawn(global_random_seed)
    targets = np.random.default_rng(global_random_seed).dirichlet(np.ones(4), 9)
    check_loss(CrossEntropy(smoothing), outputs, targets)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_sure_probabilities_are_class_indices(smoothing):
    value, gradient = evaluate(CrossEntropy(smoothing), OUTPUTS, np.eye(4)[CLASSES], WEIGHTS)
    expected, same = evaluate(CrossEntropy(smoothing), OUTPUTS, CLASSES, WEIGHTS)
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(gradient, same, rtol=0, atol=1e-14)


def test_the_loss_of_probabilities_is_the_mean_over_classes_and_they_are_correct_in_part():
    q = np.random.default_rng(0).dirichlet(np.ones(4), 9)
    value, gradient = evaluate(CrossEntropy(), OUTPUTS, q, 1.0)
    losses = -np.sum(q.T * log_softmax(OUTPUTS, axis=0), axis=0)
    assert value == pytest.approx(losses.sum(), rel=1e-13)
    np.testing.assert_allclose(gradient, softmax(OUTPUTS, axis=0) - q.T, rtol=0, atol=1e-14)
    expected = [q[i, OUTPUTS[:, i].argmax()] for i in range(9)]
    assert CrossEntropy().correct(OUTPUTS, q, None) == pytest.approx(sum(expected))
    assert CrossEntropy().correct(OUTPUTS, q, WEIGHTS) == pytest.approx(WEIGHTS @ expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_with_logits_of_any_size_are_stable(dtype):
    outputs = np.array([[3e30, -3e30], [0, 0]], dtype)
    with np.errstate(over="raise", invalid="raise"):
        value, gradient = evaluate(CrossEntropy(), outputs, np.array([[1.0, 0], [0, 1]]), 1.0)
    assert value == 0
    assert not gradient.any()
