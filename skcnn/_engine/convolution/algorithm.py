"""Lowering: the copy that turns convolution into products of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy.typing as npt

from skcnn._engine.convolution.geometry import Axis, Rows
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Algorithm:
    """How x is laid out anew, so that the windows of a row are one matrix.

    Rows of windows need no copy: neighboring rows of the transformed array lie one behind the
    other. What is left are products: `transformed[p, ..., row, lines, columns]` and
    `weights[p, kh, lines, F]` make `products[p, ..., row, F, columns]`, for every p.

    Parameters
    ----------
    axes : tuple of Axis
        The spatial axes; the one before the last is the height, whose windows need no copy.
    channels, n_filters : int
        Channels of input and output.
    interleave : int, default=1
        Output columns stand in so many groups: all whose number leaves the remainder 0 when
        divided by it, then 1, and so on.
    """

    axes: tuple[Axis, ...]
    channels: int
    n_filters: int
    interleave: int = 1

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

    def transform_input(self, x: Array, workspace: Workspace) -> Array:
        """Return x transformed."""
        raise NotImplementedError

    def transformed_gradient(self, dy: Array, workspace: Workspace) -> Array:
        """Return a buffer for the gradient for what :meth:`transform_input` returns."""
        raise NotImplementedError

    def input_gradient(self, d_transformed: Array, workspace: Workspace) -> Array:
        """Return the gradient for x, a sum over all that :meth:`transform_input` made of it."""
        raise NotImplementedError

    def weights(self, weights: Array, workspace: Workspace) -> Array:
        """Return weights of shape (*kernel, C, F) in the order of transformed rows."""
        raise NotImplementedError

    def weight_gradient(self, total: Array, gradient: Array, workspace: Workspace) -> None:
        """Write to `gradient` what `total` means for the weights before :meth:`weights`."""
        raise NotImplementedError

    def products(self, x: Array, workspace: Workspace) -> Array:
        """Return a buffer for the products."""
        raise NotImplementedError

    def collect_outputs(self, products: Array, workspace: Workspace) -> Array:
        """Return the outputs from the products."""
        raise NotImplementedError

    def spread_gradient(self, dy: Array, workspace: Workspace) -> Array:
        """Return the gradient for the products."""
        raise NotImplementedError


def height_of(axes: tuple[Axis, ...]) -> Axis:
    """Return the axis before the last; signals have one of length 1."""
    return axes[-2] if len(axes) > 1 else Axis(1, 1)
