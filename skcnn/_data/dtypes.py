"""The dtype of the computation, and whether X fits into it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._engine.numpy_settings import with_numpy_settings

Array = npt.NDArray[Any]

# Elements of X that are cast at a time when statistics are learned.
CHUNK_ELEMENTS = 2**18


def compute_dtype(dtype: npt.DTypeLike, X_dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the working dtype: what the parameter says, or for "auto" what X asks for."""
    if dtype == "auto":
        narrow = X_dtype.kind in "bui" and X_dtype.itemsize <= 2
        small = X_dtype.kind == "f" and X_dtype.itemsize <= 4
        dtype = np.float32 if narrow or small else np.float64
    return np.dtype(dtype)


def resolve_dtype(dtype: npt.DTypeLike, X_dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the working dtype, or raise a ValueError if the parameter names another kind."""
    resolved = compute_dtype(dtype, X_dtype)
    if resolved not in (np.float32, np.float64):
        raise ValueError(f"dtype={dtype!r} must be 'auto', float32 or float64.")
    return resolved


def declared_dtype(X: Any) -> np.dtype[Any] | None:
    """Return the NumPy type that a pandas frame of nullable columns stands for; None for others.

    scikit-learn reads such a frame as float64, whatever its columns are.
    """
    if len(getattr(X, "shape", ())) != 2:  # a Series has one of a column
        return None
    columns = list(getattr(X, "dtypes", ()))
    if not any(hasattr(dtype, "numpy_dtype") for dtype in columns):
        return None
    return np.result_type(*(getattr(dtype, "numpy_dtype", dtype) for dtype in columns))


def largest_magnitude(X: Array, rows: Array | None) -> Any:
    """Return the largest magnitude in the samples of X that count, read once chunk by chunk."""
    n = len(X) if rows is None else len(rows)
    step = max(1, CHUNK_ELEMENTS // X.shape[1])
    parts = (slice(start, start + step) for start in range(0, n, step))
    chunks = (X[part if rows is None else rows[part]] for part in parts)
    return max((np.abs(chunk).max(initial=0) for chunk in chunks), default=0.0)


def check_range(X: Array, dtype: np.dtype[Any], rows: Array | None = None) -> None:
    """Raise a ValueError if samples, by default all, hold what the working dtype cannot."""
    if X.dtype.kind != "f" or X.dtype.itemsize <= dtype.itemsize:
        return
    largest = largest_magnitude(X, rows)
    if largest > np.finfo(dtype).max:
        other = "" if dtype == np.float64 else ", or fit with dtype='float64'"
        raise ValueError(
            f"X holds a number of magnitude {in_digits(largest)}, too large for dtype {dtype}. "
            f"Scale X down{other}."
        )


def in_digits(number: Any) -> str:
    """Return a number of any floating dtype, however large, in a few digits."""
    digits: str = np.format_float_scientific(number, 3, trim="-")
    return digits


def has_finite_sum(X: Array) -> bool:
    """Return whether the sum is finite, as no sum of infinite numbers or NaN is.

    scikit-learn's check starts so too, but takes longer to begin than a small prediction.
    """
    if X.dtype.kind != "f":
        return True
    total = with_numpy_settings(
        lambda: np.add.reduce(X, axis=None), over="ignore", invalid="ignore"
    )
    return bool(np.isfinite(total))
