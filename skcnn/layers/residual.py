"""A chain of layers and a shortcut around it, added."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skcnn._checks import per_axis
from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters, Shape, each_layer
from skcnn.layers.batch_norm import BatchNorm
from skcnn.layers.chain import Chain, chain_of
from skcnn.layers.container import Container, as_layers
from skcnn.layers.conv import Conv
from skcnn.layers.dense import Dense
from skcnn.layers.parallel import Parallel
from skcnn.layers.pool import Pool

__all__ = ["Residual"]

WORDS = ("auto", "identity")


@dataclass(frozen=True)
class Residual(Container):
    """A body of layers and a shortcut around it: y = body(x) + shortcut(x).

    Parameters
    ----------
    layers : list of Layer or Layer
        The body, at least one layer.
    shortcut : {"auto", "identity"}, Layer or list of Layer, default="auto"
        "identity" is x itself and asks for a body that keeps the shape. "auto" is the identity
        where the shape stays, else one linear layer: for feature maps a convolution of kernel size
        1 with the product of the body's strides, for features a dense layer. If there is a
        `BatchNorm` in the body, one with its values follows, and the linear layer has no bias.

    Notes
    -----
    Parameters are those of the layers, such as `body.0.weights` and `shortcut.0.weights`. The
    body is initialized before the shortcut, whose weights under "auto" are "he_normal".

    References
    ----------
    He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016.

    Examples
    --------
    >>> from skcnn.layers import BatchNorm, Conv, ReLU, Residual
    >>> body = [Conv(8, 3, stride=2, use_bias=False), BatchNorm(), ReLU(),
    ...         Conv(8, 3, use_bias=False), BatchNorm()]
    >>> block = Residual(body)
    >>> block.output_shape((10, 4, 10))  # (height, channels, width)
    (5, 8, 5)
    >>> [name for name in block.parameter_shapes((10, 4, 10)) if name.startswith("shortcut")]
    ['shortcut.0.weights', 'shortcut.1.gamma', 'shortcut.1.beta']
    """

    layers: tuple[Layer, ...]
    shortcut: str | tuple[Layer, ...] = "auto"

    def __post_init__(self) -> None:
        layers, shortcut = as_layers(self.layers, "layers"), self.shortcut
        if not layers:
            raise ValueError(f"layers={self.layers!r} must have at least one layer.")
        if isinstance(shortcut, str):
            if shortcut not in WORDS:
                raise ValueError(
                    f"shortcut={shortcut!r} must be 'auto', 'identity', a layer or a list of "
                    f"layers."
                )
        else:
            shortcut = as_layers(shortcut, "shortcut")
            if not shortcut:
                raise ValueError(
                    f"shortcut={self.shortcut!r} must have at least one layer. For x itself use "
                    f"shortcut='identity'."
                )
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "shortcut", shortcut)

    @property
    def inner_layers(self) -> tuple[Layer, ...]:
        """The body, and the shortcut's layers if they were given."""
        return self.layers if isinstance(self.shortcut, str) else (*self.layers, *self.shortcut)

    def narrowed(self, input_lengths: Shape) -> Residual:
        """Return a layer whose inner layers are narrowed."""
        layers = tuple(layer.narrowed(input_lengths) for layer in self.layers)
        if isinstance(self.shortcut, str):
            return replace(self, layers=layers)
        shortcut = tuple(layer.narrowed(input_lengths) for layer in self.shortcut)
        return replace(self, layers=layers, shortcut=shortcut)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the body's output, which must be the shortcut's."""
        return self._chains(input_shape)["body"].shapes[-1]

    def _chains(self, input_shape: Shape) -> dict[str, Chain]:
        """Return the body and, unless it is the identity, the shortcut."""
        body = chain_of(self.layers, input_shape)
        before, after = body.shapes[0], body.shapes[-1]
        if self.shortcut == "identity" and before != after:
            raise ValueError(
                f"Residual with shortcut='identity' needs layers that keep the shape, but they "
                f"make {after} of {before}. Use shortcut='auto', or give layers as the shortcut."
            )
        if isinstance(self.shortcut, str):
            if before == after:
                return {"body": body}
            layers = self._linear_shortcut(before, after)
        else:
            layers = self.shortcut
        shortcut = chain_of(layers, input_shape)
        if shortcut.shapes[-1] != after:
            raise ValueError(
                f"Residual adds body and shortcut, but for inputs of shape {before} the body gives "
                f"{after} and the shortcut, {', '.join(map(str, layers))}, gives "
                f"{shortcut.shapes[-1]}. Give a shortcut that ends in the body's shape."
            )
        return {"body": body, "shortcut": shortcut}

    def _linear_shortcut(self, before: Shape, after: Shape) -> tuple[Layer, ...]:
        """Return what "auto" is where the body changes the shape."""
        if len(before) != len(after):
            raise ValueError(
                f"Residual with shortcut='auto' needs a body that gives feature maps for feature "
                f"maps and features for features, but its layers make {after} of {before}. Put "
                f"Flatten() before it, or give layers as the shortcut."
            )
        if len(after) == 1:
            return self._normalized(Dense(after[0]))
        stride = _stride(self.layers, len(before) - 1)
        lengths = (*before[:-2], before[-1])
        stride = tuple(min(pair) for pair in zip(stride, lengths, strict=True))
        same = len(set(stride)) == 1
        return self._normalized(Conv(after[-2], 1, stride[0] if same else stride))

    def _normalized(self, linear: Conv | Dense) -> tuple[Layer, ...]:
        """Return a linear layer and, if there is batch normalization in the body, its own."""
        for layer in each_layer(self.layers):
            if isinstance(layer, BatchNorm):
                norm = BatchNorm(layer.momentum, layer.epsilon)
                return (replace(linear, use_bias=False), norm)
        return (linear,)

    def _layers_of(self, parameters: Parameters) -> dict[str, tuple[Layer, ...]]:
        weights = parameters.get("shortcut.0.weights")
        if not isinstance(self.shortcut, str):
            return {"body": self.layers, "shortcut": self.shortcut}
        if weights is None:
            return {"body": self.layers}
        width = weights.shape[-1]
        kind = Dense if weights.ndim == 2 else Conv
        linear = kind(width)
        return {"body": self.layers, "shortcut": self._normalized(linear)}

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """y = body(x) + shortcut(x)."""
        outputs, runs = [], {}
        for name, chain in self._chains_for(x, workspace).items():
            output, runs[name] = self._run(name, chain, parameters, x, workspace, training=training)
            outputs.append(output)
        around = outputs[1] if len(outputs) > 1 else x
        y = workspace.output(outputs[0])
        np.add(outputs[0], around, out=y)
        return y, runs

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
        """dx = the body's dx plus the shortcut's, both from all of dy."""
        around: Array | None = None
        if need_dx or "shortcut" in cache:
            around = workspace.buffer("dy", dy.shape, dy.dtype)  # the body may overwrite dy
            np.copyto(around, dy)
        dx = self._run_back("body", cache["body"], parameters, gradients, dy, need_dx=need_dx)
        if "shortcut" in cache:
            assert around is not None
            run = cache["shortcut"]
            around = self._run_back("shortcut", run, parameters, gradients, around, need_dx=need_dx)
        if dx is None or around is None:
            return None
        dx += around
        return dx


def _stride(layers: tuple[Layer, ...], rank: int) -> Shape:
    """Return the product of the strides of layers, along each axis."""
    product = (1,) * rank
    for layer in layers:
        stride: Any = 1
        if isinstance(layer, Conv):
            stride = layer.stride
        elif isinstance(layer, Pool):
            stride = layer.pool_size if layer.stride is None else layer.stride
        elif isinstance(layer, Residual):
            stride = _stride(layer.layers, rank)
        elif isinstance(layer, Parallel):
            stride = _stride(layer.branches[0], rank)
        steps = per_axis(stride, rank, "stride")
        product = tuple(one * step for one, step in zip(product, steps, strict=True))
    return product
