"""Rows that are held out, and what a network makes of them after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._engine.numpy_settings import quiet_overflow
from skcnn._engine.workspace import Workspace
from skcnn._training.epochs import DivergenceError
from skcnn._training.gradient import Samples
from skcnn._training.prediction import outputs_of
from skcnn.losses import Loss
from skcnn.network import Network

Array = npt.NDArray[Any]


def hold_out(strata: Array, fraction: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return numbers of rows to train on and of rows to hold out, both sorted.

    Each stratum gives its share, to within one row, and keeps at least one row for training.
    Remainders go to the largest, ties by lot.

    Parameters
    ----------
    strata : ndarray of int of shape (n,)
        Number of each row's stratum, such as its class.
    fraction : float
        Share of the rows to hold out, rounded up, in (0, 1).
    rng : numpy.random.Generator
        Draws the rows.

    Raises
    ------
    ValueError
        If no stratum has two rows.
    """
    n = len(strata)
    counts = np.bincount(strata)
    room = np.maximum(counts - 1, 0)
    n_held_out = min(int(np.ceil(fraction * n)), int(room.sum()))
    if n_held_out == 0:
        raise ValueError(
            f"Too few rows for early_stopping: with n_samples={n} no row can be spared for the "
            f"validation set, since each class keeps one to learn from. Pass X_val and y_val, or "
            f"set early_stopping=False."
        )
    wanted = n_held_out * counts / n
    taken = np.minimum(np.floor(wanted).astype(int), room)
    lots = rng.permutation(len(counts))
    while taken.sum() < n_held_out:
        lacking = np.where(taken < room, wanted - taken, -np.inf)
        taken[lots[lacking[lots].argmax()]] += 1
    order = rng.permutation(n)
    order = order[np.argsort(strata[order], kind="stable")]  # by stratum, shuffled within
    rank = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    held_out = rank < np.repeat(taken, counts)
    return np.sort(order[~held_out]), np.sort(order[held_out])


class Measured(NamedTuple):
    """Mean loss of the held-out rows, and the score, of which more is better."""

    loss: float
    score: float


@dataclass(frozen=True)
class Validation:
    """Held-out samples and how to score a network on them.

    Parameters
    ----------
    samples : Samples
        What was held out.
    loss : Loss
        Its weighted mean is computed.
    scoring : {"loss", "accuracy"} or callable
        The score: the negative loss, the weighted share of hits, or what a function of the
        network returns.
    n_threads : int
        For inference.
    """

    samples: Samples
    loss: Loss
    scoring: str | Callable[[Network], Any]
    n_threads: int

    def measure(self, network: Network) -> Measured:
        """Compute loss and score of the network as it is.

        Raises
        ------
        DivergenceError
            If the loss is not finite.
        ValueError
            If the score is not a number.
        """
        samples, n = self.samples, len(self.samples)
        weights = samples.weights
        with quiet_overflow():
            outputs = outputs_of(network, samples.images, self.n_threads)
            scale = 1 / n if weights is None else (weights / n).astype(outputs.dtype)
            value, _ = self.loss.value_and_gradient(outputs, samples.targets, scale, Workspace())
        if not np.isfinite(value):
            raise DivergenceError(
                "the validation loss is no longer finite, as when X_val holds much larger numbers "
                "than X,"
            )
        score: Any = -value
        if callable(self.scoring):
            score = self.scoring(network)
        elif self.scoring == "accuracy":
            hits = self.loss.hits(outputs, samples.targets, weights)
            score = None if hits is None else hits / n
        if not isinstance(score, Real) or np.isnan(float(score)):
            raise ValueError(
                f"scoring gave {score!r} for the validation set. It must give one number, of "
                f"which more is better."
            )
        return Measured(value, float(score))
