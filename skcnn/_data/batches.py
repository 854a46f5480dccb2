"""From what users pass as X to the mini-batches that layers see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.image_shape import Channels, array_shape, layer_shape, split_channels
from skcnn._data.standardizer import Standardizer
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

# A mean of more deviations than this is subtracted before X is cast to a narrower dtype.
FAR = 128.0


class Images:
    """Samples of X as batches of standardized images, cast a batch at a time.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Of any real dtype, possibly a memory map.
    image_shape : tuple of int
        Shape of one image, channels last.
    standardizer : Standardizer or None
        What to subtract and to divide by.
    dtype : dtype
        Of the batches.
    rows : ndarray of int, optional
        The samples of X that count; all of them by default.
    check : callable, optional
        What :meth:`check` asks about samples of X.
    channels : {"last", "first"}, default="last"
        Where the rows of X have their channels.
    """

    def __init__(
        self,
        X: Array,
        image_shape: Shape,
        standardizer: Standardizer | None,
        dtype: np.dtype[Any],
        rows: Array | None = None,
        check: Callable[[Array], object] | None = None,
        channels: Channels = "last",
    ) -> None:
        self._X, self._rows, self._dtype, self._check_rows = X, rows, dtype, check
        lengths, n_channels = split_channels(image_shape)
        rank = len(lengths)
        if channels == "last" or n_channels == 1:
            # (n, *leading, last, C) -> (*leading, C, last, n)
            self._image = (*lengths, n_channels)
            self._order = (*range(1, rank), rank + 1, rank, 0)
        else:
            # (n, C, *leading, last) -> (*leading, C, last, n)
            self._image = array_shape(image_shape, channels)
            self._order = (*range(2, rank + 1), 1, rank + 1, 0)
        self._n_channels = n_channels
        self._shape = layer_shape(image_shape)
        self._moments: tuple[Array, Array] | None = None
        # in which dtype the mean is subtracted
        self._centered = dtype
        if standardizer is not None:
            if not standardizer.deviation.astype(dtype).all():
                raise ValueError(
                    f"X varies by no more than {standardizer.deviation.min():.3g}, too little for "
                    f"dtype {dtype}. Scale X up, or fit with dtype='float64'."
                )
            far = (np.abs(standardizer.mean) / FAR > standardizer.deviation).any()
            if far and not np.can_cast(X.dtype, dtype):  # a cast first would lose digits
                self._centered = np.promote_types(X.dtype, np.float64)
            self._moments = (
                standardizer.mean.astype(self._centered)[:, None, None],
                standardizer.deviation.astype(self._centered)[:, None, None],
            )

    def __len__(self) -> int:
        return len(self._X) if self._rows is None else len(self._rows)

    def check(self, part: slice) -> None:
        """Raise an error if the images hold numbers that `check` does not like."""
        if self._check_rows is not None:
            self._check_rows(self._X[part] if self._rows is None else self._X[self._rows[part]])

    def batch(self, index: Array | slice, workspace: Workspace) -> Array:
        """Return the images at `index` as an array of shape (*leading, channels, last, n)."""
        if self._rows is not None:
            index = self._rows[index]
        rows = self._gather(index, workspace)
        shape = (*self._shape, len(rows))
        x = workspace.buffer("x", shape, self._dtype)
        if self._centered != self._dtype:
            wide = workspace.buffer("centered", shape, self._centered)
            np.copyto(x, self._standardized(rows, wide), casting="same_kind")
            return x
        return self._standardized(rows, x)

    def _standardized(self, rows: Array, x: Array) -> Array:
        """Write rows of X to x, of shape (*leading, channels, last, n), and standardize there."""
        if self._n_channels == 1:  # one channel: a plain transposition, which is faster
            np.copyto(x.reshape(-1, len(rows)), rows.T, casting="unsafe")
        else:
            images = rows.reshape(-1, *self._image)
            np.copyto(x, images.transpose(self._order), casting="unsafe")
        if self._moments is not None:
            mean, deviation = self._moments
            x -= mean
            x /= deviation
        return x

    def _gather(self, index: Array | slice, workspace: Workspace) -> Array:
        """Return samples of X in its own dtype, one per row."""
        X = self._X
        if isinstance(index, slice) or not (X.flags.c_contiguous or X.flags.f_contiguous):
            return X[index]
        # mode="clip" writes to `out` directly
        if X.flags.c_contiguous:
            rows = workspace.buffer("rows", (len(index), X.shape[1]), X.dtype)
            return X.take(index, axis=0, out=rows, mode="clip")
        columns = workspace.buffer("rows", (X.shape[1], len(index)), X.dtype)
        return X.T.take(index, axis=1, out=columns, mode="clip").T
