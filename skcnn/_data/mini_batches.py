"""Where the mini-batches of an epoch begin and end."""

from __future__ import annotations

from itertools import pairwise


def mini_batches(n: int, batch_size: int, least: int = 1) -> list[slice]:
    """Cut n samples into mini-batches, none of fewer than `least` samples.

    What is left at the end is a smaller mini-batch. If it is smaller than `least`, its samples
    join the mini-batch before: none is left out of an epoch.

    Parameters
    ----------
    n : int
        Number of samples, at least `least`.
    batch_size : int
        Samples of a mini-batch, at least `least`.
    least : int, default=1
        See :attr:`skcnn.network.Network.minimum_batch_size`.

    Returns
    -------
    parts : list of slice
        Of the order in which the epoch takes the samples.

    Raises
    ------
    ValueError
        If there are fewer than `least` samples, or mini-batches are to be smaller.
    """
    if n < least:
        raise ValueError(
            f"n_samples={n} is too few for batch normalization, which compares the samples of "
            f"a mini-batch: give at least {least} samples of positive weight, or use "
            f"batch_norm=False and layers without BatchNorm()."
        )
    if batch_size < least:
        raise ValueError(
            f"batch_size={batch_size} is too small for batch normalization, which compares the "
            f"samples of a mini-batch: use a batch_size of at least {least}, or batch_norm=False "
            f"and layers without BatchNorm()."
        )
    starts = list(range(0, n, batch_size))
    if n - starts[-1] < least:
        del starts[-1]
    return [slice(start, stop) for start, stop in pairwise([*starts, n])]
