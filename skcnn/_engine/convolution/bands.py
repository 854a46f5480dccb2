"""A convolution of every channel by itself, as products with banded matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._engine.convolution.geometry import Axis, Rows, outside, stacked_rows
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Index = tuple[Any, ...]

# Bytes that are copied at a time, at most: they are still in the core's own cache when multiplied.
MOST_COPIED = 512 * 1024
ALL = slice(None)


class _Tile(NamedTuple):
    """Neighboring columns, as far apart as kernel positions are if these have gaps."""

    columns: slice  # of the output
    n_columns: int
    inputs: Axis  # its windows of one element are the columns that the tile reads


class Block(NamedTuple):
    """Some channels of a tile: what is copied for them, and what products read of it."""

    tile: _Tile
    channels: slice
    outside: list[Array]  # what is zero of the copy; the same for all channels
    copies: list[tuple[Array, Array]]  # what to fill with which views of x
    windows: Array  # of shape (C, 1, *outer, OH, lines, n)
    shifted: Array  # what each kernel position reads, see `Bands`

    def copy(self) -> None:
        """Fill the buffer with what the products read."""
        if self.channels.start == 0:
            for rest in self.outside:
                rest.fill(0)
        for target, source in self.copies:
            np.copyto(target, source)


@dataclass(frozen=True)
class Bands:
    """A convolution of every channel by itself, as products with banded matrices.

    The columns that a tile of outputs reads are copied one behind the other, channel by channel,
    so that rows of windows are neighbors and need no copy. A matrix has the kernel in each of its
    lines, shifted, one line for each column of the tile. Axes before the height are copied for
    each of their kernel positions, and so is a dilated height.

    Parameters
    ----------
    axes : tuple of Axis
        The spatial axes.
    channels : int
        Channels, each by itself.
    inputs, outputs : int
        Maps that a channel has before and after; one of both is 1.
    least_tile : int
        Columns of a tile, if the kernel does not have more, and if there are so many.
    """

    axes: tuple[Axis, ...]
    channels: int
    inputs: int
    outputs: int
    least_tile: int

    @cached_property
    def is_stacked(self) -> bool:
        """Whether rows of windows are neighbors."""
        return len(self.axes) > 1 and self.axes[-2].dilation == 1

    @cached_property
    def height(self) -> Axis:
        """The axis whose rows are stacked; of length 1 for signals and if it is dilated."""
        return self.axes[-2] if self.is_stacked else Axis(1, 1)

    @cached_property
    def outer(self) -> tuple[Axis, ...]:
        """Axes that are copied for each of their kernel positions."""
        return self.axes[:-2] if self.is_stacked else self.axes[:-1]

    @cached_property
    def side(self) -> Axis:
        """The last axis."""
        return self.axes[-1]

    @cached_property
    def steps(self) -> tuple[int, int]:
        """How far neighbors are apart in a tile: outputs, and kernel positions."""
        return (1, 1) if self.side.stride == 1 else (self.side.stride, self.side.dilation)

    @cached_property
    def gap(self) -> int:
        """How far neighbors of a tile are apart in x; without a stride in y as well."""
        return self.side.dilation if self.side.stride == 1 else 1

    @cached_property
    def tile(self) -> int:
        """Outputs of a tile."""
        return min(max(self.least_tile, self.side.kernel), -(-self.side.output // self.gap))

    @cached_property
    def columns(self) -> int:
        """Input columns of a tile."""
        stride, dilation = self.steps
        return (self.tile - 1) * stride + (self.side.kernel - 1) * dilation + 1

    @cached_property
    def tiles(self) -> list[_Tile]:
        """All tiles, the last ones maybe of fewer outputs."""
        side, gap = self.side, self.gap
        tiles = []
        for phase in range(min(gap, side.output)):
            for first in range(phase, side.output, gap * self.tile):
                columns = slice(first, min(first + gap * self.tile, side.output), gap)
                start = first * side.stride - side.before
                after = start + (self.columns - 1) * gap + 1 - side.length
                inputs = Axis(side.length, 1, gap, -start, after)
                count = len(range(columns.start, columns.stop, gap))
                tiles.append(_Tile(columns, count, inputs))
        return tiles

    def blocks(self, name: str, x: Array, workspace: Workspace) -> list[Block]:
        """Return all blocks, tile by tile, which share one buffer.

        `windows` are (C, 1, *outer, OH, lines, n). `shifted`, for channels of one map, goes from
        the first column that a kernel position reads in a tile to the last, (C, 1, *outer, OH, kh,
        *outer kernel, kw, columns * n).

        Parameters
        ----------
        name : str
            Of the buffer.
        x : ndarray of shape (*leading, C * inputs, last, n)
            Contiguous.
        workspace : Workspace
            Holds the buffer.
        """
        outer, n = self.outer, x.shape[-1]
        outputs, kernel = (axis.output for axis in outer), (axis.kernel for axis in outer)
        shape = (*outputs, self.height.reach, self.inputs, *kernel, self.columns, n)
        together = min(self.channels, max(1, MOST_COPIED // (prod(shape) * x.itemsize)))
        buffer = workspace.buffer(name, (together, *shape), x.dtype)
        lengths = (*(axis.length for axis in outer), self.height.length)
        maps = self._by_channel(x, lengths, self.inputs)
        blocks = []
        for tile in self.tiles:
            for first in range(0, self.channels, together):
                channels = slice(first, min(first + together, self.channels))
                part = maps[channels]
                copy = buffer[: len(part)]
                rests, copies = self._copies(tile, part, copy)
                views = self._stacked(copy), self._shifted(tile, copy)
                blocks.append(Block(tile, channels, rests, copies, *views))
        return blocks

    def matrices(self, name: str, kernels: Array, workspace: Workspace) -> Array:
        """Return matrices, (C, outputs, 1, ..., tile, lines), with the kernels in every line.

        Parameters
        ----------
        name : str
            Of the buffer.
        kernels : ndarray of shape (C, outputs, inputs, *kernel)
            Of all filters.
        workspace : Workspace
            Holds the result.
        """
        outer = tuple(axis.kernel for axis in self.outer)
        shape = (self.height.kernel, self.inputs, *outer, self.columns)
        shape = (self.channels, self.outputs, self.tile, *shape)
        banded = workspace.buffer(name, shape, kernels.dtype)
        banded.fill(0)
        lines = self.height_first(kernels)[:, :, None]
        np.copyto(workspace.views(name, banded, self._band), lines)
        ones = (1,) * (len(self.outer) + 1)
        return banded.reshape(self.channels, self.outputs, *ones, self.tile, -1)

    def multiply(self, matrices: Array, blocks: list[Block], targets: list[Array]) -> None:
        """Write what the kernels make of x to the targets, see :meth:`by_block`."""
        for block, target in zip(blocks, targets, strict=True):
            block.copy()
            lines = matrices[block.channels, ..., : block.tile.n_columns, :]
            np.matmul(lines, block.windows, out=target)

    def height_first(self, kernels: Array) -> Array:
        """View (C, outputs, ..., *kernel) as (C, outputs, kh, ..., *outer kernel, kw)."""
        *leading, last = kernels.shape
        if not self.is_stacked:
            kernels = kernels.reshape(*leading, 1, last)
        return np.moveaxis(kernels, -2, 2)

    def by_block(self, y: Array, blocks: list[Block]) -> list[Array]:
        """View the columns of each block, (C, outputs, *outer, OH, columns, n)."""
        outer = (axis.output for axis in self.outer)
        maps = self._by_channel(y, (*outer, self.height.output), self.outputs)
        maps = np.moveaxis(maps, -3, 1)
        return [maps[block.channels][..., block.tile.columns, :] for block in blocks]

    def _copies(
        self, tile: _Tile, x: Array, copy: Array
    ) -> tuple[list[Array], list[tuple[Array, Array]]]:
        """Return what of the copy is zero, and what to fill with which views of x."""
        height, outer = self.height, self.outer
        outputs = (axis.output for axis in outer)
        box = (len(copy), *outputs, height.reach, self.inputs, self.columns)
        after = height.reach - height.length - height.before
        rows = Axis(height.length, 1, 1, height.before, after).kernel_position(0)
        columns = tile.inputs.kernel_position(0)
        rests: list[Array] = []
        copies = []
        for js in product(*(range(axis.kernel) for axis in outer)):
            reads = [axis.kernel_position(j) for axis, j in zip(outer, js, strict=True)]
            index: Index = (..., *js, ALL, ALL)
            part = copy[index]  # (C, *outer, rows, inputs, columns, n)
            targets = (read.target for read in (*reads, rows))
            sources = (read.source for read in (*reads, rows))
            inside = (ALL, *targets, ALL, columns.target)
            rests += [part[rest] for rest in outside(inside, box)]
            copies.append((part[inside], x[(ALL, *sources, ALL, columns.source)]))
        return rests, copies

    def _stacked(self, copy: Array) -> Array:
        """View the windows of a copy as matrices."""
        height = self.height
        rows = Rows(slice(0, height.output), 0, height.stride, slice(0, height.kernel))
        shape = copy.shape[: len(self.outer) + 2]
        return stacked_rows(copy.reshape(*shape, -1, copy.shape[-1]), rows)[:, None]

    def _shifted(self, tile: _Tile, copy: Array) -> Array:
        """View what each kernel position reads in a copy."""
        stride, dilation = self.steps
        channel, *leading, column, item = copy.strides
        outer, (row, _, *outer_kernel) = leading[: len(self.outer)], leading[len(self.outer) :]
        window = (self.height.kernel, *(axis.kernel for axis in self.outer), self.side.kernel)
        outputs = (*(axis.output for axis in self.outer), self.height.output)
        length = ((tile.n_columns - 1) * stride + 1) * copy.shape[-1]
        strides = (channel, 0, *outer, self.height.stride * row)
        return np.ndarray(
            (len(copy), 1, *outputs, *window, length),
            copy.dtype,
            copy,
            0,
            (*strides, row, *outer_kernel, dilation * column, item),
        )

    def _by_channel(self, x: Array, lengths: Shape, maps: int) -> Array:
        """View (*leading, C * maps, last, n) as (C, *lengths, maps, last, n)."""
        split = x.reshape(*lengths, self.channels, maps, *x.shape[-2:])
        return np.moveaxis(split, len(lengths), 0)

    def _band(self, banded: Array) -> Array:
        """View the matrices, for each column of a tile, where its kernel is."""
        stride, dilation = self.steps
        *leading, column = banded.strides
        leading[2] += stride * column
        shape = (*banded.shape[:-1], self.side.kernel)
        return np.ndarray(shape, banded.dtype, banded, 0, (*leading, dilation * column))
