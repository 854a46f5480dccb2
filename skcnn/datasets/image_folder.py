"""Images from a folder that has a subfolder for each class."""

from collections import Counter
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skcnn._checks import check_count

__all__ = ["load_image_folder"]

Mode = Literal["L", "RGB"]
Size = int | tuple[int, int]
Folder = str | PathLike[str]
Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]

# How many files an error message lists.
MOST_LISTED = 50


@overload
def load_image_folder(
    path: Folder,
    *,
    size: Size | None = ...,
    mode: Mode = ...,
    skip_unreadable: bool = ...,
    return_X_y: Literal[False] = ...,
) -> Bunch: ...
@overload
def load_image_folder(
    path: Folder,
    *,
    size: Size | None = ...,
    mode: Mode = ...,
    skip_unreadable: bool = ...,
    return_X_y: Literal[True],
) -> tuple[Bytes, Labels]: ...
def load_image_folder(
    path: Folder,
    *,
    size: Size | None = None,
    mode: Mode = "RGB",
    skip_unreadable: bool = False,
    return_X_y: bool = False,
) -> Bunch | tuple[Bytes, Labels]:
    """Load images from a folder that has a subfolder for each class.

    The names of the subfolders, sorted, are the classes; the images of a class are those files in
    its subfolder whose endings Pillow knows, such as those of PNG and JPEG, sorted by name. Other
    files, and hidden ones, are left alone. Needs Pillow: ``pip install 'skcnn[images]'``.

    Parameters
    ----------
    path : str or path-like
        The folder.
    size : int or (int, int), default=None
        Height and width that all images are resized to, an integer for squares. The ratio of
        the sides is not kept. None: all images must have one size.
    mode : {"L", "RGB"}, default="RGB"
        Gray images, or images of three channels; what is otherwise is converted, and transparency
        dropped. Photographs are rotated as their EXIF data say.
    skip_unreadable : bool, default=False
        Whether to leave out files that cannot be read, and list them in the result. Otherwise
        they are an error, which lists them all.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        Its attributes are ``data``, a uint8 array of shape (n_images, height, width) for "L" and
        (n_images, height, width, 3) for "RGB"; ``target``, an int64 array of shape (n_images,), the
        number of each class; ``target_names``, the list of the classes; ``filenames``, the list of
        the files; ``unreadable``, a dict from files that were left out to what is wrong with them.
    (data, target) : tuple of arrays
        If `return_X_y` is True.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    FileNotFoundError, NotADirectoryError
        If `path` is no folder.
    ValueError
        If a parameter is wrong, if the folder has no subfolders or one of them has no images, if
        files cannot be read, or if images differ in size and `size` is None.

    Examples
    --------
    >>> from skcnn import ScratchCNNClassifier
    >>> from skcnn.datasets import load_image_folder
    >>> X, y = load_image_folder("flowers", size=64, return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (3670, 64, 64, 3)
    >>> ScratchCNNClassifier().fit(X, y)  # doctest: +SKIP
    """
    if mode not in ("L", "RGB"):
        raise ValueError(f"mode={mode!r} must be 'L' (gray) or 'RGB'.")
    shape = None if size is None else _height_and_width(size)
    pillow = _import_pillow()
    classes = _classes(path, set(pillow.registered_extensions()))
    files = [(file, number) for number, name in enumerate(classes) for file in classes[name]]
    loaded = _Loaded(len(files))
    for file, number in files:
        loaded.add(file, number, shape, mode)
    if loaded.unreadable and not skip_unreadable:
        raise ValueError(_unreadable_message(loaded.unreadable, len(files)))
    if len(loaded.sizes) > 1:
        raise ValueError(_sizes_message(loaded.sizes))
    if not loaded.filenames:
        raise ValueError(f"None of the {len(files)} files in {path} can be read as an image.")
    data, target = loaded.arrays
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=list(classes),
        filenames=[str(file) for file in loaded.filenames],
        unreadable={str(file): reason for file, reason in loaded.unreadable.items()},
    )


class _Loaded:
    """The images of so many files, in memory that is asked for once."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._data: Bytes | None = None
        self._numbers: list[int] = []
        self.filenames: list[Path] = []
        self.unreadable: dict[Path, str] = {}
        self.sizes: Counter[tuple[int, ...]] = Counter()

    @property
    def arrays(self) -> tuple[Bytes, Labels]:
        """Images and the numbers of their classes."""
        assert self._data is not None
        return self._data[: len(self._numbers)], np.array(self._numbers, dtype=np.int64)

    def add(self, file: Path, number: int, shape: tuple[int, int] | None, mode: str) -> None:
        """Read a file, or take note of what is wrong with it."""
        try:
            image = _read(file, shape, mode)
        except MemoryError:
            raise
        except Exception as error:  # of many types: each format of files has its own
            self.unreadable[file] = _reason(error)
            return
        self.sizes[image.shape[:2]] += 1
        if self._data is None:
            self._data = np.empty((self._n, *image.shape), dtype=np.uint8)
        if image.shape == self._data.shape[1:]:
            self._data[len(self._numbers)] = image
            self._numbers.append(number)
            self.filenames.append(file)


def _read(file: Path, shape: tuple[int, int] | None, mode: str) -> Bytes:
    """Return one image of 8 bits, of shape (height, width) or (height, width, 3)."""
    from PIL import Image, ImageOps

    with Image.open(file) as opened:
        if opened.mode[0] in "IF":  # Pillow would clip them
            raise ValueError(
                f"its pixels have more than 8 bits (mode {opened.mode}); scale them to 0 to 255"
            )
        image = ImageOps.exif_transpose(opened)
        if image.mode == "P" and "transparency" in image.info:
            image = image.convert("RGBA")
        image = image.convert(mode)
        if shape is not None:
            height, width = shape
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image)


def _reason(error: Exception) -> str:
    """Return what is wrong with a file, in one line."""
    if type(error).__name__ == "UnidentifiedImageError":
        return "it is no image, or of a kind that Pillow cannot read"
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return text or type(error).__name__


def _import_pillow() -> Any:
    """Return Pillow's module of images, or say how to install it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "load_image_folder needs Pillow, which is not installed: pip install 'skcnn[images]'"
        ) from error
    return Image


def _height_and_width(size: Any) -> tuple[int, int]:
    """Return the size that was asked for, or raise a ValueError."""
    sides = tuple(size) if isinstance(size, tuple | list | np.ndarray) else (size, size)
    if len(sides) != 2:
        raise ValueError(f"size={size!r} must be an integer or a pair (height, width).")
    height, width = (check_count(side, "size") for side in sides)
    return height, width


def _classes(path: Folder, endings: set[str]) -> dict[str, list[Path]]:
    """Return the files of each class, both sorted, or raise an error that says what is missing."""
    if path == "":  # which pathlib takes for the working directory
        raise ValueError("path='' names no folder.")
    folder = Path(path)
    if folder.parts[:1] and folder.parts[0].startswith("~"):
        try:
            folder = folder.expanduser()
        except RuntimeError as error:
            raise FileNotFoundError(f"path={str(path)!r} does not exist: {error}") from error
    if not folder.exists():
        raise FileNotFoundError(f"path={str(path)!r} does not exist.")
    if not folder.is_dir():
        raise NotADirectoryError(f"path={str(path)!r} is not a folder.")
    subfolders = _visible(part for part in folder.iterdir() if part.is_dir())
    classes = {
        subfolder.name: [file for file in _visible(subfolder.iterdir()) if _is_image(file, endings)]
        for subfolder in subfolders
    }
    if not classes:
        raise ValueError(
            f"path={str(path)!r} has no subfolders. Sort the images into one for each class, "
            f"such as {folder / 'cat' / '1.png'} and {folder / 'dog' / '1.png'}."
        )
    empty = [subfolder for subfolder in subfolders if not classes[subfolder.name]]
    if empty:
        nested = [inner for subfolder in empty for inner in subfolder.iterdir() if inner.is_dir()]
        remedy = f" If its subfolders are the classes, pass {empty[0]}." if nested else ""
        names = [subfolder.name for subfolder in empty[:MOST_LISTED]]
        raise ValueError(
            f"path={str(path)!r} has subfolders without images: {names}. Each subfolder is a "
            f"class; move these elsewhere, or put images there.{remedy}"
        )
    return classes


def _is_image(file: Path, endings: set[str]) -> bool:
    return file.suffix.lower() in endings and file.is_file()


def _visible(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if not path.name.startswith("."))


def _unreadable_message(unreadable: dict[Path, str], n_files: int) -> str:
    """Return a list of the files that cannot be read."""
    lines = [f"\n  {file}: {reason}" for file, reason in unreadable.items()]
    more = f"\n  and {len(lines) - MOST_LISTED} more" if len(lines) > MOST_LISTED else ""
    return (
        f"{len(lines)} of {n_files} files cannot be read:{''.join(lines[:MOST_LISTED])}{more}\n"
        f"Repair or remove them, or pass skip_unreadable=True to leave them out."
    )


def _sizes_message(sizes: Counter[tuple[int, ...]]) -> str:
    """Return which sizes there are, the most frequent first."""
    listed = [f"{height} x {width} ({count})" for (height, width), count in sizes.most_common(5)]
    more = ", ..." if len(sizes) > 5 else ""
    return (
        f"The images have {len(sizes)} different sizes, height x width (images): "
        f"{', '.join(listed)}{more}. Pass size=(height, width) to resize them."
    )
