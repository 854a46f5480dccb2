"""Warnings of what the data of a fit leave unknown."""

from __future__ import annotations

from typing import Any
from warnings import warn

from skcnn._checks import shortened
from skcnn._data.samples import Data
from skcnn._estimator.targets import Targets

# Fewer samples than this in a first call say too little of the scale of all that follow.
FEW_SAMPLES = 8


def warn_of_missing(estimator: Any, targets: Targets, training: Data, held_out: Data) -> None:
    """Warn of classes that early stopping could not hold out a sample of."""
    missing, n = targets.missing_from(held_out), len(held_out)
    if missing:
        how = estimator.validation_fraction
        more = "let the splitter hold out more samples"
        if not hasattr(how, "split"):
            more = f"set a larger validation_fraction than {how}"
        warn(
            f"early_stopping holds out {n} of {n + len(training)} samples, and none of the classes "
            f"{shortened(missing)}, which the validation score therefore does not count. Pass "
            f"X_val and y_val, {more}, or give more samples of these classes.",
            stacklevel=10,
        )


def warn_of_first(estimator: Any, targets: Targets, data: Data) -> None:
    """Warn if the first call says too little of the scale of all samples that follow."""
    of_x = estimator.standardize and estimator.standardize != "sample"
    learned = [*(["X"] if of_x else []), *(["y"] if targets.has_scale else [])]
    if len(data) < FEW_SAMPLES and learned:
        found = f"n_samples={len(data)}"
    elif targets.has_scale and (data.y == data.y[0]).all(axis=0).any():
        found, learned = "the same y, or a column of y, in all samples", ["y"]
    else:
        return
    warn(
        f"The first call has {found}, and the mean and standard deviation of "
        f"{' and of '.join(learned)} are learned from it for good. Later samples may lie far "
        f"outside of that. Pass at least {FEW_SAMPLES} typical samples in the first call, whose y "
        f"are not all the same.",
        stacklevel=9,
    )
