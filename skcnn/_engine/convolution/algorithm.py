"""What all algorithms of convolution have in common: products of matrices do the work."""

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
    """How a convolution becomes products of matrices.

    Rows of windows need no copy: neighboring rows of the transformed array lie one behind the
    other in memory. What is left are products: `transformed[p, ..., row, lines, columns]` and
    `weights[p, kh, lines, F]` make `products[p, ..., row, F, columns]`, for every p.

    Parameters
    ----------
    axes : tuple of Axis
        The spatial axes; the one before the last is the height, whose windows need no copy.
    channels, n_filters : int
        Channels of input and output.
    interleave : int, default=1
        Groups of output columns: first all whose number leaves the remainder 0 when divided by
        it, then 1, and so on.
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
        """Return x as the products read it."""
        raise NotImplementedError

    def input_gradient_buffer(self, dy: Array, workspace: Workspace) -> Array:
        """Return where the gradient for what :meth:`transform_input` returns is written."""
        raise NotImplementedError

    def input_gradient(self, d_transformed: Array, workspace: Workspace) -> Array:
        """Return the gradient for x, a sum over all that :meth:`transform_input` made of it."""
        raise NotImplementedError

    def transform_weights(self, weights: Array, workspace: Workspace) -> Array:
        """Return weights of shape (*kernel, C, F) as the products read them."""
        raise NotImplementedError

    def weight_gradient(self, total: Array, gradient: Array, workspace: Workspace) -> None:
        """Write the gradient for the weights, from `total` for the transformed ones."""
        raise NotImplementedError

    def product_buffer(self, x: Array, workspace: Workspace) -> Array:
        """Return where the products are written."""
        raise NotImplementedError

    def transform_output(self, products: Array, workspace: Workspace) -> Array:
        """Return the outputs, from the products."""
        raise NotImplementedError

    def product_gradient(self, dy: Array, workspace: Workspace) -> Array:
        """Return the gradient for the products."""
        raise NotImplementedError


def height_of(axes: tuple[Axis, ...]) -> Axis:
    """Return the axis before the last; signals have one of length 1."""
    return axes[-2] if len(axes) > 1 else Axis(1, 1)
