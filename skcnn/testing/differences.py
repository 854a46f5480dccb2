"""Gradients by central differences: of every element, or along random directions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skcnn.layers.base import Array

__all__ = ["finite_differences"]


def finite_differences(function: Callable[[], float], array: Array, step: float = 1e-5) -> Array:
    """Return central differences of `function()` for each element of `array`, changed in place.

    Parameters
    ----------
    function : callable
        Takes nothing, returns a float that depends on `array`.
    array : ndarray of float64
        Varied element by element, and left as it was.
    step : float, default=1e-5
        Half the difference.
    """
    result = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + step
        above = function()
        array[index] = value - step
        below = function()
        array[index] = value
        result[index] = (above - below) / (2 * step)
    return result


def directional_differences(
    function: Callable[[], float], array: Array, directions: Array, step: float = 1e-5
) -> Array:
    """Return central differences of `function()` along each direction, `array` left as it was."""
    before, result = array.copy(), np.empty(len(directions))
    for number, direction in enumerate(directions):
        np.add(before, step * direction, out=array)
        above = function()
        np.subtract(before, step * direction, out=array)
        result[number] = (above - function()) / (2 * step)
    array[...] = before
    return result


def assert_gradient(
    gradient: Array,
    function: Callable[[], float],
    array: Array,
    *,
    rtol: float,
    name: str,
    directions: int | None = None,
    rng: np.random.Generator | None = None,
) -> None:
    """Assert that `gradient` is the gradient of `function()` for `array`.

    Without `directions` every element is compared. With it, derivatives along that many normally
    distributed directions are. An element that is wrong by d changes each of them by d times a
    standard normal number, so an error of a hundred times the tolerance stays below it with
    probability 0.008 along one direction, and 2e-17 along eight.

    Parameters
    ----------
    gradient : ndarray
        At test.
    function : callable
        Takes nothing, returns a float that depends on `array`.
    array : ndarray of float64, of the gradient's shape
        Varied, and left as it was.
    rtol : float
        Largest error, relative to the largest element of the gradient.
    name : str
        Of what is at test, for the message.
    directions : int, optional
        How many directions; None: each element.
    rng : Generator, optional
        Draws the directions.
    """
    assert np.isfinite(gradient).all(), f"{name} differs from finite differences: it has NaN or inf"
    if directions is None:
        reference = value = finite_differences(function, array)
        value, scale = gradient, np.abs(reference).max(initial=0)
    else:
        assert rng is not None
        along = rng.standard_normal((directions, *array.shape))
        reference = directional_differences(function, array, along)
        value = along.reshape(directions, -1) @ gradient.ravel()
        scale = np.abs(gradient).max(initial=0)
    error, scale = np.abs(value - reference).max(initial=0), max(scale, 1e-3)
    assert error <= rtol * scale, (
        f"{name} differs from finite differences by {error:.3g}, relative to {scale:.3g}."
    )
