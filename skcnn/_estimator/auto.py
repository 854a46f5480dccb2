"""What "auto" stands for: a network for images or for signals, and epochs for so many samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skcnn._data.image_shape import split_channels
from skcnn._estimator.parameters import is_auto, takes_all_samples

AUTO_ITERATIONS = 200  # of L-BFGS
# Three poolings leave four positions of so many; what is shorter is small.
SHORTEST_SIGNAL = 32
SHORTEST_SIDE = 16  # of two axes or more
# Given for each block, these say how many blocks there are.
PER_BLOCK = ("filter_size", "pool_size", "padding", "stride", "convolutions_per_block")


class AutoNetwork(NamedTuple):
    """What parameters stand for that are "auto", for one kind of data."""

    epochs: tuple[int, int]  # at least, and at most
    n_samples_seen: int = 0  # in all epochs, within these bounds
    n_filters: tuple[int, ...] = (16, 32)
    filter_size: tuple[int, ...] = (5,)  # of the first blocks, the last one of all that follow
    pool_size: tuple[int, ...] = (2,)  # in the same way
    batch_norm: bool = False
    global_pooling: str | None = None
    dropout: float = 0.0


def with_auto_resolved(estimator: Any, image_shape: tuple[int, ...], n_samples: int) -> Any:
    """Return the estimator, or a copy of it with values in place of "auto".

    The network depends on the shape of a sample alone, so that every call of partial_fit makes
    the same.

    Parameters
    ----------
    estimator : BaseCNN
        Its parameters.
    image_shape : tuple of int
        Of one sample, channels last.
    n_samples : int
        How many are given, those that early stopping holds out included.
    """
    kind = _kind(image_shape)
    networks = estimator._auto_networks
    epochs = networks[kind].n_samples_seen // n_samples, *networks[kind].epochs
    # positions that are standardized each by itself mean something: an average loses them
    keeps_positions = kind == "signal" and estimator.standardize == "pixel"
    # what goes with our filters does not suit one filter, say; three blocks without padding leave
    # nothing of a small image
    own = not is_auto(estimator.n_filters) or estimator.padding != "same"
    is_own = kind == "image" and own
    network = networks["small" if keeps_positions or is_own else kind]
    full_batch = takes_all_samples(estimator.solver)
    n_filters = _n_filters(estimator, network)
    values = {
        "n_filters": n_filters,
        "filter_size": _for_blocks(network.filter_size, n_filters),
        "pool_size": _for_blocks(network.pool_size, n_filters),
        "batch_norm": network.batch_norm and not full_batch,
        "global_pooling": network.global_pooling if estimator.layers is None else None,
        "dropout": 0.0 if full_batch else network.dropout,
        "max_iter": AUTO_ITERATIONS if full_batch else sorted(epochs)[1],
    }
    asked = {name: value for name, value in values.items() if is_auto(getattr(estimator, name))}
    if not asked:
        return estimator
    twin = object.__new__(type(estimator))
    twin.__dict__ = {**vars(estimator), **asked}
    return twin


def _kind(image_shape: tuple[int, ...]) -> str:
    """Return which network suits samples of a shape."""
    lengths, _ = split_channels(image_shape)
    axes = [length for length in lengths if length > 1]
    if len(axes) == 1 and axes[0] >= SHORTEST_SIGNAL:
        return "signal"
    return "image" if len(axes) > 1 and min(axes) >= SHORTEST_SIDE else "small"


def _n_filters(estimator: Any, network: AutoNetwork) -> Any:
    """Return the filters, of as many blocks as other parameters have values for."""
    if not is_auto(estimator.n_filters):
        return estimator.n_filters
    numbers = [_length(getattr(estimator, name)) for name in PER_BLOCK]
    given = [number for number in numbers if number is not None]
    return _extended(network.n_filters, max(given, default=len(network.n_filters)))


def _for_blocks(sizes: tuple[int, ...], n_filters: Any) -> tuple[int, ...]:
    """Return a size for each block."""
    n_blocks = _length(n_filters)
    return _extended(sizes, 1 if n_blocks is None else n_blocks)


def _length(value: Any) -> int | None:
    """Return for how many blocks there are values; None: one value for all."""
    if isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.ndim):
        return len(value)
    return None


def _extended(values: tuple[int, ...], length: int) -> tuple[int, ...]:
    """Return the first so many values; the last one is repeated."""
    return (*values, *values[-1:] * length)[:length]
