"""Averages of the weights during training, which predict better than the last ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skcnn._checks import Hyperparameters, is_number, shown
from skcnn.network import Network

__all__ = ["ExponentialMovingAverage", "StochasticWeightAveraging", "WeightAveraging"]

Average = dict[str, Any]


@dataclass(frozen=True)
class WeightAveraging(Hyperparameters):
    """An average of a network's parameters and non-trainable state over steps or epochs.

    Hyper-parameters only. The average is in a dict, so that it can be copied and saved:
    `parameters` and `state`, sums of vectors, and `weight`, the sum of their weights. Training
    always calls :meth:`after_step` and :meth:`after_epoch`; a subclass overrides one of them. The
    network that is trained does not change.

    Of the average, `fit` computes the running statistics of batch normalization anew, from the
    training data; those in `state` are what `partial_fit` uses.
    """

    def start(self, network: Network) -> Average:
        """Return an average of nothing."""
        return {
            "parameters": np.zeros_like(network.parameters),
            "state": np.zeros_like(network.state),
            "weight": 0.0,
        }

    def after_step(self, average: Average, network: Network) -> None:
        """Update the average after a step."""

    def after_epoch(self, average: Average, network: Network, fraction: float | None) -> None:
        """Update the average after an epoch.

        Parameters
        ----------
        average : dict
            From :meth:`start`; changes.
        network : Network
            As it is after the epoch.
        fraction : float or None
            Fraction of the epochs that are finished; None in partial_fit, where their number is
            unknown.
        """

    def averaged(self, average: Average, network: Network) -> Network:
        """Return a copy of the network with the average in place of parameters and state.

        If nothing has been averaged yet, it is a copy of the network as it is.
        """
        result = network.copy()
        if average["weight"]:
            for vector, total in self._vectors(average, result):
                np.divide(total, average["weight"], out=vector)
        return result

    def _add(self, average: Average, network: Network, past: float = 1.0) -> None:
        """Multiply the weights so far by `past` and add the network with weight 1."""
        for vector, total in self._vectors(average, network):
            if past != 1:
                total *= past
            total += vector
        average["weight"] = average["weight"] * past + 1

    def _forget(self, average: Average) -> None:
        """Start afresh."""
        average["parameters"][:] = average["state"][:] = 0
        average["weight"] = 0.0

    def _vectors(self, average: Average, network: Network) -> tuple[tuple[Any, Any], ...]:
        """Pair each vector of the network with its sum."""
        return (
            (network.parameters, average["parameters"]),
            (network.state, average["state"]),
        )


@dataclass(frozen=True)
class ExponentialMovingAverage(WeightAveraging):
    """Average over steps, each later one weighted more by a constant factor.

    The network of k steps ago has the weight decay**k, divided by the sum of all weights. So the
    average is right from the first step on and needs no warm-up.

    Parameters
    ----------
    decay : float, default=0.99
        In [0, 1). About ``1 / (1 - decay)`` steps count.

    References
    ----------
    Polyak, Juditsky. Acceleration of Stochastic Approximation by Averaging. SIAM Journal on
    Control and Optimization 30, 1992.
    """

    decay: float = 0.99

    def __post_init__(self) -> None:
        if not (is_number(self.decay) and 0 <= float(self.decay) < 1):
            raise ValueError(
                f"decay={shown(self.decay)} must be a number of at least 0 and less than 1."
            )

    def after_step(self, average: Average, network: Network) -> None:
        """Decay the past and add the network."""
        self._add(average, network, float(self.decay))


@dataclass(frozen=True)
class StochasticWeightAveraging(WeightAveraging):
    """Plain average over the ends of the last epochs.

    Parameters
    ----------
    begin : float, default=0.75
        In [0, 1): epochs that end after this fraction of all epochs count, the last one always.
        In partial_fit, where their number is unknown, all count.

    References
    ----------
    Izmailov, Podoprikhin, Garipov, Vetrov, Wilson. Averaging Weights Leads to Wider Optima and
    Better Generalization. UAI 2018.
    """

    begin: float = 0.75

    def __post_init__(self) -> None:
        if not (is_number(self.begin) and 0 <= float(self.begin) < 1):
            raise ValueError(
                f"begin={shown(self.begin)} must be a number of at least 0 and less than 1."
            )

    def after_epoch(self, average: Average, network: Network, fraction: float | None) -> None:
        """Add the network if the epoch counts; until then forget what earlier calls have left."""
        if fraction is None or fraction > self.begin:
            self._add(average, network)
        else:
            self._forget(average)


AVERAGINGS: dict[str, type[WeightAveraging]] = {
    "ema": ExponentialMovingAverage,
    "swa": StochasticWeightAveraging,
}
