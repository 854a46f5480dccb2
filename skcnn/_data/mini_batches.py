"""Where the mini-batches of an epoch begin and end."""

from __future__ import annotations

from itertools import pairwise


def mini_batches(n: int, batch_size: int, least: int = 1) -> list[slice]:
    """Cut n rows into mini-batches, none of fewer than `least` rows.

    What is left at the end is a smaller mini-batch. If it is smaller than `least`, its rows join
    the mini-batch before: no row is left out of an epoch.

    Parameters
    ----------
    n : int
        Number of rows, at least `least`.
    batch_size : int
        Rows of a mini-batch, at least `least`.
    least : int, default=1
        See :attr:`skcnn.network.Network.minimum_batch_size`.

    Returns
    -------
    parts : list of slice
        Of the order in which the epoch takes the rows.

    Raises
    ------
    ValueError
        If there are fewer than `least` rows, or mini-batches are to be smaller.
    """
    if n < least:
        raise ValueError(
            f"n_samples={n} is too few for batch normalization, which compares the rows of a "
            f"mini-batch: give at least {least} rows of positive weight, or use batch_norm=False "
            f"and layers without BatchNorm()."
        )
    if batch_size < least:
        raise ValueError(
            f"batch_size={batch_size} is too small for batch normalization, which compares the "
            f"rows of a mini-batch: use a batch_size of at least {least}, or batch_norm=False and "
            f"layers without BatchNorm()."
        )
    starts = list(range(0, n, batch_size))
    if n - starts[-1] < least:
        del starts[-1]
    return [slice(start, stop) for start, stop in pairwise([*starts, n])]
