"""Labels as a value."""

import numpy as np
import pytest

from skcnn._estimator.class_targets import ClassTargets
from skcnn.losses import CrossEntropy
from tests.support.samples import data_of

FLOAT32 = np.dtype(np.float32)


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
