"""Fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skcnn._checks import check_boolean, check_count
from skcnn._engine.block_length import block_length
from skcnn._engine.workspace import Workspace
from skcnn.initializers import initialize_weights
from skcnn.layers.base import Array, Layer, Parameters, Shape
from skcnn.layers.bias import add_bias, bias_gradient

__all__ = ["Dense"]

# Adam moves every weight by up to the learning rate, an output by so many times as much as it has
# inputs. Up to here that is right; beyond, steps are shorter.
WIDE = 512
# Sums over blocks of fewer features gain nothing.
LEAST_FEATURES = 64


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
    trainable : bool, default=True
        Whether training changes the parameters.

    Notes
    -----
    Parameters are `weights` of shape (features, n_units) and `bias` of shape (n_units,). In
    training, steps of the weights are shortened by 512 / features where there are more features
    than that, so that the width of an input does not decide how far an output moves.

    References
    ----------
    Yang, Hu, Babuschkin et al. Tensor Programs V: Tuning Large Neural Networks via Zero-Shot
    Hyperparameter Transfer. 2022: learning rates of "adam" in proportion to 1 / features.
    """

    n_units: int
    initializer: str = "he_normal"
    use_bias: bool = True
    trainable: bool = True

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
        check_boolean(self.use_bias, "use_bias")
        shapes: dict[str, Shape] = {"weights": (*input_shape, self.n_units)}
        return shapes | ({"bias": (self.n_units,)} if self.use_bias else {})

    def _step_factor(self, input_shape: Shape) -> float:
        return min(1.0, WIDE / input_shape[0])

    def initialize(self, parameters: Parameters, rng: np.random.Generator) -> None:
        """Draw the weights."""
        weights = parameters["weights"]
        features, units = weights.shape
        initialize_weights(self.initializer, weights, features, units, rng)

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """y = w.T @ x + b."""
        weights = parameters["weights"]
        features, n = x.shape
        y = workspace.buffer("y", (self.n_units, n), x.dtype)
        block = block_length(features, y.size, least=LEAST_FEATURES)
        if block == features:
            np.matmul(weights.T, x, out=y)
        else:
            parts = workspace.buffer("parts", (features // block, *y.shape), x.dtype)
            matrices = weights.reshape(-1, block, self.n_units).swapaxes(1, 2)
            np.matmul(matrices, x.reshape(-1, block, n), out=parts)
            np.add.reduce(parts, axis=0, out=y)
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
        features, n = cache.shape
        block = block_length(features, dy.size, self.n_units)
        gradient = gradients["weights"].reshape(-1, block, self.n_units)
        np.matmul(cache.reshape(-1, block, n), dy.T, out=gradient)
        if self.use_bias:
            bias_gradient(dy, gradients["bias"], workspace)
        if not need_dx:
            return None
        dx = workspace.buffer("dx", cache.shape, dy.dtype)
        block = block_length(features, dy.size)
        matrices = parameters["weights"].reshape(-1, block, self.n_units)
        np.matmul(matrices, dy, out=dx.reshape(-1, block, n))
        return dx
