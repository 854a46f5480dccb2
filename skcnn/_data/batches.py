"""From what users pass as X to the mini-batches that layers see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.image_shape import Channels, array_shape, layer_shape, split_channels
from skcnn._data.sample_standardizer import SampleStandardizer
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
    standardizer : Standardizer, SampleStandardizer or None
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
        standardizer: Standardizer | SampleStandardizer | None,
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
            self._to_first = (0, rank + 1, *range(1, rank + 1))
        else:
            # (n, C, *leading, last) -> (*leading, C, last, n)
            self._image = array_shape(image_shape, channels)
            self._order = (*range(2, rank + 1), 1, rank + 1, 0)
            self._to_first = (*range(rank + 2),)
        self._n_channels = n_channels
        self._shape = layer_shape(image_shape)
        self._moments: tuple[Array, Array] | None = None
        self._each = standardizer if isinstance(standardizer, SampleStandardizer) else None
        # in which dtype the mean is subtracted
        self._centered = dtype
        if isinstance(standardizer, Standardizer):
            self._centered = _dtype_to_center_in(standardizer, X.dtype, dtype)
            self._moments = (
                self._of_layers(standardizer.mean),
                self._of_layers(standardizer.deviation),
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
        if self._each is not None:
            return self._standardized_each(rows, x, self._each, workspace)
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

    def _standardized_each(
        self, rows: Array, x: Array, each: SampleStandardizer, workspace: Workspace
    ) -> Array:
        """Write rows of X to x, each standardized by itself."""
        images = rows.reshape(-1, *self._image).transpose(self._to_first)
        wide = workspace.buffer("each", images.shape, np.float64)
        np.copyto(wide, images, casting="unsafe")
        each.apply(wide.reshape(*images.shape[:2], -1))
        rank = wide.ndim - 2
        np.copyto(x, wide.transpose(*range(2, rank + 1), 1, rank + 1, 0), casting="same_kind")
        return x

    def _of_layers(self, moments: Array) -> Array:
        """Return moments of channels or of pixels in the order of layers, for any n."""
        values = moments.astype(self._centered)
        if values.ndim == 1:
            return values[:, None, None]
        rank = values.ndim - 1
        return np.ascontiguousarray(values.transpose(*range(rank - 1), rank, rank - 1))[..., None]

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


def _dtype_to_center_in(
    standardizer: Standardizer, given: np.dtype[Any], dtype: np.dtype[Any]
) -> np.dtype[Any]:
    """Return the dtype in which to subtract means from X, of the dtype `given`.

    Raises
    ------
    ValueError
        If deviations of channels are too small for the dtype of the batches.
    """
    mean, deviation = standardizer.mean, standardizer.deviation
    far = bool((np.abs(mean) / FAR > deviation).any())
    if not deviation.astype(dtype).all():
        if not standardizer.per_pixel:
            raise ValueError(
                f"X varies by no more than {deviation.min():.3g}, too little for "
                f"dtype {dtype}. Scale X up, or fit with dtype='float64'."
            )
        far, given = True, np.promote_types(given, np.float64)  # some pixels may vary very little
    if far and not np.can_cast(given, dtype):  # a cast first would lose digits
        return np.promote_types(given, np.float64)
    return dtype
