"""The model before its first epoch: made anew, or copied to go on from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from skcnn._data.common_curve import warn_of_common_curve
from skcnn._data.dtypes import check_range, compute_dtype
from skcnn._data.image_shape import Channels, layer_shape, resolve_image_shape, split_channels
from skcnn._data.sample_standardizer import SampleStandardizer
from skcnn._data.samples import Data
from skcnn._data.standardizer import Standardizer
from skcnn._estimator.fitted import Columns, Fitted
from skcnn._estimator.parameters import make_architecture, make_averaging, make_optimizer
from skcnn._estimator.targets import Targets
from skcnn._estimator.transfer import take_weights
from skcnn._training.gradient import RandomStreams
from skcnn._training.state import TrainingState
from skcnn.augmentation import Augment, check_augment
from skcnn.network import Network
from skcnn.schedules import as_schedule

Array = npt.NDArray[Any]

# What the user's seed is split into; the order is part of what a seed gives.
INITIAL, SHUFFLING, DRAWING, SPLITTING = range(4)


def draw_seed(random_state: Any) -> Array:
    """Return what all generators of a fit are made from."""
    seed: Array = check_random_state(random_state).randint(2**31 - 1, size=4)
    return seed


def seed_sequence(seed: Array, purpose: int) -> np.random.SeedSequence:
    """Return what a generator is made from."""
    return np.random.SeedSequence(seed, spawn_key=(purpose,))


def build(
    estimator: Any,
    data: Data,
    targets: Targets,
    columns: Columns,
    image_shape: tuple[int, ...],
    dtype: np.dtype[Any],
    seed: Array,
    followed: str,
    init_from: Any = None,
) -> Fitted:
    """Return a model that has learned from data all but what the epochs teach.

    Parameters
    ----------
    estimator : BaseCNN
        Its parameters.
    data : Data
        What is trained on.
    targets : Targets
        What y is, learned from all of it.
    columns, image_shape, dtype
        How X is read, and the working dtype.
    seed : ndarray of int
        For all generators.
    followed : str
        Name of the score that the schedule is told.
    init_from : estimator or Network, optional
        Whose weights to begin with, where layers agree.

    Raises
    ------
    ValueError
        If parameters do not fit each other or the data.
    """
    layers = make_architecture(estimator).build(image_shape, targets.n_outputs)
    check_range(data.X, dtype, data.rows)
    network = Network(layers, layer_shape(image_shape), dtype)
    network.initialize(np.random.default_rng(seed_sequence(seed, INITIAL)))
    taken = None if init_from is None else take_weights(network, init_from)
    state = TrainingState(
        make_optimizer(estimator.solver),
        np.random.default_rng(seed_sequence(seed, SHUFFLING)),
        RandomStreams(seed_sequence(seed, DRAWING)),
        as_schedule(estimator.learning_rate_schedule),
        followed=followed,
        averaging=make_averaging(estimator.weight_averaging),
    )
    channels = estimator.channels
    way = _way(estimator.standardize)
    standardizer = _learn(way, data, image_shape, channels) if way else None
    if way != "pixel":
        warn_of_common_curve(data, image_shape, channels)
    targets = targets.learned_from(data)
    fitted = Fitted(
        columns,
        image_shape,
        standardizer,
        targets,
        seed,
        None,
        network,
        state,
        channels=channels,
        taken=taken,
    )
    return _with_fill(fitted, estimator.augment, data)


def continued(
    estimator: Any, earlier: Fitted, data: Data, targets: Targets, followed: str
) -> Fitted:
    """Return a copy of an earlier model to go on from, with targets as they are now.

    Raises
    ------
    ValueError
        If parameters changed that make up the network.
    """
    _check_unchanged(estimator, earlier, targets.n_outputs)
    state, network = earlier.state.copy(), earlier.network
    state.use(
        make_optimizer(estimator.solver),
        as_schedule(estimator.learning_rate_schedule),
        followed,
        make_averaging(estimator.weight_averaging),
    )
    trained, state.trained = state.trained, None
    network = (network if trained is None else trained).copy()
    fitted = replace(earlier, network=network, state=state, targets=targets, temperature=None)
    return _with_fill(fitted, estimator.augment, data)


def _check_unchanged(estimator: Any, earlier: Fitted, n_outputs: int) -> None:
    """Raise a ValueError if the parameters make another network than the earlier one."""
    network, image_shape = earlier.network, earlier.image_shape
    layers = make_architecture(estimator).build(image_shape, n_outputs)
    given = estimator.image_shape
    kept = {
        "the layers": layers == network.layers,
        "channels": estimator.channels == earlier.channels,
        "image_shape": given is None
        or image_shape
        == resolve_image_shape(given, None, earlier.columns.number, estimator.channels),
        "dtype": compute_dtype(estimator.dtype, network.dtype) == network.dtype,
        "standardize": _way(estimator.standardize) == _way_of(earlier.standardizer),
    }
    changed = [name for name, same in kept.items() if not same]
    if changed:
        raise ValueError(
            f"What makes up the network was changed after the first fit: {changed}. It has "
            f"image_shape={earlier.array_shape}, channels={earlier.channels!r}, "
            f"dtype={network.dtype} and the layers "
            f"{[str(layer) for layer in network.layers]}; the parameters now make "
            f"{[str(layer) for layer in layers]}. Set the parameters back, or fit a clone to "
            f"start again."
        )


def _with_fill(fitted: Fitted, augment: Augment, data: Data) -> Fitted:
    """Return a model that knows the training mean, if augmentation needs it and it is not 0."""
    if augment is None:
        return fitted
    lengths, _ = split_channels(fitted.image_shape)
    check_augment(augment, lengths)
    if fitted.standardizer is not None or fitted.fill is not None:
        return fitted
    channels = _learn("channel", data, fitted.image_shape, fitted.channels)
    assert isinstance(channels, Standardizer)
    return replace(fitted, fill=channels.mean)


def _way(standardize: bool | str) -> str | None:
    """Return the name of a way to standardize; None: not at all."""
    if isinstance(standardize, str):
        return standardize
    return "channel" if standardize else None


def _way_of(standardizer: Standardizer | SampleStandardizer | None) -> str | None:
    """Return the name of the way in which X is standardized."""
    if isinstance(standardizer, Standardizer):
        return "pixel" if standardizer.per_pixel else "channel"
    return None if standardizer is None else "sample"


def _learn(
    way: str, data: Data, image_shape: tuple[int, ...], channels: Channels
) -> Standardizer | SampleStandardizer:
    """Return what standardizes X in one of the ways that the parameter names."""
    if way == "sample":
        return SampleStandardizer()
    lengths, n_channels = split_channels(image_shape)
    return Standardizer.learn(
        data.X,
        data.rows,
        data.relative_weights,
        n_channels,
        first=channels == "first",
        lengths=lengths if way == "pixel" else None,
    )
