"""Rotation by small angles, with bilinear interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skcnn._engine.workspace import Workspace
from skcnn.augmentation.base import Array, Augmentation, Shape, check_between, fill_values

__all__ = ["Rotation"]


@dataclass(frozen=True)
class Rotation(Augmentation):
    """Rotate each image about its center by a random angle, with bilinear interpolation.

    Parameters
    ----------
    max_degrees : float, default=10.0
        Largest angle in either direction, at most 180; all angles up to it are equally likely.
        Volumes rotate in the plane of their last two spatial axes.
    """

    max_degrees: float = 10.0

    def check(self, lengths: Shape) -> None:
        """Check the angle, and that there is a plane to rotate in."""
        check_between(self.max_degrees, "max_degrees", 0, 180)
        if len(lengths) < 2:
            raise ValueError(
                f"{self} needs images or volumes, but samples are signals of length {lengths[0]}. "
                f"Leave Rotation out, or give image_shape=(H, W)."
            )

    def apply(
        self, x: Array, rng: np.random.Generator, workspace: Workspace, fill: Array | float
    ) -> Array:
        """y[p] = x[R p], interpolated, where R rotates by the sample's angle about the center."""
        angles = np.deg2rad(rng.uniform(-self.max_degrees, self.max_degrees, x.shape[-1]))
        return rotate(x, angles, workspace, fill)


def rotate(x: Array, angles: Array, workspace: Workspace, fill: Array | float) -> Array:
    """Return images rotated by one angle each, counterclockwise as seen with row 0 on top.

    Parameters
    ----------
    x : ndarray of shape (*leading, channels, last, n)
        Contiguous images or volumes.
    angles : ndarray of shape (n,)
        In radians.
    workspace : Workspace
        Holds the result.
    fill : float or ndarray of shape (channels,)
        The value of every pixel outside.
    """
    height, channels, width, n = x.shape[-4:]
    cosine, sine = np.cos(angles).astype(x.dtype), np.sin(angles).astype(x.dtype)
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    row = np.arange(height, dtype=x.dtype)[:, None, None] - x.dtype.type(middle_row)
    column = np.arange(width, dtype=x.dtype)[:, None] - x.dtype.type(middle_column)
    rows, columns = (workspace.buffer(name, (height, width, n), x.dtype) for name in ("r", "c"))
    np.add(cosine * row, sine * column + middle_row, out=rows)
    np.subtract(cosine * column + middle_column, sine * row, out=columns)
    # a frame of `fill` around each image, one pixel wide: what lies outside is in it
    frame = workspace.buffer("frame", (height + 2, channels, width + 2, n), x.dtype)
    frame[:] = fill_values(fill, x)
    of_row = channels * (width + 2) * n
    top, left = _cell(rows, height, workspace, "top"), _cell(columns, width, workspace, "left")
    top *= of_row
    left *= n
    top += left
    top += np.arange(n)
    index = workspace.buffer("index", (height, channels, width, n), np.intp)
    of_channel = np.arange(channels) * ((width + 2) * n)
    np.add(top[:, None], of_channel[:, None, None], out=index)
    y = workspace.buffer("y", x.shape, x.dtype)
    maps = x.reshape(-1, *x.shape[-4:])
    for image, out in zip(maps, y.reshape(maps.shape), strict=True):
        frame[1:-1, :, 1:-1] = image
        _interpolate(frame.reshape(-1), index, (of_row, n), (rows, columns), workspace, out)
    return y


def _cell(position: Array, length: int, workspace: Workspace, name: str) -> Array:
    """Return the pixel of the frame before each position; leave what is beyond it, 0 to 1."""
    before = workspace.buffer("before", position.shape, position.dtype)
    np.floor(position, out=before)
    np.clip(before, -1, length - 1, out=before)
    position -= before
    np.clip(position, 0, 1, out=position)
    cell = workspace.buffer(name, position.shape, np.intp)
    np.copyto(cell, before, casting="unsafe")
    cell += 1
    return cell


def _interpolate(
    frame: Array,
    index: Array,
    strides: tuple[int, int],
    parts: tuple[Array, Array],
    workspace: Workspace,
    out: Array,
) -> None:
    """Write the mean of the four pixels around each position, weighted by how near they are."""
    row_part, column_part = (part[:, None] for part in parts)  # (H, 1, W, n)
    of_row, of_column = strides
    lower, right = (workspace.buffer(name, out.shape, out.dtype) for name in ("lower", "right"))
    for target, offset in ((out, 0), (lower, of_row)):
        np.take(frame[offset:], index, out=target, mode="clip")
        np.take(frame[offset + of_column :], index, out=right, mode="clip")
        right -= target
        right *= column_part
        target += right
    lower -= out
    lower *= row_part
    out += lower
