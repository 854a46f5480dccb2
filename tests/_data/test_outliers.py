"""Numbers that hide how all others differ, and those that do not."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine

from skcnn._data.standardizer import Standardizer
from tests.support.estimators import few_iterations, make_classifier, make_regressor

DIGITS, LABELS = load_digits(return_X_y=True)


def learn(X, channels=1, **keywords):
    return Standardizer.learn(np.asarray(X), None, None, channels, **keywords)


@pytest.mark.parametrize("value", [-1e5, -1e6, -1e10, 1e20, -3.4e38])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_pixel_that_hides_all_others_is_named(value, dtype):
    X = DIGITS[:300].astype(dtype)
    X[7, 10] = value
    deviations = np.abs(DIGITS - np.median(DIGITS[:300])).max() / X.astype(float).std()
    with pytest.warns(UserWarning, match="X holds .* in 1 of 300 samples") as found:
        learn(X)
    (message,) = [str(warning.message) for warning in found]
    assert f"holds {value:.6g}, or numbers near it," in message
    assert float(message.split("by no more than ")[1].split()[0]) == pytest.approx(deviations, 0.05)
    assert "mark missing values" in message


def test_a_few_pixels_in_one_of_several_channels_are_found():
    X = np.random.default_rng(0).random((200, 25, 3))
    X[5:15, :3, 1] = 1e9
    with pytest.warns(UserWarning, match=r"holds 1e\+09.* in 10 of 200 samples"):
        learn(X.reshape(200, -1), 3)
    with pytest.warns(UserWarning, match=r"holds 1e\+09.* in 10 of 200 samples"):
        learn(X.transpose(0, 2, 1).reshape(200, -1), 3, first=True)


def test_many_pixels_are_found_if_they_are_very_far():
    X = np.random.default_rng(0).random((200, 64))
    X[:, :10] = 1e20
    with pytest.warns(UserWarning, match=r"holds 1e\+20.* in 200 of 200 samples"):
        learn(X)


rng = np.random.default_rng(0)
HARMLESS = {
    "digits": DIGITS,
    "digits with -9999": np.where(np.arange(1797 * 64).reshape(1797, 64) == 70, -9999, DIGITS),
    "iris": load_iris().data,
    "wine": load_wine().data,
    "diabetes": load_diabetes().data,
    "one hot pixel": np.eye(784)[rng.integers(0, 784, 300)],
    "one bright pixel": 1e12 * np.eye(784)[rng.integers(0, 784, 300)],
    "one pixel and dust": np.eye(784)[np.arange(300)] + 1e-17 * rng.random((300, 784)),
    "a single pixel": np.eye(100)[:50] * (np.arange(50) == 3)[:, None],
    "words": rng.poisson(0.05, (300, 100)),
    "heavy tails": np.exp(4 * rng.normal(size=(300, 100))),
    "counts": rng.geometric(0.001, (300, 100)),
    "large": 1e30 * DIGITS,
    "large integers": rng.integers(0, 2**62, (300, 100)),
    "constant": np.full((30, 16), 1e20),
    "near the largest": 1.7e308 * rng.uniform(-1, 1, (30, 16)),
    "missing": np.where(rng.random((30, 16)) < 0.1, np.nan, 1e12),
}  # fmt: skip


@pytest.mark.parametrize("kind", HARMLESS)
def test_no_word_about_what_hides_nothing(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn(HARMLESS[kind])


@pytest.mark.parametrize("make", [make_classifier, make_regressor])
@pytest.mark.parametrize("kind", [{}, {"solver": "lbfgs", "batch_size": "auto"},
                                  {"batch_norm": True}], ids=str)  # fmt: skip
@few_iterations
def test_a_fit_warns_once_where_it_is_called(make, kind):
    X = DIGITS[:200].copy()
    X[0, 10] = -1e10
    with pytest.warns(UserWarning, match=r"X holds -1e\+10, or") as found:
        make(max_iter=1, **kind).fit(X, LABELS[:200])
    assert [warning.filename for warning in found if "X holds" in str(warning.message)] == [
        __file__
    ]


def test_samples_that_do_not_count_and_raw_numbers_are_not_looked_at():
    X, y = DIGITS[:200].copy(), LABELS[:200]
    X[0, 10] = -1e10
    make_classifier(max_iter=1).fit(X, y, np.arange(200) > 0)
    make_classifier(max_iter=1, standardize=False, learning_rate=1e-20).fit(X, y)


@pytest.mark.parametrize("n", [40, 200])
def test_targets_that_hide_all_others_are_named(n):
    y = LABELS[:n].astype(float)
    y[3] = 1e20
    with pytest.warns(UserWarning, match=rf"y holds 1e\+20.* in 1 of {n} samples") as found:
        make_regressor(max_iter=1).fit(DIGITS[:n], y)
    assert [warning.filename for warning in found] == [__file__]
    with pytest.warns(UserWarning, match="y holds"):
        make_regressor().partial_fit(DIGITS[:n], np.c_[LABELS[:n], y])
