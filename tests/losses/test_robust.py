import numpy as np
import pytest
from scipy.special import huber

from skcnn.losses import Huber, LogCosh
from tests.support.losses import NUMBERS, OUTPUTS, WEIGHTS, drawn, evaluate


@pytest.mark.parametrize("delta", [0.01, 0.5, 1, np.float32(2), 100.0])
def test_huber_is_that_of_scipy(delta, global_random_seed):
    outputs, _, numbers, weights = drawn(global_random_seed)
    value, gradient = evaluate(Huber(delta), outputs, numbers, weights)
    errors = outputs - numbers.T
    assert value == pytest.approx(weights @ huber(delta, errors).mean(axis=0), rel=1e-12)
    expected = np.clip(errors, -delta, delta) * weights / 4
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-13)


def test_log_cosh_is_what_its_name_says(global_random_seed):
    outputs, _, numbers, weights = drawn(global_random_seed)
    value, gradient = evaluate(LogCosh(), outputs, numbers, weights)
    errors = outputs - numbers.T
    assert value == pytest.approx(weights @ np.log(np.cosh(errors)).mean(axis=0), rel=1e-12)
    np.testing.assert_allclose(gradient, np.tanh(errors) * weights / 4, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_errors_do_not_overflow(dtype):
    outputs = np.array([[1e30, -1e30]], dtype)
    with np.errstate(over="raise", invalid="raise"):
        value, gradient = evaluate(LogCosh(), outputs, np.zeros(2), 1.0)
        assert evaluate(Huber(2), outputs, np.zeros(2), 1.0)[1].tolist() == [[2, -2]]
    assert value == pytest.approx(2e30)
    assert gradient.tolist() == [[1, -1]]


@pytest.mark.parametrize("loss", [Huber(), LogCosh()], ids=str)
def test_missing_targets_count_for_nothing(loss):
    numbers = NUMBERS.copy()
    numbers[2, 1] = numbers[5] = np.nan
    value, gradient = evaluate(loss, OUTPUTS, numbers, WEIGHTS)
    present = ~np.isnan(numbers)
    each = [
        evaluate(loss, OUTPUTS[[k]][:, [i]], NUMBERS[[i]][:, [k]], WEIGHTS[[i]])
        for i, k in np.argwhere(present)
    ]
    assert value == pytest.approx(sum(part for part, _ in each) / 4, rel=1e-12)
    expected = np.zeros_like(gradient)
    for (i, k), (_, part) in zip(np.argwhere(present), each, strict=True):
        expected[k, i] = part[0, 0] / 4
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("delta", [0, -1, np.nan, np.inf, "1", None])
def test_a_delta_that_is_none_is_named(delta):
    with pytest.raises(ValueError, match=f"delta={delta!r} must be a number greater than 0"):
        Huber(delta)
