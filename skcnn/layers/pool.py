"""Pooling: the maximum or the mean of a window, one axis after the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from skcnn._checks import per_axis
from skcnn._engine.convolution.geometry import Axis, Padding, sliding_axes
from skcnn._engine.plan import Trait
from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters, Shape, spatial_shape

__all__ = ["AveragePool", "MaxPool"]


@dataclass(frozen=True)
class Pool(Layer):
    """What both poolings have in common: windows clipped to their axis, no incomplete windows.

    Parameters
    ----------
    pool_size : int or tuple of int, default=2
        Size of a window, for all spatial axes or for each; clipped to the axis.
    stride : int or tuple of int, default=None
        Step between neighboring windows. None: `pool_size`, so that windows do not overlap.
    padding : "valid", "same", int or tuple, default="valid"
        As for :class:`Conv`. What is outside counts for nothing, neither as a maximum nor in a
        mean; "same" with a stride of 1 keeps the shape.
    """

    pool_size: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = None
    padding: Padding = "valid"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the number of whole windows along each axis; channels stay."""
        *leading, last = (axis.output for _, axis in self._axes(input_shape))
        return (*leading, input_shape[-2], last)

    @property
    def _reads_groups(self) -> bool:
        """Whether columns come in groups, as the execution plan's convolutions write them."""
        return False

    def _columns(self, input_shape: Shape) -> int:
        """Return the columns of a window if windows cover all of them without overlap, else 1."""
        _, last = self._axes(input_shape)[-1]
        apart = last.output == 1 or last.stride == last.kernel
        return last.kernel if apart and last.output * last.kernel == last.length else 1

    def _reach(self, input_shape: Shape) -> Shape:
        """Return how many elements along each spatial axis lie in any window."""
        return tuple(
            (axis.output - 1) * axis.stride + axis.kernel for _, axis in self._axes(input_shape)
        )

    def _axes(self, input_shape: Shape) -> list[tuple[int, Axis]]:
        """Return each spatial axis with its position in the array."""
        lengths, _ = spatial_shape(input_shape, self)
        rank = len(lengths)
        size = per_axis(self.pool_size, rank, "pool_size")
        stride = size if self.stride is None else per_axis(self.stride, rank, "stride")
        size = tuple(min(k, length) for k, length in zip(size, lengths, strict=True))
        positions = (*range(rank - 1), rank)  # channels are before the last spatial axis
        axes = sliding_axes(lengths, size, stride, self.padding)
        if any(axis.before >= axis.kernel or axis.after >= axis.kernel for axis in axes):
            raise ValueError(
                f"padding={self.padding!r} leaves windows of pool_size={size} with nothing to "
                f"pool. Use less padding than the window has elements."
            )
        return list(zip(positions, axes, strict=True))

    def _padded_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with what padding adds."""
        shape = list(input_shape)
        for position, axis in self._axes(input_shape):
            shape[position] += axis.before + axis.after
        return tuple(shape)

    def _inside(self, input_shape: Shape) -> tuple[slice, ...]:
        """Return where the input is within the padded array."""
        inside = [slice(None)] * len(input_shape)
        for position, axis in self._axes(input_shape):
            inside[position] = slice(axis.before, axis.before + axis.length)
        return tuple(inside)

    def _padded(self, x: Array, workspace: Workspace, value: float) -> Array:
        """Return x with `value` around it."""
        input_shape = x.shape[:-1]
        shape = workspace.once(("padded", input_shape), lambda: self._padded_shape(input_shape))
        if shape == input_shape:
            return x
        padded = workspace.buffer("padded", (*shape, x.shape[-1]), x.dtype)
        padded.fill(value)
        padded[self._inside(input_shape)] = x
        return padded

    def _unpadded(self, dx: Array, input_shape: Shape, workspace: Workspace) -> Array:
        """Return the gradient without what padding added."""
        if dx.shape[:-1] == input_shape:
            return dx
        inner = workspace.buffer("unpadded", (*input_shape, dx.shape[-1]), dx.dtype)
        np.copyto(inner, dx[self._inside(input_shape)])
        return inner


class AxisPooling(NamedTuple):
    """Pooling of one axis of the array."""

    position: int
    axis: Axis
    before: Shape
    after: Shape
    elements: tuple[tuple[slice, ...], ...]  # the index of element j of every window

    @property
    def overlaps(self) -> bool:
        """Whether an element belongs to more than one window."""
        return self.axis.stride < self.axis.kernel

    def element(self, array: Array, j: int) -> Array:
        """View element j of every window, an array of the pooled shape."""
        return array[self.elements[j]]

    def gradient_buffer(self, dy: Array, workspace: Workspace) -> Array:
        """Return a buffer for the gradient before pooling, zero where windows do not assign."""
        dx = workspace.buffer(f"dx{self.position}", (*self.before, dy.shape[-1]), dy.dtype)
        if self.axis.stride != self.axis.kernel or self.axis.length % self.axis.kernel:
            dx.fill(0)
        return dx


@lru_cache(maxsize=1024)
def _steps(layer: Pool, input_shape: Shape) -> tuple[AxisPooling, ...]:
    """Return the poolings by one axis each that make up the pooling."""
    steps, shape = [], layer._padded_shape(input_shape)
    interleaved = len(input_shape) - 1 if layer._reads_groups else None
    for position, own in layer._axes(input_shape):
        axis = Axis(shape[position], own.kernel, own.stride)  # of the padded array
        pooled = (*shape[:position], axis.output, *shape[position + 1 :])
        if axis.kernel > 1 or axis.stride > 1:
            before = (slice(None),) * position
            sources = (
                slice(j * axis.output, (j + 1) * axis.output)
                if position == interleaved
                else axis.kernel_position(j).source
                for j in range(axis.kernel)
            )
            elements = tuple((*before, source) for source in sources)
            steps.append(AxisPooling(position, axis, shape, pooled, elements))
        shape = pooled
    return tuple(steps)


@dataclass(frozen=True)
class MaxPool(Pool):
    """Maximum over a window; on ties the element found first gets the whole gradient.

    The maximum over a box is the maximum along one axis of the maxima along the others, so each
    axis is pooled by itself, as a tournament between the elements of a window.

    Parameters
    ----------
    pool_size : int or tuple of int, default=2
        Size of a window, for all spatial axes or for each; clipped to the axis.
    stride : int or tuple of int, default=None
        Step between neighboring windows. None: `pool_size`, so that windows do not overlap.
    padding : "valid", "same", int or tuple, default="valid"
        As for :class:`Conv`. What is outside counts for nothing, neither as a maximum nor in a
        mean; "same" with a stride of 1 keeps the shape.
    """

    @property
    def _traits(self) -> Trait:
        plain = type(self) is MaxPool and self.padding == "valid"
        return Trait.POOLING | Trait.MAXIMUM if plain else Trait.NONE

    def _interleaved(self) -> MaxPool:
        return InterleavedMaxPool(self.pool_size, self.stride)

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """Take the maximum of each window; in training, note which comparisons were won."""
        input_shape, steps, wins = x.shape[:-1], _steps(self, x.shape[:-1]), []
        x = self._padded(x, workspace, -np.inf)
        for step in steps:
            pooled = (*step.after, x.shape[-1])
            y = workspace.buffer(f"y{step.position}", pooled, x.dtype)
            won = workspace.buffer(f"won{step.position}", (step.axis.kernel, *pooled), np.bool_)
            best = step.element(x, 0)
            for j in range(1, step.axis.kernel):
                challenger = step.element(x, j)
                if training:
                    np.greater(challenger, best, out=won[j])
                best = np.maximum(best, challenger, out=y)
            x = best
            wins.append(won)
        return x, (input_shape, steps, wins)

    def backward(
        self,
        parameters: Parameters,
        gradients: Parameters,
        dy: Array,
        cache: Any,
        workspace: Workspace,
        *,
        need_dx: bool,
    ) -> Array | None:
        """Pass dy to the winners, the last comparison first; the rest is the first element's."""
        if not need_dx:
            return None
        input_shape, *parts = cache
        for step, won in zip(*(reversed(part) for part in parts), strict=True):
            dx = step.gradient_buffer(dy, workspace)
            if step.overlaps:
                part = workspace.buffer(f"part{step.position}", dy.shape, dy.dtype)
                _add_to_winners(step, dy, won, part, dx)
            else:
                _give_to_winners(step, dy, won, dx)
            dy = dx
        return self._unpadded(dy, input_shape, workspace)


@dataclass(frozen=True)
class InterleavedMaxPool(MaxPool):
    """A step of the execution plan: max pooling of columns in groups, as they were written."""

    @property
    def _reads_groups(self) -> bool:
        return True


def _give_to_winners(step: AxisPooling, dy: Array, won: Array, dx: Array) -> None:
    """Write dy to the winners of windows that do not overlap; overwrites dy."""
    rest = dy
    for j in range(step.axis.kernel - 1, 0, -1):
        part = np.multiply(rest, won[j], out=step.element(dx, j))
        rest = np.subtract(rest, part, out=dy if j > 1 else step.element(dx, 0))
    if rest is dy:  # windows of one element
        np.copyto(step.element(dx, 0), dy)


def _add_to_winners(step: AxisPooling, dy: Array, won: Array, part: Array, dx: Array) -> None:
    """Add dy to the winners of windows that may overlap; overwrites dy."""
    for j in range(step.axis.kernel - 1, -1, -1):
        element = step.element(dx, j)
        if j > 0:
            np.multiply(dy, won[j], out=part)
            element += part
            dy -= part
        else:
            element += dy


@dataclass(frozen=True)
class AveragePool(Pool):
    """Mean over a window: y = sum of its elements / their number; each gets dy / number.

    Parameters
    ----------
    pool_size : int or tuple of int, default=2
        Size of a window, for all spatial axes or for each; clipped to the axis.
    stride : int or tuple of int, default=None
        Step between neighboring windows. None: `pool_size`, so that windows do not overlap.
    padding : "valid", "same", int or tuple, default="valid"
        As for :class:`Conv`. What is outside counts for nothing, neither as a maximum nor in a
        mean; "same" with a stride of 1 keeps the shape.
    """

    @property
    def _traits(self) -> Trait:
        plain = type(self) is AveragePool and self.padding == "valid"
        return Trait.POOLING if plain else Trait.NONE

    def _factor(self, input_shape: Shape) -> Array | float:
        """Return one over the number of elements of windows, of each at the padded edges."""
        axes = self._axes(input_shape)
        if not any(axis.before or axis.after for _, axis in axes):
            return float(1 / prod(axis.kernel for _, axis in axes))
        counts = np.ones((1,) * (len(input_shape) + 1))
        for position, axis in axes:
            first = np.arange(axis.output) * axis.stride - axis.before
            inside = np.minimum(first + axis.kernel, axis.length) - np.maximum(first, 0)
            counts = counts * inside.reshape(-1, *[1] * (len(input_shape) - position))
        factor: Array = 1 / counts
        return factor

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """Add up the elements of each window, axis by axis, then divide."""
        input_shape, steps = x.shape[:-1], _steps(self, x.shape[:-1])
        x = self._padded(x, workspace, 0.0)
        for step in steps:
            y = workspace.buffer(f"y{step.position}", (*step.after, x.shape[-1]), x.dtype)
            np.copyto(y, step.element(x, 0))
            for j in range(1, step.axis.kernel):
                y += step.element(x, j)
            x = y
        if steps:
            np.multiply(x, self._factor(input_shape), out=x, casting="same_kind")
        return x, (input_shape, steps)

    def backward(
        self,
        parameters: Parameters,
        gradients: Parameters,
        dy: Array,
        cache: Any,
        workspace: Workspace,
        *,
        need_dx: bool,
    ) -> Array | None:
        """Distribute dy evenly over its window."""
        if not need_dx:
            return None
        input_shape, steps = cache
        if steps:
            np.multiply(dy, self._factor(input_shape), out=dy, casting="same_kind")
        for step in reversed(steps):
            dx = step.gradient_buffer(dy, workspace)
            for j in range(step.axis.kernel):
                target = step.element(dx, j)
                np.add(target, dy, out=target) if step.overlaps else np.copyto(target, dy)
            dy = dx
        return self._unpadded(dy, input_shape, workspace)
