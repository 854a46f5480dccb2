"""One trained constant for each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skcnn._engine.plan import Trait
from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters, Shape

__all__ = ["Bias"]


def channel_count(input_shape: Shape) -> int:
    """Return the number of channels of (features,) or (*leading, channels, last)."""
    return input_shape[0] if len(input_shape) == 1 else input_shape[-2]


def add_bias(x: Array, bias: Array, out: Array) -> None:
    """Write x + bias to `out`, where bias has one value for each channel."""
    np.add(x, bias[:, None] if x.ndim == 2 else bias[:, None, None], out=out)


def bias_gradient(dy: Array, out: Array, workspace: Workspace) -> None:
    """Write the sum of dy over everything but its channels to `out`."""
    # a product with ones is a sum, and faster
    columns = dy.shape[-1] if dy.ndim == 2 else dy.shape[-2] * dy.shape[-1]
    ones = workspace.once(("ones", columns, dy.dtype), lambda: np.ones(columns, dy.dtype))
    if dy.ndim == 2:
        np.dot(dy, ones, out=out)
        return
    sums = np.dot(dy.reshape(-1, columns), ones)  # (leading * C,)
    np.add.reduce(sums.reshape(-1, dy.shape[-3]), axis=0, out=out)


@dataclass(frozen=True)
class Bias(Layer):
    """Add a constant per channel: y[c] = x[c] + b[c]."""

    @property
    def _traits(self) -> Trait:
        if type(self) is not Bias:
            return Trait.NONE
        return Trait.ELEMENTWISE | Trait.ORDER_FREE | Trait.INCREASING

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shape of the bias, (channels,)."""
        return {"bias": (channel_count(input_shape),)}

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """Return x + b; nothing is cached."""
        y = workspace.output(x)
        add_bias(x, parameters["bias"], y)
        return y, None

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
        """db[c] = sum of dy[c]; dx = dy."""
        bias_gradient(dy, gradients["bias"], workspace)
        return dy if need_dx else None
