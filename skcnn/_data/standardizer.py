"""Mean and standard deviation of each channel, or of each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.moments import Chunks, Moments
from skcnn._data.outliers import warn_of_outliers

Array = npt.NDArray[Any]

# Numbers that differ from each other by no more than so many times their magnitude differ by
# rounding.
ROUNDING = 8 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Standardizer:
    """Mean and standard deviation of each channel, or of each pixel, learned once.

    Parameters
    ----------
    mean, deviation : ndarray of shape (channels,) or (*lengths, channels)
        In float64; where all numbers are the same, the deviation is 1.
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
        name: str = "X",
        lengths: tuple[int, ...] | None = None,
    ) -> Standardizer:
        """Learn from samples of X, read once in chunks that are cast one at a time.

        What is nearly constant, or may hold outliers, is read once more.

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
        name : str, default="X"
            What a warning calls X.
        lengths : tuple of int, default=None
            Of an image, to learn of each pixel by itself.

        Warns
        -----
        UserWarning
            If a few outliers hide how all other numbers differ.

        References
        ----------
        Chan, Golub, LeVeque. Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances. 1979.
        """
        per_pixel = lengths is not None
        chunks = Chunks(X, rows, weights, channels, first, per_pixel)
        moments = Moments.of(chunks)
        same = moments.constant
        mean = np.where(same, moments.least, moments.mean)
        deviation = np.where(same, 1.0, moments.deviation)
        near = moments.nearly_constant
        if near.any():
            offset = np.where(near, chunks.some(1)[0, 0], 0.0)
            differences = Moments(chunks.n_channels)
            for images, w in chunks:
                images -= offset  # exact, as the numbers are close to each other
                images[..., ~near] = 0.0
                differences.add(images, w)
            constant = differences.largest <= ROUNDING * np.abs(offset)
            mean[near] = (offset + np.where(constant, 0.0, differences.mean))[near]
            deviation[near] = np.where(constant, 1.0, differences.deviation)[near]
        # an outlier hides others of the same pixel, which are few
        warn_of_outliers(
            chunks, moments, name, least=chunks.n_channels // 2 + 1 if per_pixel else 1
        )
        if lengths is not None:
            return cls(mean.reshape(*lengths, channels), deviation.reshape(*lengths, channels))
        return cls(mean, deviation)

    @property
    def per_pixel(self) -> bool:
        """Whether each pixel has a mean and a deviation of its own."""
        return self.mean.ndim > 1
