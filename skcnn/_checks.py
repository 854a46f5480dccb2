"""Checks of integers, numbers, counts and what is given for each axis."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def is_integer(value: Any) -> TypeGuard[int]:
    """Say whether `value` is an integer, NumPy's included; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> TypeGuard[float]:
    """Say whether `value` is a real number, Python's or NumPy's, that a float can hold."""
    if not isinstance(value, Real) or not isinstance(value, int | float | np.number):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def check_count(value: Any, name: str, least: int = 1) -> int:
    """Return `value` as an int, or raise a ValueError that names it."""
    if is_integer(value) and value >= least:
        return int(value)
    raise ValueError(f"{name}={value!r} must be an integer of at least {least}.")


def per_axis(value: int | tuple[int, ...], rank: int, name: str) -> tuple[int, ...]:
    """Return `value` as one integer per spatial axis, or raise a ValueError that names it."""
    values = (value,) * rank if is_integer(value) else value
    if (
        not isinstance(values, tuple)
        or len(values) != rank
        or not all(is_integer(v) and v >= 1 for v in values)
    ):
        raise ValueError(
            f"{name}={value!r} must be an integer of at least 1, or a tuple of {rank} of them, "
            f"one for each spatial axis."
        )
    return tuple(int(v) for v in values)
