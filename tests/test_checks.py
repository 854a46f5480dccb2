"""Counts and numbers per axis, and what is said of wrong ones."""

from fractions import Fraction

import numpy as np
import pytest

from skcnn._checks import (
    check_boolean,
    check_count,
    check_number,
    check_size,
    is_number,
    per_axis,
    shortened,
    shown,
)


@pytest.mark.parametrize(
    ("value", "expected"), [(3, (3, 3)), (np.int64(3), (3, 3)), ((3, 5), (3, 5))]
)
def test_per_axis_repeats_or_keeps(value, expected):
    result = per_axis(value, 2, "filter_size")
    assert result == expected
    assert all(type(part) is int for part in result)


@pytest.mark.parametrize(
    "value", [0, -1, 2.0, "2", None, True, (2,), (2, 0), (2, 2.0), (2, True), [2, 2]]
)
def test_per_axis_names_what_is_wrong(value):
    with pytest.raises(ValueError, match=r"must be an integer .* a tuple of 2") as caught:
        per_axis(value, 2, "pool_size")
    assert f"pool_size={value!r}" in str(caught.value)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_count_is_an_integer(value):
    assert check_count(value, "n_filters") == 3
    assert type(check_count(value, "n_filters")) is int


@pytest.mark.parametrize("value", [0, -1, 2.0, "2", None, True, (2,), np.array(2), np.bool_(True)])
def test_a_count_that_is_none_is_named(value):
    with pytest.raises(ValueError, match=r"must be an integer of at least 1\.") as caught:
        check_count(value, "n_filters")
    assert f"n_filters={value!r}" in str(caught.value)


def test_a_long_list_is_shortened_for_a_message():
    assert shortened(list("abc")) == "['a', 'b', 'c']"
    assert shortened(list(range(10))) == str(list(range(10)))
    assert shortened(list(range(12)), most=2) == "[0, 1] and 10 more"


@pytest.mark.parametrize("value", [0, -3, 0.5, np.inf, np.float16(0.5), np.int8(3), 10**300])
def test_numbers_are_what_a_float_can_hold(value):
    assert is_number(value)


@pytest.mark.parametrize("value", [10**400, -(10**400), 1j, "1", None, Fraction(1, 2), [1.0]])
def test_what_no_float_can_hold_is_no_number(value):
    assert not is_number(value)


@pytest.mark.parametrize("value", [0, 0.5, np.inf, np.float16(0.5), True, None, "1", 1j])
def test_what_is_computed_with_or_is_not_a_real_number_passes(value):
    check_number(value, "size")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (10**400, r"size is an integer of 1329 bits, .* below 1\.8e\+308\."),
        (-(10**5000), r"size is an integer of 16610 bits"),
        (Fraction(1, 3), r"size=Fraction\(1, 3\) is a Fraction, .* such as 0\.333\."),
    ],
    ids=["400 digits", "5000 digits", "fraction"],
)
def test_real_numbers_that_are_not_computed_with_are_named(value, message):
    with pytest.raises(ValueError, match=message):
        check_number(value, "size")


@pytest.mark.parametrize("value", [2**31, 10**30, 10**5000], ids=["31", "99", "16610"])
def test_sizes_that_no_array_could_have_are_named(value):
    for check in (check_size, check_count, lambda value, name: per_axis(value, 2, name)):
        with pytest.raises(ValueError, match=r"stride=.* is too large\. Give at most 2147483647"):
            check(value, "stride")
    assert check_size(np.int64(2**31 - 1), "stride") == 2**31 - 1


def test_long_integers_are_shown_by_their_length():
    assert shown(10**400) == shown(-(10**400)) == "(an integer of 1329 bits)"
    assert shown(10**5000) == "(an integer of 16610 bits)"
    assert [shown(value) for value in (3, -2.5, "a", (1, 2), True)] == [
        "3", "-2.5", "'a'", "(1, 2)", "True",
    ]  # fmt: skip


def test_what_is_neither_true_nor_false_is_named():
    check_boolean(np.True_, "nesterov")
    for value in ("no", 1, None):
        with pytest.raises(ValueError, match=f"nesterov={value!r} must be True or False"):
            check_boolean(value, "nesterov")
