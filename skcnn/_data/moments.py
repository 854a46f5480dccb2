"""Moments of each channel, of samples that are read a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from skcnn._data.dtypes import CHUNK_ELEMENTS

Array = npt.NDArray[Any]

# A deviation of so many means is nearly none: rounding of the mean would matter beside it.
NEARLY_CONSTANT = 1e-9


class Chunks:
    """Samples of X in float64, of shape (n, pixels, C), with their weights, a chunk at a time.

    Each chunk is in the same memory, and may be overwritten.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Images, flat.
    rows : ndarray of int or None
        Which samples; None: all.
    weights : ndarray or None
        Weight of each of them; None: 1.
    channels : int
        Number of channels.
    first : bool
        Whether rows of X have their channels first.
    per_pixel : bool
        Whether each pixel is a channel of its own, (n, 1, pixels * C), channels last.
    """

    def __init__(
        self,
        X: Array,
        rows: Array | None,
        weights: Array | None,
        channels: int,
        first: bool = False,
        per_pixel: bool = False,
    ) -> None:
        self._X, self._rows, self._weights = X, rows, weights
        self._channels, self._first = channels, first
        self._per_pixel = per_pixel

    @property
    def n_channels(self) -> int:
        """Number of channels of what is yielded."""
        return self._X.shape[1] if self._per_pixel else self._channels

    def __len__(self) -> int:
        return len(self._X) if self._rows is None else len(self._rows)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        n, n_features = len(self), self._X.shape[1]
        step = max(1, CHUNK_ELEMENTS // n_features)
        buffer = np.empty((min(step, n), n_features))
        for start in range(0, n, step):
            part = slice(start, min(start + step, n))
            w = np.ones(part.stop - start) if self._weights is None else self._weights[part]
            yield self._read(part, buffer[: len(w)]), w

    def some(self, most: int) -> Array:
        """Return samples at equal distances, of `most` elements if one has no more."""
        n_features = self._X.shape[1]
        index = np.linspace(0, len(self) - 1, min(len(self), max(1, most // n_features)))
        return self._read(index.astype(np.intp), np.empty((len(index), n_features)))

    def _read(self, part: slice | Array, chunk: Array) -> Array:
        """Write samples to a chunk and return it as images."""
        images = chunk.reshape(len(chunk), -1, self._channels)
        given = self._X[part if self._rows is None else self._rows[part]]
        if self._first:
            pixels = given.reshape(len(chunk), self._channels, -1)
            np.copyto(images, pixels.transpose(0, 2, 1))
        else:
            np.copyto(chunk, given)
        return chunk[:, None] if self._per_pixel else images


class Moments:
    """Sums over samples so far, divided by a power of two near the largest magnitude of a channel.

    Squares must not overflow; division by a power of two is exact, and so is to change it.

    Attributes
    ----------
    least, most : ndarray of shape (channels,)
        The smallest and the largest number so far.
    """

    def __init__(self, channels: int) -> None:
        self.least, self.most = np.full(channels, np.inf), np.full(channels, -np.inf)
        self._scale = np.zeros(channels)  # of nothing but zeros
        self._total = 0.0
        self._mean, self._squares = np.zeros(channels), np.zeros(channels)

    @classmethod
    def of(cls, chunks: Chunks) -> Self:
        """Return the moments of all samples of chunks."""
        moments = cls(chunks.n_channels)
        for images, w in chunks:
            moments.add(images, w)
        return moments

    def add(self, chunk: Array, w: Array) -> None:
        """Add a chunk of shape (n, pixels, C) and weights w; the chunk is overwritten."""
        self._rescale(chunk)
        chunk /= self._divisor
        weight = w.sum() * chunk.shape[1]
        chunk_mean = w @ _over_pixels(chunk) / weight
        chunk -= chunk_mean
        chunk *= chunk
        chunk_squares = w @ _over_pixels(chunk)
        self._total += weight
        shift = chunk_mean - self._mean
        self._mean += shift * (weight / self._total)
        others = weight * (self._total - weight) / self._total
        self._squares += chunk_squares + shift**2 * others

    @property
    def largest(self) -> Array:
        """Largest magnitude of each channel."""
        magnitudes: Array = np.maximum(self.most, -self.least)
        return magnitudes

    @property
    def mean(self) -> Array:
        """Mean of each channel."""
        return self._mean * self._divisor

    @property
    def deviation(self) -> Array:
        """Standard deviation of each channel, 1 where there is none."""
        deviation = np.sqrt(self._squares / self._total) * self._divisor
        return np.where(self._squares > 0, deviation, 1.0)

    @property
    def constant(self) -> Array:
        """Whether all numbers are the same, for each channel."""
        same: Array = self.least == self.most
        return same

    @property
    def nearly_constant(self) -> Array:
        """Whether rounding of the mean matters beside the deviation, for each channel."""
        near = np.sqrt(self._squares / self._total) <= NEARLY_CONSTANT * np.abs(self._mean)
        found: Array = near & (self._scale > 0) & ~self.constant
        return found

    @property
    def _divisor(self) -> Array:
        return np.where(self._scale > 0, self._scale, 1.0)

    def _rescale(self, chunk: Array) -> None:
        """Raise the scale of channels of which the chunk has larger numbers than any before."""
        flat, shape = chunk.reshape(len(chunk), -1), chunk.shape[1:]
        np.maximum(self.most, flat.max(axis=0).reshape(shape).max(axis=0), out=self.most)
        np.minimum(self.least, flat.min(axis=0).reshape(shape).min(axis=0), out=self.least)
        largest = self.largest
        exponent = np.minimum(np.frexp(largest)[1], 1023)
        scale = np.where(largest > 0, np.ldexp(1.0, exponent), 0.0)
        scale = np.maximum(scale, self._scale)
        grown = scale > self._scale
        factor = self._scale[grown] / scale[grown]
        self._mean[grown] *= factor
        self._squares[grown] *= factor**2
        self._scale = scale


def _over_pixels(chunk: Array) -> Array:
    """Return the sums over the pixels of each sample; of a single one there is nothing to add."""
    if chunk.shape[1] == 1:
        return chunk[:, 0]
    sums: Array = chunk.sum(axis=1)
    return sums
