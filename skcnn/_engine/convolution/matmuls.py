"""The three products of a convolution, each for stacks of rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._engine.block_length import block_length
from skcnn._engine.convolution.algorithm import Algorithm
from skcnn._engine.convolution.geometry import Rows, stacked_rows
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]


def multiply(
    algorithm: Algorithm, weights: Array, transformed: Array, products: Array, workspace: Workspace
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
    algorithm: Algorithm, transformed: Array, d_products: Array, total: Array, workspace: Workspace
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
    algorithm: Algorithm,
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
