"""Training: mini-batches, gradient steps, epochs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import cos, pi
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn.losses import Loss
from skcnn.network import Network
from skcnn.optimizers import Optimizer, State, decay
from skcnn.parallel import Team
from skcnn.step import GradientStep, RandomStreams, Samples, quiet_overflow

Array = npt.NDArray[Any]


class Epoch(NamedTuple):
    """What one epoch of training came to.

    `loss` and `accuracy` are weighted means over the epoch's batches, each as it was before its
    step; `learning_rate` is that of the first step, `seconds` is wall time.
    """

    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


class DivergenceError(ArithmeticError):
    """The loss or a parameter is NaN, infinite or about to overflow."""


@dataclass
class Progress:
    """What carries on from one epoch to the next besides the network itself.

    Parameters
    ----------
    optimizer : Optimizer
        How to step.
    shuffling : numpy.random.Generator
        For the order of samples.
    drawing : RandomStreams
        For layers that draw.
    optimizer_state : dict or None
        None: the optimizer starts afresh.
    """

    optimizer: Optimizer
    shuffling: np.random.Generator
    drawing: RandomStreams
    optimizer_state: State | None = None

    def use(self, optimizer: Optimizer) -> None:
        """Go on with this optimizer, afresh unless it is the one so far."""
        if optimizer != self.optimizer:
            self.optimizer, self.optimizer_state = optimizer, None


@dataclass
class Patience:
    """Counts epochs in a row whose loss is not below the best by more than `tol`.

    Parameters
    ----------
    tol : float or None
        None: never loses patience.
    n_iter_no_change : int
        How many such epochs to bear.
    """

    tol: float | None
    n_iter_no_change: int
    best: float = np.inf
    stale: int = 0

    def is_over(self, loss: float) -> bool:
        """Take note of an epoch's loss and return whether to stop."""
        if self.tol is None:
            return False
        self.stale = 0 if loss < self.best - self.tol else self.stale + 1
        self.best = min(self.best, loss)
        return self.stale >= self.n_iter_no_change


@dataclass(frozen=True)
class Schedule:
    """How an epoch goes through the samples, and how the learning rate falls.

    Parameters
    ----------
    batch_size : int
        Rows of a mini-batch.
    learning_rate : float
        Of the first step.
    alpha : float, default=0.0
        Weight decay.
    shuffle : bool, default=True
        Whether each epoch has another order.
    cosine_epochs : int, default=None
        After so many epochs the learning rate is zero, along half a cosine. None: it is constant.

    References
    ----------
    Loshchilov, Hutter. SGDR: Stochastic Gradient Descent with Warm Restarts. ICLR 2017.
    """

    batch_size: int
    learning_rate: float
    alpha: float = 0.0
    shuffle: bool = True
    cosine_epochs: int | None = None

    def rate(self, epochs: float) -> float:
        """Return the learning rate after so many epochs, whole or not."""
        if self.cosine_epochs is None:
            return self.learning_rate
        return self.learning_rate * (1 + cos(pi * min(epochs / self.cosine_epochs, 1))) / 2


def train(
    network: Network,
    loss: Loss,
    samples: Samples,
    schedule: Schedule,
    progress: Progress,
    team: Team,
) -> Iterator[Epoch]:
    """Train in place, without end: each item that is drawn is one epoch over the samples.

    Parameters
    ----------
    network : Network
        Its parameters and state change.
    loss : Loss
        What to make small: for a batch, the sum of weight * loss over its rows, divided by
        their number. Weights have mean 1 over the samples.
    samples : Samples
        What to learn from.
    schedule : Schedule
        Batch size, learning rate, decay, shuffling.
    progress : Progress
        Optimizer, its state, and generators; changes. Weight decay comes before each step.
    team : Team
        Who computes; any number of threads gives the same bits.

    Yields
    ------
    Epoch

    Raises
    ------
    DivergenceError
        When the loss or a parameter becomes NaN or infinite.
    """
    step = GradientStep(network, loss, samples, progress.drawing, team)
    if progress.optimizer_state is None:
        progress.optimizer_state = progress.optimizer.start(network.parameters)
    n = len(samples)
    for epoch in count():
        start, total, correct = perf_counter(), 0.0, 0.0
        order = progress.shuffling.permutation(n) if schedule.shuffle else np.arange(n)
        for first in range(0, n, schedule.batch_size):
            rate = schedule.rate(epoch + first / n)
            value, hits = step.run(order[first : first + schedule.batch_size])
            _check_finite(value)
            total, correct = total + value, correct + hits
            with quiet_overflow():
                if schedule.alpha:
                    weights = network.parameters[network.decayed]
                    decay(weights, rate, schedule.alpha)
                progress.optimizer.step(
                    progress.optimizer_state, network.parameters, step.gradient, rate
                )
        _check_parameters(network.parameters)
        seconds = perf_counter() - start
        yield Epoch(total / n, correct / n, schedule.rate(epoch), seconds)


def _check_finite(value: float) -> None:
    if not np.isfinite(value):
        raise DivergenceError("The loss is no longer finite.")


def _check_parameters(parameters: Array) -> None:
    """Refuse weights whose products over a few layers overflow, NaN included."""
    limit = float(np.finfo(parameters.dtype).max) ** 0.25
    if not np.abs(parameters).max(initial=0) < limit:
        raise DivergenceError("A parameter is NaN, infinite or about to overflow.")
