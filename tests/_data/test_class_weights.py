"""The weight of each class."""

import numpy as np
import pytest

from skcnn._data.class_weights import weight_of_each_class

CLASSES, TARGETS = np.array(["a", "b", "c"]), np.array([0, 0, 0, 1, 2, 2])


def test_a_class_that_the_dict_does_not_name_counts_one():
    weights = weight_of_each_class({"b": 2.5, "c": 0}, CLASSES, TARGETS, None)
    assert weights.tolist() == [1, 2.5, 0]


@pytest.mark.parametrize("sample_weight", [None, np.array([1.0, 2, 3, 0.5, 4, 0.25])])
def test_balanced_weights_give_each_class_the_same_sum(sample_weight):
    weights = weight_of_each_class("balanced", CLASSES, TARGETS, sample_weight)
    each = np.ones(6) if sample_weight is None else sample_weight
    sums = np.bincount(TARGETS, each * weights[TARGETS])
    np.testing.assert_allclose(sums, each.sum() / 3, rtol=1e-14)


def test_balanced_weights_pass_over_classes_without_samples():
    weights = weight_of_each_class("balanced", CLASSES, np.array([0, 0, 2]), None)
    assert weights.tolist() == [0.75, 1.5, 1.5]  # as if of a sample
    weights = weight_of_each_class("balanced", CLASSES, np.array([0, 0, 1]), None)
    assert weights.tolist() == [0.75, 1.5, 1.5]


def test_balanced_weights_are_finite_however_little_a_class_weighs():
    sample_weight = np.array([1e-320, 0, 0, 1, 1, 1])
    weights = weight_of_each_class("balanced", CLASSES, TARGETS, sample_weight)
    assert weights.tolist() == [np.finfo(np.float64).max, 1, 0.5]


@pytest.mark.parametrize(
    ("y", "class_weight"),
    [
        (["a", "b", "b"], {"b": 2.0}),
        (["1", "2", "2"], {"2": 2.0}),
        ([1, 2, 2], {2: 2.0}),
        ([1, 2, 2], {np.int64(2): 2}),
        ([1.5, 2.5, 2.5], {2.5: np.float32(2)}),
        ([False, True, True], {True: 2}),
        (np.array(["a", "b", "b"], dtype=object), {"b": 2}),
        ([b"a", b"b", b"b"], {b"b": 2}),
    ],
    ids=str,
)
def test_labels_may_be_of_any_type(y, class_weight):
    classes, targets = np.unique(np.asarray(y), return_inverse=True)
    got = weight_of_each_class(class_weight, classes, targets, None)
    assert got.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf, "2", None, 1j])
def test_what_is_no_weight_is_named(weight):
    with pytest.raises(ValueError, match=r"class_weight\['b'\]=.* must be a finite number"):
        weight_of_each_class({"b": weight}, CLASSES, TARGETS, None)


def test_a_label_that_is_no_class_is_passed_over_where_another_is_one():
    weights = weight_of_each_class({"a": 1.5, "d": 2, 1: 3}, CLASSES, TARGETS, None)
    assert weights.tolist() == [1.5, 1, 1]


def test_labels_of_which_none_is_a_class_are_named():
    with pytest.raises(ValueError, match=r"names \['d', 1\], but the classes are \['a', 'b', 'c'"):
        weight_of_each_class({"d": 2, 1: 3}, CLASSES, TARGETS, None)
    assert weight_of_each_class({}, CLASSES, TARGETS, None).tolist() == [1, 1, 1]
