"""Each sample by its own mean and standard deviation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.standardizer import ROUNDING

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SampleStandardizer:
    """Mean and standard deviation of each channel of each sample, which nobody has to learn.

    Of spectra this is the standard normal variate, of time series the z-normalization.
    """

    def apply(self, x: Array) -> None:
        """Standardize the rows of x in place; those that are constant become 0.

        Parameters
        ----------
        x : ndarray of shape (n, channels, pixels)
            In float64, contiguous, so that what becomes of a row does not depend on the others.

        References
        ----------
        Barnes, Dhanoa, Lister. Standard Normal Variate Transformation and De-trending of
        Near-Infrared Diffuse Reflectance Spectra. 1989.
        """
        # squares must not overflow; division by a power of two is exact
        x /= np.ldexp(1.0, np.frexp(_largest(x))[1] - 1)[:, :, None]
        offset = x[:, :, :1].copy()
        x -= offset  # exact for numbers that are close to each other
        x[_largest(x) <= ROUNDING * np.abs(offset[:, :, 0])] = 0.0
        x -= x.mean(axis=2, keepdims=True)
        deviation = np.sqrt(np.einsum("ncp,ncp->nc", x, x) / x.shape[2])
        x /= np.where(deviation > 0, deviation, 1.0)[:, :, None]


def _largest(x: Array) -> Array:
    """Return the largest magnitude of each row, of shape (n, channels)."""
    magnitudes: Array = np.maximum(x.max(axis=2), -x.min(axis=2))
    return magnitudes
