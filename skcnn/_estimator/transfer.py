"""Start from a model: weights of the layers that agree."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

from skcnn._estimator.feature_network import layer_names
from skcnn.network import Network


def take_weights(network: Network, init_from: Any) -> tuple[str, ...]:
    """Copy weights and running statistics of the layers that agree; return which, by name.

    Layers agree if they are of one class, with parameters of the same shapes, and in the same
    order.

    Parameters
    ----------
    network : Network
        Is written to.
    init_from : estimator or Network
        Fitted; of another kind of targets, or of other images, as it may be.

    Raises
    ------
    ValueError
        If it is no such model, or no layer agrees; with the layers of both.
    """
    source = _network_of(init_from)
    own, others = (_with_parameters(each) for each in (network, source))
    matcher = SequenceMatcher(None, [key for _, key in own], [key for _, key in others], False)
    views, theirs = network.views(), source.views()
    names, taken = layer_names(network.layers), []
    for first, second, length in matcher.get_matching_blocks():
        for (number, _), (other, _) in zip(
            own[first : first + length], others[second : second + length], strict=True
        ):
            for name, view in views[number].items():
                view[...] = theirs[other][name]
            taken.append(names[number])
    if not taken:
        raise ValueError(
            f"init_from has no layer that agrees with one of this network. It has "
            f"{_described(source)}; this network has {_described(network)}. Give a model whose "
            f"first layers have the same shapes."
        )
    return tuple(taken)


def _network_of(init_from: Any) -> Network:
    """Return the network of a fitted estimator, of a frozen one, or the network itself."""
    network = getattr(init_from, "network_", init_from)
    if not isinstance(network, Network):
        raise ValueError(
            f"init_from={init_from!r} has no network. Give a fitted ScratchCNNClassifier or "
            f"ScratchCNNRegressor, or its network_."
        )
    return network


def _with_parameters(network: Network) -> list[tuple[int, Any]]:
    """Return numbers of the layers that have parameters, and what must agree."""
    keys = [
        (type(layer).__name__, tuple(sorted((name, view.shape) for name, view in views.items())))
        for layer, views in zip(network.layers, network.views(), strict=True)
    ]
    return [(number, key) for number, key in enumerate(keys) if key[1]]


def _described(network: Network) -> list[str]:
    """Return the layers that have parameters, with the shapes."""
    return [f"{name}: {dict(shapes)}" for _, (name, shapes) in _with_parameters(network)]
