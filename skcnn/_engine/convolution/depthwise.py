"""Depthwise convolution: every filter sees one channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._engine.convolution.algorithm import Algorithm
from skcnn._engine.convolution.bands import Bands, Block
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

# Columns of a tile: more of them make larger matrices, of more zeros.
TILE = 8
# For sums over outputs, which have no such zeros.
WIDE_TILE = 32
ALL = slice(None)


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
        return Bands(self.axes, self.channels, 1, self.multiplier, TILE)

    @cached_property
    def wide(self) -> Bands:
        """The same in wider tiles."""
        return Bands(self.axes, self.channels, 1, self.multiplier, WIDE_TILE)

    @cached_property
    def adjoint(self) -> Bands:
        """The convolution from dy, with zeros between its elements, to dx."""
        axes = []
        for axis in self.axes:
            length = (axis.output - 1) * axis.stride + 1
            before = axis.extent - 1 - axis.before
            after = axis.length - 1 + axis.extent - length - before
            axes.append(replace(axis, length=length, stride=1, before=before, after=after))
        return Bands(tuple(axes), self.channels, self.multiplier, 1, TILE)

    def forward(self, x: Array, weights: Array, workspace: Workspace) -> tuple[Array, Any]:
        """Copy x and multiply by banded matrices, block by block."""
        x = workspace.contiguous("x", x)
        blocks = workspace.views("x", x, lambda x: self.bands.blocks("copied", x, workspace))
        kernels = self._by_channel(weights)
        matrices = self.bands.matrices("matrices", kernels[:, :, None], workspace)
        *leading, last = (axis.output for axis in self.axes)
        shape = (*leading, self.n_filters, last, x.shape[-1])
        y = workspace.buffer("y", shape, x.dtype)
        targets = workspace.views("y", y, lambda y: self.bands.by_block(y, blocks))
        self.bands.multiply(matrices, blocks, targets)
        if self.interleave == 1:
            return y, (x, kernels)
        grouped = workspace.buffer("grouped", shape, x.dtype)
        np.copyto(self._groups(grouped), self._neighbors(y))
        return grouped, (x, kernels)

    def backward(
        self, dy: Array, kept: Any, gradient: Array, workspace: Workspace, *, need_dx: bool
    ) -> Array | None:
        """dw = sum over outputs of dy * shifted x; dx is the convolution of dy."""
        x, kernels = kept
        if self.interleave > 1:
            natural = workspace.buffer("natural", dy.shape, dy.dtype)
            np.copyto(self._neighbors(natural), self._groups(dy))
            dy = natural
        dy = workspace.contiguous("dy", dy)
        self._weight_gradient(x, dy, gradient, workspace)
        if not need_dx:
            return None
        dy = self._spread(dy, workspace)
        d_blocks = workspace.views(
            "d_blocks", dy, lambda dy: self.adjoint.blocks("d_copied", dy, workspace)
        )
        flipped = kernels[(..., *(slice(None, None, -1),) * len(self.axes))][:, None]
        matrices = self.adjoint.matrices("d_matrices", flipped, workspace)
        *leading, last = (axis.length for axis in self.axes)
        shape = (*leading, self.channels, last, dy.shape[-1])
        dx = workspace.buffer("dx", shape, dy.dtype)
        targets = workspace.views("dx", dx, lambda dx: self.adjoint.by_block(dx, d_blocks))
        self.adjoint.multiply(matrices, d_blocks, targets)
        return dx

    def _weight_gradient(self, x: Array, dy: Array, gradient: Array, workspace: Workspace) -> None:
        """Write the sum over outputs and images of dy times what each kernel position reads."""
        blocks = workspace.views("wide", x, lambda x: self.wide.blocks("copied", x, workspace))
        sums = workspace.buffer("sums", self._sums_shape, dy.dtype)
        rows = workspace.views("d_rows", dy, lambda dy: self.wide.by_block(dy, blocks))
        # the sums do not depend on the number of images, but the blocks do
        name = f"sums of {x.shape[-1]}"
        totals = workspace.views(name, sums, lambda sums: self._by_block(sums, blocks))
        for block, row, total in zip(blocks, rows, totals, strict=True):
            block.copy()
            run = self._row(row, workspace)
            np.vecdot(block.shifted, run[(..., *(None,) * len(self._window), ALL)], out=total)
        outputs = (0, *range(3, 4 + len(self.wide.outer)))
        result = self.wide.height_first(self._by_channel(gradient))
        np.add.reduce(sums, axis=outputs, out=result)

    @cached_property
    def _window(self) -> Shape:
        """Kernel positions: of the height, of the outer axes, of the last axis."""
        outer = (axis.kernel for axis in self.wide.outer)
        return (self.wide.height.kernel, *outer, self.wide.side.kernel)

    @cached_property
    def _sums_shape(self) -> Shape:
        """A sum for each tile and output row, (tiles, C, M, *outer, OH, *window)."""
        outputs = (*(axis.output for axis in self.wide.outer), self.wide.height.output)
        n_tiles = len(self.wide.tiles)
        return (n_tiles, self.channels, self.multiplier, *outputs, *self._window)

    def _by_block(self, sums: Array, blocks: list[Block]) -> list[Array]:
        """View the sums of each block."""
        return [sums[self.wide.tiles.index(block.tile), block.channels] for block in blocks]

    def _row(self, tile: Array, workspace: Workspace) -> Array:
        """Return the columns of a tile in one run, (..., columns * n), with zeros in between."""
        *leading, count, n = tile.shape
        stride = self.wide.steps[0]
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
