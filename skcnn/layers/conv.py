"""Convolution of signals, images and volumes by one lowering and one stacked product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from skcnn.initializers import initialize_weights
from skcnn.layers.base import Array, Layer, Parameters, Shape, spatial_shape
from skcnn.layers.bias import add_bias, bias_gradient
from skcnn.windows import (
    Axis,
    Padding,
    Rows,
    explicit_padding,
    per_axis,
    sliding_axes,
    stacked_rows,
)
from skcnn.workspace import Workspace


class Geometry(NamedTuple):
    """How the spatial axes take part: `outer` and `side` are lowered, `height` is stacked."""

    outer: tuple[Axis, ...]  # the depth of volumes; empty for images
    height: Axis  # length 1 for signals
    side: Axis
    channels: int
    output_shape: Shape  # of the layer
    forward_rows: list[Rows]
    backward_rows: list[tuple[int, list[Rows]]]

    @property
    def outputs(self) -> Shape:
        """Lengths of the outer axes of the output."""
        return tuple(axis.output for axis in self.outer)

    @property
    def lines(self) -> int:
        """Lines of one lowered row: every outer and side tap of every channel."""
        return prod(axis.kernel for axis in self.outer) * self.side.kernel * self.channels

    @property
    def is_plain(self) -> bool:
        """Whether lowering would copy the input as it is."""
        lowered = (*self.outer, self.side)
        return all((a.kernel, a.stride, a.before, a.after) == (1, 1, 0, 0) for a in lowered)


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution, more exactly cross-correlation, with one bias a filter.

    For an image: y[oh, f, ow] = b[f] + sum over i, j, c of
    w[i, j, c, f] * x[oh * stride + i - before, c, ow * stride + j - before], where what lies
    outside of x counts as zero. Signals and volumes have one axis less or more.

    Parameters
    ----------
    n_filters : int
        Number of filters, the channels of the output.
    filter_size : int or tuple of int, default=3
        Extent of a filter, for all spatial axes or for each.
    stride : int or tuple of int, default=1
        Step between neighbouring windows.
    padding : {"same", "valid"}, int or tuple, default="same"
        "same" gives ceil(n / stride) outputs, the odd zero at the end; "valid" pads nothing;
        explicit: zeros at both ends, or per axis an integer or a pair (before, after). A
        negative number in a pair crops.
    use_bias : bool, default=True
        Whether to add a bias.
    initializer : {"he_normal", "glorot_uniform"}, default="he_normal"
        How the weights start. Biases start at zero.

    Notes
    -----
    Parameters are `weights` of shape (*filter_size, channels, n_filters) and `bias` of shape
    (n_filters,).
    """

    n_filters: int
    filter_size: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: Padding = "same"
    use_bias: bool = True
    initializer: str = "he_normal"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (*leading, n_filters, last) with the number of windows along each axis."""
        per_axis(self.n_filters, 1, "n_filters")
        axes, _ = self._axes(input_shape)
        *leading, last = (axis.output for axis in axes)
        return (*leading, self.n_filters, last)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shapes of weights and bias."""
        axes, channels = self._axes(input_shape)
        shapes = {"weights": (*(axis.kernel for axis in axes), channels, self.n_filters)}
        return shapes | ({"bias": (self.n_filters,)} if self.use_bias else {})

    def initialize(self, parameters: Parameters, rng: np.random.Generator) -> None:
        """Draw the weights; fan-in and fan-out count the taps of a filter."""
        weights = parameters["weights"]
        *kernel, channels, filters = weights.shape
        taps = prod(kernel)
        initialize_weights(self.initializer, weights, taps * channels, taps * filters, rng)

    def narrowed(self, input_lengths: Shape) -> Conv:
        """Give the filter extent 1 on input axes of length 1."""
        if 1 not in input_lengths:
            return self
        rank = len(input_lengths)
        single = [length == 1 for length in input_lengths]
        size = per_axis(self.filter_size, rank, "filter_size")
        stride = per_axis(self.stride, rank, "stride")
        padding = self.padding
        if not isinstance(padding, str):
            pairs = [explicit_padding(padding, position, rank) for position in range(rank)]
            padding = tuple((0, 0) if one else p for p, one in zip(pairs, single, strict=True))
        return replace(
            self,
            filter_size=tuple(1 if one else k for k, one in zip(size, single, strict=True)),
            stride=tuple(1 if one else s for s, one in zip(stride, single, strict=True)),
            padding=padding,
        )

    def cropped(self, input_shape: Shape, lengths: Shape) -> Conv:
        """Return a layer that computes only the first `lengths` outputs along each axis."""
        axes, _ = self._axes(input_shape)
        if lengths == tuple(axis.output for axis in axes):
            return self
        needed = ((n - 1) * a.stride + a.kernel for n, a in zip(lengths, axes, strict=True))
        padding = tuple(
            (a.before, end - a.length - a.before) for end, a in zip(needed, axes, strict=True)
        )
        return replace(self, padding=padding)

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """Lower x, then multiply every stack of rows by the weights."""
        geometry = _geometry(self, x.shape[:-1])
        lowered = _lower(x, geometry, workspace)  # (*outer, H, lines, OW * N)
        y = workspace.buffer("y", (*geometry.output_shape, x.shape[-1]), x.dtype)
        rows = y.reshape(*geometry.outputs, geometry.height.output, self.n_filters, -1)
        weights = _stacked_weights(parameters["weights"])  # (kh, lines, F)
        for group in geometry.forward_rows:
            target = rows[..., group.target, :, :]  # (*outer, rows, F, OW * N)
            if group.taps.start == group.taps.stop:
                target.fill(0)
                continue
            matrix = weights[group.taps].reshape(-1, self.n_filters).T
            np.matmul(matrix, stacked_rows(lowered, group), out=target)
        if self.use_bias:
            add_bias(y, parameters["bias"], out=y)
        return y, (x.shape[:-1], lowered)

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
        """dw = lowered x times dy; dx = dy times w, whose lowered rows are added back to x's."""
        input_shape, lowered = cache
        geometry = _geometry(self, input_shape)
        if self.use_bias:
            bias_gradient(dy, gradients["bias"])
        dy = np.ascontiguousarray(dy)  # stacked rows need it
        rows = dy.reshape(*geometry.outputs, geometry.height.output, self.n_filters, -1)
        _weight_gradient(geometry, lowered, rows, gradients["weights"], workspace)
        if not need_dx:
            return None
        return self._input_gradient(
            parameters["weights"], (*input_shape, dy.shape[-1]), rows, workspace
        )

    def _input_gradient(
        self, weights: Array, shape: Shape, rows: Array, workspace: Workspace
    ) -> Array:
        geometry = _geometry(self, shape[:-1])
        lines, height = geometry.lines, geometry.height
        lowered = workspace.buffer(
            "d_lowered", (*geometry.outputs, height.length, lines, rows.shape[-1]), rows.dtype
        )
        for phase, groups in geometry.backward_rows:
            # taps from the last to the first: (lines, taps * F)
            taps = _stacked_weights(weights)[phase :: height.stride][::-1]
            matrix = taps.transpose(1, 0, 2).reshape(lines, -1)
            for group in groups:
                target = lowered[..., group.target, :, :]
                if group.taps.start == group.taps.stop:
                    target.fill(0)
                    continue
                columns = slice(*(self.n_filters * t for t in (group.taps.start, group.taps.stop)))
                np.matmul(matrix[:, columns], stacked_rows(rows, group), out=target)
        return _raise(lowered, geometry, shape, workspace)

    def _axes(self, input_shape: Shape) -> tuple[tuple[Axis, ...], int]:
        lengths, channels = spatial_shape(input_shape, self)
        rank = len(lengths)
        size = per_axis(self.filter_size, rank, "filter_size")
        stride = per_axis(self.stride, rank, "stride")
        return sliding_axes(lengths, size, stride, self.padding), channels


@lru_cache(maxsize=1024)
def _geometry(layer: Conv, input_shape: Shape) -> Geometry:
    axes, channels = layer._axes(input_shape)
    *outer, height, side = axes if len(axes) > 1 else (Axis(1, 1), *axes)
    return Geometry(
        tuple(outer),
        height,
        side,
        channels,
        layer.output_shape(input_shape),
        height.forward_rows(),
        height.backward_rows(),
    )


def _stacked_weights(weights: Array) -> Array:
    """Return (*outer, kh, kw, C, F) as (kh, outer * kw * C, F), the order of lowered rows."""
    rank = weights.ndim - 2
    if rank > 2:
        weights = np.moveaxis(weights, rank - 2, 0)
    return weights.reshape(weights.shape[0] if rank > 1 else 1, -1, weights.shape[-1])


def _lower(x: Array, geometry: Geometry, workspace: Workspace) -> Array:
    """Copy what each outer and side tap reads: (*outer, H, lines, OW * N); zeros outside of x."""
    lowered_shape = (
        *geometry.outputs,
        geometry.height.length,
        geometry.lines,
        geometry.side.output * x.shape[-1],
    )
    if geometry.is_plain:
        return np.ascontiguousarray(x).reshape(lowered_shape)
    lowered = workspace.buffer("lowered", lowered_shape, x.dtype)
    for of_tap, inside, source in _tap_views(lowered, x, geometry):
        target = of_tap[inside]
        if target.size < of_tap.size:
            _zero_outside(of_tap, inside)
        target[...] = source
    return lowered


def _raise(lowered: Array, geometry: Geometry, shape: Shape, workspace: Workspace) -> Array:
    """Add the gradients of lowered rows back to where `_lower` had read them."""
    if geometry.is_plain:
        return lowered.reshape(shape)
    dx = workspace.buffer("dx", shape, lowered.dtype)
    dx.fill(0)
    for of_tap, inside, source in _tap_views(lowered, dx, geometry):
        source += of_tap[inside]
    return dx


def _tap_views(
    lowered: Array, x: Array, geometry: Geometry
) -> Iterator[tuple[Array, tuple[Any, ...], Array]]:
    """Yield for each tap its part of `lowered`, the outputs inside of x, and what those read.

    The part has shape (*outer, H, C, OW, N), and so has x with input lengths.
    """
    outer, height, side, channels = geometry[:4]
    n = x.shape[-1]
    x = x.reshape(*(axis.length for axis in outer), height.length, channels, side.length, n)
    lowered = lowered.reshape(
        *geometry.outputs,
        height.length,
        *(axis.kernel for axis in outer),
        side.kernel,
        channels,
        side.output,
        n,
    )
    everything = slice(None)
    for js in product(*(range(axis.kernel) for axis in (*outer, side))):
        *outer_taps, tap = (a.tap(j) for a, j in zip((*outer, side), js, strict=True))
        of_tap: tuple[Any, ...] = (..., *js, everything, everything, everything)
        middle = (everything, everything)  # height, channels
        inside = (*(t.target for t in outer_taps), *middle, tap.target)
        source = (*(t.source for t in outer_taps), *middle, tap.source)
        yield lowered[of_tap], inside, x[source]


def _zero_outside(array: Array, inside: tuple[slice, ...]) -> None:
    """Set to zero what a box of slices leaves out."""
    for axis, part in enumerate(inside):
        if part != slice(None):
            along = np.moveaxis(array, axis, 0)
            along[: part.start] = 0
            along[part.stop :] = 0


def _weight_gradient(
    geometry: Geometry, lowered: Array, rows: Array, gradient: Array, workspace: Workspace
) -> None:
    """dw[taps] = sum over rows of (taps * lines, OW * N) @ (OW * N, F)."""
    *_, filters, _ = rows.shape
    total = workspace.buffer("dw", (geometry.height.kernel, geometry.lines, filters), rows.dtype)
    total.fill(0)
    for group in geometry.forward_rows:
        taps = group.taps.stop - group.taps.start
        if not taps:
            continue
        windows, dy = stacked_rows(lowered, group), rows[..., group.target, :, :]
        products = workspace.buffer("dw_rows", (*windows.shape[:-1], filters), rows.dtype)
        np.matmul(windows, dy.swapaxes(-1, -2), out=products)
        total[group.taps] += products.reshape(-1, taps, geometry.lines, filters).sum(axis=0)
    kernel = tuple(axis.kernel for axis in geometry.outer)
    in_order = total.reshape(geometry.height.kernel, *kernel, -1, *gradient.shape[-2:])
    gradient[...] = np.moveaxis(in_order, 0, len(kernel)).reshape(gradient.shape)
