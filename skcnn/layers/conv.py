"""Convolution of signals, images and volumes by products of matrices."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from skcnn._checks import check_boolean, check_count, per_axis
from skcnn._engine.convolution.algorithm import Algorithm
from skcnn._engine.convolution.choose import batch_class, choose_algorithm
from skcnn._engine.convolution.geometry import Axis, Padding, explicit_padding, sliding_axes
from skcnn._engine.plan import Trait
from skcnn._engine.workspace import Workspace
from skcnn.initializers import initialize_weights
from skcnn.layers.base import Array, Layer, Parameters, Shape, spatial_shape
from skcnn.layers.bias import Bias, add_bias, bias_gradient

__all__ = ["Conv"]


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution, more exactly cross-correlation, with one bias per filter.

    For an image: y[oh, f, ow] = b[f] + sum over i, j, c of w[i, j, c, f] *
    x[oh * stride + i * dilation - before, first + c, ow * stride + j * dilation - before], where
    elements outside of x count as zero and first is the first channel of f's group, 0 if there is
    one group. Signals and volumes have one axis less or more.

    Parameters
    ----------
    n_filters : int
        Number of filters, the channels of the output.
    filter_size : int or tuple of int, default=3
        Kernel size, for all spatial axes or for each.
    stride : int or tuple of int, default=1
        Step between neighboring windows.
    padding : {"same", "valid"}, int or tuple, default="same"
        "same" gives ceil(n / stride) outputs, the odd zero at the end; "valid" pads nothing;
        explicit: zeros at both ends, or per axis an integer or a pair (before, after). A
        negative number in a pair crops.
    use_bias : bool, default=True
        Whether to add a bias.
    initializer : {"he_normal", "glorot_uniform", "zeros"}, default="he_normal"
        Weight initialization. Biases start at zero.
    dilation : int or tuple of int, default=1
        Step between neighboring elements that a window reads, for all spatial axes or for each:
        a filter of size k covers (k - 1) * dilation + 1 elements.
    groups : int, default=1
        Into how many groups channels and filters are split, in their order; a divisor of both
        numbers. A filter sees the channels of its group alone. With one channel in each group the
        convolution is depthwise.
    trainable : bool, default=True
        Whether training changes the parameters.

    Notes
    -----
    Parameters are `weights` of shape (*filter_size, channels // groups, n_filters) and `bias` of
    shape (n_filters,).
    """

    n_filters: int
    filter_size: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: Padding = "same"
    use_bias: bool = True
    initializer: str = "he_normal"
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    trainable: bool = True

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (*leading, n_filters, last) with the number of windows along each axis."""
        n_filters = check_count(self.n_filters, "n_filters")
        axes, channels = self._axes(input_shape)
        groups = check_count(self.groups, "groups")
        if channels % groups or n_filters % groups:
            raise ValueError(
                f"groups={groups} must divide both the number of channels, {channels}, and "
                f"n_filters={n_filters}."
            )
        *leading, last = (axis.output for axis in axes)
        return (*leading, n_filters, last)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shapes of weights and bias."""
        check_boolean(self.use_bias, "use_bias")
        axes, channels = self._axes(input_shape)
        kernel = (axis.kernel for axis in axes)
        shapes = {"weights": (*kernel, channels // self.groups, self.n_filters)}
        return shapes | ({"bias": (self.n_filters,)} if self.use_bias else {})

    def initialize(self, parameters: Parameters, rng: np.random.Generator) -> None:
        """Draw the weights; fan-in and fan-out count the positions of a filter."""
        weights = parameters["weights"]
        *kernel, channels, filters = weights.shape
        positions = prod(kernel)
        initialize_weights(
            self.initializer,
            weights,
            positions * channels,
            positions * (filters // self.groups),
            rng,
        )

    def narrowed(self, input_lengths: Shape) -> Conv:
        """Return a layer of kernel size 1 along input axes of length 1."""
        if 1 not in input_lengths:
            return self
        rank = len(input_lengths)
        single = [length == 1 for length in input_lengths]
        size = per_axis(self.filter_size, rank, "filter_size")
        stride = per_axis(self.stride, rank, "stride")
        dilation = per_axis(self.dilation, rank, "dilation")
        padding = self.padding
        if not isinstance(padding, str):
            pairs = [explicit_padding(padding, position, rank) for position in range(rank)]
            padding = tuple((0, 0) if one else p for p, one in zip(pairs, single, strict=True))
        gaps = tuple(1 if one else d for d, one in zip(dilation, single, strict=True))
        return replace(
            self,
            filter_size=tuple(1 if one else k for k, one in zip(size, single, strict=True)),
            stride=tuple(1 if one else s for s, one in zip(stride, single, strict=True)),
            padding=padding,
            dilation=1 if set(gaps) == {1} else gaps,
        )

    @property
    def _traits(self) -> Trait:
        return Trait.CONVOLUTION if type(self) is Conv else Trait.NONE

    @property
    def _column_groups(self) -> int:
        """In how many groups the columns of the output are."""
        return 1

    def _cropped(self, input_shape: Shape, lengths: Shape) -> Conv:
        """Return a layer that computes only the first `lengths` outputs along each axis."""
        axes, _ = self._axes(input_shape)
        if lengths == tuple(axis.output for axis in axes):
            return self
        needed = ((n - 1) * a.stride + a.extent for n, a in zip(lengths, axes, strict=True))
        padding = tuple(
            (a.before, end - a.length - a.before) for end, a in zip(needed, axes, strict=True)
        )
        return replace(self, padding=padding)

    def _without_bias(self) -> tuple[Conv, list[Layer]]:
        """Return the convolution alone, and what adds the bias afterwards."""
        return replace(self, use_bias=False), [Bias()] if self.use_bias else []

    def _interleaved(self, groups: int) -> InterleavedConv:
        """Return the same convolution with its output's columns in groups."""
        values = {part.name: getattr(self, part.name) for part in fields(self)}
        return InterleavedConv(**values, column_groups=groups)

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """Compute the outputs by the algorithm that suits the shape, then add the bias."""
        algorithm = _algorithm(self, x.shape[:-1], batch_class(x.shape[-1]))
        y, kept = algorithm.forward(x, parameters["weights"], workspace)
        if y.ndim > x.ndim:  # there is a height of one row
            y = y.reshape(*y.shape[: x.ndim - 3], *y.shape[-3:])
        if self.use_bias:
            add_bias(y, parameters["bias"], out=y)
        return y, (x.shape, algorithm, kept)

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
        """db is the sum of dy; the algorithm of the forward pass has dw and dx."""
        input_shape, algorithm, kept = cache
        if self.use_bias:
            bias_gradient(dy, gradients["bias"], workspace)
        dx: Array | None = algorithm.backward(
            dy, kept, gradients["weights"], workspace, need_dx=need_dx
        )
        return None if dx is None else dx.reshape(input_shape)

    def _axes(self, input_shape: Shape) -> tuple[tuple[Axis, ...], int]:
        lengths, channels = spatial_shape(input_shape, self)
        rank = len(lengths)
        size = per_axis(self.filter_size, rank, "filter_size")
        stride = per_axis(self.stride, rank, "stride")
        dilation = per_axis(self.dilation, rank, "dilation")
        return sliding_axes(lengths, size, stride, self.padding, dilation), channels


@dataclass(frozen=True)
class InterleavedConv(Conv):
    """A step of the execution plan: a convolution that writes columns as pooling reads them.

    Column w of the output is in group w % column_groups, so that what a pooling of that size reads
    lies in long runs of memory.
    """

    column_groups: int = 1

    @property
    def _column_groups(self) -> int:
        return self.column_groups


@lru_cache(maxsize=1024)
def _algorithm(layer: Conv, input_shape: Shape, batch: int) -> Algorithm:
    """Return how the layer is computed for inputs of this shape."""
    axes, channels = layer._axes(input_shape)
    interleave, groups = layer._column_groups, layer.groups
    return choose_algorithm(axes, channels, layer.n_filters, interleave, batch, groups)
