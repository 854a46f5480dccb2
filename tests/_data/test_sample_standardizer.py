"""Samples standardized by themselves, against exact arithmetic."""

from fractions import Fraction
from math import sqrt

import numpy as np
import pytest

from skcnn._data.sample_standardizer import SampleStandardizer


def standardized(x):
    x = np.array(x, dtype=np.float64)
    SampleStandardizer().apply(x)
    return x


def exact(row):
    """A row by its mean and deviation, in fractions."""
    numbers = [Fraction(value) for value in row.tolist()]
    mean = sum(numbers) / len(numbers)
    scale = max(abs(number - mean) for number in numbers)
    ratios = [(number - mean) / scale for number in numbers]
    deviation = sqrt(sum(ratio**2 for ratio in ratios) / len(ratios))
    return [float(ratio) / deviation for ratio in ratios]


@pytest.mark.parametrize("offset", [0, 1, -1e6])
@pytest.mark.parametrize("size", [1, 1e-300, 1e-160, 1e160, 1e300])
def test_each_channel_of_each_sample_has_its_own_mean_and_deviation(size, offset):
    x = size * (np.random.default_rng(0).normal(size=(5, 3, 17)) + offset)
    expected = [[exact(row) for row in channels] for channels in x]
    np.testing.assert_allclose(standardized(x), expected, rtol=1e-9, atol=1e-12)


def test_numbers_as_large_as_there_are_do_not_overflow():
    largest = np.finfo(np.float64).max
    x = [[[largest, -largest, largest, -largest]], [[0.0, 0.0, 0.0, largest]]]
    root = sqrt(3)
    expected = [[[1, -1, 1, -1]], [[-1 / root, -1 / root, -1 / root, root]]]
    np.testing.assert_allclose(standardized(x), expected, rtol=1e-15)


@pytest.mark.parametrize("value", [0.0, 0.1, -255, 1e300, 5e-324, np.finfo(float).max])
def test_a_constant_channel_of_a_sample_becomes_zero(value):
    x = np.random.default_rng(0).normal(size=(4, 2, 30))
    alone = standardized(x[:, :1])
    x[:, 1] = value
    assert not standardized(x)[:, 1].any()
    assert np.array_equal(standardized(x)[:, :1], alone)


def test_what_is_but_rounding_becomes_zero_and_what_is_more_stays():
    step = np.finfo(np.float64).eps
    noise = 1 + step * np.array([[[0, 1, 3, 8, -1, 0]]])
    assert not standardized(noise).any()
    more = 1 + 16 * step * np.array([[[0, 1, 3, 8, -1, 0]]])
    np.testing.assert_allclose(standardized(more)[0, 0], exact(more[0, 0]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pixels", [1, 2, 7, 64, 333, 1024])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_others_do_not_change_a_bit_of_a_sample(pixels, channels):
    x = np.random.default_rng(0).normal(size=(70, channels, pixels)) + 5
    together = standardized(x)
    for size in (1, 3, 64):
        parts = [standardized(x[start : start + size]) for start in range(0, 70, size)]
        assert np.array_equal(np.concatenate(parts), together)
