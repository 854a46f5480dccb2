from fractions import Fraction
from math import sqrt

import numpy as np
import pytest

from skcnn._data import moments
from skcnn._data.standardizer import Standardizer


def sample(dtype=np.float64, n=9, columns=24, seed=0):
    X = np.random.default_rng(seed).integers(0, 256, (n, columns))
    return X.astype(dtype) if np.dtype(dtype) != bool else X > 127


@pytest.mark.parametrize("chunk", [1, 24, 47, 48, 100, 2**18])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_moments_are_those_of_numpy_wherever_chunks_end(
    channels, weighted, chunk, monkeypatch, global_random_seed
):
    monkeypatch.setattr(moments, "CHUNK_ELEMENTS", chunk)
    rng = np.random.default_rng(global_random_seed)
    X = rng.normal(1000, 3, (11, 24))
    weights = rng.uniform(0.1, 4, 11) if weighted else None
    learned = Standardizer.learn(X, None, weights, channels)
    pixels = X.reshape(-1, channels)
    each = np.repeat(np.ones(11) if weights is None else weights, 24 // channels)
    mean = np.average(pixels, axis=0, weights=each)
    deviation = np.sqrt(np.average((pixels - mean) ** 2, axis=0, weights=each))
    np.testing.assert_allclose(learned.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(learned.deviation, deviation, rtol=1e-11)
    if weights is None:
        np.testing.assert_allclose(learned.mean, np.mean(pixels, axis=0), rtol=1e-13)
        np.testing.assert_allclose(learned.deviation, np.std(pixels, axis=0), rtol=1e-11)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float16", "float32"])
def test_moments_of_narrow_types_are_computed_in_float64(dtype):
    X = sample(dtype, n=500)
    learned = Standardizer.learn(X, None, None, 1)
    exact = X.astype(np.float64)
    assert learned.mean.dtype == learned.deviation.dtype == np.float64
    assert learned.mean[0] == pytest.approx(exact.mean(), rel=1e-13)
    assert learned.deviation[0] == pytest.approx(exact.std(), rel=1e-13)


def test_integer_weights_are_repeated_samples():
    X, weights = sample(), np.array([1, 2, 1, 3, 1, 1, 2, 1, 1])
    weighted = Standardizer.learn(X, None, weights.astype(float), 2)
    repeated = Standardizer.learn(np.repeat(X, weights, axis=0), None, None, 2)
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-13)
    np.testing.assert_allclose(weighted.deviation, repeated.deviation, rtol=1e-13)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e10, 255])
def test_a_constant_channel_has_deviation_one(value):
    X = np.full((7, 12), value)
    X[:, 1::2] = sample(columns=6, n=7)
    learned = Standardizer.learn(X, None, None, 2)
    assert learned.mean[0] == pytest.approx(value)
    assert learned.deviation[0] == 1
    assert learned.deviation[1] != 1


@pytest.mark.parametrize(
    "magnitudes",
    [
        [1e-150, 1e150],
        [1e150, 1e-150],
        [0, 1e-200, 1e-199],  # zeros have no magnitude
        [1e300, 1e308],
        [1e-307, 3e-308],
        [1, 2, 4, 8, 1e9],
    ],
)
def test_moments_neither_overflow_nor_vanish_wherever_large_numbers_are(magnitudes, monkeypatch):
    monkeypatch.setattr(moments, "CHUNK_ELEMENTS", 4)  # a row
    rng = np.random.default_rng(0)
    X = np.concatenate([size * rng.uniform(-1, 1, (3, 4)) for size in magnitudes])
    learned = Standardizer.learn(X, None, None, 1)
    exact = [Fraction(value) for value in X.ravel().tolist()]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    scale = Fraction(float(np.abs(X).max()))
    assert learned.mean[0] / float(scale) == pytest.approx(float(mean / scale), rel=1e-12)
    expected = sqrt(variance / scale**2)
    assert learned.deviation[0] / float(scale) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("value", [0.1, 1e20, -1e200, 1.7e308, 5e-324])
def test_a_constant_channel_has_its_own_mean_and_leaves_others_alone(value):
    X = np.full((70, 12), value)
    X[:, 1::2] = sample(columns=6, n=70)
    alone = Standardizer.learn(X[:, 1::2], None, None, 1)
    learned = Standardizer.learn(X, None, None, 2)
    assert learned.mean[0] == value
    assert learned.deviation[0] == 1
    assert learned.mean[1] == pytest.approx(alone.mean[0], rel=1e-14)
    assert learned.deviation[1] == pytest.approx(alone.deviation[0], rel=1e-14)


@pytest.mark.parametrize("step", [2.0**-30, 2.0**-40, 2.0**-50, 2.0**-53, 2.0**-60])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_numbers_that_are_nearly_equal_keep_what_is_more_than_rounding(first, weighted, step):
    codes = np.random.default_rng(0).integers(0, 17, (11, 12, 2))
    codes[..., 1] += 1000
    X = 1.0 + step * codes * [1, 2.0**40]
    rows = X.transpose(0, 2, 1).reshape(11, -1) if first else X.reshape(11, -1)
    weights = np.random.default_rng(1).uniform(0.5, 2, 11) if weighted else None
    learned = Standardizer.learn(rows, None, weights, 2, first=first)
    w = None if weights is None else np.repeat(weights, 12)
    mean = np.average(codes[..., 0].ravel(), weights=w)
    deviation = np.sqrt(np.average((codes[..., 0].ravel() - mean) ** 2, weights=w))
    rounded = step < 2.0**-52  # 16 steps are at most eight of float64 at 1
    assert learned.mean[0] == pytest.approx(1 + step * mean, rel=1e-15)
    assert learned.deviation[0] == pytest.approx(1 if rounded else step * deviation, rel=1e-12)
    exact = Standardizer.learn(X[..., 1], None, weights, 1)
    assert learned.mean[1] == pytest.approx(exact.mean[0], rel=1e-14)
    assert learned.deviation[1] == pytest.approx(exact.deviation[0], rel=1e-10)
