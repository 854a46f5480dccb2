"""Depthwise convolution: every filter sees one channel, so there is no matrix to multiply by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from skcnn._engine.convolution.algorithm import Algorithm
from skcnn._engine.convolution.geometry import Axis
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

# So many elements of a row at a time: with those that windows read they fit into a core's cache.
BLOCK = 2048


@dataclass(frozen=True)
class Depthwise(Algorithm):
    """Sums over kernel positions of shifted views, with one weight for a channel each.

    A row of columns and images is one run of memory, and another kernel position is the same run,
    shifted. A stride of the last axis would tear it, so all columns are computed and every
    stride-th is kept. The gradient for x is a convolution as well: of dy, with zeros between its
    elements where there is a stride, by the flipped kernel.
    """

    @cached_property
    def multiplier(self) -> int:
        """Filters of a channel."""
        return self.n_filters // self.channels

    @cached_property
    def dense(self) -> tuple[Axis, ...]:
        """The spatial axes, the last one of stride 1 and no longer than needed."""
        *leading, side = self.axes
        after = side.reach - side.length - side.before
        return (*leading, replace(side, stride=1, after=after))

    @cached_property
    def adjoint(self) -> tuple[Axis, ...]:
        """The axes of the gradient for x: the kernel slides over outputs with zeros in between."""
        axes = []
        for axis in self.dense:
            length = (axis.output - 1) * axis.stride + 1
            before = axis.extent - 1 - axis.before
            after = axis.length - 1 + axis.extent - length - before
            axes.append(Axis(length, axis.kernel, 1, before, after, axis.dilation))
        return tuple(axes)

    def forward(self, x: Array, weights: Array, workspace: Workspace) -> tuple[Array, Any]:
        """y[m] = sum over kernel positions of w[m] * shifted x, for every channel."""
        by_channel = self._by_channel(weights)
        filters = workspace.buffer("weights", by_channel.shape, weights.dtype)
        np.copyto(filters, by_channel)
        x = self._split(workspace.contiguous("x", x), 1)
        padded = self._padded("padded", x, self.dense, (1,) * len(self.axes), workspace)
        windows = workspace.views("windows", padded, lambda a: _windows(a, self.dense))
        lengths = [axis.output for axis in self.dense]
        shape = (*lengths[:-1], self.n_filters, lengths[-1], x.shape[-1])
        y = workspace.buffer("y", shape, x.dtype)
        rows = workspace.views("rows", y, lambda y: _rows(self._split(y, self.multiplier)))
        terms, kernel, outputs = self._labels
        _correlate(f"{terms},{kernel}->{outputs}", windows, filters, rows)
        return self._kept_columns(y, workspace), (filters, windows)

    def backward(
        self, dy: Array, kept: Any, gradient: Array, workspace: Workspace, *, need_dx: bool
    ) -> Array | None:
        """dw = sum over outputs of dy * shifted x; dx is a sum of shifted dy."""
        filters, windows = kept
        dy = self._all_columns(dy, workspace)
        rows = workspace.views("d_rows", dy, lambda dy: _rows(self._split(dy, self.multiplier)))
        self._weight_gradient(windows, rows, gradient, workspace)
        if not need_dx:
            return None
        n = dy.shape[-1]
        steps = tuple(axis.stride for axis in self.dense)
        padded = self._padded(
            "d_padded", self._split(dy, self.multiplier), self.adjoint, steps, workspace
        )
        d_windows = workspace.views("d_windows", padded, lambda a: _windows(a, self.adjoint))
        *leading, last = (axis.length for axis in self.axes)
        dx = workspace.buffer("dx", (*leading, self.channels, last, n), dy.dtype)
        targets = workspace.views("d_targets", dx, lambda dx: _rows(dx))
        flipped = filters[(..., *(slice(None, None, -1),) * len(self.axes))]
        terms, kernel, outputs = self._labels
        _correlate(f"{terms},{kernel}->{outputs.replace('m', '')}", d_windows, flipped, targets)
        return dx

    def _weight_gradient(
        self, windows: list[Array], rows: list[Array], gradient: Array, workspace: Workspace
    ) -> None:
        """Write the sum over outputs and images of dy times what each kernel position reads."""
        rank = len(self.axes)
        leading = tuple(axis.output for axis in self.dense[:-1])
        kernel = tuple(axis.kernel for axis in self.axes)
        shape = (len(rows), *leading, self.channels, self.multiplier, *kernel)
        sums = workspace.buffer("sums", shape, gradient.dtype)
        one = (None,) * rank  # as many kernel positions as rows have
        for window, row, target in zip(windows, rows, sums, strict=True):
            np.vecdot(window, row[(..., *one, slice(None))], out=target)
        np.add.reduce(sums, axis=tuple(range(rank)), out=self._by_channel(gradient))

    @cached_property
    def _labels(self) -> tuple[str, str, str]:
        """Names of the axes of windows, of weights and of rows, as `np.einsum` takes them."""
        leading, kernel = "abde"[: len(self.axes) - 1], "ijkl"[: len(self.axes)]
        return f"{leading}cm{kernel}q", f"cm{kernel}", f"{leading}cmq"

    def _split(self, x: Array, multiplier: int) -> Array:
        """View (*leading, channels * multiplier, last, n) with an axis for each."""
        *leading, _, last, n = x.shape
        return x.reshape(*leading, self.channels, multiplier, last, n)

    def _by_channel(self, weights: Array) -> Array:
        """View weights, (*kernel, 1, F), as (channels, multiplier, *kernel)."""
        *kernel, _, _ = weights.shape
        split = weights.reshape(*kernel, self.channels, self.multiplier)
        return np.moveaxis(split, (-2, -1), (0, 1))

    def _padded(
        self, name: str, x: Array, axes: tuple[Axis, ...], steps: Shape, workspace: Workspace
    ) -> Array:
        """Return all that windows read: x, cropped, with zeros around it and between `steps`."""
        parts = [_inside(*each) for each in zip(axes, steps, _spatial(x.shape), strict=True)]
        targets, sources = (_index(part) for part in zip(*parts, strict=True))
        shape = _with_channels([axis.reach for axis in axes], x.shape)
        padded = workspace.buffer(name, shape, x.dtype)
        padded.fill(0)
        padded[targets] = x[sources]
        return padded

    def _kept_columns(self, y: Array, workspace: Workspace) -> Array:
        """Return every stride-th column, in groups if they are interleaved."""
        stride = self.axes[-1].stride
        if (stride, self.interleave) == (1, 1):
            return y
        columns = y[..., ::stride, :]
        kept = workspace.buffer("kept", columns.shape, y.dtype)
        np.copyto(self._groups(kept), self._interleaved(columns))
        return kept

    def _all_columns(self, dy: Array, workspace: Workspace) -> Array:
        """Return dy with zeros in between the columns that were kept, in their natural order."""
        stride = self.axes[-1].stride
        if (stride, self.interleave) == (1, 1):
            return workspace.contiguous("dy", dy)
        *leading, _, n = dy.shape
        every = workspace.buffer("dy", (*leading, self.dense[-1].output, n), dy.dtype)
        every.fill(0)
        np.copyto(self._interleaved(every[..., ::stride, :]), self._groups(dy))
        return every

    def _groups(self, y: Array) -> Array:
        """View columns in groups, as they are written, with an axis for groups."""
        *leading, columns, n = y.shape
        return y.reshape(*leading, self.interleave, columns // self.interleave, n)

    def _interleaved(self, y: Array) -> Array:
        """View columns in their natural order as :meth:`_groups` has them."""
        *leading, columns, n = y.shape
        return y.reshape(*leading, columns // self.interleave, self.interleave, n).swapaxes(-3, -2)


def _correlate(subscripts: str, windows: list[Array], filters: Array, targets: list[Array]) -> None:
    """Write sums over kernel positions of windows times weights, block by block."""
    for window, target in zip(windows, targets, strict=True):
        np.einsum(subscripts, window, filters, out=target)


def _windows(padded: Array, axes: tuple[Axis, ...]) -> list[Array]:
    """View blocks of what windows read, (*leading, C, M, *kernel, columns * n), without copying."""
    *leading, channel, multiple, column, item = padded.strides
    n = padded.shape[-1]
    spatial = (*leading, column)
    strides = (
        *(axis.stride * step for axis, step in zip(axes[:-1], leading, strict=True)),
        channel,
        multiple,
        *(axis.dilation * step for axis, step in zip(axes, spatial, strict=True)),
        item,
    )
    outputs = [axis.output for axis in axes]
    kernel = (axis.kernel for axis in axes)
    shape = (*outputs[:-1], *padded.shape[-4:-2], *kernel, outputs[-1] * n)
    return _blocks(as_strided(padded, shape, strides, writeable=False))


def _rows(y: Array) -> list[Array]:
    """View blocks of (..., columns, n) as (..., columns * n)."""
    *leading, columns, n = y.shape
    return _blocks(y.reshape(*leading, columns * n))


def _blocks(rows: Array) -> list[Array]:
    """Cut the last axis into blocks, the last one maybe shorter."""
    return [rows[..., start : start + BLOCK] for start in range(0, rows.shape[-1], BLOCK)]


def _inside(axis: Axis, step: int, count: int) -> tuple[slice, slice]:
    """Return where windows find elements, `step` apart, and which elements these are."""
    low = max(0, -(axis.before // step))
    high = max(low, min(count, -((axis.before - axis.reach) // step)))
    if low == high:
        return slice(0, 0), slice(0, 0)
    start = axis.before + low * step
    return slice(start, start + (high - low - 1) * step + 1, step), slice(low, high)


def _spatial(shape: Shape) -> Shape:
    """Return the spatial lengths of (*leading, C, M, last, n)."""
    return (*shape[:-4], shape[-2])


def _with_channels(lengths: Sequence[int], shape: Shape) -> Shape:
    """Return `shape`, (*leading, C, M, last, n), with other spatial lengths."""
    return (*lengths[:-1], *shape[-4:-2], lengths[-1], shape[-1])


def _index(parts: Sequence[slice]) -> tuple[slice, ...]:
    """Return an index into (*leading, C, M, last, n) from one into the spatial axes."""
    return (*parts[:-1], slice(None), slice(None), parts[-1])
