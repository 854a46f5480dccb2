"""How X is read: the shape of one image, flat or shaped."""

from __future__ import annotations

from math import isqrt, prod
from typing import Any, Literal

import numpy as np
from scipy.sparse import issparse

from skcnn._checks import is_integer

Shape = tuple[int, ...]
Channels = Literal["last", "first"]

# What image_shape may be.
FORMS = {
    "last": "(H, W), (H, W, C), (L,) or (D, H, W, C)",
    "first": "(L,), (C, L), (C, H, W) or (C, D, H, W)",
}


def flatten_images(X: Any) -> tuple[Any, Shape | None]:
    """Return X with at most two axes and, if it had more, the shape of one image.

    Anything that is not an array of 3 to 5 axes is returned as it is.

    Raises
    ------
    ValueError
        If X has more than 5 axes.
    """
    n_axes = len(getattr(X, "shape", ()))
    if n_axes <= 2 or issparse(X):
        return X, None
    if n_axes > 5:
        raise ValueError(
            f"X has shape {tuple(X.shape)}; at most 5 axes are understood: (n, depth, height, "
            f"width, channels)."
        )
    X = np.asarray(X)
    return X.reshape(len(X), prod(X.shape[1:])), tuple(X.shape[1:])


def resolve_image_shape(
    image_shape: Any, X_shape: Shape | None, n_features: int, channels: Channels = "last"
) -> Shape:
    """Return the shape of one image, channels last, from parameters, X's shape or columns alone.

    Parameters
    ----------
    image_shape : tuple of int or None
        The estimator's parameter.
    X_shape : tuple of int or None
        Shape of one image if X came shaped.
    n_features : int
        Number of columns of flat X.
    channels : {"last", "first"}, default="last"
        Where `image_shape` and X have their channels.

    Raises
    ------
    ValueError
        If they do not agree.
    """
    if image_shape is None:
        if X_shape is not None:
            return _channels_last(X_shape, channels)
        side = isqrt(n_features)
        return (side, side) if side**2 == n_features else (n_features,)
    forms = FORMS[channels]
    shape = tuple(np.atleast_1d(np.asarray(image_shape, dtype=object)))
    if not 1 <= len(shape) <= 4 or not all(is_integer(n) and n > 0 for n in shape):
        raise ValueError(
            f"image_shape={image_shape!r} must be a tuple of one to four positive integers: "
            f"{forms}."
        )
    shape = tuple(int(n) for n in shape)
    if prod(shape) != n_features:
        raise ValueError(
            f"image_shape={shape} has {prod(shape)} elements, but X has {n_features} columns. "
            f"Give the image_shape of one row of X: {forms}."
        )
    check_same_shape(X_shape, shape)
    return _channels_last(shape, channels)


def _channels_last(shape: Shape, channels: Channels) -> Shape:
    """Return the shape of an image whose channels become its last axis."""
    if channels == "last" or len(shape) == 1:
        return shape
    first, *lengths = shape
    return (*lengths, first) if len(lengths) > 1 else (1, *lengths, first)


def array_shape(image_shape: Shape, channels: Channels) -> Shape:
    """Return the shape of an image as rows of X hold it, for one with channels last."""
    if channels == "last":
        return image_shape
    lengths, n = split_channels(image_shape)
    return (n, *lengths)


def check_not_one_image(X: Any, image_shape: Shape, *, listed: bool = False) -> None:
    """Raise a ValueError if X, perhaps made of a list, has the shape of one image."""
    if not isinstance(X, np.ndarray):
        return
    n = prod(image_shape)
    alike = X.shape == (n,) or _squeezed(X.shape) == _squeezed(image_shape)
    if alike and (X.ndim < 2 or prod(X.shape[1:]) != n):
        raise ValueError(
            f"X looks like one image; pass {'[X]' if listed else 'X[np.newaxis]'}. It has shape "
            f"{X.shape}, as one of the images of the first fit. Reshape your data so that the "
            f"first axis counts samples."
        )


def check_same_shape(X_shape: Shape | None, image_shape: Shape) -> None:
    """Raise a ValueError if X came shaped, and otherwise than `image_shape`; axes of 1 aside."""
    if X_shape is None or _squeezed(X_shape) == _squeezed(image_shape):
        return
    raise ValueError(
        f"X holds images of shape {X_shape}, but image_shape is {image_shape}. "
        f"{_remedy(X_shape, image_shape)}"
    )


def _remedy(X_shape: Shape, image_shape: Shape) -> str:
    """Return what to do with images of another shape."""
    first, last = X_shape[0], X_shape[-1]
    move = None
    if max(len(X_shape), len(image_shape)) > 2:
        if first <= 4 and _squeezed((*X_shape[1:], first)) == _squeezed(image_shape):
            move = "first", "1, -1"
        elif last <= 4 and _squeezed((last, *X_shape[:-1])) == _squeezed(image_shape):
            move = "last", "-1, 1"
    if move is not None:
        where, axes = move
        return (
            f"X seems to have its channels {where}: pass np.moveaxis(X, {axes}), or fit with "
            f"channels={where!r}."
        )
    return f"Reshape X to {('n', *image_shape)}, or change image_shape.".replace("'n'", "n")


def _squeezed(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def split_channels(image_shape: Shape) -> tuple[Shape, int]:
    """Return the spatial lengths and the number of channels of an image."""
    return (image_shape[:-1], image_shape[-1]) if len(image_shape) > 2 else (image_shape, 1)


def layer_shape(image_shape: Shape) -> Shape:
    """Return the shape as layers see it: (*leading, channels, last)."""
    (*leading, last), channels = split_channels(image_shape)
    return (*leading, channels, last)
