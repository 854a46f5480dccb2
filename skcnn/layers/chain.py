"""Layers one after the other: what a network runs, and what layers made of layers run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

from skcnn._engine.plan import make_plan
from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters, Shape

__all__: list[str] = []  # of use to `network` and to layers made of layers

Shapes = dict[str, Shape]


class Chain:
    """Layers one after the other, for inputs of one shape; it holds no arrays.

    Parameters
    ----------
    layers : sequence of Layer
        From input to output; without any, the output is the input.
    input_shape : tuple of int
        Shape of one input without the batch axis.

    Attributes
    ----------
    shapes : list of tuple of int
        Shape of the input and of every layer's output.
    parameter_shapes, state_shapes : list of dict
        Of each layer.
    plan : ExecutionPlan
        What runs in place of the layers.

    Raises
    ------
    ValueError
        If a layer cannot take the shape that the layer before it gives.
    """

    def __init__(self, layers: Sequence[Layer], input_shape: Shape) -> None:
        self.layers = tuple(layers)
        self.shapes = [tuple(input_shape)]
        for layer in self.layers:
            self.shapes.append(layer.output_shape(self.shapes[-1]))
        pairs = list(zip(self.layers, self.shapes, strict=False))
        self.parameter_shapes: list[Shapes] = [
            layer.parameter_shapes(before) for layer, before in pairs
        ]
        self.state_shapes: list[Shapes] = [layer.state_shapes(before) for layer, before in pairs]
        self.plan = make_plan(self.layers, self.shapes[0])

    @property
    def is_trained(self) -> bool:
        """Whether there are parameters."""
        return any(self.parameter_shapes)

    @property
    def n_values(self) -> int:
        """How many numbers are computed for one input."""
        return self.plan.n_values - prod(self.shapes[0])

    def views(self, parameters: Parameters, name: str, *, state: bool = True) -> list[Parameters]:
        """Return what belongs to each layer, by the names that the layer knows.

        Parameters
        ----------
        parameters : dict of str to ndarray
            Of the layer that runs the chain.
        name : str
            What it calls the chain: "body.0.weights" are the weights of layer 0 of "body".
        state : bool, default=True
            Whether state is there too, not parameters alone.
        """
        views = []
        pairs = zip(self.parameter_shapes, self.state_shapes, strict=True)
        for number, (trained, kept) in enumerate(pairs):
            names = (*trained, *kept) if state else trained
            views.append({inner: parameters[f"{name}.{number}.{inner}"] for inner in names})
        return views

    def forward(
        self, views: list[Parameters], x: Array, workspaces: list[Workspace], *, training: bool
    ) -> tuple[Array, list[Any]]:
        """Return the last layer's output, and caches for :meth:`backward`.

        Parameters
        ----------
        views : list of dict
            Parameters and state of each layer.
        x : ndarray of shape (*input_shape, n)
            The input.
        workspaces : list of Workspace
            One for each step of the plan.
        training : bool
            Passed to the layers.
        """
        caches = []
        for (operation, layer), workspace in zip(self.plan.steps, workspaces, strict=True):
            x, cache = operation.forward(views[layer], x, workspace, training=training)
            caches.append(cache)
        return x, caches

    def backward(
        self,
        views: list[Parameters],
        gradients: list[Parameters],
        dy: Array,
        caches: list[Any],
        workspaces: list[Workspace],
        *,
        need_dx: bool,
    ) -> Array | None:
        """Fill `gradients` of each layer, and return the gradient for the input if needed.

        Parameters
        ----------
        views : list of dict
            As in :meth:`forward`.
        gradients : list of dict
            An array for each parameter.
        dy : ndarray of shape (*output_shape, n)
            Gradient for the output, which may be overwritten.
        caches : list
            From :meth:`forward`.
        workspaces : list of Workspace
            Those that forward was given.
        need_dx : bool
            If false, nothing before the first layer with parameters is differentiated.
        """
        gradient: Array | None = dy
        steps = self.plan.steps
        first = 0 if need_dx else self.plan.first_trained
        for number in reversed(range(first, len(steps))):
            assert gradient is not None
            operation, layer = steps[number]
            gradient = operation.backward(
                views[layer],
                gradients[layer],
                gradient,
                caches[number],
                workspaces[number],
                need_dx=need_dx or number > first,
            )
        return gradient if need_dx else None


def chain_of(layers: tuple[Layer, ...], input_shape: Shape) -> Chain:
    """Return the chain of these layers, made once for layers that can be hashed."""
    try:
        hash(layers)
    except TypeError:  # a field of a custom layer is a list, perhaps
        return Chain(layers, input_shape)
    return _known_chain(layers, input_shape, repr(layers))


@lru_cache(maxsize=1024)
def _known_chain(layers: tuple[Layer, ...], input_shape: Shape, written: str) -> Chain:
    """Return a chain; what is equal but written in another way, as 3 and 3.0, is checked anew."""
    return Chain(layers, input_shape)
