"""What carries on from one epoch of training to the next."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._training.gradient import RandomStreams
from skcnn.network import Network
from skcnn.optimizers import Optimizer, State
from skcnn.schedules import Constant, Schedule, checked_factor
from skcnn.weight_averaging import Average, WeightAveraging

Array = npt.NDArray[Any]


@dataclass
class TrainingState:
    """What carries on from one epoch to the next besides the network itself.

    Parameters
    ----------
    optimizer : Optimizer
        How to step.
    shuffling : numpy.random.Generator
        For the order of samples.
    drawing : RandomStreams
        For stochastic layers.
    schedule : Schedule, default=Constant()
        How the learning rate changes.
    optimizer_state, schedule_state : dict or None
        None: the optimizer or schedule starts afresh.
    steps : int, default=0
        Number of steps so far.
    followed : str, default="loss"
        Name of the score that the schedule is told after each epoch.
    averaging : WeightAveraging or None, default=None
        What is averaged of the weights that training passes through.
    average : dict or None, default=None
        None: the average starts afresh.
    trained : Network or None, default=None
        In what is kept of a model that shows its average: the network to go on from.
    """

    optimizer: Optimizer
    shuffling: np.random.Generator
    drawing: RandomStreams
    schedule: Schedule = field(default_factory=Constant)
    optimizer_state: State | None = None
    schedule_state: State | None = None
    steps: int = 0
    followed: str = "loss"
    averaging: WeightAveraging | None = None
    average: Average | None = None
    trained: Network | None = None

    def copy(self, *, with_optimizer_state: bool = True) -> TrainingState:
        """Return a copy that goes on in the same way, or with optimizer and average afresh."""
        return replace(
            self,
            shuffling=deepcopy(self.shuffling),
            drawing=deepcopy(self.drawing),
            optimizer_state=deepcopy(self.optimizer_state) if with_optimizer_state else None,
            schedule_state=deepcopy(self.schedule_state),
            average=deepcopy(self.average) if with_optimizer_state else None,
        )

    def use(
        self,
        optimizer: Optimizer,
        schedule: Schedule,
        followed: str,
        averaging: WeightAveraging | None = None,
    ) -> None:
        """Go on with these; what is not as before starts afresh."""
        if averaging != self.averaging:
            self.averaging, self.average, self.trained = averaging, None, None
        if optimizer != self.optimizer:
            self.optimizer, self.optimizer_state = optimizer, None
        if (schedule, followed) != (self.schedule, self.followed):
            self.schedule, self.schedule_state, self.followed = schedule, None, followed

    def start(self, parameters: Array) -> None:
        """Start what has no state yet."""
        if self.optimizer_state is None:
            self.optimizer_state = self.optimizer.start(parameters)
        if self.schedule_state is None:
            self.schedule_state = self.schedule.start()

    def factor(self, fraction: float | None) -> float:
        """Return what the learning rate is multiplied with for the next step.

        Parameters
        ----------
        fraction : float or None
            Fraction of the epochs that has passed; None if their number is unknown.
        """
        assert self.schedule_state is not None
        return checked_factor(self.schedule, self.schedule_state, self.steps, fraction)

    def step(self, parameters: Array, gradient: Array, rate: float) -> None:
        """Take one step of the optimizer."""
        assert self.optimizer_state is not None
        self.optimizer.step(self.optimizer_state, parameters, gradient, rate)
        self.steps += 1

    def average_step(self, network: Network) -> None:
        """Take note of the network after a step."""
        if self.averaging is not None:
            if self.average is None:
                self.average = self.averaging.start(network)
            self.averaging.after_step(self.average, network)

    def average_epoch(self, network: Network, fraction: float | None) -> None:
        """Take note of the network after an epoch."""
        if self.averaging is not None:
            assert self.average is not None
            self.averaging.after_epoch(self.average, network, fraction)

    def shown(self, network: Network) -> Network:
        """Return a copy of the network as it predicts: with average weights, if there are any."""
        if self.averaging is None or self.average is None:
            return network.copy()
        averaged = self.averaging.averaged(self.average, network)
        for where in network.frozen:  # to which a mean would do rounding
            averaged.parameters[where] = network.parameters[where]
        for where in network.frozen_state:
            averaged.state[where] = network.state[where]
        return averaged

    @property
    def shows_average(self) -> bool:
        """Whether :meth:`shown` has other weights than the network."""
        return self.averaging is not None and bool(self.average and self.average["weight"])

    def note(self, score: float) -> None:
        """Tell the schedule the score of an epoch; greater is better."""
        assert self.schedule_state is not None
        self.schedule.after_epoch(self.schedule_state, score)
