"""Where the mini-batches of an epoch begin and end."""

from __future__ import annotations

from itertools import pairwise


def mini_batches(n: int, batch_size: int, least: int = 1, layer: str = "") -> list[slice]:
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
    layer : str, default=""
        The layer that asks for `least` samples, for messages; by default batch normalization.

    Returns
    -------
    parts : list of slice
        Of the order in which the epoch takes the samples.

    Raises
    ------
    ValueError
        If there are fewer than `least` samples, or mini-batches are to be smaller.
    """
    if layer:
        who, other = f"{layer}, whose mini-batches have at least {least} samples", "another layer"
    else:
        who = "batch normalization, which compares the samples of a mini-batch"
        other = "batch_norm=False and layers without BatchNorm()"
    if n < least:
        raise ValueError(
            f"n_samples={n} is too few for {who}: give at least {least} samples of positive "
            f"weight, or use {other}."
        )
    if batch_size < least:
        raise ValueError(
            f"batch_size={batch_size} is too small for {who}: use a batch_size of at least "
            f"{least}, or {other}."
        )
    starts = list(range(0, n, batch_size))
    if n - starts[-1] < least:
        del starts[-1]
    return [slice(start, stop) for start, stop in pairwise([*starts, n])]
