import numpy as np
import pytest
from sklearn.metrics import mean_poisson_deviance

from skcnn.losses import Poisson
from skcnn.testing import check_loss
from tests.support.losses import WEIGHTS, evaluate

RNG = np.random.default_rng(0)
LOGS, COUNTS = RNG.normal(size=(3, 9)), RNG.poisson(1.5, (9, 3))


def test_value_is_half_the_deviance_of_scikit_learn():
    value, gradient = evaluate(Poisson(), LOGS, COUNTS, WEIGHTS / WEIGHTS.sum())
    deviances = [
        mean_poisson_deviance(t, np.exp(z), sample_weight=WEIGHTS)
        for t, z in zip(COUNTS.T, LOGS, strict=True)
    ]
    assert value == pytest.approx(np.mean(deviances) / 2, rel=1e-12)
    expected = (np.exp(LOGS) - COUNTS.T) / 3 * WEIGHTS / WEIGHTS.sum()
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-14)


def test_it_passes_check_loss():
    check_loss(Poisson(), LOGS, COUNTS)
    check_loss(Poisson(), LOGS[:1], COUNTS[:, 0] * 0.3)


def test_the_best_constant_is_the_mean_and_has_a_gradient_of_zero():
    best = Poisson().best_constant(COUNTS, WEIGHTS)
    _, gradient = evaluate(Poisson(), np.repeat(best[:, None], 9, axis=1), COUNTS, WEIGHTS)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-13)


def test_missing_counts_count_for_nothing():
    counts = COUNTS.astype(float)
    counts[4, 1] = np.nan
    value, gradient = evaluate(Poisson(), LOGS, counts, WEIGHTS)
    whole, same = evaluate(Poisson(), LOGS, COUNTS, WEIGHTS)
    left_out, _ = evaluate(Poisson(), LOGS[[1]][:, [4]], COUNTS[[4]][:, [1]], WEIGHTS[[4]])
    assert value == pytest.approx(whole - left_out / 3, rel=1e-12)
    assert gradient[1, 4] == 0
    assert np.array_equal(np.delete(gradient.ravel(), 13), np.delete(same.ravel(), 13))


def test_predictions_are_positive_and_overflow_without_a_word():
    with np.errstate(all="raise"):
        assert Poisson().predict(np.array([[0.0, -1e3, 1e3]])).tolist() == [[1, 0, np.inf]]
