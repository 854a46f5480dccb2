"""From the estimator's parameters to layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skcnn._checks import check_size, is_integer
from skcnn._data.image_shape import layer_shape, split_channels
from skcnn.architectures import fcn, inception_time, lenet5, resnet, resnet1d, vgg, wide_resnet
from skcnn.layers import (
    ELU,
    GELU,
    Activation,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Layer,
    LeakyReLU,
    Logistic,
    MaxPool,
    ReLU,
    Residual,
    SiLU,
    SpatialDropout,
    Tanh,
)
from skcnn.layers.base import Shape

ACTIVATIONS: dict[str, type[Activation]] = {
    "relu": ReLU,
    "tanh": Tanh,
    "logistic": Logistic,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
}
GLOBAL_POOLINGS: dict[str, type[Layer]] = {
    "average": GlobalAveragePool,
    "max": GlobalMaxPool,
}
ARCHITECTURES: dict[str, Callable[[], list[Layer]]] = {
    make.__name__: make
    for make in (fcn, inception_time, lenet5, resnet, resnet1d, vgg, wide_resnet)
}
POOLINGS: dict[str, type[MaxPool] | type[AveragePool]] = {"max": MaxPool, "average": AveragePool}


@dataclass(frozen=True)
class Architecture:
    """The parameters of the estimator that say what the network looks like, by the same names."""

    n_filters: int | tuple[int, ...]
    filter_size: Any
    pool_size: Any
    pooling: str
    padding: Any
    stride: Any
    hidden_layer_sizes: int | tuple[int, ...]
    activation: str | Activation
    dropout: float
    layers: Any
    block_dropout: float = 0.0
    batch_norm: bool = False
    global_pooling: str | None = None
    residual: bool = False
    convolutions_per_block: int | tuple[int, ...] = 1

    def build(self, image_shape: Shape, n_outputs: int) -> tuple[Layer, ...]:
        """Return the layers for images of this shape, the output layer included.

        Raises
        ------
        ValueError
            If a parameter does not fit the others or the images.
        """
        if self.layers is not None:
            return self._given(image_shape, n_outputs)
        end = GLOBAL_POOLINGS[self.global_pooling]() if self.global_pooling else Flatten()
        return (*self._blocks(image_shape), end, *self._dense(n_outputs))

    def _given(self, image_shape: Shape, n_outputs: int) -> tuple[Layer, ...]:
        """Complete the layers that the user listed or named."""
        for name, unused in (("global_pooling", None), ("residual", False)):
            if getattr(self, name) != unused:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is for the blocks that parameters make, but "
                    f"layers are given. Put it into layers, as GlobalAveragePool() or "
                    f"Residual([...]), or leave layers out."
                )
        layers = given_layers(self.layers)
        for position, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise ValueError(
                    f"layers[{position}]={layer!r} is not a layer. Give instances of "
                    f"skcnn.layers.Layer, such as Conv(8, 3)."
                )
        lengths, _ = split_channels(image_shape)
        body = [layer.narrowed(lengths) for layer in layers]
        shape = layer_shape(image_shape)
        for layer in body:
            shape = layer.output_shape(shape)
        flatten = [Flatten()] if len(shape) > 1 else []
        return (*body, *flatten, Dense(n_outputs, "zeros"))

    def _blocks(self, image_shape: Shape) -> list[Layer]:
        n_filters = _counts(self.n_filters, "n_filters", "block")
        per_block = {
            name: _per_block(getattr(self, name), len(n_filters), name)
            for name in ("filter_size", "pool_size", "padding", "stride")
        }
        counts = _counts(self.convolutions_per_block, "convolutions_per_block", "block")
        each = counts if len(counts) > 1 else counts[0]
        counts = _per_block(each, len(n_filters), "convolutions_per_block")
        lengths, _ = split_channels(image_shape)
        shape = layer_shape(image_shape)
        layers: list[Layer] = []
        for number, filters in enumerate(n_filters):
            size, pool_size, padding, stride = (values[number] for values in per_block.values())
            conv = Conv(filters, size, stride, padding, initializer=self._initializer)
            block = self._block(conv.narrowed(lengths), counts[number], shape)
            block += _pooling(POOLINGS[self.pooling](pool_size), block, shape)
            if self.block_dropout:
                block.append(SpatialDropout(self.block_dropout))
            for layer in block:
                shape = layer.output_shape(shape)
            layers += block
        return layers

    def _block(self, conv: Conv, count: int, shape: Shape) -> list[Layer]:
        """Return so many convolutions, each with normalization and activation."""
        norm = [BatchNorm()] if self.batch_norm else []
        conv = replace(conv, use_bias=not self.batch_norm)
        layers: list[Layer] = [conv, *norm]
        for _ in range(count - 1):
            layers += [self._activation, replace(conv, stride=1), *norm]
        if not self.residual:
            return [*layers, self._activation]
        block = Residual(tuple(layers))
        try:
            block.output_shape(shape)
        except ValueError as error:
            raise ValueError(
                f"residual=True adds the input of a block to its output, which does not fit with "
                f"padding={self.padding!r}: {error} Use padding='same'."
            ) from error
        return [block, self._activation]

    def _dense(self, n_outputs: int) -> list[Layer]:
        dropout = [Dropout(self.dropout)] if self.dropout else []
        layers: list[Layer] = []
        for n_units in _counts(self.hidden_layer_sizes, "hidden_layer_sizes", "dense layer"):
            if self.batch_norm:
                linear = [Dense(n_units, self._initializer, use_bias=False), BatchNorm()]
            else:
                linear = [Dense(n_units, self._initializer)]
            layers += [*dropout, *linear, self._activation]
        return [*layers, *dropout, Dense(n_outputs, "zeros")]

    @property
    def _activation(self) -> Activation:
        if isinstance(self.activation, Activation):
            return self.activation
        if isinstance(self.activation, str) and self.activation in ACTIVATIONS:
            return ACTIVATIONS[self.activation]()
        raise ValueError(
            f"activation={self.activation!r} must be one of {sorted(ACTIVATIONS)} or an instance "
            f"of skcnn.layers.Activation, such as ReLU(). Other layers go into layers=."
        )

    @property
    def _initializer(self) -> str:
        """How weights before the activation start."""
        return self._activation.initializer


def given_layers(layers: Any) -> Sequence[Any]:
    """Return the layers that the parameter `layers` lists or names."""
    if not isinstance(layers, str):
        return tuple(layers)
    if layers not in ARCHITECTURES:
        raise ValueError(
            f"layers={layers!r} must be a list of layers or one of the names "
            f"{sorted(ARCHITECTURES)}."
        )
    return ARCHITECTURES[layers]()


def _pooling(pool: MaxPool | AveragePool, block: list[Layer], shape: Shape) -> list[Layer]:
    """Return the pooling after a block, where it pools anything."""
    for layer in block:
        shape = layer.output_shape(shape)
    return [pool] if pool.output_shape(shape) != shape else []


def _counts(value: Any, name: str, what: str) -> tuple[int, ...]:
    """Return one integer for each block or layer, or raise a ValueError."""
    given = _plain(value)
    counts = given if isinstance(given, tuple) else (given,)
    if not all(is_integer(count) and count >= 1 for count in counts):
        raise ValueError(
            f"{name}={value!r} must be an integer of at least 1, or a tuple of them, one for each "
            f"{what}."
        )
    return tuple(check_size(count, name) for count in counts)


def _per_block(value: Any, n_blocks: int, name: str) -> tuple[Any, ...]:
    """Return one value for each block, of tuples and ints."""
    values = _plain(value)
    if not isinstance(values, tuple):
        return (values,) * n_blocks
    if len(values) != n_blocks:
        raise ValueError(
            f"{name}={value!r} has {len(values)} entries, but n_filters makes {n_blocks} block(s). "
            f"Give one value for all blocks or a tuple with one entry for each; what differs by "
            f"axis is nested, as in {name}=((3, 5),)."
        )
    return values


def _plain(value: Any) -> Any:
    """Return lists and arrays as tuples and NumPy's integers as ints, at any depth."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, tuple | list):
        return tuple(_plain(entry) for entry in value)
    return int(value) if is_integer(value) else value
