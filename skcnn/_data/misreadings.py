"""Whether X looks like something else than the images that it was read as."""

from __future__ import annotations

import warnings
from itertools import pairwise
from math import isqrt, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.image_shape import Channels, Shape
from skcnn.exceptions import ImageShapeWarning

Array = npt.NDArray[Any]

# How many samples and elements of X are looked at, and how many samples are too few to tell.
MOST_SAMPLES, MOST_ELEMENTS, LEAST_SAMPLES = 1000, 2**17, 10
# Sides of the smallest images that flat X is compared with: gray, and in color.
LEAST_SIDE, LEAST_COLOR_SIDE = 4, 8
# Dissimilarities are 1 between unrelated columns, 0 between equal ones.
ALIKE = 0.5
# One that is so many times another is larger, the sampling error aside; and where few columns are
# compared with all.
LARGER, MUCH_LARGER = 1.5, 3.0
# Standard errors that leave no doubt, and that are worth a doubt.
SURE, TELLING = 4.0, 1.0
# Of smaller images, no columns are far enough apart.
LEAST_NOISY_SIDE = 10


def warn_if_misread(
    X: Array, rows: Array | None, X_shape: Shape | None, image_shape: Shape, channels: Channels
) -> None:
    """Give an ImageShapeWarning if X contradicts a guess of its shape.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Images, flat.
    rows : ndarray of int or None
        Which samples count; None: all.
    X_shape : tuple of int or None
        Shape of one image if X came shaped.
    image_shape : tuple of int
        How it was read, channels last.
    channels : {"last", "first"}
        Where its channels were taken to be.
    """
    if X_shape is None:
        doubt = _doubt_of_flat(X, rows)
    else:
        doubt = _doubt_of_shaped(X_shape, image_shape, channels)
    if doubt is not None:
        warnings.warn(doubt, ImageShapeWarning, stacklevel=9)  # where the user calls fit


def _doubt_of_shaped(X_shape: Shape, image_shape: Shape, channels: Channels) -> str | None:
    """Return what speaks against the order of the axes of shaped X, if anything."""
    first, last = X_shape[0], X_shape[-1]
    shape = f"X has shape {('n', *X_shape)}".replace("'n'", "n")
    read = f"{shape} and was read, channels {channels}, as {_name(image_shape)}."
    confirm = f"If it was read correctly, pass image_shape={X_shape}."
    if channels == "first":
        if len(X_shape) == 2 and first == last >= LEAST_COLOR_SIDE:
            return f"{read} For gray images pass image_shape={(1, *X_shape)}. {confirm}"
        if len(X_shape) > 2 and last in (1, 3, 4) and first > 4:
            return f"{read} If its last axis holds channels, pass channels='last'. {confirm}"
        return None
    if len(X_shape) == 2 and 2 <= last <= 4 and first >= 4 * max(last, LEAST_SIDE):
        signals = (1, first, last)
        return f"{read} For signals of {last} channels pass image_shape={signals}. {confirm}"
    # two channels are not rare, but images of 3 x 24 pixels are
    unlikely = last == 2 and len(X_shape) > 2 and min(X_shape[1:-1]) > 4 * first
    if first in (1, 3, 4) and (last > 4 or unlikely) and X_shape != (1, last):
        return (
            f"{read} If its first axis after the samples holds channels, as in PyTorch, pass "
            f"channels='first'. {confirm}"
        )
    return None


def _doubt_of_flat(X: Array, rows: Array | None) -> str | None:
    """Return what speaks against how the columns of flat X were read, if anything."""
    n = X.shape[1]
    side, color_side = isqrt(n), isqrt(n // 3)
    if side**2 == n and side >= LEAST_SIDE:
        return _doubt_of_square(_Columns.of(X, rows), side)
    if 3 * color_side**2 == n and color_side >= LEAST_COLOR_SIDE:
        columns = _Columns.of(X, rows)
        if not columns.are_ordered(color_side) or columns.are_signals(color_side):
            return None
        return _color(color_side, 3, f"signals of length {n}", (n,))
    return None


def _doubt_of_square(columns: _Columns, side: int) -> str | None:
    """Return what speaks against square gray images, if anything."""
    if columns.too_few:
        return None
    if columns.go_on_across_rows(side):
        return (
            f"X has {side**2} columns and was read as images of {side} x {side} pixels, but "
            f"neighboring columns are as alike across the end of a row as within it, as in "
            f"signals. Pass image_shape=({side**2},) for signals, or image_shape="
            f"{(side, side)} for images."
        )
    half = side // 2
    if side % 2 or half < LEAST_COLOR_SIDE or not columns.have_rows_of_color(half):
        return None
    return _color(half, 4, f"gray images of {side} x {side} pixels", (side, side))


def _color(side: int, n: int, read: str, as_read: Shape) -> str:
    """Return that columns may be square images of n channels."""
    return (
        f"X has {n * side**2} columns, {n} times {side} x {side}, and was read as {read}. For "
        f"images of {n} channels pass image_shape={(side, side, n)}, or if the values of each "
        f"channel follow each other, channels='first' and image_shape={(n, side, side)}. If it "
        f"was read correctly, pass image_shape={as_read}."
    )


def _name(image_shape: Shape) -> str:
    """Return what an image of this shape is, in words."""
    *lengths, channels = image_shape if len(image_shape) > 2 else (*image_shape, 1)
    if lengths[0] == 1 and len(lengths) == 2:
        kind, lengths = "signals of length", lengths[1:]
    else:
        kind = "images of" if len(lengths) < 3 else "volumes of"
    size = " x ".join(str(length) for length in lengths)
    return f"{kind} {size} with {channels} channel{'s' if channels > 1 else ''}"


class _Columns:
    """How alike the columns of X are, by some of its samples.

    The dissimilarity of columns is the variance of their difference, divided by the sum of their
    variances; of several pairs, the quotient of the sums.

    Parameters
    ----------
    x : ndarray of shape (n, n_features)
        Centered columns in float64.
    """

    def __init__(self, x: Array) -> None:
        self._x = x
        self._variances = (x**2).mean(axis=0)

    @classmethod
    def of(cls, X: Array, rows: Array | None) -> _Columns:
        """Take samples at equal distances from those of X that count."""
        n = len(X) if rows is None else len(rows)
        room = max(LEAST_SAMPLES, MOST_ELEMENTS // X.shape[1])
        index = np.linspace(0, n - 1, min(n, room, MOST_SAMPLES)).astype(np.intp)
        with np.errstate(all="ignore"):  # numbers that are no images are found elsewhere
            x = X[index if rows is None else rows[index]].astype(np.float64)
            x /= max(x.max(initial=0), -x.min(initial=0)) or 1.0  # squares must not overflow
            x -= x.mean(axis=0)
            return cls(x)

    @property
    def too_few(self) -> bool:
        """Whether there are too few samples to tell anything."""
        return len(self._x) < LEAST_SAMPLES

    def go_on_across_rows(self, side: int) -> bool:
        """Return whether columns go on across the ends of rows as within them, as signals do."""
        ends = np.arange(side - 1, side**2 - 1, side)
        across, beside = self._unlike(1, ends), self._unlike(1, np.r_[ends - 1, ends + 1])
        near, below = self._unlike(1), self._unlike(side)
        goes_on = across < LARGER * beside and across < MUCH_LARGER * near
        if near >= ALIKE or not goes_on:
            return False
        return below > LARGER * near or (side >= LEAST_NOISY_SIDE and self._rise_steadily(side))

    def _rise_steadily(self, side: int) -> bool:
        """Return whether columns differ the more, the farther apart, beyond doubt, as in noise.

        Columns that are one below the other differ there by little more than noise, so that the
        ends of rows are no exception only if they surely are none.
        """
        ends = np.arange(side - 1, side**2 - 1, side)
        beside = (self._each(1, ends - 1) + self._each(1, ends + 1)) / 2
        distances = [self._each(k) for k in (1, side // 2, side, 2 * side, 4 * side)]
        rises = all(_surely_larger(far, near) for near, far in pairwise(distances))
        is_far = distances[-1].mean() > LARGER * distances[0].mean()
        return rises and is_far and not _surely_larger(self._each(1, ends), beside, TELLING)

    def have_rows_of_color(self, side: int) -> bool:
        """Return whether columns are alike at the distance of rows of four channels."""
        half, channel, gray, row = (self._unlike(k * side // 2) for k in (1, 2, 4, 8))
        last = row < ALIKE and LARGER * row < gray
        first = channel < ALIKE and LARGER * channel < min(half, gray)
        return last or first

    def are_ordered(self, side: int) -> bool:
        """Return whether neighbors, or channels of a pixel, are more alike than columns far apart.

        The columns of a table are not: it may list them in any order.
        """
        if self.too_few:
            return False
        near = min(self._unlike(distance) for distance in (1, 3, side**2))
        far = max(self._unlike(k * side // 2) for k in (1, 3, side))
        return near < ALIKE and far > LARGER * near

    def are_signals(self, side: int) -> bool:
        """Return whether columns differ the more, the farther apart, whatever the rows."""
        near = self._unlike(1)
        half, row = self._unlike(side // 2), self._unlike(side)
        half_color, row_color = self._unlike(3 * side // 2), self._unlike(3 * side)
        return near < ALIKE and row_color > LARGER * near and row > half and row_color > half_color

    def _each(self, distance: int, at: Array | slice = slice(None)) -> Array:
        """Return for each sample the mean squared difference of columns at a distance."""
        differences = self._x[:, distance:][:, at] - self._x[:, :-distance][:, at]
        squares: Array = (differences**2).mean(axis=1)
        return squares

    def _unlike(self, distance: int, at: Array | slice = slice(None)) -> float:
        """Return the dissimilarity of columns at a distance; `at`: the first of each pair."""
        differences = self._x[:, distance:][:, at] - self._x[:, :-distance][:, at]
        variances = self._variances[distance:][at] + self._variances[:-distance][at]
        total = variances.sum()
        return float((differences**2).mean(axis=0).sum() / total) if total > 0 else 1.0


def _surely_larger(one: Array, other: Array, errors: float = SURE) -> bool:
    """Return whether the mean of one is larger than of the other, by so many standard errors."""
    excess = one - other
    return bool(excess.mean() > errors * excess.std() / sqrt(len(excess)))
