"""Statistics of batch normalization over the training data, for weights that nothing ran with."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._data.mini_batches import mini_batches
from skcnn._data.samples import Samples
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.threads import Team
from skcnn._training.gradient import MicroBatches, Task
from skcnn._training.state import TrainingState
from skcnn._training.stopping import DivergenceError
from skcnn.layers import BatchNorm
from skcnn.layers.base import Parameters
from skcnn.layers.bias import channel_count
from skcnn.layers.container import contents
from skcnn.network import Network

Array = npt.NDArray[Any]
Moments = list[tuple[int, Array, Array]]  # of each: number, mean, squared deviations


class _Norm(NamedTuple):
    """A batch normalization, maybe within other layers, and where its state is."""

    number: int  # of the layer of the network that it is, or is in
    prefix: str
    pixels: int  # of a channel of one sample

    def view(self, views: list[Parameters], name: str) -> Array:
        """Return a part of its state."""
        return views[self.number][self.prefix + name]


def _batch_norms(network: Network) -> list[_Norm]:
    """Return every batch normalization, in order."""
    return [
        _Norm(number, placed.prefix, prod(placed.input_shape) // channel_count(placed.input_shape))
        for number, (layer, shape) in enumerate(zip(network.layers, network.shapes, strict=False))
        for placed in contents(layer, shape)
        if isinstance(placed.layer, BatchNorm) and placed.layer.trainable
    ]


@dataclass(frozen=True)
class Statistics:
    """Recomputes the running statistics of a network whose weights are an average.

    Running means of the networks that training passed through are not those of the average.

    Parameters
    ----------
    samples : Samples
        What was trained on.
    batch_size : int
        Samples of a mini-batch, as in training.
    n_threads : int
        Any number gives the same bits.

    References
    ----------
    Izmailov, Podoprikhin, Garipov, Vetrov, Wilson. Averaging Weights Leads to Wider Optima and
    Better Generalization. UAI 2018.
    """

    samples: Samples
    batch_size: int
    n_threads: int

    def recompute(self, network: Network, state: TrainingState) -> None:
        """Set mean and variance of each `BatchNorm` to those of one pass over the samples.

        Other non-trainable state stays as it is.

        Parameters
        ----------
        network : Network
            With averaged parameters; its state changes at the end.
        state : TrainingState
            Its generators say what comes next; they do not change.

        Raises
        ------
        DivergenceError
            If a statistic is not finite.
        """
        norms = _batch_norms(network)
        if not norms:
            return
        look = partial(self._moments, network, state, norms)
        moments = with_numpy_settings(look, short_buffers=True, all="ignore")
        new = network.state.copy()
        views = network.views(state=new)
        for norm, (count, mean, squares) in zip(norms, moments, strict=True):
            norm.view(views, "mean")[:] = mean
            norm.view(views, "variance")[:] = squares / (count - 1)
            norm.view(views, "weight")[:] = 1
        if not np.isfinite(new).all():
            raise DivergenceError("a running statistic of batch normalization is NaN or infinite")
        network.state[:] = new

    def _moments(self, network: Network, state: TrainingState, norms: list[_Norm]) -> Moments:
        """Return the moments of what each batch normalization sees of all samples."""
        n = len(self.samples)
        moments: Moments = []
        order = deepcopy(state.shuffling).permutation(n)
        with Team(self.n_threads) as team:
            micro_batches = MicroBatches(network, self.samples, deepcopy(state.drawing), team)
            run = _Pass(network, micro_batches, norms, team.n_threads)
            for part in mini_batches(n, self.batch_size, network.minimum_batch_size):
                for results in micro_batches.run(micro_batches.tasks(order[part]), run):
                    for _, seen in results:
                        moments = _merged(moments, seen)
        return moments


class _Pass:
    """What threads do with micro-batches: each starts from no statistics."""

    def __init__(
        self, network: Network, micro_batches: MicroBatches, norms: list[_Norm], n_threads: int
    ) -> None:
        self._micro_batches, self._norms = micro_batches, norms
        empty = network.copy()
        empty.initialize(np.random.default_rng(0))  # for its state; parameters are not used
        self._empty = empty.state
        for where in network.frozen_state:
            self._empty[where] = network.state[where]
        self._states = [empty.state.copy() for _ in range(n_threads)]
        self._views = [network.views(state=state) for state in self._states]

    def __call__(self, thread: int, task: Task) -> Moments:
        """Return number, mean and sum of squared deviations of what each of them saw."""
        np.copyto(self._states[thread], self._empty)
        self._micro_batches.forward(thread, task, self._views[thread])
        moments: Moments = []
        for norm in self._norms:
            count, views = len(task.rows) * norm.pixels, self._views[thread]
            mean, variance = (
                norm.view(views, name).astype(np.float64) for name in ("mean", "variance")
            )
            moments.append((count, mean, variance * (count - 1)))
        return moments


def _merged(moments: Moments, seen: Moments) -> Moments:
    """Return the moments of two sets of numbers together."""
    if not moments:
        return seen
    merged: Moments = []
    for (n, mean, squares), (m, other, more) in zip(moments, seen, strict=True):
        difference, total = other - mean, n + m
        squares = squares + more + difference**2 * (n * m / total)
        merged.append((total, mean + difference * (m / total), squares))
    return merged
