"""Fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skcnn._checks import check_count
from skcnn._engine.workspace import Workspace
from skcnn.initializers import initialize_weights
from skcnn.layers.base import Array, Layer, Parameters, Shape
from skcnn.layers.bias import add_bias, bias_gradient


@dataclass(frozen=True)
class Dense(Layer):
    """Every output sees every input: y = w.T @ x + b.

    Parameters
    ----------
    n_units : int
        Number of outputs.
    initializer : {"he_normal", "glorot_uniform", "zeros"}, default="he_normal"
        Weight initialization. Biases start at zero.
    use_bias : bool, default=True
        Whether to add a bias.

    Notes
    -----
    Parameters are `weights` of shape (features, n_units) and `bias` of shape (n_units,).
    """

    n_units: int
    initializer: str = "he_normal"
    use_bias: bool = True

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (n_units,)."""
        n_units = check_count(self.n_units, "n_units")
        if len(input_shape) != 1:
            raise ValueError(
                f"{self} needs a list of features, got feature maps of shape {input_shape}. "
                f"Put Flatten() before it."
            )
        return (n_units,)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shapes of weights and bias."""
        shapes: dict[str, Shape] = {"weights": (*input_shape, self.n_units)}
        return shapes | ({"bias": (self.n_units,)} if self.use_bias else {})

    def initialize(self, parameters: Parameters, rng: np.random.Generator) -> None:
        """Draw the weights."""
        weights = parameters["weights"]
        features, units = weights.shape
        initialize_weights(self.initializer, weights, features, units, rng)

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """y = w.T @ x + b."""
        y = workspace.buffer("y", (self.n_units, x.shape[-1]), x.dtype)
        np.matmul(parameters["weights"].T, x, out=y)
        if self.use_bias:
            add_bias(y, parameters["bias"], out=y)
        return y, x

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
        """dw = x @ dy.T, db = sum of dy over the batch, dx = w @ dy."""
        np.matmul(cache, dy.T, out=gradients["weights"])
        if self.use_bias:
            bias_gradient(dy, gradients["bias"], workspace)
        if not need_dx:
            return None
        dx = workspace.buffer("dx", cache.shape, dy.dtype)
        np.matmul(parameters["weights"], dy, out=dx)
        return dx
