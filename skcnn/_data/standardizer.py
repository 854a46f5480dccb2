"""Mean and standard deviation of each channel."""

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
        name: str = "X",
    ) -> Standardizer:
        """Learn from samples of X, read once in chunks that are cast one at a time.

        Channels that are nearly constant, or that may hold outliers, are read once more.

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

        Warns
        -----
        UserWarning
            If a few outliers hide how all other numbers differ.

        References
        ----------
        Chan, Golub, LeVeque. Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances. 1979.
        """
        chunks = Chunks(X, rows, weights, channels, first)
        moments = Moments(channels)
        for images, w in chunks:
            moments.add(images, w)
        mean, deviation = moments.mean, moments.deviation
        near = moments.nearly_constant
        if near.any():
            offset = np.where(near, chunks.some(1)[0, 0], 0.0)
            differences = Moments(channels)
            for images, w in chunks:
                images -= offset  # exact, as the numbers are close to each other
                images[..., ~near] = 0.0
                differences.add(images, w)
            constant = differences.largest <= ROUNDING * np.abs(offset)
            mean[near] = (offset + np.where(constant, 0.0, differences.mean))[near]
            deviation[near] = np.where(constant, 1.0, differences.deviation)[near]
        warn_of_outliers(chunks, moments, name)
        return cls(mean, deviation)
