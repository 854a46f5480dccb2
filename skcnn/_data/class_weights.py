"""Weights of classes, as a factor for each sample."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._checks import is_number, shortened, shown

Array = npt.NDArray[Any]


def weight_of_each_class(
    class_weight: Mapping[Any, float] | str, classes: Array, targets: Array, weights: Array | None
) -> Array:
    """Return the weight of each class, in the order of `classes`.

    Parameters
    ----------
    class_weight : dict or "balanced"
        A class that the dict does not name counts 1; a label that is no class, as one that a
        fold lacks, is passed over. "balanced": sum of all weights / (number of
        classes * sum of the weights of the class), where classes without weight are no classes.
    classes : ndarray of shape (n_classes,)
        Labels.
    targets : ndarray of shape (n,)
        Class index of each sample.
    weights : ndarray of shape (n,) or None
        Weight of each sample; None: 1.

    Raises
    ------
    ValueError
        If the dict names no class at all, or holds what is no weight.
    """
    if isinstance(class_weight, str):
        counts = np.bincount(targets, weights, len(classes))
        present = counts > 0
        counts[~present] = 1
        with np.errstate(over="ignore"):
            balanced: Array = counts.sum(where=present) / (present.sum() * counts)
        return np.minimum(balanced, np.finfo(np.float64).max)
    labels = classes.tolist()
    if class_weight and set(labels).isdisjoint(class_weight):
        raise ValueError(
            f"class_weight names {shortened([*class_weight])}, but the classes are "
            f"{shortened(labels)}. Name at least one of them, and write labels in the type that y "
            f"has."
        )
    for label, weight in class_weight.items():
        if not is_number(weight) or not isfinite(weight) or float(weight) < 0:
            raise ValueError(
                f"class_weight[{label!r}]={shown(weight)} must be a finite number of at least 0."
            )
    return np.array([float(class_weight.get(label, 1)) for label in labels])
