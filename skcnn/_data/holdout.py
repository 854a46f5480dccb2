"""Which samples are held out for validation."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.samples import Data

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
    taken = np.maximum(np.floor(wanted), least)
    lots = rng.permutation(len(counts))
    while taken.sum() < n_held_out:
        lacking = np.where(taken < room, wanted - taken, -np.inf)
        taken[lots[lacking[lots].argmax()]] += 1
    while taken.sum() > n_held_out:
        above = np.where(taken > least, taken - wanted, -np.inf)
        taken[lots[above[lots].argmax()]] -= 1
    order = rng.permutation(n)
    order = order[np.argsort(strata[order], stable=True)]  # by stratum, shuffled within
    rank = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    held_out = rank < np.repeat(taken, counts)
    return np.sort(order[~held_out]), np.sort(order[held_out])


def first_split(splitter: Any, data: Data, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return indices of samples to train on and to hold out: the first split of a splitter.

    Parameters
    ----------
    splitter : object with a method ``split(X, y, groups)``
        Left alone: a copy splits, whose `random_state`, where that is None, is drawn.
    data : Data
        Without samples of zero weight.
    rng : numpy.random.Generator
        Draws it.

    Raises
    ------
    ValueError
        If it cannot split these samples, or not in two parts without a sample in common.
    """
    if isinstance(splitter, type):
        raise ValueError(
            f"validation_fraction={splitter!r} is a class. Give an object, such as "
            f"{splitter.__name__}()."
        )
    named, splitter = f"validation_fraction={splitter!r}", deepcopy(splitter)
    if getattr(splitter, "random_state", 0) is None:
        splitter.random_state = int(rng.integers(2**31 - 1))
    try:
        split = next(iter(splitter.split(data.chosen_images, data.y, data.groups)))
        training, held_out = (_indices(part, len(data)) for part in split)
    except (StopIteration, TypeError, ValueError, IndexError) as error:
        needed = "" if data.groups is not None else " It may need groups, which fit takes."
        raise ValueError(
            f"{named} cannot split {len(data)} samples: {str(error) or 'it makes none'}.{needed}"
        ) from error
    for name, part in (("train on", training), ("hold out", held_out)):
        if not len(part):
            raise ValueError(f"{named} leaves no samples to {name}. Use another size.")
    if len(np.intersect1d(training, held_out)):
        raise ValueError(
            f"{named} puts the same samples in both parts, so that the validation score would be "
            f"that of samples which were learned. Use a splitter that parts them."
        )
    return training, held_out


def _indices(part: Any, n: int) -> Array:
    """Return sorted indices, of a mask, too."""
    part = np.asarray(part)
    indices: Array = np.unique(np.arange(n)[part if part.size else part.astype(int)])
    return indices
