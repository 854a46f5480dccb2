"""From feature maps to features."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters, Shape

__all__ = ["Flatten"]


@dataclass(frozen=True)
class Flatten(Layer):
    """Read feature maps as one list of features; no number moves."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (features,)."""
        return (prod(input_shape),)

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """Reshape."""
        return x.reshape(-1, x.shape[-1]), x.shape

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
        """Reshape back."""
        return dy.reshape(cache) if need_dx else None
