"""Checks of X, y and weights, and the data that pass them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_consistent_length, validate_data

from skcnn._checks import is_number, shown
from skcnn._data.containers import as_one_array
from skcnn._data.dtypes import (
    check_range,
    declared_dtype,
    has_finite_sum,
    in_digits,
    largest_magnitude,
)
from skcnn._data.image_shape import check_not_one_image, check_same_shape, flatten_images
from skcnn._data.kinds import check_kind, check_no_dates, error_of_non_number
from skcnn._data.samples import Data
from skcnn._data.sklearn_compat import _check_sample_weight

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
TargetCheck = Callable[[Any, str], Array]


def check_data(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    sample_weight: Any,
    check_targets: TargetCheck,
    *,
    groups: Any = None,
    image_shape: Shape | None = None,
    dtype: np.dtype[Any] | None = None,
    suffix: str = "",
) -> Data:
    """Return X, y and weights as arrays; samples of zero weight are left out.

    Parameters
    ----------
    estimator : estimator
        Compares the columns of X with those that it has seen; without an `image_shape` it takes
        note of them.
    X, y, sample_weight : array-like
        As users pass them.
    check_targets : callable
        Returns y as an array with an entry a sample; is given y and its name.
    groups : array-like, optional
        As users pass it.
    image_shape : tuple of int, optional
        That of earlier data, as rows of X hold it.
    dtype : dtype, optional
        That of the network, where there is one: X must fit into it.
    suffix : str, default=""
        What error messages append to the names of y and sample_weight.

    Raises
    ------
    ValueError
        If something is missing, of another length, or not what it should be.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )
    X_dtype = declared_dtype(X)
    X, X_shape = check_images(estimator, X, image_shape)
    if dtype is not None:
        check_range(X, dtype)
    y = check_targets(y, f"y{suffix}")
    check_consistent_length(X, y)
    data = Data(X, X_shape, X_dtype or X.dtype, y, groups=_check_groups(groups, X))
    if sample_weight is None:
        return data
    name = f"sample_weight{suffix}"
    return data.weighted_by(_check_weights(sample_weight, X, name), name)


def _check_groups(groups: Any, X: Array) -> Array | None:
    """Return one group for each sample, if there are any."""
    if groups is None:
        return None
    checked: Array = np.asarray(groups)
    if checked.shape != X.shape[:1]:
        raise ValueError(
            f"groups has shape {checked.shape}, but must have one entry for each of the {len(X)} "
            f"samples."
        )
    return checked


def _check_weights(sample_weight: Any, X: Array, name: str) -> Array:
    """Return weights as finite float64, one for each sample."""
    check_no_dates(sample_weight, name)
    # scikit-learn does not look at a single number
    if isinstance(sample_weight, Number | np.generic | str):
        if not is_number(sample_weight) or not np.isfinite(float(sample_weight)):
            raise ValueError(
                f"{name}={shown(sample_weight)} must be finite, or one number a sample."
            )
        sample_weight = np.full(len(X), float(sample_weight))
    try:
        weights: Array = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    except OverflowError as error:
        raise ValueError(f"{name} holds an integer that no float can hold: {error}.") from error
    return weights


def moderate_weights(sample_weight: Any) -> Any:
    """Return weights above 1 divided by a power of two, so that a score's sums do not overflow.

    That changes no bit of a weighted mean. What are no plain numbers is for the score to refuse.
    """
    weights = np.asarray(sample_weight)
    if weights.dtype.kind not in "iuf" or weights.dtype.itemsize > 8:
        return sample_weight
    largest = float(weights.max(initial=0))
    if not 1 < largest < np.inf:
        return sample_weight
    return np.ldexp(weights.astype(np.float64), -int(np.frexp(largest)[1]))


def check_images(
    estimator: BaseEstimator, X: Any, image_shape: Shape | None, *, numbers: bool = True
) -> tuple[Array, Shape | None]:
    """Return X as a flat array, and the shape of one image if X came shaped.

    Without `numbers`, they are left to :func:`number_check`.
    """
    given = X
    check_kind(given)
    X = as_one_array(given)
    if X is not given:
        check_kind(X)
    first = image_shape is None
    if image_shape is not None:
        check_not_one_image(X, image_shape, listed=isinstance(given, list | tuple))
    X, X_shape = flatten_images(X)
    if image_shape is not None:
        check_same_shape(X_shape, image_shape)
    with np.errstate(all="ignore"):  # of the sum that scikit-learn looks at first
        try:
            X = validate_data(estimator, X, reset=first, ensure_all_finite=numbers)
            if X.dtype == object:  # of columns that scikit-learn takes for numbers
                X = X.astype(np.float64)
        except OverflowError as error:
            raise ValueError(f"X holds an integer that no float can hold: {error}.") from error
        except (TypeError, ValueError) as error:
            raise error_of_non_number(given if hasattr(given, "columns") else X, error) from error
    return X, X_shape


def number_check(estimator: BaseEstimator, dtype: np.dtype[Any]) -> Callable[[Array], None]:
    """Return what raises a ValueError for samples that are not finite or too large for a dtype.

    scikit-learn's setting `assume_finite` is a thread's own, and is read in the calling thread.
    """
    finite = not get_config()["assume_finite"]

    def check(rows: Array) -> None:
        if finite and not has_finite_sum(rows):
            with config_context(assume_finite=False):
                assert_all_finite(rows, estimator_name=type(estimator).__name__, input_name="X")
        check_range(rows, dtype)

    return check


def check_outputs(outputs: Array, X: Array) -> None:
    """Raise a ValueError if outputs of shape (n_outputs, n) for samples of X overflowed.

    Where scikit-learn's setting `assume_finite` let NaN or infinity pass, outputs may be so, too.
    """
    if has_finite_sum(outputs):
        return
    rows = np.flatnonzero(~np.isfinite(outputs).all(axis=0))
    rows = rows[np.isfinite(X[rows]).all(axis=1)]
    if len(rows):
        largest = in_digits(largest_magnitude(X, rows))
        raise ValueError(
            f"X holds a number of magnitude {largest}, for which the network's outputs overflow "
            f"{outputs.dtype} (sample {rows[0]}). Numbers so far from those of the training data "
            f"often mark missing values: replace them, or leave these samples out."
        )


@contextmanager
def errors_of_validation_set() -> Iterator[None]:
    """Say of a ValueError that it is about the validation set."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"The validation set (X_val, y_val, sample_weight_val) does not fit: {error}"
        ) from error


def validation_is_given(X_val: Any, y_val: Any, sample_weight_val: Any) -> bool:
    """Return whether there is a validation set; a part of one is a ValueError."""
    if (X_val is None) != (y_val is None):
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"X_val and y_val belong together, but {missing} is missing.")
    if X_val is None and sample_weight_val is not None:
        raise ValueError("sample_weight_val needs X_val and y_val, which are missing.")
    return X_val is not None
