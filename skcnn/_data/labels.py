"""Class labels of any kind, as indices into the sorted classes."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

Array = npt.NDArray[Any]


def check_labels(y: Any, name: str = "y") -> Array:
    """Return y as a 1-D array of labels in a dtype of their own.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    name : str, default="y"
        What error messages call it.

    Raises
    ------
    ValueError
        If y has several columns, missing values, or mixed types.
    """
    given = y
    if not hasattr(y, "dtype"):
        y = np.asarray(given)
        if y.dtype.kind == "U":  # NumPy turns whatever stands among strings into a string
            _of_one_kind(np.asarray(given, dtype=object), name)
    shape = tuple(y.shape)
    if issparse(y) or (len(shape) > 1 and (len(shape) > 2 or shape[1] != 1)):
        raise ValueError(
            f"{name} has shape {shape}, but one label a sample is needed, of shape (n_samples,). "
            f"{_look_of(y, name if isinstance(given, np.ndarray) else f'np.asarray({name})')}"
        )
    numpy_dtype = getattr(y.dtype, "numpy_dtype", None)  # pandas' Int64, boolean
    if numpy_dtype is not None:
        if y.isna().any():
            raise ValueError(f"{name} has missing labels. Remove these samples before the fit.")
        y = y.to_numpy(dtype=numpy_dtype)
    if getattr(y.dtype, "kind", "") == "T":  # NumPy's StringDType, which scikit-learn does not know
        y = y.astype(object)
    labels: Array = column_or_1d(y, warn=True)
    if labels.dtype == object:
        labels = _of_one_kind(labels, name)
    if labels.dtype.kind in "fcmM" and not np.isfinite(labels).all():
        raise ValueError(
            f"{name} contains NaN, NaT or infinity. Remove these samples before the fit."
        )
    return labels


def _look_of(y: Any, array: str) -> str:
    """Return what y of several axes looks like, and what to do with it, an array of that name."""
    if issparse(y):
        return "It is sparse: pass an array, as its method toarray returns it."
    if 0 in y.shape:
        return "It is empty."
    if sum(n != 1 for n in y.shape) <= 1:
        return f"It looks like a single column or row of labels: pass {array}.ravel()."
    if len(y.shape) > 2:
        return f"It has {len(y.shape)} axes, as images have: were X and y mixed up?"
    values = np.asarray(y)
    outputs = (
        "MultiOutputClassifier of sklearn.multioutput fits a network for each column; several "
        "numbers a sample are a case for ScratchCNNRegressor; several labels a sample are a "
        "matrix of 0 and 1 and nothing else."
    )
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError):
        return f"It looks like several outputs, one in each column: {outputs}"
    remedy = f"pass {array}.argmax(axis=1)."
    if np.isin(numbers, (-1, 1)).all() and ((numbers == 1).sum(axis=1) == 1).all():
        return f"It looks one-hot encoded, with -1 in place of 0: {remedy}"
    if (numbers >= 0).all() and np.allclose(numbers.sum(axis=1), 1):
        return f"It looks like the probabilities of classes: for the most probable one {remedy}"
    return f"It looks like several outputs, one in each column: {outputs}"


def check_classes(classes: Any, known: Array | None) -> Array:
    """Return all classes, sorted, as given to a first call or as known from it.

    Raises
    ------
    ValueError
        If they are missing at first, or others than those known.
    """
    if classes is None:
        if known is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return known
    given: Array = np.unique(check_labels(classes, "classes"))
    # each twice: where labels hardly ever repeat, scikit-learn warns of a regression
    check_classification_targets(given.repeat(2))
    if known is not None and not np.array_equal(given, known):
        raise ValueError(
            f"classes={given.tolist()} differ from those of the first call, {known.tolist()}. "
            f"Leave classes out, or fit a clone."
        )
    return given


def _of_one_kind(labels: Array, name: str) -> Array:
    """Return an object array of strings as it is, and one of numbers in a dtype of theirs."""
    kinds = {str if isinstance(label, str) else type(label) for label in labels.ravel()}
    if kinds <= {str}:
        return labels
    if not all(issubclass(kind, Real | np.bool_) for kind in kinds):
        raise ValueError(
            f"{name} mixes or contains labels of type {sorted(kind.__name__ for kind in kinds)}. "
            f"Labels must be all strings or all numbers, none of them missing."
        )
    return np.array(labels.tolist())


def encode(labels: Array, classes: Array, name: str = "y") -> Array:
    """Return the index of each label in the sorted `classes`.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Labels.
    classes : ndarray of shape (n_classes,)
        Sorted.
    name : str, default="y"
        What an error message calls the labels.

    Raises
    ------
    ValueError
        If a label is not one of the classes.
    """
    known = np.isin(labels, classes)
    if not known.all():
        raise ValueError(
            f"{name} contains labels that are not in classes: "
            f"{np.unique(labels[~known]).tolist()}. The classes are {classes.tolist()}; the first "
            f"fit, or `classes` in the first partial_fit, must name all of them."
        )
    return np.searchsorted(classes, labels)


def with_labels(classes: Array, labels: list[Any]) -> Array:
    """Return `classes` and those of `labels` that are of the same kind, sorted."""
    kind = str if classes.dtype.kind in "OU" else Real | np.bool_
    more = [label for label in labels if isinstance(label, kind)]
    dtype = object if classes.dtype == object else None  # labels may be longer than all classes
    return np.union1d(classes, np.array(more, dtype)) if more else classes
