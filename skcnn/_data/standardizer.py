"""Mean and standard deviation of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.dtypes import CHUNK_ELEMENTS

Array = npt.NDArray[Any]


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
        cls,
        X: Array,
        rows: Array | None,
        weights: Array | None,
        channels: int,
        *,
        first: bool = False,
    ) -> Standardizer:
        """Learn from samples of X, read once in chunks that are cast one at a time.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Images, flat.
        rows : ndarray of int or None
            Which samples; None: all.
        weights : ndarray or None
            Positive weight of each of them; None: all the same.
        channels : int
            Number of channels.
        first : bool, default=False
            Whether rows of X have their channels first; the sums are in the order of channels last.

        References
        ----------
        Chan, Golub, LeVeque. Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances. 1979.
        """
        n = len(X) if rows is None else len(rows)
        step = max(1, CHUNK_ELEMENTS // X.shape[1])
        moments = _Moments(channels)
        buffer = np.empty((min(step, n), X.shape[1]))
        for start in range(0, n, step):
            part = slice(start, min(start + step, n))
            chunk = buffer[: part.stop - start]
            images = chunk.reshape(len(chunk), -1, channels)  # (n, pixels, C)
            given = X[part if rows is None else rows[part]]
            if first:
                pixels = given.reshape(len(chunk), channels, -1)
                np.copyto(images, pixels.transpose(0, 2, 1))
            else:
                np.copyto(chunk, given)
            w = np.ones(len(chunk)) if weights is None else weights[part]
            moments.add(images, w)
        return cls(*moments.mean_and_deviation())


class _Moments:
    """Sums over samples so far, divided by a power of two near the largest magnitude.

    Squares must not overflow; division by a power of two is exact, and so is to change it.
    """

    def __init__(self, channels: int) -> None:
        self._scale = 0.0  # of nothing but zeros
        self._total = 0.0
        self._mean, self._squares = np.zeros(channels), np.zeros(channels)

    def add(self, chunk: Array, w: Array) -> None:
        """Add a chunk of shape (n, pixels, C) and weights w; the chunk is overwritten."""
        self._rescale(chunk)
        chunk /= self._scale or 1.0
        weight = w.sum() * chunk.shape[1]
        chunk_mean = w @ chunk.sum(axis=1) / weight
        chunk -= chunk_mean
        chunk *= chunk
        chunk_squares = w @ chunk.sum(axis=1)
        self._total += weight
        shift = chunk_mean - self._mean
        self._mean += shift * (weight / self._total)
        others = weight * (self._total - weight) / self._total
        self._squares += chunk_squares + shift**2 * others

    def mean_and_deviation(self) -> tuple[Array, Array]:
        """Return mean and standard deviation of each channel."""
        deviation = np.sqrt(self._squares / self._total)
        # what is left of a constant after rounding is no deviation
        constant = deviation <= 1e-12 * np.abs(self._mean)
        scale = self._scale or 1.0
        with np.errstate(over="ignore"):  # of a deviation that is not taken
            return self._mean * scale, np.where(constant, 1.0, deviation * scale)

    def _rescale(self, chunk: Array) -> None:
        """Raise the scale if the chunk has larger numbers than any before."""
        largest = float(max(chunk.max(initial=0), -chunk.min(initial=0)))
        scale = 2.0 ** min(int(np.frexp(largest)[1]), 1023) if largest else 0.0
        if scale > self._scale:
            self._mean *= self._scale / scale
            self._squares *= (self._scale / scale) ** 2
            self._scale = scale
