"""Fashion-MNIST from a folder, from Debian's package or from OpenML, checked byte for byte."""

import gzip
import hashlib
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from os import PathLike
from pathlib import Path
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skcnn._engine.numpy_settings import with_numpy_settings

__all__ = ["load_fashion_mnist"]

Subset = Literal["train", "test", "all"]
Folder = str | PathLike[str]
Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]

_SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package
_REMEDY = (
    "install or reinstall Debian's package dataset-fashion-mnist, "
    "or pass data_home= a folder with the four IDX files of Fashion-MNIST."
)
_TARGET_NAMES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
_DESCRIPTION = """\
Fashion-MNIST: 70,000 gray-scale photographs of articles sold by Zalando, 7,000 of each of ten
classes, split into 60,000 for training and 10,000 for testing. Each row of the data is an image
of 28 x 28 pixels, line by line, from 0 (background) to 255.

H. Xiao, K. Rasul and R. Vollgraf (2017). Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms. arXiv:1708.07747.
"""


@dataclass(frozen=True)
class _IdxFile:
    """What one of the files must hold; the checksum is that of its decompressed content."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def header(self) -> bytes:
        """The magic number (0x08 for unsigned bytes, then the number of axes) and the shape."""
        return struct.pack(f">{1 + len(self.shape)}I", 0x0800 + len(self.shape), *self.shape)

    @property
    def size(self) -> int:
        """The number of bytes, decompressed."""
        return len(self.header) + prod(self.shape)

    def problem_of(self, content: bytes) -> str | None:
        """Say what is wrong with a decompressed content; None if it is the published one."""
        if not self.header[:4].startswith(content[:4]):
            return f"its magic number is 0x{content[:4].hex()}, not 0x{self.header[:4].hex()}"
        if not self.header.startswith(content[: len(self.header)]):
            return f"its header does not give the dimensions {self.shape}"
        if len(content) < self.size:
            return f"it is truncated: it has {len(content)} of {self.size} bytes"
        if len(content) > self.size:
            return f"it is longer than the {self.size} bytes that its header promises"
        if hashlib.sha256(content).hexdigest() != self.sha256:
            return "it is damaged: its SHA-256 checksum is not that of the published file"
        return None


def _pair(prefix: str, count: int, images: str, labels: str) -> tuple[_IdxFile, _IdxFile]:
    return (
        _IdxFile(f"{prefix}-images-idx3-ubyte", (count, 28, 28), sha256=images),
        _IdxFile(f"{prefix}-labels-idx1-ubyte", (count,), sha256=labels),
    )


# In the order of OpenML's rows.
_PARTS = {
    "train": _pair(
        "train",
        60_000,
        images="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        labels="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "test": _pair(
        "t10k",
        10_000,
        images="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        labels="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


@overload
def load_fashion_mnist(
    *, subset: Subset = ..., data_home: Folder | None = ..., return_X_y: Literal[False] = ...
) -> Bunch: ...
@overload
def load_fashion_mnist(
    *, subset: Subset = ..., data_home: Folder | None = ..., return_X_y: Literal[True]
) -> tuple[Bytes, Labels]: ...
def load_fashion_mnist(
    *, subset: Subset = "train", data_home: Folder | None = None, return_X_y: bool = False
) -> Bunch | tuple[Bytes, Labels]:
    """Load Fashion-MNIST: gray-scale images, 28 x 28, of ten classes of clothing.

    Without `data_home`, the data come from Debian's package ``dataset-fashion-mnist`` if it is
    installed, and otherwise from OpenML through :func:`sklearn.datasets.fetch_openml`, which
    keeps a copy for the next time but needs about a minute to read it. Whatever the source,
    checksums make sure that the arrays are those that the authors published [1]_.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The 60,000 training images, the 10,000 test images, or the former followed by the latter.
    data_home : str or path-like, default=None
        An existing folder. If it holds IDX files (``train-images-idx3-ubyte``,
        ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte``, each
        with or without ``.gz``), those that `subset` needs are read. Otherwise the data are
        fetched from OpenML and kept there, as in scikit-learn's own loaders.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        Its attributes are ``data``, a uint8 array of shape (n_images, 784); ``target``, an int64
        array of shape (n_images,) with the classes 0 to 9; ``target_names``, the list of the ten
        names; ``DESCR``, a description.
    (data, target) : tuple of arrays
        If `return_X_y` is True.

    Raises
    ------
    ValueError
        If `subset` is none of the three, if `data_home` is empty, or if a file or OpenML's copy
        is damaged.
    TypeError
        If `data_home` is neither a str nor a path.
    FileNotFoundError
        If `data_home` does not exist or names the home folder of an unknown user, or if the folder
        holds some IDX files but lacks a needed one.
    NotADirectoryError
        If `data_home` is not a folder.
    OSError
        If a file or folder cannot be read, or if the data are not on this machine and OpenML
        does not deliver them.

    References
    ----------
    .. [1] H. Xiao, K. Rasul and R. Vollgraf (2017). Fashion-MNIST: a Novel Image Dataset for
       Benchmarking Machine Learning Algorithms. arXiv:1708.07747.

    Examples
    --------
    >>> from skcnn.datasets import load_fashion_mnist
    >>> X, y = load_fashion_mnist(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((10000, 784), (10000,))
    """
    if subset not in ("train", "test", "all"):
        raise ValueError(f"subset must be 'train', 'test' or 'all', got {subset!r}.")
    pairs = list(_PARTS.values()) if subset == "all" else [_PARTS[subset]]
    needed = [file for pair in pairs for file in pair]
    folder = _idx_folder(data_home)
    values = _from_openml(data_home, needed) if folder is None else _from_folder(folder, needed)
    target = np.concatenate([values[labels] for _, labels in pairs]).astype(np.int64)
    data = np.concatenate([values[images] for images, _ in pairs]).reshape(len(target), -1)
    if return_X_y:
        return data, target
    names = _TARGET_NAMES.split(",")
    return Bunch(data=data, target=target, target_names=names, DESCR=_DESCRIPTION)


def _idx_folder(data_home: Folder | None) -> Path | None:
    """Return the folder to read from; None if it has no IDX file at all."""
    if data_home == "":  # which pathlib takes for the working directory
        raise ValueError(f"data_home='' names no folder; leave it out, {_REMEDY}")
    folder = _SYSTEM_FOLDER if data_home is None else _expanded(data_home)
    files = [file for pair in _PARTS.values() for file in pair]
    try:
        if data_home is not None and not folder.exists():
            raise FileNotFoundError(
                f"data_home={str(folder)!r} does not exist; create it, {_REMEDY}"
            )
        if data_home is not None and not folder.is_dir():
            raise NotADirectoryError(f"data_home={str(folder)!r} is not a folder; {_REMEDY}")
        return folder if any(_path_of(file, folder) for file in files) else None
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise _unreadable(folder, error) from error


def _expanded(data_home: Folder) -> Path:
    """Return the folder with ~ and ~user replaced."""
    try:
        return Path(data_home).expanduser()
    except TypeError as error:
        raise TypeError(f"data_home={data_home!r} must be a str or a path; {_REMEDY}") from error
    except RuntimeError as error:
        raise FileNotFoundError(
            f"data_home={str(data_home)!r} names the home folder of a user whom this machine does "
            f"not know; write the path in full, {_REMEDY}"
        ) from error


def _path_of(file: _IdxFile, folder: Path) -> Path | None:
    candidates = (folder / file.name, folder / f"{file.name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def _from_folder(folder: Path, needed: Sequence[_IdxFile]) -> dict[_IdxFile, Bytes]:
    paths = {file: path for file in needed if (path := _path_of(file, folder))}
    missing = [file.name for file in needed if file not in paths]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(missing)} (each with or without .gz); add them, {_REMEDY}"
        )
    return {file: _read(path, file) for file, path in paths.items()}


def _read(path: Path, file: _IdxFile) -> Bytes:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            content = stream.read(file.size + 1)  # one more, to notice a file that is too long
    except EOFError as error:
        raise _unusable(path, "it is truncated: its compressed data end too early") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _unusable(path, f"it is damaged: {error}") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    return _checked(file, content, path)


def _checked(file: _IdxFile, content: bytes, origin: Path | str) -> Bytes:
    """Return the content without its header, flat, if it is the published one."""
    if problem := file.problem_of(content):
        raise _unusable(origin, problem)
    return np.frombuffer(content, np.uint8, offset=len(file.header))


def _unusable(origin: Path | str, problem: str) -> ValueError:
    return ValueError(f"{origin} cannot be used, because {problem}; delete it, {_REMEDY}")


def _unreadable(path: Path, error: OSError) -> OSError:
    return OSError(
        f"{path} cannot be read ({type(error).__name__}: {error.strerror or error}); make it "
        f"readable, {_REMEDY}"
    )


def _from_openml(data_home: Folder | None, needed: Sequence[_IdxFile]) -> dict[_IdxFile, Bytes]:
    """Fetch the images and labels, and check them in the form of the published files."""
    fetched, folder = _fetch(data_home)
    values = {}
    start = 0
    for pair in _PARTS.values():
        stop = start + pair[0].shape[0]
        for file, rows in zip(pair, (fetched.data, fetched.target), strict=True):
            origin = f"{folder}, OpenML's copy of {file.name},"
            if file in needed:
                content = file.header + _to_bytes(rows[start:stop], origin)
                values[file] = _checked(file, content, origin)
        start = stop
    return values


def _fetch(data_home: Folder | None) -> tuple[Bunch, Path]:
    """Return what scikit-learn fetches and the folder where it keeps it."""
    from sklearn.datasets import fetch_openml, get_data_home  # here, because slow to import

    # The default parser needs pandas, and pandas 3.1 makes it fail on classes that are numbers.
    options = {"version": 1, "as_frame": False, "parser": "liac-arff", "n_retries": 1}
    try:
        with warnings.catch_warnings():
            for category in (UserWarning, RuntimeWarning):  # that it tries again
                warnings.simplefilter("ignore", category)
            fetched = fetch_openml("Fashion-MNIST", data_home=data_home, **options)
    except Exception as error:  # of many types: the network's, the cache's, the parser's
        raise OSError(
            f"Fashion-MNIST is not in {data_home or _SYSTEM_FOLDER} and could not be fetched from "
            f"OpenML ({type(error).__name__}: {error}); {_REMEDY}"
        ) from error
    return fetched, Path(get_data_home(data_home), "openml")


def _to_bytes(values: NDArray[np.generic], origin: str) -> bytes:
    """Cast OpenML's floats (pixels) or strings (classes), if nothing is lost."""
    try:
        numbers = values.astype(np.float64, copy=False)
    except ValueError as error:
        raise _unusable(origin, f"some of its values are no numbers ({error})") from error
    exact = with_numpy_settings(lambda: numbers.astype(np.uint8), invalid="ignore")
    if not np.array_equal(exact, numbers):
        raise _unusable(origin, "some of its values are no whole numbers from 0 to 255")
    return exact.tobytes()
