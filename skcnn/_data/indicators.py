"""Indicator matrices: which of several labels each sample has."""

from __future__ import annotations

from typing import Any
from warnings import warn

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse

Array = npt.NDArray[Any]

# In a call of fewer samples, all may well have one label by chance.
LEAST_SAMPLES = 10


def as_indicator(y: Any) -> Array | None:
    """Return y as a matrix of 0 and 1 of shape (n_samples, n_labels), or None if it is none.

    Parameters
    ----------
    y : array-like
        A matrix of at least two columns, dense or sparse, of booleans or numbers, is one if it
        holds nothing but 0 and 1.
    """
    shape = getattr(y, "shape", None)
    if issparse(y):
        if len(shape or ()) != 2:
            return None
        y = y.toarray()
    try:
        matrix = np.asarray(y)
    except ValueError:  # lists of several lengths
        return None
    if matrix.ndim != 2 or matrix.shape[1] < 2 or not len(matrix):
        return None
    if matrix.dtype == object:
        try:
            matrix = matrix.astype(np.float64)
        except (TypeError, ValueError):
            return None
    if matrix.dtype.kind not in "biuf" or not np.isin(matrix, (0, 1)).all():
        return None
    return matrix.astype(np.uint8)


def warn_if_one_hot(indicator: Array) -> None:
    """Warn if each sample has just one label: then they exclude each other, it seems."""
    if len(indicator) >= LEAST_SAMPLES and (indicator.sum(axis=1) == 1).all():
        warn(
            f"y has one label in each of {len(indicator)} rows, as if it were one-hot encoded, and "
            f"is read as {indicator.shape[1]} labels that do not exclude each other. If they do, "
            f"pass y.argmax(axis=1).",
            stacklevel=11,  # where the user calls fit
        )
