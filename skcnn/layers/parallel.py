"""Several chains of layers next to each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters, Shape
from skcnn.layers.bias import channel_count
from skcnn.layers.chain import Chain, chain_of
from skcnn.layers.container import Container, as_layers

__all__ = ["Parallel"]


@dataclass(frozen=True)
class Parallel(Container):
    """The same input through several branches: y = (branch 0 of x, branch 1 of x, ...).

    Outputs are joined along the channels, after Flatten along the features.

    Parameters
    ----------
    branches : list of (list of Layer or Layer)
        One or more branches, each a list of layers or a single one. An empty branch hands its
        input on, as in densely connected networks.

    Notes
    -----
    Parameters are those of the layers, such as `branches.1.0.weights` of the first layer of the
    second branch. Each branch is initialized in order.

    References
    ----------
    Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich. Going Deeper with
    Convolutions. CVPR 2015.

    Examples
    --------
    >>> from skcnn.layers import Conv, Parallel
    >>> Parallel([Conv(4, 1), [Conv(4, 1), Conv(8, 3)]]).output_shape((9, 2, 9))
    (9, 12, 9)
    """

    branches: tuple[tuple[Layer, ...], ...]

    def __post_init__(self) -> None:
        if not isinstance(self.branches, list | tuple) or not self.branches:
            raise ValueError(
                f"branches={self.branches!r} must be a list of at least one branch, each a list "
                f"of layers, such as [[Conv(8, 1)], [Conv(8, 3), ReLU()]]."
            )
        branches = tuple(
            as_layers(branch, f"branches[{number}]") for number, branch in enumerate(self.branches)
        )
        object.__setattr__(self, "branches", branches)

    @property
    def inner_layers(self) -> tuple[Layer, ...]:
        """The layers of all branches, in order."""
        return tuple(layer for branch in self.branches for layer in branch)

    def narrowed(self, input_lengths: Shape) -> Parallel:
        """Return a layer whose inner layers are narrowed."""
        branches = tuple(
            tuple(layer.narrowed(input_lengths) for layer in branch) for branch in self.branches
        )
        return replace(self, branches=branches)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the branches' outputs, with the sum of their channels."""
        shapes = [chain.shapes[-1] for chain in self._chains(input_shape).values()]
        first, *others = shapes
        for number, shape in enumerate(others, 1):
            if len(shape) != len(first) or _without_channels(shape) != _without_channels(first):
                raise ValueError(
                    f"Parallel joins outputs along the channels, but branches[0] gives {first} "
                    f"and branches[{number}] gives {shape} for inputs of shape {input_shape}. "
                    f"They must agree in all but the channels: use the same strides and "
                    f"padding='same'."
                )
        channels = sum(channel_count(shape) for shape in shapes)
        return (channels,) if len(first) == 1 else (*first[:-2], channels, first[-1])

    def _chains(self, input_shape: Shape) -> dict[str, Chain]:
        return {
            f"branches.{number}": chain_of(branch, input_shape)
            for number, branch in enumerate(self.branches)
        }

    def _layers_of(self, parameters: Parameters) -> dict[str, tuple[Layer, ...]]:
        return {f"branches.{number}": branch for number, branch in enumerate(self.branches)}

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """Write the output of every branch to its channels of y."""
        chains = self._chains_for(x, workspace)
        shape = workspace.once(("y", x.shape[:-1]), lambda: self.output_shape(x.shape[:-1]))
        y = workspace.buffer("y", (*shape, x.shape[-1]), x.dtype)
        runs = []
        for (name, chain), part in zip(chains.items(), _parts(y, chains.values()), strict=True):
            output, run = self._run(name, chain, parameters, x, workspace, training=training)
            np.copyto(part, output)
            runs.append(run)
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
        """dx = the sum of the branches' dx, each from its channels of dy."""
        dx: Array | None = None
        parts = _parts(dy, (run.chain for run in cache))
        for number, (run, part) in enumerate(zip(cache, parts, strict=True)):
            name = f"branches.{number}"
            own = workspace.buffer(name, part.shape, dy.dtype)  # the branch may overwrite it
            np.copyto(own, part)
            d_branch = self._run_back(name, run, parameters, gradients, own, need_dx=need_dx)
            if dx is None:
                dx = d_branch
            elif d_branch is not None:
                dx += d_branch
        return dx


def _parts(array: Array, chains: Iterable[Chain]) -> Iterator[Array]:
    """View the channels of each chain's output in an array of all."""
    start = 0
    for chain in chains:
        stop = start + channel_count(chain.shapes[-1])
        yield array[start:stop] if array.ndim == 2 else array[..., start:stop, :, :]
        start = stop


def _without_channels(shape: Shape) -> Shape:
    return () if len(shape) == 1 else (*shape[:-2], shape[-1])
