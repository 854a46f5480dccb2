"""Statistics of batch normalization over the training data, for weights that nothing ran with."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

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
from skcnn.layers.bias import channel_count
from skcnn.network import Network

Array = npt.NDArray[Any]
Moments = list[tuple[int, Array, Array]]  # of each layer: number, mean, squared deviations


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
        layers = [n for n, layer in enumerate(network.layers) if isinstance(layer, BatchNorm)]
        if not layers:
            return
        look = partial(self._moments, network, state, layers)
        moments = with_numpy_settings(look, short_buffers=True, all="ignore")
        new = network.state.copy()
        views = network.views(state=new)
        for number, (count, mean, squares) in zip(layers, moments, strict=True):
            views[number]["mean"][:] = mean
            views[number]["variance"][:] = squares / (count - 1)
            views[number]["weight"][:] = 1
        if not np.isfinite(new).all():
            raise DivergenceError("a running statistic of batch normalization is NaN or infinite")
        network.state[:] = new

    def _moments(self, network: Network, state: TrainingState, layers: list[int]) -> Moments:
        """Return the moments of what each of these layers sees of all samples."""
        n = len(self.samples)
        moments: Moments = []
        order = deepcopy(state.shuffling).permutation(n)
        with Team(self.n_threads) as team:
            micro_batches = MicroBatches(network, self.samples, deepcopy(state.drawing), team)
            run = _Pass(network, micro_batches, layers, team.n_threads)
            for part in mini_batches(n, self.batch_size, network.minimum_batch_size):
                for results in micro_batches.run(micro_batches.tasks(order[part]), run):
                    for _, seen in results:
                        moments = _merged(moments, seen)
        return moments


class _Pass:
    """What threads do with micro-batches: each starts from no statistics."""

    def __init__(
        self, network: Network, micro_batches: MicroBatches, layers: list[int], n_threads: int
    ) -> None:
        self._micro_batches, self._layers = micro_batches, layers
        empty = network.copy()
        empty.initialize(np.random.default_rng(0))  # for its state; parameters are not used
        self._empty = empty.state
        self._states = [empty.state.copy() for _ in range(n_threads)]
        self._views = [network.views(state=state) for state in self._states]
        shapes = [network.shapes[number] for number in layers]
        self._pixels = [prod(shape) // channel_count(shape) for shape in shapes]

    def __call__(self, thread: int, task: Task) -> Moments:
        """Return number, mean and sum of squared deviations of what each layer saw."""
        np.copyto(self._states[thread], self._empty)
        self._micro_batches.forward(thread, task, self._views[thread])
        moments: Moments = []
        for number, pixels in zip(self._layers, self._pixels, strict=True):
            count, views = len(task.rows) * pixels, self._views[thread][number]
            mean, variance = (views[name].astype(np.float64) for name in ("mean", "variance"))
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
