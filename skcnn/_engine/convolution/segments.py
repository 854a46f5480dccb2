"""Winograd's algorithm for long signals, segment by segment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._engine.convolution.geometry import Axis
from skcnn._engine.convolution.winograd import Winograd
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]

# Adding up the gradients of all segments is bound by memory, as so many multiply-adds a sample.
SUM = 0.125


@dataclass(frozen=True)
class SegmentedWinograd(Winograd):
    """Signals in segments of a few tiles each.

    The matrices of a whole axis have as many columns as it has positions, nearly all zero. Those of
    a segment are small. The windows of neighboring segments overlap by kernel - 1 inputs, which a
    view does without a copy; backward adds the overlaps up.

    Parameters
    ----------
    axes : tuple of Axis
        The last one has padding less than the kernel is long; one before it has length 1.
    channels, n_filters, interleave, tile
        As in :class:`Winograd`; `interleave` is 1.
    tiles : int, default=4
        Tiles of a segment.
    slowness : int, default=2
        How many times as long as other products those of matrices as small as a segment's take.
    """

    tiles: int = 4
    slowness: int = 2

    @cached_property
    def segment(self) -> int:
        """Outputs of a segment, at least as many as windows overlap; the last one may have less."""
        return self.tile * self.tiles

    @cached_property
    def n_segments(self) -> int:
        """Segments of a row."""
        return -(-self.axes[-1].output // self.segment)

    @cached_property
    def side(self) -> Axis:
        """The window of a segment."""
        return Axis(self.segment + self.axes[-1].kernel - 1, self.axes[-1].kernel)

    @cached_property
    def cost(self) -> int:
        """Multiply-adds of forward and backward for one image, about."""
        weights = self.height.kernel * self.channels * self.n_filters
        transforms = 2 * (self.side.length * self.channels + self.segment * self.n_filters)
        products = self.tiles * (3 * weights + self.slowness * transforms)
        a_segment = self.n_points * round(products + SUM * weights)
        return self.n_segments * self.height.output * a_segment

    @cached_property
    def suits(self) -> bool:
        """Whether the axes are as they have to be, and the last one long enough."""
        *leading, last = self.axes
        overlap = last.kernel - 1
        return (
            all(axis.length == axis.kernel == axis.output == 1 for axis in leading)
            and max(last.before, last.after) <= overlap <= self.segment
            and min(last.before, last.after) >= 0
            and last.output >= 2 * self.segment
            and self.interleave == 1
        )

    def transform_input(self, x: Array, workspace: Workspace) -> Array:
        """Return x at the points, of shape (points, segments, height, C, tiles * n)."""
        *_, to_points = self._matrices(x.dtype, workspace)
        shape = (self.height.length, self.channels, self.axes[-1].length, -1)
        x = np.ascontiguousarray(x.reshape(shape))
        transformed = self._buffer("transformed", self.height.length, self.channels, x, workspace)
        whole, others = self._windows
        if len(whole):
            segments = slice(whole.start, whole.stop)
            np.matmul(to_points, self._view(x, whole), out=transformed[segments])
        for number in others:
            start = self._start(number)
            low, high = self._inside(start, self.side.length)
            source = slice(start + low, start + high)
            np.matmul(to_points[:, low:high], x[:, :, source], out=transformed[number])
        return self._by_point(transformed)

    def input_gradient(self, d_transformed: Array, workspace: Workspace) -> Array:
        """Return the gradient for x, of shape (height, C, W, n), from the one at the points."""
        *_, to_points = self._matrices(d_transformed.dtype, workspace)
        values = self._by_line(d_transformed)
        *outer, _, n = values.shape
        buffer = workspace.buffer("windows", (*outer, self.side.length, n), values.dtype)
        windows = np.matmul(to_points.T, values, out=buffer)
        windows[1:, ..., : self.axes[-1].kernel - 1, :] += windows[:-1, ..., self.segment :, :]
        shape = (self.height.length, self.channels, self.axes[-1].length, n)
        dx = workspace.buffer("dx", shape, values.dtype)
        whole, others = self._windows
        if len(whole):
            part = self._split(dx, self._start(whole.start), len(whole))
            np.copyto(part, windows[whole.start : whole.stop, ..., : self.segment, :])
        for number in others:
            start = self._start(number)
            is_last = number == self.n_segments - 1  # no other window has its end
            low, high = self._inside(start, self.side.length if is_last else self.segment)
            dx[:, :, start + low : start + high] = windows[number, ..., low:high, :]
        read = self._start(self.n_segments - 1) + self.side.length
        dx[:, :, read:] = 0
        return dx

    def transform_output(self, products: Array, workspace: Workspace) -> Array:
        """Return the outputs, of shape (OH, F, OW, n)."""
        to_outputs, *_ = self._matrices(products.dtype, workspace)
        values = self._by_line(products)
        shape = (self.height.output, self.n_filters, self.axes[-1].output, values.shape[-1])
        y = workspace.buffer("y", shape, values.dtype)
        for segments, part in self._parts(y):
            np.matmul(to_outputs[: part.shape[-2]], values[segments], out=part)
        return y

    def product_gradient(self, dy: Array, workspace: Workspace) -> Array:
        """Return the gradient for what :meth:`transform_output` took."""
        to_outputs, *_ = self._matrices(dy.dtype, workspace)
        shape = (self.height.output, self.n_filters, self.axes[-1].output, -1)
        dy = np.ascontiguousarray(dy.reshape(shape))
        products = self._buffer("products", self.height.output, self.n_filters, dy, workspace)
        for segments, part in self._parts(dy):
            np.matmul(to_outputs[: part.shape[-2]].T, part, out=products[segments])
        return self._by_point(products)

    def _start(self, number: int) -> int:
        """Return the first position that the window of a segment reads."""
        return number * self.segment - self.axes[-1].before

    def _inside(self, start: int, length: int) -> tuple[int, int]:
        """Return from where to where so many positions lie on the axis, counted from `start`."""
        low, high = max(0, -start), min(length, self.axes[-1].length - start)
        return low, max(low, high)

    @cached_property
    def _windows(self) -> tuple[range, list[int]]:
        """Return segments whose windows lie on the axis, and others, at its ends, the last too."""
        whole = range(self.n_segments - 1)
        while whole and self._start(whole[0]) < 0:
            whole = whole[1:]
        while whole and self._start(whole[-1]) + self.side.length > self.axes[-1].length:
            whole = whole[:-1]
        return whole, [number for number in range(self.n_segments) if number not in whole]

    def _view(self, x: Array, segments: range) -> Array:
        """View the overlapping windows of neighboring segments, (segments, H, C, window, n)."""
        row, channel, position, item = x.strides
        shape = (len(segments), *x.shape[:2], self.side.length, x.shape[-1])
        strides = (self.segment * position, row, channel, position, item)
        return np.ndarray(shape, x.dtype, x, self._start(segments[0]) * position, strides)

    def _split(self, y: Array, start: int, count: int) -> Array:
        """View so many segments from a position on, as (segments, H, C, outputs, n)."""
        stop = start + count * self.segment
        part = y[:, :, start:stop].reshape(*y.shape[:2], count, -1, y.shape[-1])
        return np.moveaxis(part, 2, 0)

    def _parts(self, y: Array) -> list[tuple[slice | int, Array]]:
        """View outputs, (OH, F, OW, n), by segments, of which the last one may be shorter."""
        count, rest = divmod(self.axes[-1].output, self.segment)
        last: list[tuple[slice | int, Array]] = [(count, y[:, :, -rest:])] if rest else []
        return [(slice(0, count), self._split(y, 0, count)), *last]

    def _buffer(
        self, name: str, rows: int, channels: int, like: Array, workspace: Workspace
    ) -> Array:
        """Return a buffer for all points, (segments, rows, channels, points * tiles, n)."""
        shape = (self.n_segments, rows, channels, self.n_points * self.tiles, like.shape[-1])
        return workspace.buffer(name, shape, like.dtype)

    def _by_point(self, values: Array) -> Array:
        """View a buffer as (points, segments, rows, channels, tiles * n)."""
        return values.reshape(*values.shape[:3], self.n_points, -1).transpose(3, 0, 1, 2, 4)

    def _by_line(self, values: Array) -> Array:
        """Undo :meth:`_by_point`."""
        values = values.transpose(1, 2, 3, 0, 4)
        return values.reshape(*values.shape[:3], self.n_points * self.tiles, -1)
