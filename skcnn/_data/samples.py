"""Validated samples with their targets and weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.batches import Images
from skcnn.augmentation import Augment

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Data:
    """What a fit is given, checked; y and weights belong to `rows` of X.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Images, flat.
    X_shape : tuple of int or None
        Shape of one image if X came shaped.
    X_dtype : dtype
        What X came in.
    y : ndarray
        One target for each sample.
    rows : ndarray of int or None
        Which samples of X; None: all.
    weights : ndarray or None
        Positive weights; None: all samples count the same.
    codes : ndarray of int or None
        Class indices, where y holds labels and they have been encoded.
    groups : ndarray or None
        What keeps samples together where some are held out.
    """

    X: Array
    X_shape: tuple[int, ...] | None
    X_dtype: np.dtype[Any]
    y: Array
    rows: Array | None = None
    weights: Array | None = None
    codes: Array | None = None
    groups: Array | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: Array) -> Data:
        """Return some of the samples, numbered as `y` is."""
        return replace(
            self,
            y=self.y[index],
            rows=index if self.rows is None else self.rows[index],
            weights=None if self.weights is None else self.weights[index],
            codes=None if self.codes is None else self.codes[index],
            groups=None if self.groups is None else self.groups[index],
        )

    def weighted_by(self, factors: Array, name: str) -> Data:
        """Return data whose weights are multiplied; samples of zero weight are left out.

        Parameters
        ----------
        factors : ndarray of shape (n,)
            Finite and not negative.
        name : str
            What an error message calls them.

        Raises
        ------
        ValueError
            If no sample is left.
        """
        if not factors.any():
            raise ValueError(f"{name} is zero for every sample: nothing is left to learn from.")
        kept = factors > 0
        weights = factors / factors.max()  # a large sum must not overflow
        if self.weights is not None:
            weights = weights * self.weights
        # a quotient or product so small that it rounds to zero is no weight of zero
        weights = np.maximum(weights, np.finfo(np.float64).tiny, out=weights, where=kept)
        weighted = replace(self, weights=weights)
        return weighted if kept.all() else weighted.take(np.flatnonzero(kept))

    @property
    def relative_weights(self) -> Array | None:
        """Weights with a mean of 1; None, to the last bit, if all are equal."""
        if self.weights is None or self.weights.min() == self.weights.max():
            return None
        relative: Array = self.weights / self.weights.mean()
        return relative

    @property
    def chosen_images(self) -> Array:
        """The samples of X that count."""
        return self.X if self.rows is None else self.X[self.rows]


@dataclass(frozen=True)
class Samples:
    """Images, targets and the weight of each sample (mean 1, or None), as the network takes them.

    Mini-batches of the images go through `augment`; `fill` is its fill value.
    """

    images: Images
    targets: Array
    weights: Array | None = None
    augment: Augment = None
    fill: Array | float = 0.0

    def __len__(self) -> int:
        return len(self.targets)

    def weights_of(self, rows: Array) -> Array | None:
        """Return the weights of some of the samples."""
        return None if self.weights is None else self.weights[rows]
