"""What fit and partial_fit are given, checked by itself and against an earlier call."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from skcnn._data.dtypes import resolve_dtype
from skcnn._data.image_shape import array_shape, resolve_image_shape
from skcnn._data.misreadings import warn_if_misread
from skcnn._data.samples import Data
from skcnn._data.validate import check_data, errors_of_validation_set, validation_is_given
from skcnn._estimator.auto import with_auto_resolved
from skcnn._estimator.fitted import Columns, Fitted, unfitted_copy
from skcnn._estimator.parameters import check_full_batch, check_numbers


class Given(NamedTuple):
    """What a fit is given, checked."""

    estimator: Any  # with values in place of "auto"
    data: Data
    held_out: Data | None  # a validation set that the user passed
    columns: Columns
    image_shape: tuple[int, ...]
    dtype: np.dtype[Any]


def check_given(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    validation: tuple[Any, Any, Any],
    earlier: Fitted | None,
    groups: Any = None,
) -> Given:
    """Check what a fit is given, by itself and against an earlier call."""
    check_numbers(estimator)
    check_full_batch(estimator)
    # scikit-learn writes on what it checks
    checked = estimator if earlier else unfitted_copy(estimator)
    check = partial(check_data, checked, check_targets=estimator._check_y)
    if earlier:
        columns, image_shape = earlier.columns, earlier.image_shape
        dtype, held_shape = earlier.network.dtype, earlier.array_shape
        data = check(X, y, sample_weight, groups=groups, image_shape=held_shape, dtype=dtype)
    else:
        data = check(X, y, sample_weight, groups=groups)
        dtype = resolve_dtype(estimator.dtype, data.X_dtype)
        columns = Columns(data.X.shape[1], getattr(checked, "feature_names_in_", None))
        image_shape = resolve_image_shape(
            estimator.image_shape, data.X_shape, columns.number, estimator.channels
        )
        held_shape = array_shape(image_shape, estimator.channels)
        if estimator.image_shape is None:
            warn_if_misread(data.X, data.rows, data.X_shape, image_shape, estimator.channels)
    held_out = None
    if validation_is_given(*validation):
        with errors_of_validation_set():
            held_out = check(*validation, image_shape=held_shape, dtype=dtype, suffix="_val")
    resolved = with_auto_resolved(estimator, image_shape, len(data))
    return Given(resolved, data, held_out, columns, image_shape, dtype)
