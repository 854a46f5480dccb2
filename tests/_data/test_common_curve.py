"""When samples share a curve that hides how they differ, and when they do not."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine

from skcnn._data import common_curve
from skcnn._data.common_curve import warn_of_common_curve
from skcnn._data.samples import Data
from skcnn.exceptions import StandardizationWarning

RNG = np.random.default_rng(0)
CURVE = np.sin(np.linspace(0, 5, 60)) * np.linspace(1, 2, 60)
NOISE = RNG.normal(size=(50, 60))


def warned(X, image_shape=None, weights=None, rows=None, channels="last"):
    """Return the messages, each of which says how little samples deviate."""
    X = np.asarray(X)
    y = np.zeros(len(X) if rows is None else len(rows))
    data = Data(X.reshape(len(X), -1), None, X.dtype, y, rows, weights)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warn_of_common_curve(data, image_shape or X.shape[1:], channels)
    assert all(each.category is StandardizationWarning for each in found)
    return [str(each.message) for each in found]


def ratio_of(messages):
    (message,) = messages
    assert "Pass standardize='pixel'" in message
    return float(message.split("no more than ")[1].split()[0])


@pytest.mark.parametrize("size", [1, 1e-300, 1e300, 1e-310])
@pytest.mark.parametrize("offset", [0, 3])
def test_noise_of_less_than_a_hundredth_of_the_curve_is_warned_of(offset, size):
    deviation = CURVE.std()
    X = size * (offset + CURVE + 0.008 * deviation * NOISE)
    assert ratio_of(warned(X)) == pytest.approx(0.008, rel=0.05)
    assert warned(size * (offset + CURVE + 0.012 * deviation * NOISE)) == []


@pytest.mark.parametrize("n", [2, 9, 10, 11])
def test_few_samples_cannot_tell(n):
    assert bool(warned(CURVE + 1e-4 * NOISE[:n])) == (n >= 10)


HARMLESS = {
    "digits": (load_digits().data, (8, 8)),
    "iris": (load_iris().data, (2, 2)),
    "wine": (load_wine().data, (13,)),
    "diabetes": (load_diabetes().data, (10,)),
    "noise": (NOISE, (60,)),
    "a large offset": (1e6 + NOISE, (60,)),
    "curves of several heights": (CURVE * RNG.uniform(0.9, 1.1, (50, 1)), (60,)),
    "the same curve": (np.tile(CURVE, (50, 1)), (60,)),
    "zeros": (np.zeros((50, 60)), (60,)),
    "a constant": (np.full((50, 60), 0.1), (60,)),
    "a single pixel": (NOISE[:, :1], (1,)),
    "a single pixel of several channels": (np.arange(60) + 1e-3 * NOISE, (1, 1, 60)),
    "bytes": (RNG.integers(0, 256, (50, 60)).astype(np.uint8), (60,)),
    "one bright pixel": (np.eye(60)[:50], (60,)),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_other_data_are_not_warned_of(name):
    X, image_shape = HARMLESS[name]
    assert warned(X, image_shape) == []


def test_all_samples_count_where_those_looked_at_first_are_alike(monkeypatch):
    monkeypatch.setattr(common_curve, "SOME_ELEMENTS", 10 * 60)  # every fifth or so
    X = CURVE + 1e-4 * NOISE
    assert ratio_of(warned(X)) < 2e-4
    looked_at = np.linspace(0, 49, 10).astype(int)
    other = next(row for row in range(50) if row not in looked_at)
    X[other] += NOISE[other]
    assert warned(X) == []


@pytest.mark.parametrize("channels", ["last", "first"])
def test_a_channel_that_differs_is_enough_and_one_that_is_the_same_does_not_count(channels):
    def messages(*signals):
        X = np.stack(signals, axis=-1)[:, None]  # (n, 1, pixels, channels)
        X = X if channels == "last" else np.moveaxis(X, -1, 1)
        return warned(X, (1, 60, len(signals)), channels=channels)

    hidden, same = CURVE + 1e-4 * NOISE, np.tile(CURVE, (50, 1))
    assert ratio_of(messages(hidden, same)) == ratio_of(messages(hidden, same * 1e6))
    assert messages(hidden, 1e-6 * NOISE) == []
    assert messages(same, same) == []


def test_weights_and_rows_count():
    X = CURVE + 1e-4 * NOISE
    X[::2] += NOISE[::2]
    assert warned(X) == []
    assert ratio_of(warned(X, rows=np.arange(1, 50, 2))) < 2e-4
    weights = np.where(np.arange(50) % 2, 1, 1e-9)
    some, common_curve_only = warned(X, weights=weights), warned(X[1::2])
    assert some == []  # those looked at first do not know weights
    assert ratio_of(common_curve_only) < 2e-4
