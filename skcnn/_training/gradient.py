"""The gradient of one mini-batch, computed in micro-batches that several threads may share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from skcnn._data.samples import Samples
from skcnn._engine.threads import Team
from skcnn._engine.workspace import Workspace
from skcnn.augmentation.compose import augment_and_mix
from skcnn.augmentation.mixing import Mixture
from skcnn.layers.base import Parameters
from skcnn.losses import Loss
from skcnn.network import Network

Array = npt.NDArray[Any]
T = TypeVar("T")

# The most samples of a micro-batch, and the least work.
MICRO_BATCH_SAMPLES = 64
MICRO_BATCH_MULTIPLY_ADDS = 3_000_000
# Threads wait for the interpreter now and then: one alone does a micro-batch of less work sooner.
SHARED_MULTIPLY_ADDS = 10_000_000
# Micro-batches for each of several threads before gradients are added up: memory for no more.
ROUNDS = 2


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
    """Split the samples of a mini-batch into micro-batches of nearly equal size.

    The split depends on the number of samples and on the work for each of them, not on threads,
    so that the order of every sum is fixed. No micro-batch has fewer than `least` samples, unless
    the mini-batch has.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Indices of the samples.
    multiply_adds : int
        Work for one sample.
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


class Task(NamedTuple):
    """One micro-batch: its number in the mini-batch, its samples and its generator."""

    number: int
    rows: Array
    stream: np.random.Generator


class Forward(NamedTuple):
    """What backward needs of a forward pass, and the mixtures that went through it."""

    outputs: Array
    caches: list[Any]
    workspaces: list[Workspace]
    mixtures: list[Mixture]


def mixed_targets(targets: Array, mixtures: list[Mixture], outputs: Array) -> Array:
    """Return the targets of mixed samples: numbers, or in place of class indices probabilities.

    Parameters
    ----------
    targets : ndarray of shape (n,) or (n, n_outputs)
        Before.
    mixtures : list of Mixture
        One after the other; without any, the targets are returned as they are.
    outputs : ndarray of shape (n_outputs, n)
        Says how many classes there are, and the dtype.
    """
    if mixtures and targets.dtype.kind in "iu":
        targets = np.equal.outer(targets, np.arange(len(outputs))).astype(outputs.dtype)
    for mixture in mixtures:
        targets = mixture.of_targets(targets)
    return targets


class MicroBatches:
    """Mini-batches in micro-batches, which threads share, with memory that is allocated once.

    Parameters
    ----------
    network : Network
        What they go through.
    samples : Samples
        What mini-batches are taken from.
    drawing : RandomStreams
        For stochastic layers and augmentation.
    team : Team
        Who computes.

    Attributes
    ----------
    round : int
        The most micro-batches that are computed before their results are used.
    """

    def __init__(
        self, network: Network, samples: Samples, drawing: RandomStreams, team: Team
    ) -> None:
        self._network, self._samples = network, samples
        self._drawing, self._team = drawing, team
        self._multiply_adds, self._least = network.multiply_adds, network.minimum_batch_size
        self.round = team.n_threads if team.n_threads == 1 else ROUNDS * team.n_threads
        # scratch memory belongs to threads: for all micro-batches it is in the same core's cache
        self._inputs = [Workspace() for _ in range(team.n_threads)]
        self._augmenting = [Workspace() for _ in range(team.n_threads)]
        self._workspaces = [network.workspaces() for _ in range(team.n_threads)]

    def tasks(self, rows: Array) -> list[Task]:
        """Return the micro-batches of a mini-batch."""
        parts = split(rows, self._multiply_adds, self._least)
        return [Task(number, part, self._drawing[number]) for number, part in enumerate(parts)]

    def run(
        self, tasks: list[Task], work: Callable[[int, Task], T]
    ) -> Iterator[list[tuple[Task, T]]]:
        """Yield tasks with what work(thread, task) returns for them, in order, round by round."""
        alone = len(tasks[0].rows) * self._multiply_adds < SHARED_MULTIPLY_ADDS
        for start in range(0, len(tasks), self.round):
            now = tasks[start : start + self.round]
            yield self._round(now, work, alone)

    def _round(
        self, tasks: list[Task], work: Callable[[int, Task], T], alone: bool
    ) -> list[tuple[Task, T]]:
        def work_on(thread: int, number: int) -> T:
            return work(thread, tasks[number])

        results = self._team.map(work_on, len(tasks), alone=alone)
        return list(zip(tasks, results, strict=True))

    def forward(self, thread: int, task: Task, views: list[Parameters]) -> Forward:
        """Return what a training step needs for backward."""
        samples, workspaces = self._samples, self._workspaces[thread]
        for workspace in workspaces:
            workspace.rng = task.stream
        x = samples.images.batch(task.rows, self._inputs[thread])
        augmenting = self._augmenting[thread]
        weights = samples.weights_of(task.rows)
        x, mixtures = augment_and_mix(
            x, samples.augment, task.stream, augmenting, samples.fill, weights
        )
        outputs, caches = self._network.forward(x, workspaces, training=True, views=views)
        return Forward(outputs, caches, workspaces, mixtures)


class _Slot:
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
        What mini-batches are taken from.
    drawing : RandomStreams
        For stochastic layers.
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
        self._micro_batches = MicroBatches(network, samples, drawing, team)
        self._losses = [Workspace() for _ in range(team.n_threads)]
        self._slots = [_Slot(network)]
        self.gradient = self._slots[0].gradient

    def run(self, rows: Array) -> tuple[float, float | None]:
        """Compute the gradient for these samples; return their loss and the weight of correct ones.

        Where predictions cannot be correct, the latter is None.
        """
        tasks = self._micro_batches.tasks(rows)
        while len(self._slots) < min(len(tasks), self._micro_batches.round + 1):
            self._slots.append(_Slot(self._network))
        n, before = len(rows), self._network.state
        state = np.zeros_like(before) if before.size else None
        values, correct = [], []
        for results in self._micro_batches.run(tasks, partial(self._compute, n)):
            for task, (value, weight) in results:
                slot = self._slot(task)
                if task.number:
                    self.gradient += slot.gradient
                if state is not None:
                    state += slot.state * (len(task.rows) / n)
                values.append(value)
                correct += [] if weight is None else [weight]
        if state is not None:
            for where in self._network.frozen_state:  # to which a mean would do rounding
                state[where] = before[where]
            before[:] = state
        return sum(values) * n, sum(correct) if correct else None

    def _slot(self, task: Task) -> _Slot:
        """Return where a micro-batch writes: the sum for the first, others' are used again."""
        return self._slots[1 + (task.number - 1) % self._micro_batches.round if task.number else 0]

    def _compute(self, n: int, thread: int, task: Task) -> tuple[float, float | None]:
        """Fill the micro-batch's gradient; return its loss and the weight of correct ones."""
        samples, network, slot = self._samples, self._network, self._slot(task)
        if network.state.size:
            np.copyto(slot.state, network.state)
        weights = samples.weights_of(task.rows)
        outputs, caches, workspaces, mixtures = self._micro_batches.forward(
            thread, task, slot.views
        )
        targets = mixed_targets(samples.targets[task.rows], mixtures, outputs)
        correct = self._loss.correct(outputs, targets, weights)
        scale = 1 / n if weights is None else (weights / n).astype(outputs.dtype)
        value, dy = self._loss.value_and_gradient(outputs, targets, scale, self._losses[thread])
        if getattr(dy, "shape", None) != outputs.shape:
            raise ValueError(
                f"loss={self._loss} returned a gradient of shape {getattr(dy, 'shape', None)} for "
                f"outputs of shape {outputs.shape}. value_and_gradient must return (float, ndarray "
                f"of the shape of the outputs)."
            )
        network.backward(dy, caches, slot.gradients, workspaces, views=slot.views)
        return value, correct
