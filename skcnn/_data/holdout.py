"""Which samples are held out for validation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def hold_out(strata: Array, fraction: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return indices of samples to train on and of samples to hold out, both sorted.

    Each stratum keeps at least one sample for training. Each of two samples or more gives at least
    one, where so many are held out, and otherwise its fraction, to within one sample; what that
    takes comes from those furthest above their fraction. Remainders go to the largest, ties by lot.

    Parameters
    ----------
    strata : ndarray of int of shape (n,)
        Number of each sample's stratum, such as its class.
    fraction : float
        Fraction of the samples to hold out, rounded up, in (0, 1).
    rng : numpy.random.Generator
        Draws the samples.

    Raises
    ------
    ValueError
        If no stratum has two samples.
    """
    n = len(strata)
    counts = np.bincount(strata)
    room = np.maximum(counts - 1, 0)
    n_held_out = min(int(np.ceil(fraction * n)), int(room.sum()))
    if n_held_out == 0:
        raise ValueError(
            f"Too few samples for early_stopping: with n_samples={n} none can be spared for the "
            f"validation set, since each class keeps one to learn from. Pass X_val and y_val, or "
            f"set early_stopping=False."
        )
    wanted = n_held_out * counts / n
    least = np.minimum(room, int(n_held_out >= np.count_nonzero(room)))
    taken = np.clip(np.floor(wanted).astype(int), least, room)
    lots = rng.permutation(len(counts))
    while taken.sum() < n_held_out:
        lacking = np.where(taken < room, wanted - taken, -np.inf)
        taken[lots[lacking[lots].argmax()]] += 1
    while taken.sum() > n_held_out:
        above = np.where(taken > least, taken - wanted, -np.inf)
        taken[lots[above[lots].argmax()]] -= 1
    order = rng.permutation(n)
    order = order[np.argsort(strata[order], kind="stable")]  # by stratum, shuffled within
    rank = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    held_out = rank < np.repeat(taken, counts)
    return np.sort(order[~held_out]), np.sort(order[held_out])
