"""Convolution of signals, images and volumes by one lowering and one stacked product."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from skcnn._engine.convolution.algorithm import Lowering
from skcnn._engine.convolution.geometry import (
    Axis,
    Padding,
    check_count,
    explicit_padding,
    per_axis,
    sliding_axes,
)
from skcnn._engine.convolution.im2col import DirectLowering
from skcnn._engine.convolution.matmuls import multiply, multiply_by_lowered, multiply_by_weights
from skcnn._engine.convolution.winograd import POINTS, WinogradLowering
from skcnn._engine.workspace import Workspace
from skcnn.initializers import initialize_weights
from skcnn.layers.base import Array, Layer, Parameters, Shape, spatial_shape
from skcnn.layers.bias import add_bias, bias_gradient

# Smaller batches make matrices too narrow for minimal filtering.
LEAST_BATCH = 8
# Neighbouring outputs are computed together until products have so many lines.
LINES = 4
# A larger tile is taken if the work falls below this share.
LEAST_GAIN = 0.93


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
    interleave : int, default=1
        Columns of the output stand in so many groups, column w in group w % interleave: what a
        pooling of that size reads lies in long runs of memory. For a following
        ``MaxPool(..., interleaved=True)``.

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
    interleave: int = field(default=1, repr=False)  # a matter of layout

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (*leading, n_filters, last) with the number of windows along each axis."""
        n_filters = check_count(self.n_filters, "n_filters")
        axes, _ = self._axes(input_shape)
        *leading, last = (axis.output for axis in axes)
        if last % check_count(self.interleave, "interleave"):
            raise ValueError(
                f"interleave={self.interleave} does not divide the {last} columns of the output. "
                f"Use padding that crops, or interleave=1."
            )
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
        lowering = _lowering(self, x.shape[:-1], x.shape[-1] >= LEAST_BATCH)
        lowered = lowering.lower(x, workspace)
        weights = lowering.weights(parameters["weights"], workspace)
        products = lowering.products(x, workspace)
        multiply(lowering, weights, lowered, products, workspace)
        y = lowering.collect(products, workspace)
        if y.ndim > x.ndim:  # signals have no height
            y = y[0]
        if self.use_bias:
            add_bias(y, parameters["bias"], out=y)
        return y, (x.shape, lowering, lowered, weights)

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
        input_shape, lowering, lowered, weights = cache
        if self.use_bias:
            bias_gradient(dy, gradients["bias"], workspace)
        d_products = lowering.spread(dy, workspace)
        total = workspace.buffer("total", weights.shape, dy.dtype)
        multiply_by_lowered(lowering, lowered, d_products, total, workspace)
        lowering.weight_gradient(total, gradients["weights"], workspace)
        if not need_dx:
            return None
        d_lowered = lowering.lowered_gradient(dy, workspace)
        multiply_by_weights(lowering, weights, d_products, d_lowered, workspace)
        dx: Array = lowering.add_back(d_lowered, workspace).reshape(input_shape)
        return dx

    def _axes(self, input_shape: Shape) -> tuple[tuple[Axis, ...], int]:
        lengths, channels = spatial_shape(input_shape, self)
        rank = len(lengths)
        size = per_axis(self.filter_size, rank, "filter_size")
        stride = per_axis(self.stride, rank, "stride")
        return sliding_axes(lengths, size, stride, self.padding), channels


@lru_cache(maxsize=1024)
def _lowering(layer: Conv, input_shape: Shape, many: bool) -> Lowering:
    """Return the way to lay out inputs of this shape that takes the least work.

    Minimal filtering has larger rounding errors, and must save a fifteenth for every step to a
    larger tile. For single images matrices are too narrow.
    """
    axes, channels = layer._axes(input_shape)
    numbers = (channels, layer.n_filters, layer.interleave)
    best: Lowering = _direct(axes, *numbers)
    if not many or len(axes) > 2 or axes[-1].stride > 1 or axes[-1].kernel < 2:
        return best
    for tile in range(2, max(POINTS) - axes[-1].kernel + 2):
        other = WinogradLowering(axes, *numbers, tile)
        if other.cost < LEAST_GAIN * best.cost:
            best = other
    return best


def _direct(axes: tuple[Axis, ...], channels: int, n_filters: int, interleave: int) -> Lowering:
    """Return a lowering that computes so many outputs together that products have some lines."""
    columns = interleave if interleave * n_filters <= LINES else 1
    rows = 1
    if len(axes) > 1:
        most = max(LINES // (columns * n_filters), 1)
        rows = next(rows for rows in range(most, 0, -1) if axes[-2].output % rows == 0)
    return DirectLowering(axes, channels, n_filters, interleave // columns, (rows, columns))
