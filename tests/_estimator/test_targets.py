"""Targets as values."""

import numpy as np
import pytest

from skcnn._data.samples import Data
from skcnn._estimator.targets import ClassTargets, NumberTargets
from skcnn.losses import CrossEntropy, SquaredError

FLOAT32 = np.dtype(np.float32)


def data_of(y, weights=None):
    y = np.asarray(y)
    X = np.zeros((len(y), 4))
    data = Data(X, None, X.dtype, y)
    return data if weights is None else data.weighted_by(np.asarray(weights, float), "weights")


def test_classes_are_sorted_and_labels_their_indices():
    targets, data = ClassTargets.learn(data_of(["b", "c", "a", "b"]), None, CrossEntropy(), None)
    assert targets.classes.tolist() == ["a", "b", "c"]
    assert targets.n_outputs == 3
    assert targets.encode(data, "y", FLOAT32).tolist() == [1, 2, 0, 1]
    assert targets.strata(data).tolist() == [1, 2, 0, 1]
    assert targets.decode(np.eye(3)[:, [2, 0]]).tolist() == ["c", "a"]
    assert targets.attributes == {"classes_": targets.classes}


def test_a_class_of_zero_weight_is_none():
    y = ["b", "c", "a", "b"]
    targets, data = ClassTargets.learn(data_of(y), {"a": 0, "b": 3}, CrossEntropy(), None)
    assert targets.classes.tolist() == ["b", "c"]
    assert data.y.tolist() == ["b", "c", "b"]
    assert targets.encode(data, "y", FLOAT32).tolist() == [0, 1, 0]
    np.testing.assert_allclose(data.relative_weights, np.array([3, 1, 3]) * 3 / 7)
    held_out = targets.weigh(data_of(["c", "a", "b"]))
    assert held_out.y.tolist() == ["c", "b"]
    assert (held_out.weights[1] / held_out.weights[0]) == 3


def test_classes_may_be_given_and_some_left_out():
    classes = np.array([1, 2, 5])
    targets, data = ClassTargets.of_classes(
        data_of([5, 2, 9, 1]), classes, {9: 0, 2: 2}, CrossEntropy()
    )
    assert targets.classes is classes
    assert targets.encode(data, "y", FLOAT32).tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="labels that are not in classes"):
        ClassTargets.of_classes(data_of([7]), classes, None, CrossEntropy())


def test_classes_of_an_earlier_call_must_be_the_same():
    known, _ = ClassTargets.learn(data_of([0, 1]), None, CrossEntropy(), None)
    ClassTargets.learn(data_of([1, 0, 1]), None, CrossEntropy(), known)
    with pytest.raises(ValueError, match=r"the classes of the first call, \[0, 1\]"):
        ClassTargets.learn(data_of([0, 2]), None, CrossEntropy(), known)


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
