"""The part of a network up to a layer, whose outputs are features."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._checks import is_integer
from skcnn._data.image_shape import Channels
from skcnn.layers import Layer
from skcnn.layers.base import Shape
from skcnn.layers.container import Container
from skcnn.network import Network

Array = npt.NDArray[Any]


class _Part(NamedTuple):
    """A layer, and where its parameters are: of which layer of the network, with which prefix."""

    layer: Layer
    number: int
    prefix: str = ""


def network_up_to(network: Network, layer: int | str) -> Network:
    """Return a network whose output is that of a layer, with copies of the parameters.

    Parameters
    ----------
    network : Network
        With an output layer, which is not counted.
    layer : int or str
        Its number, from 0 or, from the end, from -1; or its name: as in ``"conv"`` or, if there are
        several, ``"conv-2"``, and of what is inside ``"residual-1.body.0"``.

    Raises
    ------
    ValueError
        If there is no such layer; with the names that there are.
    """
    parts = _parts_up_to(network, layer)
    part = Network(tuple(each.layer for each in parts), network.shapes[0], network.dtype)
    sources = network.views()
    for (_, number, prefix), views in zip(parts, part.views(), strict=True):
        for name, view in views.items():
            view[...] = sources[number][prefix + name]
    return part


def layer_names(layers: tuple[Layer, ...]) -> list[str]:
    """Return the names of layers: their classes in small letters, numbered if there are several."""
    kinds = [type(layer).__name__.lower() for layer in layers]
    return [
        kind if kinds.count(kind) == 1 else f"{kind}-{kinds[: number + 1].count(kind)}"
        for number, kind in enumerate(kinds)
    ]


def arranged(outputs: Array, channels: Channels, *, flatten: bool) -> Array:
    """Return outputs, batch last, as users hold them.

    Parameters
    ----------
    outputs : ndarray of shape (*leading, channels, last, n) or (n_features, n)
        Of a network.
    channels : {"last", "first"}
        Where users have them.
    flatten : bool
        Whether to make one row of each sample.
    """
    if outputs.ndim == 2:
        return np.ascontiguousarray(outputs.T)
    rank = outputs.ndim - 2
    lengths = (*range(rank - 1), rank)
    axes = (rank - 1, *lengths) if channels == "first" else (*lengths, rank - 1)
    features = np.ascontiguousarray(outputs.transpose(rank + 1, *axes))
    return features.reshape(len(features), -1) if flatten else features


def _parts_up_to(network: Network, layer: int | str) -> list[_Part]:
    """Return the layers that lead to a layer, in order, with it."""
    layers = network.layers[:-1]
    names = layer_names(layers)
    name, _, inner = layer.partition(".") if isinstance(layer, str) else ("", "", "")
    if is_integer(layer) and -len(layers) <= layer < len(layers):
        position = int(layer) % len(layers)
    elif name in names:
        position = names.index(name)
    else:
        raise ValueError(
            f"layer={layer!r} is none of this network's. Give a number from {-len(layers)} to "
            f"{len(layers) - 1}, or one of {names}"
            + (f", or of {_inside(network)}." if _inside(network) else ".")
        )
    parts = [_Part(each, number) for number, each in enumerate(layers[:position])]
    last = _Part(layers[position], position)
    return [*parts, *_parts_within(network, last, network.shapes[position], inner, layer)]


def _parts_within(
    network: Network, part: _Part, shape: Shape, inner: str, asked: int | str
) -> list[_Part]:
    """Return the layers within a layer that lead to one of them, or that layer itself."""
    if not inner:
        return [part]
    if isinstance(part.layer, Container):
        for name, chain in part.layer._chains(shape).items():
            for number, (each, before) in enumerate(zip(chain.layers, chain.shapes, strict=False)):
                own = f"{name}.{number}"
                if inner != own and not inner.startswith(f"{own}."):
                    continue
                prefix = f"{part.prefix}{name}."
                before_it = [
                    _Part(other, part.number, f"{prefix}{index}.")
                    for index, other in enumerate(chain.layers[:number])
                ]
                found = _Part(each, part.number, f"{prefix}{number}.")
                rest = inner[len(own) + 1 :]
                return [*before_it, *_parts_within(network, found, before, rest, asked)]
    raise ValueError(
        f"layer={asked!r} is none of this network's: there is no {inner!r} in it. Give one of "
        f"{_inside(network)}."
    )


def _inside(network: Network) -> list[str]:
    """Return the names of the layers that are inside of others."""
    names = layer_names(network.layers[:-1])
    found = []
    for name, layer, shape in zip(names, network.layers, network.shapes, strict=False):
        if isinstance(layer, Container):
            found += [f"{name}.{inner}" for inner in _names_within(layer, shape)]
    return found


def _names_within(layer: Container, shape: Shape) -> list[str]:
    found = []
    for name, chain in layer._chains(shape).items():
        for number, (each, before) in enumerate(zip(chain.layers, chain.shapes, strict=False)):
            found.append(f"{name}.{number}")
            if isinstance(each, Container):
                found += [f"{name}.{number}.{inner}" for inner in _names_within(each, before)]
    return found
