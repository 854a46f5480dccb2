"""Lists, object arrays and columns of images, as one array."""

from __future__ import annotations

import sys
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse

Array = npt.NDArray[Any]


def as_one_array(X: Any) -> Any:
    """Return a list, an object array or a column of images as an array of numbers.

    Whatever holds no images, scikit-learn's checks see as it is.

    Raises
    ------
    ValueError
        If images differ in shape, or are not read yet: paths, or images of Pillow.
    """
    if _is_pillow(X):
        raise ValueError(
            "X looks like one image; pass np.asarray(X)[np.newaxis]. A fit or a prediction takes "
            "an array of images, whose first axis counts them."
        )
    kind = "array"
    if isinstance(X, list | tuple):
        kind, X = "list", _listed(X)
    _check_columns(X)
    entries = _entries(X)
    if entries is None:
        return X
    if any(map(_is_pillow, entries)):
        raise ValueError(_pillow_message())
    text = next((entry for entry in entries if isinstance(entry, str | bytes | PathLike)), None)
    if text is not None:
        raise ValueError(
            f"X holds paths or other text, such as {str(text)!r}, but no images. Read the files "
            f"first: skcnn.datasets.load_image_folder does, from a folder with a subfolder for "
            f"each class; or np.stack([np.asarray(PIL.Image.open(path).convert('RGB')) for path "
            f"in X]), if all have one size."
        )
    if any(map(issparse, entries)):
        raise ValueError(
            f"X is a{'n' * (kind == 'array')} {kind} of sparse matrices. Pass one dense array: "
            f"scipy.sparse.vstack(X).toarray(), if each is one sample."
        )
    images = [_nested(entry) for entry in entries]
    missing = [number for number, image in enumerate(images) if _is_missing(image)]
    if missing and len(missing) < len(images) and any(image.shape for image in images):
        raise ValueError(f"X lacks images at positions {missing[:5]}. Leave these samples out.")
    shapes = {image.shape for image in images}
    if shapes <= {()}:  # numbers, dictionaries or whatever else
        return X
    if len(shapes) > 1:
        raise ValueError(_ragged_message(kind, shapes))
    return np.stack(images)


def _listed(X: list[Any] | tuple[Any, ...]) -> Array:
    """Return a list as an array; one that NumPy cannot read as numbers is an array of objects."""
    if any(map(_has_a_palette, X)):
        raise ValueError(_pillow_message())
    try:
        return np.asarray(X)
    except ValueError as error:
        if any(entry is None for entry in X):
            objects = np.empty(len(X), dtype=object)
            objects[:] = X
            return objects
        raise ValueError(_ragged_message("list", map(_shape, X))) from error


def _entries(X: Any) -> list[Any] | None:
    """Return what an object array or a column holds; None where columns are numbers."""
    if isinstance(X, np.ndarray):
        held = X
    elif len(getattr(X, "shape", ())) == 2 and X.shape[1] == 1 and hasattr(X, "columns"):
        held = np.asarray(X[X.columns[0]])
    elif len(getattr(X, "shape", ())) == 1 and hasattr(X, "to_numpy"):  # a Series
        held = np.asarray(X)
    else:
        return None
    if held.ndim == 2 and held.shape[1] == 1:
        held = held[:, 0]
    is_column = held.ndim == 1 and held.dtype.kind in "OUST"
    if not isinstance(X, np.ndarray) and held.ndim > 1:  # polars' arrays
        is_column = True
    return list(held) if is_column else None


def _check_columns(X: Any) -> None:
    """Raise a ValueError if a data frame has images in one of several columns."""
    if not hasattr(X, "iloc") or len(getattr(X, "shape", ())) != 2 or len(X) == 0:
        return
    objects = [number for number, kind in enumerate(X.dtypes) if kind == np.dtype(object)]
    images = [X.columns[number] for number in objects if np.ndim(X.iloc[0, number])]
    if images and X.shape[1] > 1:
        raise ValueError(
            f"X has {X.shape[1]} columns, and images in {images[:3]}. Pass the images alone, as "
            f"X[[{images[0]!r}]]."
        )


def _nested(entry: Any) -> Array:
    """Return an image as an array, from arrays of its lines, too, as in files of columns."""
    try:
        image = np.asarray(entry)
        if image.dtype == object and image.ndim == 1 and len(image):
            return np.stack([_nested(line) for line in image])
    except ValueError as error:
        raise ValueError(
            f"X holds an image whose lines differ in length: {str(entry)[:60]}."
        ) from error
    return image


def _shape(entry: Any) -> tuple[int, ...] | None:
    """Return the shape of what may be no array."""
    try:
        shape: tuple[int, ...] = np.shape(entry)
        return shape
    except ValueError:
        return None


def _ragged_message(kind: str, shapes: Any) -> str:
    """Return what is said about images of several shapes."""
    known = sorted({shape for shape in shapes if shape is not None})
    some = ", ".join(map(str, known[:4])) + (", ..." if len(known) > 4 else "")
    found = f" It has elements of shape {some}." if len(known) > 1 else ""
    return (
        f"X is a{'n' * (kind == 'array')} {kind} whose elements differ in shape.{found} All images "
        f"must have the same shape: crop or resize them first."
    )


def _pillow_message() -> str:
    return (
        "X holds images of PIL. Make an array of them first: np.stack([np.asarray("
        "image.convert('RGB').resize((width, height))) for image in X]), with 'L' in place of "
        "'RGB' for gray images."
    )


def _is_missing(image: Array) -> bool:
    """Say whether None or NaN is in place of an image."""
    return image.shape == () and (image.item() is None or image.item() != image.item())


def _is_pillow(value: Any) -> bool:
    """Say whether this is an image of Pillow, which is not imported for that."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(value, pillow.Image)


def _has_a_palette(value: Any) -> bool:
    """Say whether this is an image whose numbers are entries of a palette, not brightness."""
    return _is_pillow(value) and value.mode in ("P", "PA")
