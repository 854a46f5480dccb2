"""Depthwise convolution: filters see one channel each, and what is left are banded matrices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._engine.convolution.algorithm import Algorithm
from skcnn._engine.convolution.geometry import Axis, Rows, outside, stacked_rows
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

# Columns of a tile, or as many as the kernel has: more of them make larger matrices, of more zeros.
LEAST_TILE = 8
ALL = slice(None)


class _Tile(NamedTuple):
    """Neighboring columns, as far apart as kernel positions are if these have gaps."""

    columns: slice  # of the output
    count: int
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
            np.matmul(matrices[..., : tile.count, :], window, out=target)

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
            length = ((tile.count - 1) * stride + 1) * copied.shape[-1]
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
        rests, copies = [], []
        for number, tile in enumerate(self.tiles):
            columns = tile.inputs.kernel_position(0)
            for js in product(*(range(axis.kernel) for axis in outer)):
                reads = [axis.kernel_position(j) for axis, j in zip(outer, js, strict=True)]
                part = buffer[(number, ..., *js, ALL, ALL)]  # (C, *outer, rows, inputs, columns, n)
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


@dataclass(frozen=True)
class Depthwise(Algorithm):
    """Every channel by itself, by products with banded matrices.

    The gradient for x is a convolution as well: of dy, with zeros between its elements where there
    is a stride, by the kernel from its last position to its first.
    """

    @cached_property
    def multiplier(self) -> int:
        """Filters of a channel."""
        return self.n_filters // self.channels

    @cached_property
    def bands(self) -> Bands:
        """The convolution."""
        return Bands(self.axes, self.channels, 1, self.multiplier)

    @cached_property
    def adjoint(self) -> Bands:
        """The convolution from dy, with zeros between its elements, to dx."""
        axes = []
        for axis in self.axes:
            length = (axis.output - 1) * axis.stride + 1
            before = axis.extent - 1 - axis.before
            after = axis.length - 1 + axis.extent - length - before
            axes.append(replace(axis, length=length, stride=1, before=before, after=after))
        return Bands(tuple(axes), self.channels, self.multiplier, 1)

    def forward(self, x: Array, weights: Array, workspace: Workspace) -> tuple[Array, Any]:
        """Copy x tile by tile, then multiply by banded matrices."""
        copied = self.bands.copied("copied", workspace.contiguous("x", x), workspace)
        kernels = self._by_channel(weights)
        matrices = self.bands.matrices("matrices", kernels[:, :, None], workspace)
        *leading, last = (axis.output for axis in self.axes)
        shape = (*leading, self.n_filters, last, x.shape[-1])
        y = workspace.buffer("y", shape, x.dtype)
        self.bands.multiply(matrices, copied, y, workspace.part("bands"))
        if self.interleave == 1:
            return y, (copied, kernels)
        grouped = workspace.buffer("grouped", shape, x.dtype)
        np.copyto(self._groups(grouped), self._neighbors(y))
        return grouped, (copied, kernels)

    def backward(
        self, dy: Array, kept: Any, gradient: Array, workspace: Workspace, *, need_dx: bool
    ) -> Array | None:
        """dw = sum over outputs of dy * shifted x; dx is the convolution of dy."""
        copied, kernels = kept
        if self.interleave > 1:
            natural = workspace.buffer("natural", dy.shape, dy.dtype)
            np.copyto(self._neighbors(natural), self._groups(dy))
            dy = natural
        dy = workspace.contiguous("dy", dy)
        self._weight_gradient(copied, dy, gradient, workspace)
        if not need_dx:
            return None
        dy = self._spread(dy, workspace)
        d_copied = self.adjoint.copied("d_copied", dy, workspace)
        flipped = kernels[(..., *(slice(None, None, -1),) * len(self.axes))][:, None]
        matrices = self.adjoint.matrices("d_matrices", flipped, workspace)
        *leading, last = (axis.length for axis in self.axes)
        shape = (*leading, self.channels, last, dy.shape[-1])
        dx = workspace.buffer("dx", shape, dy.dtype)
        self.adjoint.multiply(matrices, d_copied, dx, workspace.part("adjoint"))
        return dx

    def _weight_gradient(
        self, copied: Array, dy: Array, gradient: Array, workspace: Workspace
    ) -> None:
        """Write the sum over outputs and images of dy times what each kernel position reads."""
        views = workspace.views("shifted", copied, self.bands.shifted)
        sums = workspace.buffer("sums", self._sums_shape, dy.dtype)
        tiles = workspace.views("d_tiles", dy, self.bands.by_tile)
        for view, tile, target in zip(views, tiles, sums, strict=True):
            row = self._row(tile, workspace)
            np.vecdot(view, row[(..., *(None,) * len(self._window), ALL)], out=target)
        outputs = (0, *range(3, 4 + len(self.bands.outer)))
        result = self.bands.height_first(self._by_channel(gradient))
        np.add.reduce(sums, axis=outputs, out=result)

    @cached_property
    def _window(self) -> Shape:
        """Kernel positions: of the height, of the outer axes, of the last axis."""
        outer = (axis.kernel for axis in self.bands.outer)
        return (self.bands.height.kernel, *outer, self.bands.side.kernel)

    @cached_property
    def _sums_shape(self) -> Shape:
        """A sum for each tile and output row, (tiles, C, M, *outer, OH, *window)."""
        outputs = (*(axis.output for axis in self.bands.outer), self.bands.height.output)
        n_tiles = len(self.bands.tiles)
        return (n_tiles, self.channels, self.multiplier, *outputs, *self._window)

    def _row(self, tile: Array, workspace: Workspace) -> Array:
        """Return the columns of a tile in one run, (..., columns * n), with zeros in between."""
        *leading, count, n = tile.shape
        stride = self.bands.steps[0]
        if stride == 1 and tile.strides[-2] == n * tile.itemsize:
            return tile.reshape(*leading, count * n)
        row = workspace.buffer("row", (*leading, (count - 1) * stride + 1, n), tile.dtype)
        row.fill(0)
        np.copyto(row[..., ::stride, :], tile)
        return row.reshape(*leading, -1)

    def _spread(self, dy: Array, workspace: Workspace) -> Array:
        """Return dy with zeros between elements of axes with a stride."""
        steps = [slice(None, None, axis.stride) for axis in self.axes]
        if all(axis.stride == 1 for axis in self.axes):
            return dy
        *leading, last = (axis.length for axis in self.adjoint.axes)
        shape = (*leading, self.n_filters, last, dy.shape[-1])
        spread = workspace.buffer("spread", shape, dy.dtype)
        spread.fill(0)
        spread[(*steps[:-1], ALL, steps[-1])] = dy
        return spread

    def _by_channel(self, weights: Array) -> Array:
        """View weights, (*kernel, 1, F), as (C, M, *kernel)."""
        *kernel, _, _ = weights.shape
        split = weights.reshape(*kernel, self.channels, self.multiplier)
        return np.moveaxis(split, (-2, -1), (0, 1))

    def _groups(self, y: Array) -> Array:
        """View columns in groups, as they are written, with an axis for groups."""
        *leading, columns, n = y.shape
        return y.reshape(*leading, self.interleave, columns // self.interleave, n)

    def _neighbors(self, y: Array) -> Array:
        """View columns in their natural order as :meth:`_groups` has them."""
        *leading, columns, n = y.shape
        return y.reshape(*leading, columns // self.interleave, self.interleave, n).swapaxes(-3, -2)
