"""Cross-entropy with label smoothing."""

import pickle

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from skcnn._engine.workspace import Workspace
from skcnn.losses import CrossEntropy
from skcnn.testing import check_loss


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    return rng.normal(0, 3, (4, 9)), rng.integers(0, 4, 9), rng.uniform(0.2, 3, 9)


def evaluate(label_smoothing, outputs, targets, weights):
    loss = CrossEntropy(label_smoothing)
    return loss.value_and_gradient(outputs, targets, weights, Workspace())


@pytest.mark.parametrize("label_smoothing", [0.1, 0.5, 1.0, 1, np.float32(0.1)])
def test_smoothed_cross_entropy_passes_check_loss(case, label_smoothing):
    outputs, targets, _ = case
    check_loss(CrossEntropy(label_smoothing), outputs, targets)
    check_loss(CrossEntropy(label_smoothing), outputs[:2], targets % 2)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.7, 1.0])
def test_smoothing_mixes_the_target_with_even_probabilities(case, label_smoothing):
    outputs, targets, weights = case
    value, gradient = evaluate(label_smoothing, outputs, targets, weights)
    wanted = (1 - label_smoothing) * np.eye(4)[:, targets] + label_smoothing / 4
    cross_entropies = -(wanted * log_softmax(outputs, axis=0)).sum(axis=0)
    assert value == pytest.approx(weights @ cross_entropies, rel=1e-13)
    expected = weights * (softmax(outputs, axis=0) - wanted)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_smoothing_the_bits_are_those_of_the_plain_formula(case, dtype):
    outputs, targets, weights = case
    outputs, weights = outputs.astype(dtype), weights.astype(dtype)
    value, gradient = evaluate(0.0, outputs, targets, weights)
    z = outputs - outputs.max(axis=0)
    at_target = z[targets, np.arange(9)]
    z = np.exp(z)
    total = z.sum(axis=0)
    losses = (np.log(total) - at_target) * weights
    z /= total
    z[targets, np.arange(9)] -= 1
    z *= weights
    assert value == float(losses.sum(dtype=np.float64))
    assert gradient.tobytes() == z.tobytes()


def test_the_loss_is_smallest_where_the_probabilities_are_the_smoothed_ones():
    wanted = np.array([[0.1, 0.1], [0.8, 0.1], [0.1, 0.8]])
    _, gradient = evaluate(0.3, np.log(wanted), np.array([1, 2]), 1.0)
    np.testing.assert_allclose(gradient, 0, atol=1e-15)


def test_logits_of_ten_thousand_are_stable_and_float32_stays_float32():
    outputs = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, gradient = evaluate(0.5, outputs, np.array([0, 0]), np.ones(2))
    assert value == pytest.approx(0.25 * 2e4 + 0.75 * 2e4)
    assert gradient.dtype == np.float32
    assert gradient.tolist() == [[0.25, -0.75], [-0.25, 0.75]]


def test_losses_are_values():
    assert CrossEntropy() == CrossEntropy(0.0) != CrossEntropy(0.1)
    assert str(CrossEntropy(0.1)) == "CrossEntropy(label_smoothing=0.1)"
    assert pickle.loads(pickle.dumps(CrossEntropy(0.1))) == CrossEntropy(0.1)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "a", None])
def test_a_share_that_is_none_is_named(value):
    with pytest.raises(ValueError, match=r"label_smoothing=.* must be a number between 0 and 1"):
        CrossEntropy(value)
