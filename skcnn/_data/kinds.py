"""What kind of values X, y and weights hold: real numbers, or dates, times, text and others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, time, timedelta
from functools import partial
from reprlib import repr as repr_of  # of no more than a few words
from typing import Any

import numpy as np

MOMENTS_IN_TIME = (np.datetime64, np.timedelta64, date, time, timedelta)
COMPLEX = (complex, np.complexfloating)


def check_kind(X: Any) -> None:
    """Raise a ValueError if X declares or holds what is no real number, but would be read as one.

    scikit-learn reads dates as integers, and complex numbers of a polars frame as real parts.
    """
    if isinstance(X, list | tuple):
        return
    for column, dtype, values in _parts(X):
        wrong = _kind_of(dtype, values)
        if wrong:
            where = "" if column is None else f" in column {column!r}"
            raise ValueError(
                f"X holds {wrong}{where}, but real numbers are needed. Convert it to numbers "
                f"before, such as seconds since a time, real and imaginary parts as channels, or "
                f"X.astype(float)."
            )


def check_no_dates(values: Any, name: str) -> None:
    """Raise a ValueError if targets or weights are dates or times."""
    if isinstance(values, list | tuple):
        try:
            values = np.asarray(values)
        except ValueError:  # lists of several lengths are found elsewhere
            return
    if any(_kind_of(dtype, each) == "dates or times" for _, dtype, each in _parts(values)):
        raise ValueError(
            f"{name} holds dates or times, but numbers are needed. Convert it to numbers before, "
            f"such as seconds since a time."
        )


def non_number(values: Any) -> tuple[Any, Any] | None:
    """Return the first value that is no real number, and its column, if columns have names.

    Missing values, and lists or arrays of numbers, are passed over.
    """
    for column, _, part in _parts(values):
        held = part()
        # polars makes matrices of structures
        listed = held.to_list() if hasattr(held, "to_list") else np.asarray(held, object).ravel()
        for value in listed:
            if value is None or isinstance(value, tuple | list | np.ndarray):
                continue
            try:
                float(value)
            except (TypeError, ValueError, OverflowError):
                return value, column
    return None


def error_of_non_number(X: Any, error: Exception) -> Exception:
    """Return an error that names what of X is no number; where nothing is, the error itself."""
    found = non_number(X)
    if found is None:
        return error
    value, column = found
    where = "" if column is None else f" in column {column!r}"
    leave_out = "" if column is None else ", or leave this column out"
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(
        f"X holds {repr_of(value)}{where}, of type {type(value).__name__}, which is not a real "
        f"number: {error}. Convert it to a number before{leave_out}."
    )


def _parts(values: Any) -> Iterator[tuple[Any, Any, Callable[[], Any]]]:
    """Yield name, dtype and values of each column of a frame; of others, of all together."""
    if hasattr(values, "columns") and hasattr(values, "dtypes"):
        columns, dtypes = list(values.columns), list(values.dtypes)
        if len(set(columns)) == len(columns) == len(dtypes):
            for column, dtype in zip(columns, dtypes, strict=True):
                yield column, dtype, partial(values.__getitem__, column)
            return
    yield None, getattr(values, "dtype", None), lambda: values


def _kind_of(dtype: Any, values: Callable[[], Any]) -> str:
    """Return what the values are if they are no numbers, but would be read as such; "" if not."""
    kind = getattr(dtype, "kind", "")
    is_temporal = getattr(dtype, "is_temporal", None)  # polars
    if kind in ("m", "M") or (callable(is_temporal) and is_temporal()):
        return "dates or times"
    if kind == "T":
        return "variable-length strings"
    if kind == "O" or str(dtype) == "Object":  # of NumPy and pandas, or of polars
        held = np.asarray(values(), dtype=object).ravel().tolist()
        types = set(map(type, held))
        if any(issubclass(each, MOMENTS_IN_TIME) for each in types):
            return "dates or times"
        if str(dtype) == "Object" and any(issubclass(each, COMPLEX) for each in types):
            return "complex numbers"
    return ""
