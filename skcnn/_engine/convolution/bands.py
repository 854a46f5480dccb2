"""A convolution of every channel by itself, as products with banded matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._engine.convolution.geometry import Axis, Rows, outside, stacked_rows
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Index = tuple[Any, ...]

# Columns of a tile, or as many as the kernel has: more of them make larger matrices, of more zeros.
LEAST_TILE = 8
ALL = slice(None)


class _Tile(NamedTuple):
    """Neighboring columns, as far apart as kernel positions are if these have gaps."""

    columns: slice  # of the output
    n_columns: int
    inputs: Axis  # its windows of one element are the columns that the tile reads


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
    """

    axes: tuple[Axis, ...]
    channels: int
    inputs: int
    outputs: int

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
        return min(max(LEAST_TILE, self.side.kernel), -(-self.side.output // self.gap))

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

    def copied(self, name: str, x: Array, workspace: Workspace) -> Array:
        """Return what tiles read, (tiles, C, *outer, rows, inputs, *outer kernel, columns, n).

        Parameters
        ----------
        name : str
            Of the buffer.
        x : ndarray of shape (*leading, C * inputs, last, n)
            Contiguous.
        workspace : Workspace
            Holds the result.
        """
        buffer, rests, copies = workspace.views(name, x, lambda x: self._copies(name, x, workspace))
        for rest in rests:
            rest.fill(0)
        for target, source in copies:
            np.copyto(target, source)
        return buffer

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

    def multiply(self, matrices: Array, copied: Array, y: Array, workspace: Workspace) -> None:
        """Write to y, (*leading, C * outputs, last, n), what the kernels make of the copies."""
        windows = workspace.views("windows", copied, self._stacks)
        targets = workspace.views("targets", y, self.by_tile)
        for tile, window, target in zip(self.tiles, windows, targets, strict=True):
            np.matmul(matrices[..., : tile.n_columns, :], window, out=target)

    def height_first(self, kernels: Array) -> Array:
        """View (C, outputs, ..., *kernel) as (C, outputs, kh, ..., *outer kernel, kw)."""
        *leading, last = kernels.shape
        if not self.is_stacked:
            kernels = kernels.reshape(*leading, 1, last)
        return np.moveaxis(kernels, -2, 2)

    def by_tile(self, y: Array) -> list[Array]:
        """View the columns of each tile, (C, outputs, *outer, OH, columns, n)."""
        outer = (axis.output for axis in self.outer)
        maps = self._by_channel(y, (*outer, self.height.output), self.outputs)
        maps = np.moveaxis(maps, -3, 1)
        return [maps[..., tile.columns, :] for tile in self.tiles]

    def shifted(self, copied: Array) -> list[Array]:
        """View what each kernel position reads in a tile, from its first column to its last.

        Of shape (C, 1, *outer, OH, kh, *outer kernel, kw, columns * n), where a channel has one
        map.
        """
        stride, dilation = self.steps
        _, channel, *leading, column, item = copied.strides
        outer, (row, _, *outer_kernel) = leading[: len(self.outer)], leading[len(self.outer) :]
        window = (self.height.kernel, *(axis.kernel for axis in self.outer), self.side.kernel)
        outputs = (*(axis.output for axis in self.outer), self.height.output)
        strides = (channel, 0, *outer, self.height.stride * row)
        strides = (*strides, row, *outer_kernel, dilation * column, item)
        views = []
        for part, tile in zip(copied, self.tiles, strict=True):
            length = ((tile.n_columns - 1) * stride + 1) * copied.shape[-1]
            shape = (self.channels, 1, *outputs, *window, length)
            views.append(np.ndarray(shape, copied.dtype, part, 0, strides))
        return views

    def _copies(
        self, name: str, x: Array, workspace: Workspace
    ) -> tuple[Array, list[Array], list[tuple[Array, Array]]]:
        """Return the buffer, what of it is zero, and what to fill with which views of x."""
        height, outer = self.height, self.outer
        outputs, kernel = [axis.output for axis in outer], [axis.kernel for axis in outer]
        box = (self.channels, *outputs, height.reach, self.inputs, self.columns)
        shape = (len(self.tiles), *box[:-1], *kernel, self.columns, x.shape[-1])
        buffer = workspace.buffer(name, shape, x.dtype)
        lengths = (*(axis.length for axis in outer), height.length)
        x = self._by_channel(x, lengths, self.inputs)
        after = height.reach - height.length - height.before
        rows = Axis(height.length, 1, 1, height.before, after).kernel_position(0)
        rests: list[Array] = []
        copies = []
        for number, tile in enumerate(self.tiles):
            columns = tile.inputs.kernel_position(0)
            for js in product(*(range(axis.kernel) for axis in outer)):
                reads = [axis.kernel_position(j) for axis, j in zip(outer, js, strict=True)]
                index: Index = (number, ..., *js, ALL, ALL)
                part = buffer[index]  # (C, *outer, rows, inputs, columns, n)
                targets = (read.target for read in (*reads, rows))
                sources = (read.source for read in (*reads, rows))
                inside = (ALL, *targets, ALL, columns.target)
                rests += [part[rest] for rest in outside(inside, box)]
                copies.append((part[inside], x[(ALL, *sources, ALL, columns.source)]))
        return buffer, rests, copies

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

    def _stacks(self, copied: Array) -> list[Array]:
        """View the windows of each tile, (C, 1, *outer, OH, lines, n)."""
        rows = Rows(
            slice(0, self.height.output), 0, self.height.stride, slice(0, self.height.kernel)
        )
        shape = copied.shape[1 : len(self.outer) + 3]
        stacks = (stacked_rows(part.reshape(*shape, -1, copied.shape[-1]), rows) for part in copied)
        return [windows[:, None] for windows in stacks]
