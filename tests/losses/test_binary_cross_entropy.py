import numpy as np
import pytest
from scipy.special import expit, log_expit
from sklearn.metrics import log_loss

from skcnn.losses import BinaryCrossEntropy
from skcnn.testing import check_loss
from tests.support.losses import OUTPUTS, WEIGHTS, drawn, evaluate

LABELS = np.random.default_rng(3).integers(0, 2, (9, 4)).astype(np.float64)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_it_passes_check_loss(smoothing, global_random_seed):
    outputs, *_ = drawn(global_random_seed)
    rng = np.random.default_rng(global_random_seed)
    check_loss(BinaryCrossEntropy(smoothing), outputs, rng.integers(0, 2, (9, 4)))
    check_loss(BinaryCrossEntropy(smoothing), outputs, rng.random((9, 4)))


def test_value_is_the_sum_of_the_log_losses_of_scikit_learn():
    value, gradient = evaluate(BinaryCrossEntropy(), OUTPUTS, LABELS, WEIGHTS)
    expected = sum(
        log_loss(labels, expit(z), sample_weight=WEIGHTS, normalize=False, labels=[0, 1])
        for labels, z in zip(LABELS.T, OUTPUTS, strict=True)
    )
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, (expit(OUTPUTS) - LABELS.T) * WEIGHTS, atol=1e-14)


def test_smoothing_brings_targets_nearer_to_one_half():
    value, gradient = evaluate(BinaryCrossEntropy(0.2), OUTPUTS, LABELS, WEIGHTS)
    expected, same = evaluate(BinaryCrossEntropy(), OUTPUTS, 0.8 * LABELS + 0.1, WEIGHTS)
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(gradient, same, atol=1e-14)
    assert BinaryCrossEntropy(0.2).measured == BinaryCrossEntropy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_any_size_are_stable(dtype):
    outputs = np.array([[1e30, -1e30, 3.0]], dtype)
    with np.errstate(over="raise", invalid="raise"):
        value, gradient = evaluate(BinaryCrossEntropy(), outputs, np.array([[1.0], [0], [1]]), 1.0)
    assert value == pytest.approx(np.log1p(np.exp(-3)), rel=1e-5)
    assert gradient[0].tolist() == pytest.approx([0, 0, expit(3) - 1], rel=1e-5)


def test_predictions_are_the_logistic_function_and_its_logarithm():
    loss = BinaryCrossEntropy()
    with np.errstate(all="raise"):
        assert loss.predict(np.array([[-2000.0, 2000]])).tolist() == [[0, 1]]
        assert loss.predict_log(np.array([[-2000.0, 2000]])).tolist() == [[-2000, 0]]
    np.testing.assert_allclose(loss.predict(OUTPUTS), expit(OUTPUTS), rtol=1e-15)
    np.testing.assert_allclose(loss.predict_log(OUTPUTS), log_expit(OUTPUTS), rtol=1e-15)


def test_a_sample_is_correct_if_all_its_labels_are():
    outputs = np.array([[1.0, 1, -1], [-1, 1, -1]])
    labels = np.array([[1, 0], [1, 0], [0, 0]])
    assert BinaryCrossEntropy().correct(outputs, labels, None) == 2
    assert BinaryCrossEntropy().correct(outputs, labels, np.array([0.5, 8, 0.25])) == 0.75


def test_targets_of_another_shape_and_smoothing_that_is_none_are_named():
    with pytest.raises(ValueError, match=r"targets of shape \(9,\) .* Give 4 entries"):
        evaluate(BinaryCrossEntropy(), OUTPUTS, LABELS[:, 0], 1.0)
    with pytest.raises(ValueError, match="label_smoothing=2 must be a number between 0 and 1"):
        BinaryCrossEntropy(2)
