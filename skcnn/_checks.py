"""What users give: integers, numbers, values for each axis, and hyper-parameters by name."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, Self, TypeGuard

import numpy as np

LARGEST_SIZE = 2**31 - 1
LONGEST = 10**40  # of integers that messages show


def is_integer(value: Any) -> TypeGuard[int]:
    """Say whether `value` is an integer, NumPy's included; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> TypeGuard[float]:
    """Say whether `value` is a real number, Python's or NumPy's, that a float can hold."""
    if type(value) is float:  # nearly always, and asked at each step
        return True
    if not isinstance(value, Real) or not isinstance(value, int | float | np.number):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def check_number(value: Any, name: str) -> None:
    """Raise a ValueError if `value` is a real number that cannot be computed with."""
    if not isinstance(value, Real) or is_number(value):
        return
    if isinstance(value, Integral):
        raise ValueError(
            f"{name} is an integer of {int(value).bit_length()} bits, too large to compute with. "
            f"Give a number below {np.finfo(np.float64).max:.3g}."
        )
    raise ValueError(
        f"{name}={value!r} is a {type(value).__name__}, which NumPy does not compute with. Give an "
        f"int or a float, such as {float(value):.3g}."
    )


def shown(value: Any) -> str:
    """Return a value for a message; of an integer of hundreds of digits, how long it is."""
    if is_integer(value) and abs(value) > LONGEST:
        return f"(an integer of {int(value).bit_length()} bits)"
    return repr(value)


def check_size(value: int, name: str) -> int:
    """Return a size as an int; one that no array could have is a ValueError that names it."""
    if value > LARGEST_SIZE:
        raise ValueError(f"{name}={shown(value)} is too large. Give at most {LARGEST_SIZE}.")
    return int(value)


def check_boolean(value: Any, name: str) -> None:
    """Raise a ValueError that names it if `value` is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}={shown(value)} must be True or False.")


def check_count(value: Any, name: str, least: int = 1) -> int:
    """Return `value` as an int, or raise a ValueError that names it."""
    if is_integer(value) and value >= least:
        return check_size(value, name)
    raise ValueError(f"{name}={shown(value)} must be an integer of at least {least}.")


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
    return tuple(check_size(v, name) for v in values)


def shortened(labels: list[Any], most: int = 10) -> str:
    """Return a list for a message, of `most` entries at most."""
    more = len(labels) - most
    return f"{labels[:most]} and {more} more" if more > 0 else str(labels)


@dataclass(frozen=True)
class Hyperparameters:
    """A frozen dataclass whose fields scikit-learn's searches find by name.

    scikit-learn sets parameters in place. Such a value never changes, so `set_params` returns
    another one, and the estimator that holds it puts that in its place.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the hyper-parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to name those of values within as well, as ``outer__inner``.

        Returns
        -------
        params : dict
            In the order of the fields.
        """
        params: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if deep and isinstance(value, Hyperparameters):
                inner = value.get_params().items()
                params |= {f"{field.name}__{name}": each for name, each in inner}
            if field.init:
                params[field.name] = value
        return params

    def set_params(self, **params: Any) -> Self:
        """Return a value with these hyper-parameters in place of its own, which does not change.

        Parameters
        ----------
        **params : dict
            By name; ``outer__inner`` is a hyper-parameter of a value within.

        Returns
        -------
        value : of the same class
            Another value.

        Raises
        ------
        ValueError
            If there is no such hyper-parameter, or its value is wrong.
        """
        own = self.get_params(deep=False)
        result = with_inner(params, own)
        unknown = [name for name in result if name not in own]
        if unknown:
            raise ValueError(f"{self!r} has no parameters named {unknown}. It has {sorted(own)}.")
        return replace(self, **result)

    def __sklearn_clone__(self) -> Self:
        return deepcopy(self)


def with_inner(params: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return parameters in which ``outer__inner`` has become a value of ``name``.

    Parameters
    ----------
    params : dict
        What is to be set.
    own : dict
        What there is by name. Where that, or what `params` sets it to, is no
        :class:`Hyperparameters`, ``outer__inner`` stays as it is.
    """
    held = own | params
    result, inner = dict(params), dict[str, dict[str, Any]]()
    for key in params:
        name, _, rest = key.partition("__")
        if rest and isinstance(held.get(name), Hyperparameters):
            inner.setdefault(name, {})[rest] = result.pop(key)
    return result | {name: held[name].set_params(**values) for name, values in inner.items()}
