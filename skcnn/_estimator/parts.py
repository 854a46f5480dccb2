"""What is trained on, and what is only measured."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._data.holdout import first_split, hold_out
from skcnn._data.samples import Data
from skcnn._estimator.advice import warn_of_missing
from skcnn._estimator.build import SPLITTING, seed_sequence
from skcnn._estimator.targets import Targets

Array = npt.NDArray[Any]


class Parts(NamedTuple):
    """What is trained on, and what is only measured."""

    training: Data
    held_out: Data | None


def split_off(estimator: Any, targets: Targets, data: Data, seed: Array) -> Parts:
    """Return data in two parts, as `validation_fraction` says.

    Raises
    ------
    ValueError
        If there are too few samples, or if groups and the way to split do not fit.
    """
    how = estimator.validation_fraction
    rng = np.random.default_rng(seed_sequence(seed, SPLITTING))
    if hasattr(how, "split"):
        training, held_out = first_split(how, data, rng)
    elif data.groups is not None:
        raise ValueError(
            f"groups are given, but validation_fraction={how} would part them. Set a splitter of "
            f"groups, such as validation_fraction=GroupShuffleSplit(test_size={how})."
        )
    else:
        training, held_out = hold_out(targets.strata(data), how, rng)
    parts = data.take(training), data.take(held_out)
    warn_of_missing(estimator, targets, *parts)
    return Parts(*parts)
