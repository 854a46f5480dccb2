"""From what users pass as X to the mini-batches that layers see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt, prod
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

# Elements of X that are cast at a time when statistics are learned.
CHUNK_ELEMENTS = 2**18


def flatten_images(X: Any) -> tuple[Any, Shape | None]:
    """Return X with at most two axes and, if it had more, the shape of one image.

    Anything that is not a list or an array of 3 to 5 axes is returned as it is.

    Raises
    ------
    ValueError
        If X has more than 5 axes, or is a list of images of different shapes.
    """
    if isinstance(X, list | tuple):
        try:
            X = np.asarray(X)
        except ValueError as error:
            raise ValueError(
                "X is a list whose elements differ in shape. All images must have the same "
                "shape: crop or resize them first."
            ) from error
    n_axes = len(getattr(X, "shape", ()))
    if n_axes <= 2:
        return X, None
    if n_axes > 5:
        raise ValueError(
            f"X has shape {tuple(X.shape)}; at most 5 axes are understood: (n, depth, height, "
            f"width, channels)."
        )
    X = np.asarray(X)
    return X.reshape(len(X), prod(X.shape[1:])), tuple(X.shape[1:])


def resolve_image_shape(image_shape: Any, X_shape: Shape | None, n_features: int) -> Shape:
    """Return the shape of one image, from the parameter, the shape of X or the columns alone.

    Parameters
    ----------
    image_shape : tuple of int or None
        The estimator's parameter.
    X_shape : tuple of int or None
        Shape of one image if X came shaped.
    n_features : int
        Number of columns of flat X.

    Raises
    ------
    ValueError
        If the three do not agree.
    """
    if image_shape is None:
        if X_shape is not None:
            return X_shape
        side = isqrt(n_features)
        return (side, side) if side**2 == n_features else (n_features,)
    shape = (image_shape,) if isinstance(image_shape, Integral) else tuple(image_shape)
    if not 1 <= len(shape) <= 4 or not all(isinstance(n, Integral) and int(n) > 0 for n in shape):
        raise ValueError(
            f"image_shape={image_shape!r} must be a tuple of one to four positive integers: "
            f"(L,), (H, W), (H, W, C) or (D, H, W, C)."
        )
    shape = tuple(int(n) for n in shape)
    if prod(shape) != n_features:
        raise ValueError(
            f"image_shape={shape} has {prod(shape)} elements, but X has {n_features} columns. "
            f"Give the image_shape of one row of X: (H, W), (H, W, C), (L,) or (D, H, W, C)."
        )
    check_same_shape(X_shape, shape)
    return shape


def check_same_shape(X_shape: Shape | None, image_shape: Shape) -> None:
    """Raise a ValueError if X came shaped, and otherwise than `image_shape`; axes of 1 aside."""
    if X_shape is not None and _squeezed(X_shape) != _squeezed(image_shape):
        raise ValueError(
            f"X holds images of shape {X_shape}, but image_shape is {image_shape}. Reshape X to "
            f"{('n', *image_shape)}, or change image_shape.".replace("'n'", "n")
        )


def _squeezed(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def split_channels(image_shape: Shape) -> tuple[Shape, int]:
    """Return the spatial lengths and the number of channels of an image."""
    return (image_shape[:-1], image_shape[-1]) if len(image_shape) > 2 else (image_shape, 1)


def layer_shape(image_shape: Shape) -> Shape:
    """Return the shape as layers see it: (*leading, channels, last)."""
    (*leading, last), channels = split_channels(image_shape)
    return (*leading, channels, last)


def compute_dtype(dtype: npt.DTypeLike, X_dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the working dtype: what the parameter says, or for "auto" what X asks for."""
    if dtype == "auto":
        narrow = X_dtype.kind in "bui" and X_dtype.itemsize <= 2
        small = X_dtype.kind == "f" and X_dtype.itemsize <= 4
        dtype = np.float32 if narrow or small else np.float64
    return np.dtype(dtype)


def declared_dtype(X: Any) -> np.dtype[Any] | None:
    """Return the NumPy type that a pandas frame of nullable columns stands for; None for others.

    scikit-learn reads such a frame as float64, whatever its columns are.
    """
    columns = list(getattr(X, "dtypes", ()))
    if not columns or not any(hasattr(dtype, "numpy_dtype") for dtype in columns):
        return None
    return np.result_type(*(getattr(dtype, "numpy_dtype", dtype) for dtype in columns))


def _largest(X: Array, rows: Array | None) -> Any:
    """Return the largest magnitude in the rows of X that count, without a copy of them all."""
    if rows is None:
        return max(abs(X.min(initial=0)), abs(X.max(initial=0)))
    step = max(1, CHUNK_ELEMENTS // X.shape[1])
    parts = (rows[start : start + step] for start in range(0, len(rows), step))
    return max((_largest(X[part], None) for part in parts), default=0.0)


def check_range(X: Array, dtype: np.dtype[Any], rows: Array | None = None) -> None:
    """Raise a ValueError if rows of X, by default all, hold what the working dtype cannot."""
    if X.dtype.kind != "f" or X.dtype.itemsize <= dtype.itemsize:
        return
    largest = _largest(X, rows)
    if largest > np.finfo(dtype).max:
        raise ValueError(
            f"X holds a number of magnitude {largest:.3g}, too large for dtype {dtype}. Scale X "
            f"down, or fit with dtype='float64'."
        )


def has_finite_sum(X: Array) -> bool:
    """Return whether the sum is finite, as no sum of infinite numbers or NaN is.

    scikit-learn's check starts so too, but takes longer to begin than a small prediction.
    """
    if X.dtype.kind != "f":
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.add.reduce(X, axis=None)))


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
    largest = float(_largest(X, rows)) if X.dtype.kind == "f" else 0.0
    return 2.0 ** min(int(np.frexp(largest)[1]), 1023) if largest else 1.0


class Images:
    """Rows of X as batches of standardised images, cast a batch at a time.

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
        The rows of X that count; all of them by default.
    check : callable, optional
        What :meth:`check` asks about rows of X.
    """

    def __init__(
        self,
        X: Array,
        image_shape: Shape,
        standardizer: Standardizer | None,
        dtype: np.dtype[Any],
        rows: Array | None = None,
        check: Callable[[Array], object] | None = None,
    ) -> None:
        self._X, self._rows, self._dtype, self._check_rows = X, rows, dtype, check
        lengths, channels = split_channels(image_shape)
        self._image = (*lengths, channels)
        # (n, *leading, last, C) -> (*leading, C, last, n)
        rank = len(lengths)
        self._order = (*range(1, rank), rank + 1, rank, 0)
        self._shape = layer_shape(image_shape)
        self._moments: tuple[Array, Array] | None = None
        if standardizer is not None:
            mean, deviation = (
                part.astype(dtype)[:, None, None]
                for part in (standardizer.mean, standardizer.deviation)
            )
            if not deviation.all():
                raise ValueError(
                    f"X varies by no more than {standardizer.deviation.min():.3g}, too little for "
                    f"dtype {dtype}. Scale X up, or fit with dtype='float64'."
                )
            self._moments = mean, deviation

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
        x = workspace.buffer("x", (*self._shape, len(rows)), self._dtype)
        if self._image[-1] == 1:  # one channel: a plain transposition, which is faster
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
        """Return rows of X in its own dtype."""
        X = self._X
        if isinstance(index, slice) or not (X.flags.c_contiguous or X.flags.f_contiguous):
            return X[index]
        # mode="clip" writes to `out` directly
        if X.flags.c_contiguous:
            rows = workspace.buffer("rows", (len(index), X.shape[1]), X.dtype)
            return X.take(index, axis=0, out=rows, mode="clip")
        columns = workspace.buffer("rows", (X.shape[1], len(index)), X.dtype)
        return X.T.take(index, axis=1, out=columns, mode="clip").T
