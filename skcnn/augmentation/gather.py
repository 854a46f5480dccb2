"""Augmentations that move pixels without changing them: each is one gather."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skcnn._checks import is_integer
from skcnn._engine.workspace import Workspace
from skcnn.augmentation.base import Array, Augmentation, Shape, check_between, fill_values

__all__ = ["HorizontalFlip", "Shift"]


@dataclass(frozen=True)
class Shift(Augmentation):
    """Move each image by a random number of whole pixels along each axis.

    Parameters
    ----------
    max_shift : int, float or tuple, default=0.1
        Largest shift in either direction; all shifts up to it are equally likely. An integer
        counts pixels, a float in [0, 1) is a fraction of the axis, rounded down but to no less than
        one pixel unless it is 0; a tuple has one of them for each spatial axis. Axes of length 1
        stay.
    """

    max_shift: Any = 0.1

    def check(self, lengths: Shape) -> None:
        """Check that there is one shift for each axis, shorter than the axis."""
        self._limits(lengths)

    def _limits(self, lengths: Shape) -> list[int]:
        """Return the largest shift along each axis in pixels."""
        shifts = self.max_shift
        if not isinstance(shifts, tuple | list):
            shifts = (shifts,) * len(lengths)
        if len(shifts) != len(lengths):
            raise ValueError(
                f"max_shift={self.max_shift!r} has {len(shifts)} entries, but the images have "
                f"{len(lengths)} spatial axes. Give one number for all, or one for each."
            )
        return [self._limit(shift, length) for shift, length in zip(shifts, lengths, strict=True)]

    def _limit(self, shift: Any, length: int) -> int:
        if is_integer(shift):
            if 0 <= shift < length or (length == 1 and shift >= 0):
                return min(int(shift), length - 1)
        elif isinstance(shift, float | np.floating) and 0 <= shift < 1:
            return min(max(int(shift * length), 1 if shift else 0), length - 1)
        raise ValueError(
            f"max_shift={self.max_shift!r} must be pixels, an integer of at least 0 and less than "
            f"the axis ({length} here), or a fraction of the axis, a float in [0, 1)."
        )

    def apply(
        self, x: Array, rng: np.random.Generator, workspace: Workspace, fill: Array | float
    ) -> Array:
        """y[p] = x[p - shift], `fill` where that lies outside."""
        lengths, n = (*x.shape[:-3], x.shape[-2]), x.shape[-1]
        sources = [
            np.arange(length)[:, None] - rng.integers(-limit, limit + 1, n)
            for length, limit in zip(lengths, self._limits(lengths), strict=True)
        ]
        return gather(x, sources, workspace, fill)


@dataclass(frozen=True)
class HorizontalFlip(Augmentation):
    """Mirror images along their last spatial axis, left to right.

    Parameters
    ----------
    probability : float, default=0.5
        Probability of each image to be mirrored.
    """

    probability: float = 0.5

    def check(self, lengths: Shape) -> None:
        """Check the probability."""
        check_between(self.probability, "probability", 0, 1)

    def apply(
        self, x: Array, rng: np.random.Generator, workspace: Workspace, fill: Array | float
    ) -> Array:
        """y[..., w] = x[..., W - 1 - w] for the samples that are drawn."""
        *leading, _, last, n = x.shape
        flipped = rng.random(n) < self.probability
        column = np.arange(last)[:, None]
        sources = [np.arange(length)[:, None] for length in leading]
        return gather(x, [*sources, np.where(flipped, last - 1 - column, column)], workspace, fill)


def gather(x: Array, sources: list[Array], workspace: Workspace, fill: Array | float) -> Array:
    """Return y whose pixel at (p, q, ...) of sample i is that of x at (p', q', ...).

    Parameters
    ----------
    x : ndarray of shape (*leading, channels, last, n)
        Contiguous.
    sources : list of ndarray of int of shape (length, n) or (length, 1)
        For each spatial axis, where along it each pixel of each sample comes from.
    workspace : Workspace
        Holds the result.
    fill : float or ndarray of shape (channels,)
        Fill value where a source is outside.
    """
    lengths = (*x.shape[:-3], x.shape[-2])
    channels, last, n = x.shape[-3:]
    inside = [
        np.clip(source, 0, length - 1) for source, length in zip(sources, lengths, strict=True)
    ]
    # (C, W, N), then (*leading, 1, 1, N): small sums first, one of full size
    index = inside[-1] * n + np.arange(n) + (np.arange(channels) * (last * n))[:, None, None]
    stride, offsets = channels * last * n, np.zeros((1, 1, n), np.intp)
    for axis in reversed(range(len(lengths) - 1)):
        offsets = offsets + _on_axis(inside[axis] * stride, axis, len(lengths))
        stride *= lengths[axis]
    where = workspace.buffer("index", x.shape, np.intp)
    np.add(offsets, index, out=where)
    y = workspace.buffer("y", x.shape, x.dtype)
    np.take(x, where, out=y, mode="clip")  # mode="clip" writes to `out` directly
    _fill_outside(y, sources, inside, workspace, fill)
    return y


def _fill_outside(
    y: Array, sources: list[Array], inside: list[Array], workspace: Workspace, fill: Array | float
) -> None:
    """Write `fill` where a source had to be clipped."""
    rank = len(sources)
    outside = [source != clipped for source, clipped in zip(sources, inside, strict=True)]
    if not any(part.any() for part in outside):
        return
    mask = workspace.buffer("outside", (*y.shape[:-3], 1, *y.shape[-2:]), np.bool_)
    mask[:] = outside[-1]
    for axis, part in enumerate(outside[:-1]):
        mask |= _on_axis(part, axis, rank)
    np.copyto(y, fill_values(fill, y), where=mask)


def _on_axis(values: Array, axis: int, rank: int) -> Array:
    """Shape (length, n) to be along a leading axis of (*leading, channels, last, n)."""
    shape = [1] * (rank + 2)
    shape[axis], shape[-1] = values.shape
    return values.reshape(shape)
