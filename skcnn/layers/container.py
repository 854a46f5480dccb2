"""Layers made of layers: their parameters by name, their state and their work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters, Shape
from skcnn.layers.chain import Chain

__all__: list[str] = []  # of use to layers made of layers, and to who looks into them


class Run(NamedTuple):
    """What backward needs of a chain that ran forward."""

    chain: Chain
    caches: list[Any]
    workspaces: list[Workspace]


@dataclass(frozen=True)
class Container(Layer):
    """What layers made of layers have in common.

    A subclass gives `inner_layers`, `_chains` and `_layers_of`. A parameter of layer 0 of the chain
    "body" is called "body.0.weights", say, and so is its state.
    """

    @property
    def minimum_batch_size(self) -> int:  # type: ignore[override]  # of its layers
        """Smallest mini-batch that all inner layers can train on."""
        return max((layer.minimum_batch_size for layer in self.inner_layers), default=1)

    def _chains(self, input_shape: Shape) -> dict[str, Chain]:
        """Return the chains that the layer runs, by name."""
        raise NotImplementedError

    def _layers_of(self, parameters: Parameters) -> dict[str, tuple[Layer, ...]]:
        """Return the layers of the chains by name, for parameters that they have."""
        raise NotImplementedError

    def initialize(self, parameters: Parameters, rng: np.random.Generator) -> None:
        """Initialize the inner layers, one after the other."""
        for name, layers in self._layers_of(parameters).items():
            for number, layer in enumerate(layers):
                prefix = f"{name}.{number}."
                own = {
                    key.removeprefix(prefix): array
                    for key, array in parameters.items()
                    if key.startswith(prefix)
                }
                layer.initialize(own, rng)

    def _chains_for(self, x: Array, workspace: Workspace) -> dict[str, Chain]:
        """Return the chains for a batch, remembered by the workspace."""
        shape = x.shape[:-1]
        return workspace.once(("chains", shape), lambda: self._chains(shape))

    def frozen_names(self, input_shape: Shape) -> set[str]:
        """Return the names of the inner layers' parameters that are not trained."""
        return {
            f"{name}.{number}.{inner}"
            for name, chain in self._chains(input_shape).items()
            for number, (layer, before) in enumerate(zip(chain.layers, chain.shapes, strict=False))
            for inner in layer.frozen_names(before)
        }

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shapes of all inner layers' parameters."""
        return {
            f"{name}.{number}.{inner}": shape
            for name, chain in self._chains(input_shape).items()
            for number, shapes in enumerate(chain.parameter_shapes)
            for inner, shape in shapes.items()
        }

    def state_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shapes of all inner layers' state."""
        return {
            f"{name}.{number}.{inner}": shape
            for name, chain in self._chains(input_shape).items()
            for number, shapes in enumerate(chain.state_shapes)
            for inner, shape in shapes.items()
        }

    def _multiply_adds(self, input_shape: Shape) -> int:
        return sum(chain.plan.multiply_adds for chain in self._chains(input_shape).values())

    def _n_values(self, input_shape: Shape) -> int:
        inner = sum(chain.n_values for chain in self._chains(input_shape).values())
        return prod(self.output_shape(input_shape)) + inner

    def _run(
        self,
        name: str,
        chain: Chain,
        parameters: Parameters,
        x: Array,
        workspace: Workspace,
        *,
        training: bool,
    ) -> tuple[Array, Run]:
        """Run a chain, which leaves x alone in prediction too: other chains need it."""
        workspaces = workspace.parts(name, len(chain.plan.steps), kept=x)
        views = chain.views(parameters, name)
        y, caches = chain.forward(views, x, workspaces, training=training)
        return y, Run(chain, caches, workspaces)

    def _run_back(
        self,
        name: str,
        run: Run,
        parameters: Parameters,
        gradients: Parameters,
        dy: Array,
        *,
        need_dx: bool,
    ) -> Array | None:
        """Run a chain backward; `dy` may be overwritten."""
        chain = run.chain
        if not (need_dx or chain.is_trained):
            return None
        return chain.backward(
            chain.views(parameters, name),
            chain.views(gradients, name, state=False),
            dy,
            run.caches,
            run.workspaces,
            need_dx=need_dx,
        )


class Placed(NamedTuple):
    """A layer within a layer, or that layer itself."""

    layer: Layer
    input_shape: Shape
    path: tuple[str, ...]  # such as ("body.0", "branches.1.0"), empty for the layer itself

    @property
    def prefix(self) -> str:
        """What the names of its parameters begin with in the views of the outermost layer."""
        return "".join(f"{part}." for part in self.path)


def contents(layer: Layer, input_shape: Shape, path: tuple[str, ...] = ()) -> Iterator[Placed]:
    """Yield a layer, then what it runs for inputs of this shape, at any depth."""
    yield Placed(layer, input_shape, path)
    if isinstance(layer, Container):
        for name, chain in layer._chains(input_shape).items():
            for number, (inner, shape) in enumerate(zip(chain.layers, chain.shapes, strict=False)):
                yield from contents(inner, shape, (*path, f"{name}.{number}"))


def as_layers(value: Any, name: str) -> tuple[Layer, ...]:
    """Return a layer or a list of layers as a tuple, or raise a ValueError that names the entry."""
    if isinstance(value, Layer):
        return (value,)
    if not isinstance(value, list | tuple):
        raise ValueError(
            f"{name}={value!r} must be a list of layers, such as [Conv(8, 3), ReLU()], or a layer."
        )
    for position, layer in enumerate(value):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{name}[{position}]={layer!r} is not a layer. Give instances of "
                f"skcnn.layers.Layer, such as Conv(8, 3)."
            )
    return tuple(value)
