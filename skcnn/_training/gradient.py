"""The gradient of one mini-batch, computed in micro-batches that several threads may share."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.samples import Samples
from skcnn._engine.threads import Team
from skcnn._engine.workspace import Workspace
from skcnn.augmentation import augment_batch
from skcnn.losses import Loss
from skcnn.network import Network

Array = npt.NDArray[Any]

# The most rows of a micro-batch, and the least work.
MICRO_BATCH_SAMPLES = 64
MICRO_BATCH_MULTIPLY_ADDS = 3_000_000
# Threads wait for the interpreter now and then: one alone does a micro-batch of less work sooner.
SHARED_MULTIPLY_ADDS = 10_000_000


class RandomStreams:
    """One generator for each micro-batch of a mini-batch, so that draws do not depend on threads.

    Parameters
    ----------
    seed : numpy.random.SeedSequence
        From which the generators are spawned as they are asked for.
    """

    def __init__(self, seed: np.random.SeedSequence) -> None:
        self._seed = seed
        self._streams: list[np.random.Generator] = []

    def __getitem__(self, micro_batch: int) -> np.random.Generator:
        while len(self._streams) <= micro_batch:
            self._streams.append(np.random.default_rng(self._seed.spawn(1)[0]))
        return self._streams[micro_batch]


def split(rows: Array, multiply_adds: int, least: int = 1) -> list[Array]:
    """Split the rows of a mini-batch into micro-batches of nearly equal size.

    The split depends on the number of rows and on the work for each of them, not on threads, so
    that the order of every sum is fixed. No micro-batch has fewer than `least` rows, unless the
    mini-batch has.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Row numbers.
    multiply_adds : int
        Work for one row.
    least : int, default=1
        See :attr:`skcnn.network.Network.minimum_batch_size`.
    """
    size = max(MICRO_BATCH_SAMPLES, MICRO_BATCH_MULTIPLY_ADDS // max(multiply_adds, 1))
    n_micro_batches = -(-len(rows) // size)
    n_micro_batches += n_micro_batches % 2 if n_micro_batches > 1 else 0  # even, for two threads
    if n_micro_batches > max(len(rows) // least, 1):
        n_micro_batches = max(len(rows) // least // 2 * 2, 1)
    bounds = [len(rows) * number // n_micro_batches for number in range(n_micro_batches + 1)]
    return [rows[start:stop] for start, stop in pairwise(bounds)]


class _MicroBatch:
    """The gradient and the state of one micro-batch."""

    def __init__(self, network: Network) -> None:
        self.state = network.state.copy()
        self.views = network.views(state=self.state)
        self.gradient = np.empty_like(network.parameters)
        self.gradients = network.views(self.gradient)


class BatchGradient:
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
        self._multiply_adds, self._least = network.multiply_adds, network.minimum_batch_size
        self._micro_batches = [_MicroBatch(network)]
        # scratch memory belongs to threads: for all micro-batches it is in the same core's cache
        self._inputs = [Workspace() for _ in range(team.n_threads)]
        self._augmenting = [Workspace() for _ in range(team.n_threads)]
        self._losses = [Workspace() for _ in range(team.n_threads)]
        self._workspaces = [network.workspaces() for _ in range(team.n_threads)]
        self.gradient = self._micro_batches[0].gradient

    def run(self, rows: Array) -> tuple[float, float | None]:
        """Compute the gradient for these rows; return their loss and the weight of correct ones.

        Where predictions cannot be correct, the latter is None.
        """
        parts = split(rows, self._multiply_adds, self._least)
        while len(self._micro_batches) < len(parts):
            self._micro_batches.append(_MicroBatch(self._network))
        streams = [self._drawing[number] for number in range(len(parts))]
        results = self._team.map(
            lambda thread, number: self._run_micro_batch(
                self._micro_batches[number], parts[number], len(rows), thread, streams[number]
            ),
            len(parts),
            alone=len(parts[0]) * self._multiply_adds < SHARED_MULTIPLY_ADDS,
        )
        micro_batches = self._micro_batches[: len(parts)]
        for micro_batch in micro_batches[1:]:
            self.gradient += micro_batch.gradient
        self._average_state(micro_batches, parts)
        correct = [correct for _, correct in results if correct is not None]
        return sum(value for value, _ in results) * len(rows), sum(correct) if correct else None

    def _run_micro_batch(
        self,
        micro_batch: _MicroBatch,
        rows: Array,
        n: int,
        thread: int,
        stream: np.random.Generator,
    ) -> tuple[float, float | None]:
        """Fill the micro-batch's gradient; return its loss and the weight of correct ones."""
        samples, network = self._samples, self._network
        inputs, workspaces = self._inputs[thread], self._workspaces[thread]
        for workspace in workspaces:
            workspace.rng = stream
        if network.state.size:
            np.copyto(micro_batch.state, network.state)
        targets = samples.targets[rows]
        weights = None if samples.weights is None else samples.weights[rows]
        x = samples.images.batch(rows, inputs)
        x = augment_batch(x, samples.augment, stream, self._augmenting[thread], samples.fill)
        outputs, caches = network.forward(x, workspaces, training=True, views=micro_batch.views)
        correct = self._loss.correct(outputs, targets, weights)
        scale = 1 / n if weights is None else (weights / n).astype(outputs.dtype)
        value, dy = self._loss.value_and_gradient(outputs, targets, scale, self._losses[thread])
        network.backward(dy, caches, micro_batch.gradients, workspaces, views=micro_batch.views)
        return value, correct

    def _average_state(self, micro_batches: list[_MicroBatch], parts: list[Array]) -> None:
        """Set the network's state to the mean of the micro-batches', each counted by its rows."""
        if not self._network.state.size:
            return
        n = sum(len(part) for part in parts)
        self._network.state[:] = sum(
            micro_batch.state * (len(part) / n)
            for micro_batch, part in zip(micro_batches, parts, strict=True)
        )
