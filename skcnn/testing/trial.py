"""One layer at test: a network of that layer alone, with random numbers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from skcnn._checks import is_integer
from skcnn._engine.workspace import Workspace
from skcnn.layers import Layer
from skcnn.layers.base import Array, Shape
from skcnn.network import Network

__all__: list[str] = []  # of use to the checks alone


def survives_pickling(part: Any) -> bool:
    """Return whether pickling gives an equal object."""
    try:
        return bool(pickle.loads(pickle.dumps(part)) == part)
    except (pickle.PicklingError, AttributeError, TypeError, ValueError):
        return False


class LayerTrial:
    """One layer as a network, with random parameters, input and output gradient."""

    def __init__(
        self, layer: Layer, input_shape: Shape, n_samples: int, seed: int, dtype: Any = np.float64
    ) -> None:
        rng = np.random.default_rng(seed)
        self.layer, self.seed, self.rng = layer, seed, rng
        shape = layer.output_shape(tuple(input_shape))
        right = isinstance(shape, tuple) and all(is_integer(n) and n >= 1 for n in shape)
        assert right, (
            f"{layer}: output_shape must return a tuple of integers of at least 1, not {shape!r}."
        )
        self.network = Network((layer,), input_shape, dtype)
        self.network.initialize(rng)
        parameters = self.network.parameters
        parameters += 0.1 * rng.standard_normal(parameters.shape).astype(dtype)
        self.state = self.network.state.copy()
        size = int(np.prod(input_shape)) * n_samples
        # distinct values, none of them zero, that differ by far more than a finite difference
        values = (rng.permutation(size) + 0.3) * (4 / size) - 2
        self.x: Array = values.reshape(*input_shape, n_samples).astype(dtype)
        self.dy: Array = rng.standard_normal((*self.network.shapes[1], n_samples)).astype(dtype)
        self.workspace = Workspace()

    def forward(
        self, x: Array, *, training: bool = True, workspace: Workspace | None = None
    ) -> tuple[Array, Any]:
        """Run forward with the same random draws and the same state every time."""
        workspace = workspace or self.workspace
        workspace.rng = np.random.default_rng(self.seed) if training else None
        self.network.state[:] = self.state
        result = self.layer.forward(self.network.views()[0], x, workspace, training=training)
        pair = isinstance(result, tuple) and len(result) == 2
        assert pair, f"{self.layer}: forward must return a pair: output and cache, even if None."
        assert isinstance(result[0], np.ndarray), (
            f"{self.layer}: forward returned {type(result[0]).__name__} as output, not an array."
        )
        return result

    def run(
        self, n: int | None = None, *, need_dx: bool = True, workspace: Workspace | None = None
    ) -> tuple[Array, Array | None, Array]:
        """Return copies of output, input gradient and flat parameter gradient."""
        workspace = workspace or self.workspace
        x = np.ascontiguousarray(self.x[..., :n])
        before = x.copy()
        parameters = self.network.parameters.copy()
        gradient = np.full_like(parameters, np.nan)
        y, cache = self.forward(x, workspace=workspace)
        expected = (*self.network.shapes[1], x.shape[-1])
        assert y.shape == expected, f"{self.layer}: output has shape {y.shape}, not {expected}."
        y = y.copy()
        dx = self.layer.backward(
            self.network.views()[0],
            self.network.views(gradient)[0],
            self.dy[..., :n].copy(),
            cache,
            workspace,
            need_dx=need_dx,
        )
        assert dx is None or isinstance(dx, np.ndarray), (
            f"{self.layer}: backward returned {type(dx).__name__}, not an array."
        )
        assert np.array_equal(x, before), f"{self.layer} changes its input."
        assert np.array_equal(self.network.parameters, parameters), (
            f"{self.layer} changes its parameters."
        )
        assert np.isfinite(gradient).all(), (
            f"{self.layer}: backward must overwrite every element of gradients."
        )
        return y, None if dx is None else dx.copy(), gradient

    def loss(self) -> float:
        """Return a scalar whose gradient for the output is `dy`."""
        y, _ = self.forward(self.x, workspace=self.workspace)
        return float((y * self.dy).sum())
