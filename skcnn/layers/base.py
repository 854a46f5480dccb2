"""The protocol that every layer follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from math import prod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from skcnn._engine.plan import Trait
from skcnn._engine.workspace import Workspace

__all__ = ["Layer"]

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Parameters = dict[str, Array]


@dataclass(frozen=True)
class Layer:
    """A layer: hyper-parameters and the mathematics, nothing else.

    A layer keeps no arrays. Its parameters are views into one flat vector of the network, its
    scratch memory comes from a :class:`~skcnn.layers.Workspace`, and what backward needs from
    forward is in the cache that forward returned.

    Arrays are laid out batch last: ``(width..., batch)`` in general, ``(channels, length, batch)``
    for signals, ``(height, channels, width, batch)`` for images, ``(depth, height, channels,
    width, batch)`` for volumes and ``(features, batch)`` after flattening. Shapes that are passed
    around leave the batch axis out.

    A subclass overrides :meth:`forward` and :meth:`backward`, and whichever of the other methods
    do not suit it. See :func:`skcnn.testing.check_layer`.

    A layer that compares the samples of a mini-batch, and so cannot train on a single one, sets
    `minimum_batch_size` to 2. One whose parameters are not to be trained has a false `trainable`.
    """

    minimum_batch_size: ClassVar[int] = 1
    trainable = True  # no field: layers without parameters have none

    def __str__(self) -> str:
        """Return the constructor call without arguments of default value or `repr=False`."""
        arguments = (
            f"{f.name}={_shown(getattr(self, f.name))}"
            for f in fields(self)
            if f.repr and getattr(self, f.name) != f.default
        )
        return f"{type(self).__name__}({', '.join(arguments)})"

    @property
    def inner_layers(self) -> tuple[Layer, ...]:
        """Layers that this one was made of, in order; most are made of none."""
        return ()

    @property
    def _traits(self) -> Trait:
        """What the execution plan may do with the layer: nothing, unless a layer says more."""
        return Trait.NONE

    def _multiply_adds(self, input_shape: Shape) -> int:
        """Of the forward pass for one input: one for each output and each of its weights."""
        outputs = prod(self.output_shape(input_shape))
        shapes = self.parameter_shapes(input_shape).values()
        return sum(prod(shape) // shape[-1] * outputs for shape in shapes if len(shape) > 1)

    def _n_values(self, input_shape: Shape) -> int:
        """Return how many numbers are computed for one input: the outputs, inner ones included."""
        return prod(self.output_shape(input_shape))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output, or raise a ValueError for an unsuitable input."""
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return name and shape of each parameter; those of one axis have no weight decay."""
        return {}

    def frozen_names(self, input_shape: Shape) -> set[str]:
        """Return the names of the parameters and state that training leaves as they are."""
        if self.trainable:
            return set()
        return {*self.parameter_shapes(input_shape), *self.state_shapes(input_shape)}

    def state_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return name and shape of non-trainable state (buffers), such as running statistics."""
        return {}

    def initialize(self, parameters: Parameters, rng: np.random.Generator) -> None:
        """Fill parameters and state in place; they are zero before."""

    def _step_factor(self, input_shape: Shape) -> float:
        """Return what shortens the steps of the weights: 1 for most layers."""
        return 1.0

    def narrowed(self, input_lengths: Shape) -> Layer:
        """Return the layer to use in a network whose input has these spatial lengths."""
        return self

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """Return the output and a cache for :meth:`backward`.

        Parameters
        ----------
        parameters : dict of str to ndarray
            Parameters and state by name. Only state may be written, and only in training.
        x : ndarray of shape (*input_shape, n)
            Not to be modified, unless ``workspace.output(x)`` is x itself.
        workspace : Workspace
            Scratch memory, and the generator of stochastic layers.
        training : bool
            Whether the output is for a training step.

        Returns
        -------
        y : ndarray of shape (*output_shape, n)
            May live in the workspace.
        cache : object
            Whatever backward needs.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `forward`.")

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
        """Fill `gradients` (overwriting them) and return the gradient for the input.

        Parameters
        ----------
        parameters : dict of str to ndarray
            As in :meth:`forward`.
        gradients : dict of str to ndarray
            One array for each parameter, of unspecified content.
        dy : ndarray of shape (*output_shape, n)
            Gradient of the loss for the output. The layer may overwrite it.
        cache : object
            From :meth:`forward`.
        workspace : Workspace
            The one that forward was given.
        need_dx : bool
            False for the first layer of a network.

        Returns
        -------
        dx : ndarray of shape (*input_shape, n) or None
            None if `need_dx` is false.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `backward`.")


def _shown(value: Any) -> str:
    """Return a hyper-parameter as it is written in a constructor call."""
    if isinstance(value, Layer):
        return str(value)
    if _holds_layers(value):
        return f"[{', '.join(_shown(each) if each else '[]' for each in value)}]"
    return repr(value)


def _holds_layers(value: Any) -> bool:
    """Say whether a value is a tuple that has layers in it, at any depth."""
    return isinstance(value, tuple) and any(
        isinstance(each, Layer) or _holds_layers(each) for each in value
    )


def each_layer(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Yield layers and, after each, those that it was made of, at any depth."""
    for layer in layers:
        yield layer
        yield from each_layer(layer.inner_layers)


def spatial_shape(input_shape: Shape, layer: Layer) -> tuple[Shape, int]:
    """Split (*leading, channels, last) into spatial lengths and channels."""
    if not 2 <= len(input_shape) <= 4:
        raise ValueError(
            f"{layer} needs feature maps of shape (channels, length), (height, channels, width) or "
            f"(depth, height, channels, width), got {input_shape}. Put it before Flatten()."
        )
    *leading, channels, last = input_shape
    return (*leading, last), channels
