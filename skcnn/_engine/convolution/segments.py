"""Winograd's algorithm for long signals, segment by segment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
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
    """Signals in segments of a few tiles each, which are treated as the rows of an image.

    The matrices of a whole signal have as many columns as it has positions, nearly all zero. Those
    of a segment are small. The windows of neighboring segments overlap by kernel - 1 inputs, which
    a view does without a copy; backward adds the overlaps up.

    Parameters
    ----------
    axes : tuple of Axis
        The last one has stride 1, and padding less than the kernel is long; the one before it, if
        any, has length 1.
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
    def height(self) -> Axis:
        """The segments."""
        return Axis(-(-self.axes[-1].output // self.segment), 1)

    @cached_property
    def side(self) -> Axis:
        """The window of a segment."""
        return Axis(self.segment + self.axes[-1].kernel - 1, self.axes[-1].kernel)

    @cached_property
    def cost(self) -> int:
        """Multiply-adds of forward and backward for one image, about."""
        products = 3 * self.channels * self.n_filters
        transforms = 2 * (self.side.length * self.channels + self.segment * self.n_filters)
        a_tile = self.n_points * (products + self.slowness * transforms)
        a_sum = SUM * self.n_points * self.channels * self.n_filters
        return self.height.length * round(self.tiles * a_tile + a_sum)

    @cached_property
    def suits(self) -> bool:
        """Whether the axes are as they have to be, and long enough for several segments."""
        *leading, last = self.axes
        overlap = last.kernel - 1
        return (
            all(axis.length == axis.kernel == axis.output == 1 for axis in leading)
            and max(last.before, last.after) <= overlap <= self.segment
            and min(last.before, last.after) >= 0
            and last.output >= 2 * self.segment
            and self.interleave == 1
        )

    @cached_property
    def _bounds(self) -> list[tuple[slice, slice]]:
        """Return, for each segment, which inputs are in its window, and where they are there."""
        axis, bounds = self.axes[-1], []
        for number in range(self.height.length):
            start = number * self.segment - axis.before
            low, high = max(0, -start), min(self.side.length, axis.length - start)
            high = max(low, high)
            bounds.append((slice(start + low, start + high), slice(low, high)))
        return bounds

    @cached_property
    def _whole(self) -> slice:
        """Return the segments whose windows lie on the axis."""
        within = [s.stop - s.start == self.side.length for s, _ in self._bounds]
        first = within.index(True) if any(within) else 0
        return slice(first, first + sum(within))

    def transform_input(self, x: Array, workspace: Workspace) -> Array:
        """Return x at the points, of shape (points, segments, C, tiles * n)."""
        *_, to_points = self._matrices(x.dtype, workspace)
        x = np.ascontiguousarray(x.reshape(self.channels, self.axes[-1].length, -1))
        transformed = self._buffer("transformed", self.height.length, self.channels, x, workspace)
        whole = self._whole
        if whole.stop > whole.start:
            windows = self._windows(x, whole)
            np.matmul(to_points, windows, out=transformed[whole])
        for number in self._others:
            source, target = self._bounds[number]
            np.matmul(to_points[:, target], x[:, source], out=transformed[number])
        return self._by_point(transformed)

    def input_gradient(self, d_transformed: Array, workspace: Workspace) -> Array:
        """Return the gradient for x, of shape (C, W, n), from the one at the points."""
        *_, to_points = self._matrices(d_transformed.dtype, workspace)
        values = self._by_line(d_transformed)
        n, overlap = values.shape[-1], self.axes[-1].kernel - 1
        shape = (self.height.length, self.channels, self.side.length, n)
        windows = np.matmul(
            to_points.T, values, out=workspace.buffer("windows", shape, values.dtype)
        )
        windows[1:, :, :overlap] += windows[:-1, :, self.segment :]
        dx = workspace.buffer("dx", (self.channels, self.axes[-1].length, n), values.dtype)
        whole = self._whole
        stop = 0
        for number in range(self.height.length):
            if number == whole.start and whole.stop > whole.start:
                start = self._bounds[number][0].start
                stop = start + (whole.stop - whole.start) * self.segment
                parts = dx[:, start:stop].reshape(self.channels, -1, self.segment, n)
                np.copyto(parts.swapaxes(0, 1), windows[whole, :, : self.segment])
            elif number in self._others:
                source, target = self._bounds[number]
                stop = min(source.start + self.segment - target.start, source.stop)
                stop = max(stop, source.start)
                part = slice(target.start, target.start + stop - source.start)
                np.copyto(dx[:, source.start : stop], windows[number, :, part])
        rest = self.axes[-1].length - stop  # read by the last window only, or by none
        if rest:
            last = self.segment + np.arange(overlap)[:rest]
            dx[:, stop : stop + len(last)] = windows[-1][:, last]
            dx[:, stop + len(last) :] = 0
        return dx

    def transform_output(self, products: Array, workspace: Workspace) -> Array:
        """Return the outputs, of shape (1, F, OW, n)."""
        to_outputs, *_ = self._matrices(products.dtype, workspace)
        values = self._by_line(products)
        shape = (self.n_filters, self.axes[-1].output, values.shape[-1])
        y = workspace.buffer("y", shape, values.dtype)
        for numbers, part in self._parts(y):
            np.matmul(to_outputs[: part.shape[-2]], values[numbers], out=part)
        return y[None]

    def product_gradient(self, dy: Array, workspace: Workspace) -> Array:
        """Return the gradient for what :meth:`transform_output` took."""
        to_outputs, *_ = self._matrices(dy.dtype, workspace)
        dy = np.ascontiguousarray(dy.reshape(self.n_filters, self.axes[-1].output, -1))
        products = self._buffer("products", self.height.length, self.n_filters, dy, workspace)
        for numbers, part in self._parts(dy):
            np.matmul(to_outputs[: part.shape[-2]].T, part, out=products[numbers])
        return self._by_point(products)

    @property
    def _others(self) -> list[int]:
        """Return the numbers of the segments at the ends, in part outside of the axis."""
        return [*range(self._whole.start), *range(self._whole.stop, self.height.length)]

    def _windows(self, x: Array, numbers: slice) -> Array:
        """View the overlapping windows of neighboring segments, (segments, C, window, n)."""
        channel, position, item = x.strides
        shape = (numbers.stop - numbers.start, self.channels, self.side.length, x.shape[-1])
        strides = (self.segment * position, channel, position, item)
        start = self._bounds[numbers.start][0].start
        return np.ndarray(shape, x.dtype, x, start * position, strides)

    def _parts(self, y: Array) -> list[tuple[slice, Array]]:
        """View outputs, (F, OW, n), as (segments, F, outputs, n), and a shorter last segment."""
        n_whole, rest = divmod(self.axes[-1].output, self.segment)
        ends = [0, n_whole, n_whole + bool(rest)]
        parts = []
        for first, last in pairwise(ends):
            if last > first:
                part = y[:, first * self.segment : last * self.segment]
                split = part.reshape(len(y), last - first, -1, y.shape[-1])
                parts.append((slice(first, last), split.swapaxes(0, 1)))
        return parts
