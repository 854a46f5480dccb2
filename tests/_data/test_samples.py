import numpy as np
import pytest

from skcnn._data.samples import Data


def data(n=6):
    X = np.arange(2.0 * n).reshape(n, 2)
    return Data(X, None, X.dtype, np.arange(n) * 10)


def test_weights_multiply_and_zeros_are_left_out():
    got = data().weighted_by(np.array([1, 0, 2, 2, 0, 4.0]), "a")
    assert got.rows.tolist() == [0, 2, 3, 5]
    assert got.y.tolist() == [0, 20, 30, 50]
    got = got.weighted_by(np.array([4, 2, 0, 1.0]), "b")
    assert got.rows.tolist() == [0, 2, 5]
    assert len(got) == 3
    np.testing.assert_array_equal(got.chosen_images, got.X[[0, 2, 5]])
    assert got.relative_weights is None  # 4, 4, 4
    assert got.take(np.array([2, 0])).rows.tolist() == [5, 0]


def test_relative_weights_have_a_mean_of_one_whatever_their_scale():
    weights = np.array([1, 2, 3, 4, 5, 6.0])
    expected = data().weighted_by(weights, "a").relative_weights
    assert expected.mean() == pytest.approx(1)
    for factor in (2.0**-1000, 2.0**1000):
        got = data().weighted_by(weights * factor, "a").relative_weights
        assert got.tobytes() == expected.tobytes()


def test_equal_weights_are_none():
    assert data().relative_weights is None
    assert data().weighted_by(np.full(6, 0.1), "a").relative_weights is None
    assert data().weighted_by(np.full(6, 0.1), "a").rows is None
    part = data().weighted_by(np.array([1, 1, 2, 2, 2, 3.0]), "a").take(np.array([2, 3]))
    assert part.relative_weights is None


def test_no_row_left_is_an_error_that_names_the_weights():
    with pytest.raises(ValueError, match="these is zero for every sample"):
        data().weighted_by(np.zeros(6), "these")
    left = data().weighted_by(np.array([1, 0, 0, 0, 0, 0.0]), "a")
    with pytest.raises(ValueError, match="zero for every sample"):
        left.weighted_by(np.zeros(1), "b")


def test_nothing_is_changed_in_place():
    given, weights = data(), np.array([1, 0, 2, 2, 0, 4.0])
    given.weighted_by(weights, "a").take(np.array([1]))
    assert given.rows is given.weights is None
    assert weights.tolist() == [1, 0, 2, 2, 0, 4]


@pytest.mark.parametrize("small", [1e-320, 5e-324, 1e-300])
def test_only_a_weight_of_zero_leaves_a_sample_out(small):
    weights = np.array([1e10, small, 0, 1e300, small, 1])
    got = data().weighted_by(weights, "a")
    assert got.rows.tolist() == [0, 1, 3, 4, 5]
    again = got.weighted_by(np.array([1, small, 1, 1e300, small]), "b")
    assert again.rows.tolist() == [0, 1, 3, 4, 5]
    for part in (got, again):
        assert (part.relative_weights > 0).all()
        assert np.isfinite(part.relative_weights).all()
