"""The gradient of one mini-batch, computed in shards that several threads may share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.images import Images
from skcnn._engine.threads import Team
from skcnn._engine.workspace import Workspace
from skcnn.augmentation import Augment, augment_batch
from skcnn.losses import Loss
from skcnn.network import Network

Array = npt.NDArray[Any]

# The most rows of a shard, and the least work.
SHARD_ROWS = 64
SHARD_MULTIPLY_ADDS = 3_000_000
# Threads wait for the interpreter now and then: a shard of less work is done sooner by one alone.
SHARED_MULTIPLY_ADDS = 10_000_000


@dataclass(frozen=True)
class Samples:
    """What is learned from: images, targets and the weight of each row (mean 1, or None).

    Mini-batches of the images go through `augment`; `fill` is what moves in from outside.
    """

    images: Images
    targets: Array
    weights: Array | None = None
    augment: Augment = None
    fill: Array | float = 0.0

    def __len__(self) -> int:
        return len(self.targets)


class RandomStreams:
    """One generator for each shard of a mini-batch, so that draws do not depend on threads.

    Parameters
    ----------
    seed : numpy.random.SeedSequence
        From which the generators are spawned as they are asked for.
    """

    def __init__(self, seed: np.random.SeedSequence) -> None:
        self._seed = seed
        self._streams: list[np.random.Generator] = []

    def __getitem__(self, shard: int) -> np.random.Generator:
        while len(self._streams) <= shard:
            self._streams.append(np.random.default_rng(self._seed.spawn(1)[0]))
        return self._streams[shard]


def split(rows: Array, multiply_adds: int) -> list[Array]:
    """Split the rows of a mini-batch into shards of nearly equal size.

    The split depends on the number of rows and on the work for each of them, not on threads, so
    that the order of every sum is fixed.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Row numbers.
    multiply_adds : int
        Work for one row.
    """
    size = max(SHARD_ROWS, SHARD_MULTIPLY_ADDS // max(multiply_adds, 1))
    n_shards = -(-len(rows) // size)
    n_shards += n_shards % 2 if n_shards > 1 else 0  # even, for two threads
    bounds = [len(rows) * number // n_shards for number in range(n_shards + 1)]
    return [rows[start:stop] for start, stop in pairwise(bounds)]


class _Shard:
    """The gradient and the state of one shard."""

    def __init__(self, network: Network) -> None:
        self.state = network.state.copy()
        self.views = network.views(state=self.state)
        self.gradient = np.empty_like(network.parameters)
        self.gradients = network.views(self.gradient)


class GradientStep:
    """Gradients of mini-batches, with memory that is allocated once.

    Parameters
    ----------
    network : Network
        Its state changes, its parameters do not.
    loss : Loss
        What to differentiate.
    samples : Samples
        What mini-batches are rows of.
    drawing : RandomStreams
        For layers that draw.
    team : Team
        Who computes.

    Attributes
    ----------
    gradient : ndarray of shape (n_parameters,)
        Of the last mini-batch.
    """

    def __init__(
        self, network: Network, loss: Loss, samples: Samples, drawing: RandomStreams, team: Team
    ) -> None:
        self._network, self._loss, self._samples = network, loss, samples
        self._drawing, self._team = drawing, team
        self._multiply_adds = network.multiply_adds
        self._shards = [_Shard(network)]
        # scratch memory belongs to threads: a core works in the same cache shard after shard
        self._inputs = [Workspace() for _ in range(team.n_threads)]
        self._augmenting = [Workspace() for _ in range(team.n_threads)]
        self._workspaces = [network.workspaces() for _ in range(team.n_threads)]
        self.gradient = self._shards[0].gradient

    def run(self, rows: Array) -> tuple[float, float | None]:
        """Compute the gradient for these rows; return sums over them of loss and weight of hits.

        Where nothing can be a hit, the latter is None.
        """
        parts = split(rows, self._multiply_adds)
        while len(self._shards) < len(parts):
            self._shards.append(_Shard(self._network))
        streams = [self._drawing[number] for number in range(len(parts))]
        results = self._team.map(
            lambda thread, number: self._run_shard(
                self._shards[number], parts[number], len(rows), thread, streams[number]
            ),
            len(parts),
            alone=len(parts[0]) * self._multiply_adds < SHARED_MULTIPLY_ADDS,
        )
        shards = self._shards[: len(parts)]
        for shard in shards[1:]:
            self.gradient += shard.gradient
        self._average_state(shards, parts)
        hits = [hits for _, hits in results if hits is not None]
        return sum(value for value, _ in results) * len(rows), sum(hits) if hits else None

    def _run_shard(
        self, shard: _Shard, rows: Array, n: int, thread: int, stream: np.random.Generator
    ) -> tuple[float, float | None]:
        """Fill the shard's gradient; return its share of the loss and its weight of hits."""
        samples, network = self._samples, self._network
        inputs, workspaces = self._inputs[thread], self._workspaces[thread]
        for workspace in workspaces:
            workspace.rng = stream
        if network.state.size:
            np.copyto(shard.state, network.state)
        targets = samples.targets[rows]
        weights = None if samples.weights is None else samples.weights[rows]
        x = samples.images.batch(rows, inputs)
        x = augment_batch(x, samples.augment, stream, self._augmenting[thread], samples.fill)
        outputs, caches = network.forward(x, workspaces, training=True, views=shard.views)
        hits = self._loss.hits(outputs, targets, weights)
        scale = 1 / n if weights is None else (weights / n).astype(outputs.dtype)
        value, dy = self._loss.value_and_gradient(outputs, targets, scale, inputs)
        network.backward(dy, caches, shard.gradients, workspaces, views=shard.views)
        return value, hits

    def _average_state(self, shards: list[_Shard], parts: list[Array]) -> None:
        """Set the network's state to the mean of the shards', each counted by its rows."""
        if not self._network.state.size:
            return
        n = sum(len(part) for part in parts)
        self._network.state[:] = sum(
            shard.state * (len(part) / n) for shard, part in zip(shards, parts, strict=True)
        )
