import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from skcnn._engine.workspace import Workspace
from skcnn.losses import CrossEntropy, Loss
from skcnn.testing import check_loss


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    return rng.normal(0, 3, (4, 9)), rng.integers(0, 4, 9), rng.uniform(0.2, 3, 9)


def evaluate(outputs, targets, weights):
    return CrossEntropy().value_and_gradient(outputs, targets, weights, Workspace())


def test_cross_entropy_passes_check_loss(case):
    outputs, targets, _ = case
    check_loss(CrossEntropy(), outputs, targets)
    check_loss(CrossEntropy(), outputs[:2], targets % 2)
    check_loss(CrossEntropy(), outputs[:1], targets * 0)


@pytest.mark.parametrize("factor", [1.0, 0.25])
def test_value_and_gradient_against_scipy_with_one_factor(case, factor):
    outputs, targets, _ = case
    value, gradient = evaluate(outputs, targets, factor)
    logs = log_softmax(outputs, axis=0)
    assert value == pytest.approx(-factor * logs[targets, np.arange(9)].sum(), rel=1e-14)
    expected = factor * (softmax(outputs, axis=0) - np.eye(4)[:, targets])
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-15)


def test_value_and_gradient_against_scikit_learn_with_weights_of_rows(case):
    outputs, targets, weights = case
    value, gradient = evaluate(outputs, targets, weights)
    expected = log_loss(
        targets, softmax(outputs, axis=0).T, sample_weight=weights, normalize=False, labels=range(4)
    )
    assert value == pytest.approx(expected, rel=1e-12)
    onehot = np.eye(4)[:, targets]
    np.testing.assert_allclose(
        gradient, weights * (softmax(outputs, axis=0) - onehot), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand_are_stable(dtype):
    outputs = np.array([[1e4, -1e4, 1e4, 1e4], [-1e4, 1e4, 1e4, -1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, gradient = evaluate(outputs, np.array([0, 0, 0, 1]), np.array([1.0, 1, 1, 1]))
        probabilities = CrossEntropy().predict(outputs)
        logs = CrossEntropy().predict_log(outputs)
    assert value == pytest.approx(2e4 + np.log(2) + 2e4)
    assert gradient.tolist() == [[0, -1, -0.5, 1], [0, 1, 0.5, -1]]
    assert probabilities.tolist() == [[1, 0, 0.5, 1], [0, 1, 0.5, 0]]
    assert np.isfinite(logs).all()
    assert logs[:, 0].tolist() == [0, -2e4]


def test_shifting_all_logits_changes_nothing(case):
    outputs, targets, weights = case
    value, gradient = evaluate(outputs, targets, weights)
    shifted, same = evaluate(outputs + 1000, targets, weights)
    assert shifted == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(same, gradient, rtol=0, atol=1e-12)


def test_a_row_of_weight_zero_counts_for_nothing(case):
    outputs, targets, weights = case
    weights[3] = 0
    value, gradient = evaluate(outputs, targets, weights)
    keep = np.arange(9) != 3
    assert value == pytest.approx(evaluate(outputs[:, keep], targets[keep], weights[keep])[0])
    assert not gradient[:, 3].any()


@pytest.mark.parametrize("weight", [0.5, "float32", "float64"])
def test_float32_stays_float32(case, weight):
    outputs, targets, weights = case
    factor = weight if isinstance(weight, float) else weights.astype(weight)
    outputs = outputs.astype(np.float32)
    value, gradient = evaluate(outputs, targets, factor)
    assert type(value) is float
    assert gradient.dtype == np.float32
    assert CrossEntropy().predict(outputs).dtype == np.float32
    assert CrossEntropy().predict_log(outputs).dtype == np.float32


def test_outputs_are_left_alone(case):
    outputs, targets, weights = case
    before = outputs.copy()
    evaluate(outputs, targets, weights)
    CrossEntropy().predict(outputs)
    CrossEntropy().predict_log(outputs)
    assert np.array_equal(outputs, before)


def test_predictions_are_softmax_and_its_logarithm(case):
    outputs, *_ = case
    np.testing.assert_allclose(
        CrossEntropy().predict(outputs), softmax(outputs, axis=0), rtol=1e-13
    )
    np.testing.assert_allclose(
        CrossEntropy().predict_log(outputs), log_softmax(outputs, axis=0), rtol=1e-13
    )


def test_base_loss_asks_for_its_methods():
    with pytest.raises(NotImplementedError):
        Loss().value_and_gradient(np.ones((2, 1)), np.zeros(1, int), 1.0, Workspace())
    with pytest.raises(NotImplementedError):
        Loss().predict(np.ones((2, 1)))
