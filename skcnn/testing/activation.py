"""Check that an activation which declares that it is increasing never falls."""

from __future__ import annotations

from functools import cache

import numpy as np

from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.workspace import Workspace
from skcnn.layers import Activation
from skcnn.layers.base import Array

__all__: list[str] = []  # of use to the checks alone

ROUNDING = 8 * np.finfo(np.float64).eps  # relative to the values, or to 1 where they are smaller


def check_increasing(layer: Activation) -> None:
    """Assert that a layer with `is_increasing` never falls, by more than rounding.

    Parameters
    ----------
    layer : Activation
        At test. One that overrides `forward` never trades places with pooling, so that its
        declaration means nothing, and one that declares nothing may do as it likes.
    """
    if not layer.is_increasing or type(layer).forward is not Activation.forward:
        return
    x = _points()[np.newaxis]  # one feature, a sample for each point
    y = np.empty_like(x)
    # far out a function may overflow
    with_numpy_settings(lambda: layer.function(x.copy(), y, Workspace()), all="ignore")
    known = ~np.isnan(y)
    x, y = x[known], y[known]
    falls = with_numpy_settings(lambda: _falls(y), all="ignore")
    if falls.any():
        low = int(np.argmax(falls))
        high = int(np.argmax(y[:low]))
        raise AssertionError(
            f"{layer} declares is_increasing = True, but falls from {y[high]:.6g} at "
            f"x = {x[high]:.6g} to {y[low]:.6g} at x = {x[low]:.6g}. Leave is_increasing of "
            f"{type(layer).__name__} at its default, False: only what never falls may be computed "
            f"after max pooling."
        )


def _falls(y: Array) -> Array:
    """Return where values are below one before them, by more than rounding."""
    highest = np.maximum.accumulate(y)
    return highest - y > ROUNDING * np.clip(np.abs(highest), 1, 1e300)


@cache
def _points() -> Array:
    """Return where a function is looked at: evenly to 1,000, by decades to 1e12 and near zero."""
    even = np.linspace(-1000, 1000, 100_001)
    decades = np.geomspace(1e-12, 1e12, 6_001)
    return np.unique(np.concatenate([even, decades, -decades]))
