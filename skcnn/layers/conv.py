"""Convolution of signals, images and volumes by one lowering and one stacked product."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from skcnn.initializers import initialize_weights
from skcnn.layers.base import Array, Layer, Parameters, Shape, spatial_shape
from skcnn.layers.bias import add_bias, bias_gradient
from skcnn.lowering import Lowering
from skcnn.windows import (
    Axis,
    Padding,
    Rows,
    check_count,
    explicit_padding,
    per_axis,
    sliding_axes,
    stacked_rows,
)
from skcnn.workspace import Workspace


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
    initializer : {"he_normal", "glorot_uniform", "zeros"}, default="he_normal"
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
        n_filters = check_count(self.n_filters, "n_filters")
        axes, _ = self._axes(input_shape)
        *leading, last = (axis.output for axis in axes)
        return (*leading, n_filters, last)

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
        lowering = geometry.lowering
        lowered = lowering.lower(x, workspace)  # (*outer, H, lines, OW * N)
        y = workspace.buffer("y", (*geometry.output_shape, x.shape[-1]), x.dtype)
        rows = y.reshape(*lowering.outputs, lowering.height.output, self.n_filters, -1)
        weights = _height_first(parameters["weights"])  # (kh, ..., F)
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
        lowering = geometry.lowering
        if self.use_bias:
            bias_gradient(dy, gradients["bias"])
        dy = np.ascontiguousarray(dy)  # stacked rows need it
        rows = dy.reshape(*lowering.outputs, lowering.height.output, self.n_filters, -1)
        _weight_gradient(geometry, lowered, rows, gradients["weights"], workspace)
        if not need_dx:
            return None
        n = dy.shape[-1]
        d_lowered = workspace.buffer("d_lowered", lowering.shape(n), dy.dtype)
        _lowered_gradient(geometry, parameters["weights"], rows, d_lowered)
        return lowering.add_back(d_lowered, n, workspace).reshape(*input_shape, n)

    def _axes(self, input_shape: Shape) -> tuple[tuple[Axis, ...], int]:
        lengths, channels = spatial_shape(input_shape, self)
        rank = len(lengths)
        size = per_axis(self.filter_size, rank, "filter_size")
        stride = per_axis(self.stride, rank, "stride")
        return sliding_axes(lengths, size, stride, self.padding), channels


class _Geometry(NamedTuple):
    """All that follows from a layer and the shape of its input."""

    lowering: Lowering
    output_shape: Shape
    forward_rows: list[Rows]
    backward_rows: list[tuple[int, list[Rows]]]


@lru_cache(maxsize=1024)
def _geometry(layer: Conv, input_shape: Shape) -> _Geometry:
    lowering = Lowering(*layer._axes(input_shape))
    return _Geometry(
        lowering,
        layer.output_shape(input_shape),
        lowering.height.forward_rows(),
        lowering.height.backward_rows(),
    )


def _height_first(weights: Array) -> Array:
    """View (*outer, kh, kw, C, F) as (kh, *outer, kw, C, F), the order of lowered rows."""
    rank = weights.ndim - 2
    return np.moveaxis(weights, rank - 2, 0) if rank > 1 else weights[None]


def _weight_gradient(
    geometry: _Geometry, lowered: Array, rows: Array, gradient: Array, workspace: Workspace
) -> None:
    """dw[taps] = sum over rows of (taps * lines, OW * N) @ (OW * N, F)."""
    gradient.fill(0)
    total = _height_first(gradient)
    for group in geometry.forward_rows:
        if group.taps.start == group.taps.stop:
            continue
        windows, dy = stacked_rows(lowered, group), rows[..., group.target, :, :]
        products = workspace.buffer("dw", (*windows.shape[:-1], rows.shape[-2]), rows.dtype)
        np.matmul(windows, dy.swapaxes(-1, -2), out=products)
        part = total[group.taps]
        part += products.reshape(-1, *part.shape).sum(axis=0)


def _lowered_gradient(geometry: _Geometry, weights: Array, rows: Array, d_lowered: Array) -> None:
    """d_lowered[h] = (lines, taps * F) @ the rows of dy, (taps * F, OW * N), that h went into."""
    filters, lines = weights.shape[-1], geometry.lowering.lines
    for phase, groups in geometry.backward_rows:
        # taps from the last to the first: (taps, lines, F) -> (lines, taps * F)
        taps = _height_first(weights)[phase :: geometry.lowering.height.stride][::-1]
        count = len(taps)
        matrix = taps.reshape(count, lines, filters).swapaxes(0, 1).reshape(lines, count * filters)
        for group in groups:
            target = d_lowered[..., group.target, :, :]
            if group.taps.start == group.taps.stop:
                target.fill(0)
                continue
            columns = matrix[:, filters * group.taps.start : filters * group.taps.stop]
            np.matmul(columns, stacked_rows(rows, group), out=target)
