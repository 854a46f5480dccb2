"""Numbers as a value."""

import re

import numpy as np
import pandas as pd
import pytest

from skcnn._estimator.number_targets import NumberTargets
from skcnn.losses import SquaredError
from tests.support.samples import data_of

FLOAT32 = np.dtype(np.float32)


@pytest.mark.parametrize("columns", [None, 1, 3])
def test_numbers_are_standardized_and_come_back(columns):
    shape = (50,) if columns is None else (50, columns)
    y = np.random.default_rng(0).normal(1000, 7, shape)
    data = data_of(y)
    targets = NumberTargets.learn(data, SquaredError(), None).learned_from(data)
    assert targets.n_outputs == (columns or 1)
    encoded = targets.encode(data, "y", np.dtype(np.float64))
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(encoded.std(axis=0), 1, rtol=1e-12)
    decoded = targets.decode(encoded.T)
    assert decoded.shape == shape
    np.testing.assert_allclose(decoded, y, rtol=1e-14)
    assert not targets.strata(data).any()


@pytest.mark.parametrize(
    ("y", "value"),
    [
        (["a", "b"], "'a'"),
        (["1.5", "x", "3"], "'x'"),
        (np.array([1.5, "x"], dtype=object), "'x'"),
        ([None, "x", 2], "'x'"),
        (pd.Series(["a", "b"], dtype="category"), "'a'"),
        (pd.DataFrame({"a": [1.0], "b": ["u"]}), "'u'"),
        ([1, {}], "{}"),
        ([1j, 2], "1j"),
        (np.array([1j, 2]), "1j"),
        ("word", "'word'"),
        ([100 * "long"], "'longlonglong...glonglonglong'"),
    ],
    ids=str,
)
def test_targets_that_are_no_numbers_are_named_with_the_remedy(y, value):
    message = (
        f"y_val holds {value}, which is not a real number. ScratchCNNRegressor predicts numbers: "
    )
    remedy = "convert y_val, or use ScratchCNNClassifier to predict classes."
    with pytest.raises(ValueError, match=f"^{re.escape(message + remedy)}$"):
        NumberTargets.check(y, "y_val")


@pytest.mark.parametrize("kind", ["M8[D]", "m8[s]"])
def test_dates_and_times_are_no_targets(kind):
    with pytest.raises(ValueError, match=r"y holds dates or times, .* seconds since a time"):
        NumberTargets.check(np.array([1, 2, "NaT"], dtype=kind), "y")


@pytest.mark.parametrize("y", [[[1, 2], [3]], [1, np.nan], [None, 1]], ids=str)
def test_other_wrong_targets_get_the_message_of_scikit_learn(y):
    with pytest.raises(ValueError, match=r"inhomogeneous|contains NaN"):
        NumberTargets.check(y, "y")


def test_numbers_in_words_are_numbers():
    assert NumberTargets.check(["1.5", "2"], "y").tolist() == [1.5, 2.0]


def test_the_scale_of_numbers_is_learned_once():
    first, later = data_of([1.0, 3.0]), data_of([100.0, 900.0])
    targets = NumberTargets.learn(first, SquaredError(), None).learned_from(first)
    again = NumberTargets.learn(later, SquaredError(), targets).learned_from(later)
    assert again.scale is targets.scale
    with pytest.raises(ValueError, match=r"y has 2 output\(s\)"):
        NumberTargets.learn(data_of(np.zeros((3, 2))), SquaredError(), targets)


def test_numbers_too_far_for_the_dtype_are_an_error_that_names_them():
    first = data_of([0.0, 1.0])
    targets = NumberTargets.learn(first, SquaredError(), None).learned_from(first)
    with pytest.raises(ValueError, match="y_val is too far"):
        targets.encode(data_of([1e300]), "y_val", FLOAT32)
