"""Mean and standard deviation of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.dtypes import CHUNK_ELEMENTS, largest_magnitude

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Standardizer:
    """Mean and standard deviation of each channel, learned once.

    Parameters
    ----------
    mean, deviation : ndarray of shape (channels,)
        In float64; the deviation of a constant channel is 1.
    """

    mean: Array
    deviation: Array

    @classmethod
    def learn(
        cls, X: Array, rows: Array | None, weights: Array | None, channels: int
    ) -> Standardizer:
        """Learn from the rows of X, in one pass over chunks that are cast one at a time.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Images, flat, channels last.
        rows : ndarray of int or None
            Which rows; None: all.
        weights : ndarray or None
            Positive weight of each of the rows; None: all the same.
        channels : int
            Number of channels.

        References
        ----------
        Chan, Golub, LeVeque. Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances. 1979.
        """
        n = len(X) if rows is None else len(rows)
        step = max(1, CHUNK_ELEMENTS // X.shape[1])
        scale = _power_of_two(X, rows)  # squares must not overflow
        total, mean, squares = 0.0, np.zeros(channels), np.zeros(channels)
        for start in range(0, n, step):
            part = slice(start, start + step)
            chunk = np.asarray(X[part if rows is None else rows[part]], np.float64, order="C")
            chunk = (chunk / scale).reshape(len(chunk), -1, channels)  # (n, pixels, C)
            w = np.ones(len(chunk)) if weights is None else weights[part]
            weight = w.sum() * chunk.shape[1]
            chunk_mean = w @ chunk.sum(axis=1) / weight
            chunk -= chunk_mean
            chunk *= chunk
            chunk_squares = w @ chunk.sum(axis=1)
            total += weight
            shift = chunk_mean - mean
            mean += shift * (weight / total)
            squares += chunk_squares + shift**2 * (weight * (total - weight) / total)
        deviation = np.sqrt(squares / total)
        # what is left of a constant after rounding is no deviation
        constant = deviation <= 1e-12 * np.abs(mean)
        return cls(mean * scale, np.where(constant, 1.0, deviation * scale))


def _power_of_two(X: Array, rows: Array | None) -> float:
    """Return a power of two near the largest magnitude; division by it is exact."""
    largest = float(largest_magnitude(X, rows)) if X.dtype.kind == "f" else 0.0
    return 2.0 ** min(int(np.frexp(largest)[1]), 1023) if largest else 1.0
