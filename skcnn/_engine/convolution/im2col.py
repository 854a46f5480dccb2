"""Convolution by im2col of one axis: every window is copied, and every multiplication done."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._engine.convolution.geometry import Axis, outside
from skcnn._engine.convolution.matmuls import MatrixAlgorithm, height_of
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Index = tuple[Any, ...]

# Copying an element and adding it back takes as long as so many multiply-adds.
COPY_COST = 23


class _KernelPosition(NamedTuple):
    """What one kernel position reads, as indices into x and into the transformed array."""

    part: Index  # of the transformed array: all that belongs to the kernel position
    inside: Index  # of the part: the outputs that read a real element
    outside: list[Index]  # of the part: the others
    source: Index  # of x: the elements read


@dataclass(frozen=True)
class Im2col(MatrixAlgorithm):
    """im2col of one axis: a copy of x for each kernel position of the last axis, not of the height.

    For images, transformed[h, j, c, ow] = x[h, c, ow * stride + j - before]: what position j of a
    filter's row reads. The leading axis of a volume is copied like the last, and so is a dilated
    height, with an axis of length 1 in its place. Each group of channels is copied to a place of
    its own, and has products of its own.

    Parameters
    ----------
    axes : tuple of Axis
        The spatial axes; the one before the last, if there is one, is not dilated.
    channels, n_filters : int
        Channels of input and output.
    interleave : int, default=1
        Groups of output columns.
    together : tuple of int, default=(1, 1)
        Neighboring output rows and columns that one window serves, divisors of their numbers: it
        is larger, with zeros among the weights. Few filters fill a product that way, and larger
        steps make fewer copies. Columns computed together come in as many groups, as if
        interleaved.
    groups : int, default=1
        Groups of channels and filters; with more than one, rows are not computed together.
    """

    together: tuple[int, int] = (1, 1)
    groups: int = 1

    @cached_property
    def height(self) -> Axis:
        """The axis whose rows are stacked, with windows for the rows computed together."""
        return height_of(self.axes).widened(self.together[0])

    @cached_property
    def side(self) -> Axis:
        """The last axis, with windows for the columns computed together."""
        return self.axes[-1].widened(self.together[1])

    @cached_property
    def outer(self) -> tuple[Axis, ...]:
        """The depth of volumes; empty for images and signals."""
        return self.axes[:-2]

    @cached_property
    def outputs(self) -> Shape:
        """Lengths of the outer axes of the output."""
        return tuple(axis.output for axis in self.outer)

    @cached_property
    def lines(self) -> int:
        """Lines of one row of a group: every outer and side kernel position of every channel."""
        return prod(axis.kernel for axis in self.outer) * self.side.kernel * self._sizes[0]

    @cached_property
    def is_plain(self) -> bool:
        """Whether x would be copied as it is."""
        return self.groups == 1 and all(
            (axis.kernel, axis.stride, axis.before, axis.after) == (1, 1, 0, 0)
            for axis in (*self.outer, *self._column_groups)
        )

    @cached_property
    def is_inside(self) -> bool:
        """Whether no kernel position reads outside of x."""
        return all(axis.before <= 0 and axis.after <= 0 for axis in (*self.outer, self.side))

    @cached_property
    def cost(self) -> int:
        """Multiply-adds of forward and backward for one image, about, and what copies take."""
        columns = prod(self.outputs) * self.side.output * self.lines * self.groups
        n_outputs = self.height.output * prod(self.together) * self._sizes[1]
        products = 3 * self.height.kernel * n_outputs
        return columns * (products + COPY_COST * self.height.length)

    def shape(self, n: int) -> Shape:
        """Return the shape for n images, (groups, *outer outputs, height, lines, OW * n)."""
        return (self.groups, *self.outputs, self.height.length, self.lines, self.side.output * n)

    def transform_input(self, x: Array, workspace: Workspace) -> Array:
        """Return x transformed, with zeros where kernel positions read outside of it.

        Parameters
        ----------
        x : ndarray of shape (*leading, channels, last, n)
            Signals, images or volumes.
        workspace : Workspace
            Holds the result.

        Returns
        -------
        transformed : ndarray of shape (groups, *outer outputs, height, lines, OW * n)
        """
        x = workspace.contiguous("x", x)
        transformed, outside, copies = workspace.views("x", x, lambda x: self._copies(x, workspace))
        for rest in outside:
            rest.fill(0)
        for target, source in copies:
            np.copyto(target, source)
        return transformed

    def input_gradient_buffer(self, dy: Array, workspace: Workspace) -> Array:
        """Return a buffer in the shape of what :meth:`transform_input` returns."""
        return workspace.buffer("d_transformed", self.shape(dy.shape[-1]), dy.dtype)

    def input_gradient(self, d_transformed: Array, workspace: Workspace) -> Array:
        """Add each element to the one of x that :meth:`transform_input` had read for it.

        Returns
        -------
        dx : ndarray of shape (*outer lengths, height, channels, last, n)
        """
        if self.is_plain:
            return d_transformed.reshape(
                self._split_input(d_transformed.shape[-1] // self.side.output)
            )
        dx, additions = workspace.views(
            "d_transformed",
            d_transformed,
            lambda d_transformed: self._additions(d_transformed, workspace),
        )
        dx.fill(0)
        for target, source in additions:
            target += source
        return dx

    def transform_weights(self, weights: Array, workspace: Workspace) -> Array:
        """Return (*kernel, C, F) as (groups, kh, lines, rows * F * columns) of those together."""
        positions = self._by_group(weights)
        shape = (self.groups, self.height.kernel, self.lines, prod(self.together) * self._sizes[1])
        if self.together == (1, 1):
            return workspace.contiguous("weights", positions).reshape(shape)
        banded = workspace.buffer("weights", shape, weights.dtype)
        banded.fill(0)
        np.copyto(workspace.views("weights", banded, self._band), positions)
        return banded

    def weight_gradient(self, total: Array, gradient: Array, workspace: Workspace) -> None:
        """Write to `gradient`, (*kernel, C, F), the sum over all that is computed together."""
        band = workspace.views("total", total, self._band)
        np.add.reduce(band, axis=(0, 1), out=self._by_group(gradient))

    def product_buffer(self, x: Array, workspace: Workspace) -> Array:
        """Return the buffer of the outputs, as (groups, *outer, OH, F, OW * n)."""
        y = workspace.buffer("y", self._split_output(x.shape[-1]), x.dtype)
        return workspace.views("y", y, self._rows)

    def transform_output(self, products: Array, workspace: Workspace) -> Array:
        """View the products as (*outer, OH, F, OW, n)."""
        shape = self._split_output(products.shape[-1] // self.side.output)
        if self.groups > 1:
            products = np.moveaxis(products, 0, -3)
        return products.reshape(shape)

    def product_gradient(self, dy: Array, workspace: Workspace) -> Array:
        """Return dy as (groups, *outer, OH, F, OW * n), contiguous."""
        rows = workspace.views("dy", workspace.contiguous("dy", dy), self._rows)
        return workspace.contiguous("d_products", rows)

    def _rows(self, y: Array) -> Array:
        """View (*outer, OH, F, OW, n) as (groups, *outer, OH, F of a group, OW * n)."""
        filters, columns = prod(self.together) * self._sizes[1], self.side.output * y.shape[-1]
        rows = y.reshape(*self.outputs, self.height.output, self.groups, filters, columns)
        return np.moveaxis(rows, -3, 0)

    def _band(self, weights: Array) -> Array:
        """View the weights of windows as (rows, columns, groups, *positions, C, F) of outputs."""
        rows, columns = self.together
        *outer, height, side = (1, *(axis.kernel for axis in self.axes))[-max(len(self.axes), 2) :]
        window = (self.groups, self.height.kernel, *outer, self.side.kernel)
        channels, filters = self._sizes
        split = weights.reshape(*window, channels, rows, filters, columns)
        group, *positions, channel, row, filter_, column = split.strides
        next_row = self.height.stride // rows * positions[0] + row
        next_column = self.side.stride // columns * positions[-1] + column
        shape = (rows, columns, self.groups, height, *outer, side, channels, filters)
        strides = (next_row, next_column, group, *positions, channel, filter_)
        return np.ndarray(shape, weights.dtype, split, 0, strides)

    def _copies(
        self, x: Array, workspace: Workspace
    ) -> tuple[Array, list[Array], list[tuple[Array, Array]]]:
        """Return x transformed, what of it is zero, and what to fill with which views of x."""
        n = x.shape[-1]
        if self.is_plain:
            return x.reshape(self.shape(n)), [], []
        transformed = workspace.buffer("transformed", self.shape(n), x.dtype)
        split = transformed.reshape(self._split(n))
        if self.is_inside:
            return transformed, [], [(split, self._windows(x))]
        parts = [split[position.part] for position in self._positions]
        pairs = list(zip(parts, self._positions, strict=True))
        outside = [part[rest] for part, position in pairs for rest in position.outside]
        groups = self._channel_groups(x)
        copies = [(part[position.inside], groups[position.source]) for part, position in pairs]
        return transformed, outside, copies

    def _additions(
        self, d_transformed: Array, workspace: Workspace
    ) -> tuple[Array, list[tuple[Array, Array]]]:
        """Return the gradient for x, and to which of its views what is to be added."""
        n = d_transformed.shape[-1] // self.side.output
        dx = workspace.buffer("dx", self._split_input(n), d_transformed.dtype)
        split = d_transformed.reshape(self._split(n))
        groups = self._channel_groups(dx)
        return dx, [
            (groups[position.source], split[position.part][position.inside])
            for position in self._positions
        ]

    def _windows(self, x: Array) -> Array:
        """View x, contiguous, as what is copied: once for every kernel position."""
        group, *outer, height, channel, column, image = self._channel_groups(x).strides
        *befores, before = (-axis.before for axis in (*self.outer, self.side))  # cropped
        steps = (axis.stride * step for axis, step in zip(self.outer, outer, strict=True))
        step = self.side.stride * column
        columns = (step, self.interleave * step)  # of a group: its number, its columns
        gaps = (axis.dilation * step for axis, step in zip(self.outer, outer, strict=True))
        position = self.side.dilation * column
        strides = (group, *steps, height, *gaps, position, channel, *columns, image)
        first = sum(n * step for n, step in zip(befores, outer, strict=True)) + before * column
        return np.ndarray(self._split(x.shape[-1]), x.dtype, x, first, strides)

    def _split_input(self, n: int) -> Shape:
        outer = (axis.length for axis in self.outer)
        return (*outer, self.height.length, self.channels, self.side.length, n)

    def _split_output(self, n: int) -> Shape:
        rows, columns = self.together
        height, side = rows * self.height.output, columns * self.side.output
        return (*self.outputs, height, self.n_filters, side, n)

    @cached_property
    def _sizes(self) -> tuple[int, int]:
        """Channels and filters of a group."""
        return self.channels // self.groups, self.n_filters // self.groups

    def _channel_groups(self, x: Array) -> Array:
        """View x, contiguous, as (groups, *outer, height, C of a group, last, n)."""
        *leading, channels, last, n = self._split_input(x.shape[-1])
        split = x.reshape(*leading, self.groups, channels // self.groups, last, n)
        return np.moveaxis(split, -4, 0)

    def _by_group(self, weights: Array) -> Array:
        """View (*kernel, C, F), contiguous, as (groups, kh, *outer, kw, C, F of a group).

        That is the order of transformed rows.
        """
        shape, order = self._weight_axes
        return weights.reshape(shape).transpose(order)

    @cached_property
    def _weight_axes(self) -> tuple[Shape, Shape]:
        """Return (*kernel, C, groups, F of a group), and these axes in the order of rows."""
        kernel = (1, *(axis.kernel for axis in self.axes))[-max(len(self.axes), 2) :]
        rank = len(kernel)
        outer, side = range(rank - 2), rank - 1
        shape = (*kernel, self._sizes[0], self.groups, self._sizes[1])
        return shape, (rank + 1, rank - 2, *outer, side, rank, rank + 2)

    @cached_property
    def _column_groups(self) -> list[Axis]:
        """The last axis as each group of output columns sees it."""
        side, groups = self.side, self.interleave
        stride, outputs = side.stride * groups, side.output // groups
        befores = (side.before - group * side.stride for group in range(groups))
        return [
            Axis(
                side.length,
                side.kernel,
                stride,
                before,
                (outputs - 1) * stride + side.extent - side.length - before,
                side.dilation,
            )
            for before in befores
        ]

    def _split(self, n: int) -> Shape:
        """Return the transformed shape with an axis for kernel positions and groups of columns."""
        outer = (axis.kernel for axis in self.outer)
        lines = (*outer, self.side.kernel, self._sizes[0])
        columns = (self.interleave, self.side.output // self.interleave)
        return (self.groups, *self.outputs, self.height.length, *lines, *columns, n)

    @cached_property
    def _positions(self) -> list[_KernelPosition]:
        outer_positions = product(*(range(axis.kernel) for axis in self.outer))
        lengths = (self.groups, *self.outputs, self.height.length, self._sizes[0])
        positions = []
        for js, j, (group, side) in product(
            outer_positions, range(self.side.kernel), enumerate(self._column_groups)
        ):
            outer = [axis.kernel_position(j) for axis, j in zip(self.outer, js, strict=True)]
            columns = side.kernel_position(j)
            every, between = slice(None), (slice(None), slice(None))  # groups; height, channels
            inside = (every, *(each.target for each in outer), *between, columns.target)
            source = (every, *(each.source for each in outer), *between, columns.source)
            part = (..., *js, j, slice(None), group, slice(None), slice(None))  # C, OW, n
            positions.append(
                _KernelPosition(part, inside, outside(inside, (*lengths, side.output)), source)
            )
        return positions
