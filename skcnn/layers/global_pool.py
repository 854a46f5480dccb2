"""Pooling of whole feature maps: one number for each channel."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from skcnn._engine.plan import Trait
from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters, Shape, spatial_shape

__all__ = ["GlobalAveragePool", "GlobalMaxPool"]


@dataclass(frozen=True)
class GlobalPool(Layer):
    """What both have in common: from feature maps of any size to (channels,)."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (channels,)."""
        _, channels = spatial_shape(input_shape, self)
        return (channels,)


@dataclass(frozen=True)
class GlobalAveragePool(GlobalPool):
    """Mean of each feature map: y[c] = sum of x[c] / number of its elements.

    What follows sees one number for each channel, whatever the size of the images, in place of
    all elements as after `Flatten`.

    References
    ----------
    Lin, Chen, Yan. Network In Network. ICLR 2014.
    """

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """Add up each feature map, then divide."""
        y = workspace.buffer("y", (x.shape[-3], x.shape[-1]), x.dtype)
        np.add.reduce(x, axis=_spatial_axes(x), out=y)
        y *= x.shape[-3] * x.shape[-1] / x.size
        return y, x.shape

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
        """Distribute dy evenly over its feature map."""
        if not need_dx:
            return None
        dx = workspace.buffer("dx", cache, dy.dtype)
        dy *= dy.size / prod(cache)
        np.copyto(dx, dy[:, np.newaxis])
        return dx


@dataclass(frozen=True)
class GlobalMaxPool(GlobalPool):
    """Maximum of each feature map; on ties the element found first gets the whole gradient.

    It is the one that `MaxPool` with a window of the whole feature map gives it to: the first of
    the columns that have the maximum, and in it the first of the rows.
    """

    @property
    def _traits(self) -> Trait:
        return Trait.POOLING | Trait.MAXIMUM if type(self) is GlobalMaxPool else Trait.NONE

    def _reach(self, input_shape: Shape) -> Shape:
        """Return how many elements along each spatial axis are read: all."""
        lengths, _ = spatial_shape(input_shape, self)
        return lengths

    def _columns(self, input_shape: Shape) -> int:
        """Return 1: columns stay in their order."""
        return 1

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """Take the maximum of each feature map."""
        y = workspace.buffer("y", (x.shape[-3], x.shape[-1]), x.dtype)
        np.maximum.reduce(x, axis=_spatial_axes(x), out=y)
        return y, (x, y)

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
        """Give dy to the first of the largest elements."""
        if not need_dx:
            return None
        x, y = cache
        largest = workspace.buffer("largest", x.shape, np.bool_)
        np.equal(x, y[:, np.newaxis], out=largest)
        dx = workspace.buffer("dx", x.shape, dy.dtype)
        dx.fill(0)
        dx[_first(largest)] = dy
        return dx


def _spatial_axes(x: Array) -> tuple[int, ...]:
    return (*range(x.ndim - 3), x.ndim - 2)


def _first(largest: Array) -> tuple[Any, ...]:
    """Return the index, of shape (C, N), of the first true element of each feature map.

    Along the last spatial axis first, then along the one before it, as pooling axis by axis finds
    it from its end.
    """
    channels, samples = np.ogrid[: largest.shape[-3], : largest.shape[-1]]
    leading = tuple(range(largest.ndim - 3))
    last = largest.any(axis=leading).argmax(axis=-2)  # (C, W, N) -> (C, N)
    found = largest[..., channels, last, samples]  # (*leading, C, N)
    index: tuple[Any, ...] = ()
    while found.ndim > 2:
        along = found.any(axis=tuple(range(found.ndim - 3))).argmax(axis=-3)
        found = found[..., along, channels, samples]
        index = (along, *index)
    return (*index, channels, last, samples)
