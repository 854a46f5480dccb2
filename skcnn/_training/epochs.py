"""Training: mini-batches, gradient steps, epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import isfinite
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._data.mini_batches import mini_batches
from skcnn._data.samples import Samples
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.threads import Team
from skcnn._training.gradient import BatchGradient
from skcnn._training.state import TrainingState
from skcnn._training.stopping import DivergenceError, check_epoch
from skcnn.losses import Loss
from skcnn.network import Network
from skcnn.optimizers import clip, decay

Array = npt.NDArray[Any]


class Epoch(NamedTuple):
    """Results of one epoch of training.

    `loss` and `accuracy` are weighted means over the epoch's batches, each as it was before its
    step; accuracy is None for a loss without correct predictions. `learning_rate` is that of
    the first step, None where there is none; `seconds` is wall time.
    """

    loss: float
    accuracy: float | None
    learning_rate: float | None
    seconds: float


@dataclass(frozen=True)
class TrainingSettings:
    """How an epoch goes through the samples, and how far its steps reach.

    Parameters
    ----------
    batch_size : int
        Samples of a mini-batch.
    learning_rate : float
        Step size, which the schedule multiplies.
    alpha : float, default=0.0
        Weight decay.
    shuffle : bool, default=True
        Whether each epoch has another order.
    max_grad_norm : float, default=None
        Longer gradients are shrunk to this length.
    n_epochs : int, default=None
        What a schedule with an end takes for all epochs; None: there is no end.
    """

    batch_size: int
    learning_rate: float
    alpha: float = 0.0
    shuffle: bool = True
    max_grad_norm: float | None = None
    n_epochs: int | None = None

    def fraction(self, epochs: float) -> float | None:
        """Return the fraction of all epochs that has passed after so many, whole or not."""
        return None if self.n_epochs is None else min(epochs / self.n_epochs, 1)


def train(
    network: Network,
    loss: Loss,
    samples: Samples,
    settings: TrainingSettings,
    state: TrainingState,
    team: Team,
    after_step: Callable[[int], object] | None = None,
) -> Iterator[Epoch]:
    """Train in place, without end: each item of the iterator is one epoch over the samples.

    Parameters
    ----------
    network : Network
        Its parameters and state change.
    loss : Loss
        Training loss: for a batch, the sum of weight * loss over its samples, divided by
        their number. Weights have mean 1 over the samples.
    samples : Samples
        What to learn from.
    settings : TrainingSettings
        Batch size, learning rate, decay, shuffling.
    state : TrainingState
        Optimizer, schedule, their states, and generators; changes. Its `note` is for the caller,
        who knows the score. Weight decay comes before each step.
    team : Team
        Who computes; any number of threads gives the same bits.
    after_step : callable, default=None
        Told the number of samples after each mini-batch.

    Yields
    ------
    Epoch

    Raises
    ------
    DivergenceError
        When the loss, a parameter or a running statistic becomes NaN, infinite or huge.
    """
    step = BatchGradient(network, loss, samples, state.drawing, team)
    state.start(network.parameters)
    n = len(samples)
    parts = mini_batches(n, settings.batch_size, network.minimum_batch_size)

    def run(epoch: int) -> tuple[float, list[float | None], list[float]]:
        total, correct, rates = 0.0, [], []
        order = state.shuffling.permutation(n) if settings.shuffle else np.arange(n)
        for part in parts:
            factor = state.factor(settings.fraction(epoch + part.start / n))
            rates.append(settings.learning_rate * factor)
            value, batch_correct = step.run(order[part])
            _check_finite(value)
            total += value
            correct.append(batch_correct)
            _move(network, step.gradient, rates[-1], settings, state)
            state.average_step(network)
            if after_step is not None:
                after_step(part.stop - part.start)
        return total, correct, rates

    for epoch in count():
        start, epoch_run = perf_counter(), partial(run, epoch)
        total, correct, rates = with_numpy_settings(epoch_run, short_buffers=True, all="ignore")
        check_epoch(total / n, network.parameters, network.state)
        state.average_epoch(network, settings.fraction(epoch + 1))
        right = [weight for weight in correct if weight is not None]
        accuracy = sum(right) / n if right else None
        yield Epoch(total / n, accuracy, rates[0], perf_counter() - start)


def _move(
    network: Network, gradient: Array, rate: float, settings: TrainingSettings, state: TrainingState
) -> None:
    """Clip the gradient, shrink the weights and take one step; frozen parameters stay."""
    parameters = network.parameters
    kept = [parameters[where].copy() for where in network.frozen]
    for where in network.frozen:
        gradient[where] = 0
    if settings.max_grad_norm is not None:
        clip(gradient, settings.max_grad_norm)
    if settings.alpha:
        decay(parameters[network.decayed], rate, settings.alpha)
    before = [parameters[where].copy() for where, _ in network.shortened]
    state.step(parameters, gradient, rate)
    for (where, factor), values in zip(network.shortened, before, strict=True):
        shortened = parameters[where]  # before + factor * (after - before)
        shortened -= values
        shortened *= factor
        shortened += values
    for where, values in zip(network.frozen, kept, strict=True):
        parameters[where] = values


def _check_finite(value: float) -> None:
    if not isfinite(value):
        raise DivergenceError("the loss is no longer finite, but NaN or infinite,")
