"""Checks of what a fit and a prediction are given."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator

from skcnn._data.validate import (
    check_data,
    check_images,
    errors_of_validation_set,
    number_check,
    validation_is_given,
)

FLOAT32 = np.dtype(np.float32)


class Estimator(BaseEstimator):
    """What scikit-learn's validation writes on."""


def as_given(y, name):
    return np.asarray(y)


def check(X, y, sample_weight=None, estimator=None, **keywords):
    return check_data(estimator or Estimator(), X, y, sample_weight, as_given, **keywords)


def test_shaped_images_become_rows_and_zero_weights_are_left_out():
    X = np.arange(24, dtype=np.uint8).reshape(3, 2, 2, 2)
    data = check(X, [1, 2, 3], [1.0, 0.0, 2.0])
    assert data.X.shape == (3, 8)
    assert data.X_shape == (2, 2, 2)
    assert data.X_dtype == np.uint8
    assert data.rows.tolist() == [0, 2]
    assert data.y.tolist() == [1, 3]
    np.testing.assert_allclose(data.relative_weights, [2 / 3, 4 / 3])


def test_columns_are_noted_at_first_and_compared_later():
    estimator = Estimator()
    check(np.zeros((3, 4)), [0, 1, 2], estimator=estimator)
    assert estimator.n_features_in_ == 4
    with pytest.raises(ValueError, match="expecting 4 features"):
        check(np.zeros((3, 5)), [0, 1, 2], estimator=estimator, image_shape=(2, 2))
    assert estimator.n_features_in_ == 4


@pytest.mark.parametrize(
    ("X", "y", "weights", "words"),
    [
        (np.zeros((3, 4)), None, None, "requires y to be passed"),
        (np.zeros((3, 4)), [0, 1], None, "inconsistent numbers of samples"),
        (np.zeros((3, 4)), [0, 1, 2], [1, 2], "sample_weight"),
        (np.zeros((3, 4)), [0, 1, 2], [1, -2, 1], "Negative values in data passed to"),
        (np.zeros((3, 4)), [0, 1, 2], [0, 0, 0], "[Ss]ample.weight"),
        (np.full((3, 4), np.nan), [0, 1, 2], None, "contains NaN"),
    ],
)
def test_errors_say_what_does_not_fit(X, y, weights, words):
    with pytest.raises(ValueError, match=words):
        check(X, y, weights)


def test_numbers_must_fit_into_the_dtype_of_an_earlier_network():
    estimator, X = Estimator(), np.full((2, 4), 1e39)
    check(X, [0, 1], estimator=estimator)
    with pytest.raises(ValueError, match=r"magnitude 1e\+39, too large for dtype float32"):
        check(X, [0, 1], estimator=estimator, image_shape=(2, 2), dtype=FLOAT32)


def test_images_of_another_shape_are_refused():
    estimator = Estimator()
    check_images(estimator, np.zeros((2, 2, 6)), None)
    with pytest.raises(ValueError, match=r"images of shape \(3, 4\), but image_shape is \(2, 6\)"):
        check_images(estimator, np.zeros((2, 3, 4)), (2, 6))


def test_numbers_may_be_left_to_those_who_read_them():
    estimator, X = Estimator(), np.array([[0.0, 1.0], [np.inf, 2.0], [1e39, 3.0]])
    check_images(estimator, X[:1], None)
    passed, _ = check_images(estimator, X, (2,), numbers=False)
    rows = number_check(estimator, FLOAT32)
    rows(passed[:1])
    with pytest.raises(ValueError, match="Input X contains infinity"):
        rows(passed[1:2])
    with pytest.raises(ValueError, match="too large for dtype float32"):
        rows(passed[2:])
    with config_context(assume_finite=True):
        careless = number_check(estimator, np.dtype(np.float64))
    careless(passed)  # what the setting was where it was made counts


def test_a_validation_set_is_whole_or_an_error():
    assert validation_is_given(1, 2, None)
    assert not validation_is_given(None, None, None)
    with pytest.raises(ValueError, match="y_val is missing"):
        validation_is_given(1, None, None)
    with pytest.raises(ValueError, match="X_val is missing"):
        validation_is_given(None, 2, None)
    with pytest.raises(ValueError, match="sample_weight_val needs X_val and y_val"):
        validation_is_given(None, None, 3)


def test_errors_of_a_validation_set_say_so():
    words = r"^The validation set \(X_val, .*\) does not fit: why$"
    with pytest.raises(ValueError, match=words), errors_of_validation_set():
        raise ValueError("why")
