"""What all augmentations have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._checks import Hyperparameters, is_number, shown
from skcnn._engine.workspace import Workspace

__all__ = ["Augmentation"]

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Augmentation(Hyperparameters):
    """A random change of each image of a mini-batch: hyper-parameters and no arrays.

    A subclass gives :meth:`apply`, which works on the layout that layers see, batch last, and
    :meth:`check` if not all parameters suit all images. A call takes and returns images in the
    users' layout.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.augmentation import HorizontalFlip
    >>> X = np.arange(4.0).reshape(1, 2, 2, 1)  # one image of 2x2, one channel
    >>> HorizontalFlip(1.0)(X, np.random.default_rng(0)).reshape(2, 2)
    array([[1., 0.],
           [3., 2.]])
    """

    def check(self, lengths: Shape) -> None:
        """Raise a ValueError if parameters are wrong, or do not suit images of these lengths."""

    def apply(
        self, x: Array, rng: np.random.Generator, workspace: Workspace, fill: Array | float
    ) -> Array:
        """Return the changed images.

        Parameters
        ----------
        x : ndarray of shape (*leading, channels, last, n)
            Contiguous; may be overwritten.
        rng : numpy.random.Generator
            For all random numbers. How many are drawn depends on n only.
        workspace : Workspace
            Scratch memory, where the result may live.
        fill : float or ndarray of shape (channels,)
            Fill value for what lies outside of the image.

        Returns
        -------
        ndarray of the shape and dtype of `x`
        """
        raise NotImplementedError(f"{type(self).__name__} must define `apply`.")

    def __call__(self, X: Array, rng: np.random.Generator, fill: Array | float = 0.0) -> Array:
        """Return changed copies of images.

        Parameters
        ----------
        X : ndarray of floats of shape (n, *lengths, channels)
            Left alone.
        rng : numpy.random.Generator
            For all random numbers.
        fill : float or ndarray of shape (channels,), default=0.0
            Fill value for what lies outside of the image.

        Returns
        -------
        ndarray of the shape and dtype of `X`
        """
        X = np.asarray(X)
        if X.dtype.kind != "f" or not 3 <= X.ndim <= 5:
            raise ValueError(
                f"X of dtype {X.dtype} and shape {X.shape} must hold floats in the shape "
                f"(n, length, channels), (n, height, width, channels) or (n, depth, height, "
                f"width, channels)."
            )
        self.check(X.shape[1:-1])
        x = np.array(batch_last(X), order="C")
        return np.array(batch_first(self.apply(x, rng, Workspace(), fill)), order="C")


def batch_first(x: Array) -> Array:
    """View (*leading, channels, last, n) as (n, *leading, last, channels)."""
    rank = x.ndim - 2
    return x.transpose(rank + 1, *range(rank - 1), rank, rank - 1)


def batch_last(X: Array) -> Array:
    """View (n, *leading, last, channels) as (*leading, channels, last, n)."""
    rank = X.ndim - 2
    return X.transpose(*range(1, rank), rank + 1, rank, 0)


def fill_values(fill: Array | float, x: Array) -> Array:
    """Shape one value per channel, or one for all, so that it broadcasts against x."""
    return np.asarray(fill, x.dtype).reshape(-1, 1, 1)


def check_between(value: Any, name: str, least: float, most: float) -> None:
    """Raise a ValueError if the value is not a number within these bounds."""
    number = is_number(value) and not isinstance(value, bool)
    if not (number and least <= float(value) <= most):
        raise ValueError(f"{name}={shown(value)} must be a number between {least} and {most}.")
