"""Convolution by three products of matrices, each for stacks of rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._engine.block_length import block_length
from skcnn._engine.convolution.algorithm import Algorithm
from skcnn._engine.convolution.geometry import Axis, Rows, stacked_rows
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class MatrixAlgorithm(Algorithm):
    """How a convolution becomes products of matrices.

    Rows of windows need no copy: neighboring rows of the transformed array lie one behind the
    other. What is left are products: `transformed[p, ..., row, lines, columns]` and
    `weights[p, kh, lines, F]` make `products[p, ..., row, F, columns]`, for every p. The axis
    before the last is the height, whose windows need no copy.
    """

    @cached_property
    def height(self) -> Axis:
        """The axis whose rows are stacked; of length 1 for signals."""
        return height_of(self.axes)

    @cached_property
    def side(self) -> Axis:
        """The last axis."""
        return self.axes[-1]

    @cached_property
    def forward_rows(self) -> list[Rows]:
        """Stacks of rows that give an output row."""
        return self.height.forward_rows()

    @cached_property
    def backward_rows(self) -> list[tuple[int, list[Rows]]]:
        """Stacks of output rows that an input row went into, for each phase of the stride."""
        return self.height.backward_rows()

    @cached_property
    def cost(self) -> int:
        """Multiply-adds of forward and backward for one image, about."""
        raise NotImplementedError

    def forward(self, x: Array, weights: Array, workspace: Workspace) -> tuple[Array, Any]:
        """Transform x, then multiply every stack of rows by the weights."""
        transformed = self.transform_input(x, workspace)
        at_points = self.transform_weights(weights, workspace)
        products = self.product_buffer(x, workspace)
        multiply(self, at_points, transformed, products, workspace)
        return self.transform_output(products, workspace), (transformed, at_points)

    def backward(
        self, dy: Array, kept: Any, gradient: Array, workspace: Workspace, *, need_dx: bool
    ) -> Array | None:
        """dw = transformed x times dy; dx = dy times w, added back to the elements of x."""
        transformed, weights = kept
        d_products = self.product_gradient(dy, workspace)
        total = workspace.buffer("total", weights.shape, dy.dtype)
        multiply_by_transformed(self, transformed, d_products, total, workspace)
        self.weight_gradient(total, gradient, workspace)
        if not need_dx:
            return None
        d_transformed = self.input_gradient_buffer(dy, workspace)
        multiply_by_weights(self, weights, d_products, d_transformed, workspace)
        return self.input_gradient(d_transformed, workspace)

    def transform_input(self, x: Array, workspace: Workspace) -> Array:
        """Return x as the products read it."""
        raise NotImplementedError

    def input_gradient_buffer(self, dy: Array, workspace: Workspace) -> Array:
        """Return where the gradient for what :meth:`transform_input` returns is written."""
        raise NotImplementedError

    def input_gradient(self, d_transformed: Array, workspace: Workspace) -> Array:
        """Return the gradient for x, a sum over all that :meth:`transform_input` made of it."""
        raise NotImplementedError

    def transform_weights(self, weights: Array, workspace: Workspace) -> Array:
        """Return weights of shape (*kernel, C, F) as the products read them."""
        raise NotImplementedError

    def weight_gradient(self, total: Array, gradient: Array, workspace: Workspace) -> None:
        """Write the gradient for the weights, from `total` for the transformed ones."""
        raise NotImplementedError

    def product_buffer(self, x: Array, workspace: Workspace) -> Array:
        """Return where the products are written."""
        raise NotImplementedError

    def transform_output(self, products: Array, workspace: Workspace) -> Array:
        """Return the outputs, from the products."""
        raise NotImplementedError

    def product_gradient(self, dy: Array, workspace: Workspace) -> Array:
        """Return the gradient for the products."""
        raise NotImplementedError


def height_of(axes: tuple[Axis, ...]) -> Axis:
    """Return the axis before the last; signals have one of length 1."""
    return axes[-2] if len(axes) > 1 else Axis(1, 1)


def multiply(
    algorithm: MatrixAlgorithm,
    weights: Array,
    transformed: Array,
    products: Array,
    workspace: Workspace,
) -> None:
    """products[row] = (F, positions * lines) @ (positions * lines, columns), stack by stack."""
    groups = algorithm.forward_rows
    stacks = workspace.views("stacks", transformed, lambda a: [_windows(a, g) for g in groups])
    targets = workspace.views("rows", products, lambda a: [_rows(a, g) for g in groups])
    for group, windows, target in zip(groups, stacks, targets, strict=True):
        if group.is_empty:
            target.fill(0)
            continue
        matrix = _stacked(weights[:, group.positions], transformed.ndim)
        np.matmul(matrix.swapaxes(-1, -2), windows, out=target)


def multiply_by_transformed(
    algorithm: MatrixAlgorithm,
    transformed: Array,
    d_products: Array,
    total: Array,
    workspace: Workspace,
) -> None:
    """total[positions] = sum over rows of (positions * lines, columns) @ (columns, F)."""
    groups, filters = algorithm.forward_rows, total.shape[-1]
    # whether all windows have all kernel positions
    uniform = [group.positions for group in groups] == [slice(0, total.shape[1])]
    if not uniform:
        total.fill(0)
    stacks = workspace.views(
        "blocks", transformed, lambda a: [_blocks(a, g, filters) for g in groups]
    )
    targets = workspace.views("columns", d_products, lambda a: [_columns(a, g) for g in groups])
    for group, windows, columns in zip(groups, stacks, targets, strict=True):
        if group.is_empty:
            continue
        single = workspace.buffer("dw", (*windows.shape[:-1], filters), total.dtype)
        np.matmul(windows, columns, out=single)
        part = total[:, group.positions]
        single = single.reshape(len(part), -1, *part.shape[1:])
        summed = part if uniform else workspace.buffer("summed", part.shape, total.dtype)
        np.add.reduce(single, axis=1, out=summed)
        if not uniform:
            part += summed


def multiply_by_weights(
    algorithm: MatrixAlgorithm,
    weights: Array,
    d_products: Array,
    d_transformed: Array,
    workspace: Workspace,
) -> None:
    """d_transformed[h] = (lines, positions * F) @ the rows of the gradient that h went into."""
    filters = weights.shape[-1]
    for phase, groups in algorithm.backward_rows:
        # from the last kernel position to the first:
        # (points, positions, lines, F) -> (points, lines, positions * F)
        positions = weights[:, phase :: algorithm.height.stride][:, ::-1].swapaxes(1, 2)
        points, lines, count, _ = positions.shape
        flipped = workspace.buffer("flipped", positions.shape, positions.dtype)
        np.copyto(flipped, positions)
        matrix = _stacked(flipped.reshape(points, 1, lines, count * filters), d_transformed.ndim)
        for group in groups:
            target = d_transformed[..., group.target, :, :]
            if group.is_empty:
                target.fill(0)
                continue
            columns = matrix[..., filters * group.positions.start : filters * group.positions.stop]
            np.matmul(columns, stacked_rows(d_products, group), out=target)


def _windows(transformed: Array, group: Rows) -> Array:
    """View the stacks of rows, (points, *outer, rows, lines, columns), that a group multiplies."""
    return transformed[:0] if group.is_empty else stacked_rows(transformed, group)


def _blocks(transformed: Array, group: Rows, filters: int) -> Array:
    """View the stacks in blocks of lines, as BLAS is fastest at them."""
    windows = _windows(transformed, group)
    *stack, lines, columns = windows.shape
    block = block_length(lines, filters * columns, filters)
    return windows.reshape(*stack, lines // block, block, columns)


def _rows(products: Array, group: Rows) -> Array:
    """View the products, (points, *outer, rows, F, columns), that a group makes."""
    return products[..., group.target, :, :]


def _columns(products: Array, group: Rows) -> Array:
    """View the products of a group transposed, for every block, (..., rows, 1, columns, F)."""
    return _rows(products, group)[..., None, :, :].swapaxes(-1, -2)


def _stacked(weights: Array, ndim: int) -> Array:
    """Return (points, positions, lines, m) as (points, 1, ..., positions * lines, m)."""
    points, positions, lines, m = weights.shape
    return weights.reshape(points, *(1,) * (ndim - 3), positions * lines, m)
