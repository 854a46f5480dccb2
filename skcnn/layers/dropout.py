"""Dropout: training with a random part of the features switched off."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from skcnn.layers.base import Array, Layer, Parameters, Shape
from skcnn.workspace import Workspace


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
        if not (isinstance(self.rate, Real) and 0 <= self.rate < 1):
            raise ValueError(f"rate={self.rate!r} must be a number of at least 0 and less than 1.")
        return input_shape

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """y = x * mask / (1 - rate) in training, y = x otherwise."""
        if not training or self.rate == 0:
            return x, None
        if workspace.rng is None:
            raise ValueError(f"{self} draws in training: give its Workspace a generator, rng=.")
        dropped = min(round(self.rate * 2**16), 2**16 - 1)
        draws = workspace.rng.integers(0, 2**16, x.shape, np.uint16)
        mask = workspace.buffer("mask", x.shape, x.dtype)
        np.greater_equal(draws, dropped, out=mask, casting="unsafe")
        mask *= 2**16 / (2**16 - dropped)
        y = workspace.buffer("y", x.shape, x.dtype)
        return np.multiply(x, mask, out=y), mask

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
