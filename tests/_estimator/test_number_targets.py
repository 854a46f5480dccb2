"""Numbers as a value."""

import numpy as np
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
