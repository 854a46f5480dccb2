"""Dropout: training with a random part of the features, or of the feature maps, switched off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skcnn._checks import is_number, shown
from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters, Shape

__all__ = ["Dropout", "SpatialDropout"]


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, set each element to zero with probability `rate` and scale up the others.

    Parameters
    ----------
    rate : float, default=0.5
        Probability in [0, 1), to the nearest of 65,536 steps.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov. Dropout: A Simple Way to Prevent
    Neural Networks from Overfitting. JMLR 15, 2014.
    """

    rate: float = 0.5

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        if not (is_number(self.rate) and 0 <= self.rate < 1):
            raise ValueError(
                f"rate={shown(self.rate)} must be a number of at least 0 and less than 1."
            )
        return input_shape

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """y = x * mask / (1 - rate) in training, y = x otherwise."""
        if not training or self.rate == 0:
            return x, None
        if workspace.rng is None:
            raise ValueError(f"{self} draws in training: give its Workspace a generator, rng=.")
        mask = self._mask(x, workspace, workspace.rng)
        y = workspace.buffer("y", x.shape, x.dtype)
        return np.multiply(x, mask, out=y), mask

    def _mask(self, x: Array, workspace: Workspace, rng: np.random.Generator) -> Array:
        """Return zeros and 1 / (1 - rate) in a shape that broadcasts against x."""
        return self._draw(x.shape, workspace.buffer("mask", x.shape, x.dtype), rng)

    def _draw(self, shape: Shape, out: Array, rng: np.random.Generator) -> Array:
        """Fill `out` from as many draws as `shape` says, which broadcasts against it."""
        dropped = min(round(float(self.rate) * 2**16), 2**16 - 1)
        draws = rng.integers(0, 2**16, shape, np.uint16)
        np.greater_equal(draws, dropped, out=out, casting="unsafe")
        out *= 2**16 / (2**16 - dropped)
        return out

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
        """dx = dy * mask / (1 - rate)."""
        if need_dx and cache is not None:
            dy *= cache
        return dy if need_dx else None


@dataclass(frozen=True)
class SpatialDropout(Dropout):
    """Dropout of whole feature maps: in training, set each to zero with probability `rate`.

    Neighboring pixels of a feature map are nearly equal, so dropping single ones has little effect.
    After Flatten every feature is a feature map of its own, and this is :class:`Dropout`.

    Parameters
    ----------
    rate : float, default=0.5
        Probability in [0, 1), to the nearest of 65,536 steps.

    References
    ----------
    Tompson, Goroshin, Jain, LeCun, Bregler. Efficient Object Localization Using Convolutional
    Networks. CVPR 2015.
    """

    def _mask(self, x: Array, workspace: Workspace, rng: np.random.Generator) -> Array:
        """Return one number for each feature map, repeated along the last spatial axis."""
        if x.ndim == 2:
            return super()._mask(x, workspace, rng)
        *_, channels, last, n = x.shape
        # (C, W, N): long rows to multiply
        mask = workspace.buffer("mask", (channels, last, n), x.dtype)
        return self._draw((channels, 1, n), mask, rng)
