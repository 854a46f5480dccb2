"""How X is read: the shape of one image, flat or shaped."""

from __future__ import annotations

from math import isqrt, prod
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


def flatten_images(X: Any) -> tuple[Any, Shape | None]:
    """Return X with at most two axes and, if it had more, the shape of one image.

    Anything that is not a list or an array of 3 to 5 axes is returned as it is.

    Raises
    ------
    ValueError
        If X has more than 5 axes, or is a list of images of different shapes.
    """
    if isinstance(X, list | tuple):
        try:
            X = np.asarray(X)
        except ValueError as error:
            raise ValueError(
                "X is a list whose elements differ in shape. All images must have the same "
                "shape: crop or resize them first."
            ) from error
    n_axes = len(getattr(X, "shape", ()))
    if n_axes <= 2:
        return X, None
    if n_axes > 5:
        raise ValueError(
            f"X has shape {tuple(X.shape)}; at most 5 axes are understood: (n, depth, height, "
            f"width, channels)."
        )
    X = np.asarray(X)
    return X.reshape(len(X), prod(X.shape[1:])), tuple(X.shape[1:])


def resolve_image_shape(image_shape: Any, X_shape: Shape | None, n_features: int) -> Shape:
    """Return the shape of one image, from the parameter, the shape of X or the columns alone.

    Parameters
    ----------
    image_shape : tuple of int or None
        The estimator's parameter.
    X_shape : tuple of int or None
        Shape of one image if X came shaped.
    n_features : int
        Number of columns of flat X.

    Raises
    ------
    ValueError
        If the three do not agree.
    """
    if image_shape is None:
        if X_shape is not None:
            return X_shape
        side = isqrt(n_features)
        return (side, side) if side**2 == n_features else (n_features,)
    shape = (image_shape,) if isinstance(image_shape, Integral) else tuple(image_shape)
    if not 1 <= len(shape) <= 4 or not all(isinstance(n, Integral) and int(n) > 0 for n in shape):
        raise ValueError(
            f"image_shape={image_shape!r} must be a tuple of one to four positive integers: "
            f"(L,), (H, W), (H, W, C) or (D, H, W, C)."
        )
    shape = tuple(int(n) for n in shape)
    if prod(shape) != n_features:
        raise ValueError(
            f"image_shape={shape} has {prod(shape)} elements, but X has {n_features} columns. "
            f"Give the image_shape of one row of X: (H, W), (H, W, C), (L,) or (D, H, W, C)."
        )
    check_same_shape(X_shape, shape)
    return shape


def check_same_shape(X_shape: Shape | None, image_shape: Shape) -> None:
    """Raise a ValueError if X came shaped, and otherwise than `image_shape`; axes of 1 aside."""
    if X_shape is not None and _squeezed(X_shape) != _squeezed(image_shape):
        raise ValueError(
            f"X holds images of shape {X_shape}, but image_shape is {image_shape}. Reshape X to "
            f"{('n', *image_shape)}, or change image_shape.".replace("'n'", "n")
        )


def _squeezed(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def split_channels(image_shape: Shape) -> tuple[Shape, int]:
    """Return the spatial lengths and the number of channels of an image."""
    return (image_shape[:-1], image_shape[-1]) if len(image_shape) > 2 else (image_shape, 1)


def layer_shape(image_shape: Shape) -> Shape:
    """Return the shape as layers see it: (*leading, channels, last)."""
    (*leading, last), channels = split_channels(image_shape)
    return (*leading, channels, last)
