import gzip
import hashlib
import inspect
import subprocess
import sys
import warnings
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import HTTPError, URLError

import numpy as np
import pytest
from sklearn.utils import Bunch

from skcnn.datasets import fashion_mnist, load_fashion_mnist

COUNTS = {"train": 6, "test": 4}
TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
NAMES = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS]


def idx(array):
    """The bytes of an IDX file, built independently of the module under test."""
    content = bytes([0, 0, 8, array.ndim])
    return content + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


@pytest.fixture
def arrays():
    """Images of 2 x 3 pixels and labels of both parts."""
    draw = np.random.default_rng(0).integers
    return {
        name: (draw(256, size=(count, 2, 3), dtype=np.uint8), draw(10, size=count, dtype=np.uint8))
        for name, count in COUNTS.items()
    }


@pytest.fixture
def contents(arrays):
    """The decompressed content of the four files, by name."""
    flat = [array for pair in arrays.values() for array in pair]
    return {name: idx(array) for name, array in zip(NAMES, flat, strict=True)}


@pytest.fixture(autouse=True)
def small_and_offline(monkeypatch, tmp_path, contents):
    """Expect the small files; have no system package, no network and no cache."""

    def small(file):
        content = contents[file.name]
        count = COUNTS["train" if file.name.startswith("train") else "test"]
        shape = (count, 2, 3) if "images" in file.name else (count,)
        return fashion_mnist._IdxFile(file.name, shape, hashlib.sha256(content).hexdigest())

    def offline(*args, **kwargs):
        raise AssertionError("OpenML was asked")

    parts = {name: tuple(map(small, pair)) for name, pair in fashion_mnist._PARTS.items()}
    monkeypatch.setattr(fashion_mnist, "_PARTS", parts)
    monkeypatch.setattr(fashion_mnist, "_SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setattr("sklearn.datasets.fetch_openml", offline)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path, contents):
    """A folder with the four files, compressed."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


@pytest.fixture
def openml(monkeypatch, arrays):
    """What OpenML would deliver, and the calls that asked for it."""
    images = np.concatenate([images for images, _ in arrays.values()])
    labels = np.concatenate([labels for _, labels in arrays.values()])
    fake = Bunch(
        data=images.reshape(len(images), -1).astype(np.float64),
        target=labels.astype(str).astype(object),
        calls=[],
    )

    def fetch_openml(*args, **kwargs):
        fake.calls.append((args, kwargs))
        return Bunch(data=fake.data, target=fake.target)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    return fake


def expected(arrays, subset):
    parts = list(arrays) if subset == "all" else [subset]
    images = np.concatenate([arrays[part][0] for part in parts])
    return images.reshape(len(images), -1), np.concatenate([arrays[part][1] for part in parts])


def assert_is(dataset, arrays, subset):
    data, target = expected(arrays, subset)
    np.testing.assert_array_equal(dataset.data, data)
    np.testing.assert_array_equal(dataset.target, target)
    assert dataset.data.dtype == np.uint8
    assert dataset.target.dtype == np.int64
    assert dataset.data.flags.c_contiguous
    assert dataset.data.flags.writeable
    assert dataset.target.flags.writeable


REMEDY = ("dataset-fashion-mnist", "data_home=")


def assert_message(error_type, parts, **parameters):
    """Assert that loading raises an error of this type whose message has all parts; return it."""
    with pytest.raises(error_type) as info:
        load_fashion_mnist(**parameters)
    assert type(info.value) is error_type
    for part in parts:
        assert str(part) in str(info.value)
    return info.value


# What is returned


@pytest.mark.parametrize("subset", ["train", "test", "all"])
def test_folder_is_read(folder, arrays, subset):
    assert_is(load_fashion_mnist(subset=subset, data_home=folder), arrays, subset)
    pair = load_fashion_mnist(subset=subset, data_home=folder, return_X_y=True)
    assert_is(Bunch(data=pair[0], target=pair[1]), arrays, subset)


def test_parameters_are_keyword_only():
    parameters = inspect.signature(load_fashion_mnist).parameters.values()
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}


def test_bunch_has_names_and_a_description_and_train_is_the_default(folder, arrays):
    dataset = load_fashion_mnist(data_home=folder)
    assert_is(dataset, arrays, "train")
    assert isinstance(dataset, Bunch)
    assert set(dataset) == {"data", "target", "target_names", "DESCR"}
    assert type(dataset.target_names) is list
    assert len(dataset.target_names) == 10
    assert dataset.target_names[0] == "T-shirt/top"
    assert dataset.target_names[9] == "Ankle boot"
    assert "1708.07747" in dataset.DESCR


def test_published_files_are_described(monkeypatch):
    monkeypatch.undo()
    files = [file for pair in fashion_mnist._PARTS.values() for file in pair]
    assert [file.name for file in files] == NAMES
    assert [file.size for file in files] == [47_040_016, 60_008, 7_840_016, 10_008]
    assert len({file.sha256 for file in files}) == 4
    assert {len(bytes.fromhex(file.sha256)) for file in files} == {32}


def test_import_leaves_sklearn_datasets_alone():
    code = "import sys, skcnn.datasets; sys.exit('sklearn.datasets' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Where the files are


@pytest.mark.parametrize("home", [str, Path, lambda folder: "~/data"])
def test_data_home_is_text_or_a_path_and_the_home_folder_is_expanded(
    folder, arrays, monkeypatch, home
):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert_is(load_fashion_mnist(data_home=home(folder)), arrays, "train")


def test_uncompressed_files_are_read(tmp_path, contents, arrays):
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert_is(load_fashion_mnist(subset="all", data_home=tmp_path), arrays, "all")


def test_only_the_files_of_the_subset_are_needed(folder, arrays):
    (folder / f"{TRAIN_IMAGES}.gz").unlink()
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(b"damaged")
    assert_is(load_fashion_mnist(subset="test", data_home=folder), arrays, "test")


def test_system_folder_is_read(folder, arrays, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "_SYSTEM_FOLDER", folder)
    assert_is(load_fashion_mnist(), arrays, "train")


def test_data_home_goes_before_the_system_folder(folder, arrays, tmp_path):
    (tmp_path / "system").mkdir()
    (tmp_path / "system" / TRAIN_IMAGES).write_bytes(b"damaged")
    assert_is(load_fashion_mnist(data_home=folder), arrays, "train")


@pytest.mark.parametrize("is_system", [False, True])
@pytest.mark.parametrize(
    ("subset", "removed"),
    [
        ("train", [TRAIN_LABELS]),
        ("all", [TRAIN_LABELS, TEST_IMAGES]),
        ("test", [TEST_IMAGES]),
        ("train", [TRAIN_IMAGES, TRAIN_LABELS]),  # all that this part has
    ],
)
def test_missing_files_are_named(folder, monkeypatch, subset, removed, is_system):
    for name in {*removed, TEST_IMAGES}:
        (folder / f"{name}.gz").unlink()
    if is_system:
        monkeypatch.setattr(fashion_mnist, "_SYSTEM_FOLDER", folder)
    place = {} if is_system else {"data_home": folder}
    error = assert_message(FileNotFoundError, [folder, *REMEDY], subset=subset, **place)
    assert [name for name in NAMES if name in str(error)] == removed


# Bad parameters


@pytest.mark.parametrize("subset", ["Train", "", None, 0, ["train"]])
def test_subset_that_is_none_is_named(folder, subset):
    parts = ("subset", repr(subset), "'train'", "'test'", "'all'")
    assert_message(ValueError, parts, subset=subset, data_home=folder)


@pytest.mark.parametrize("path", ["~nosuchuser/x", "~nosuchuser", Path("~nosuchuser/x")], ids=str)
def test_home_folder_of_an_unknown_user_is_named(path):
    parts = [f"data_home={str(path)!r}", "a user whom this machine does not know", *REMEDY]
    assert_message(FileNotFoundError, parts, data_home=path)


@pytest.mark.parametrize("path", [5, b"folder", ["folder"], True])
def test_data_home_that_is_no_path_is_named(path):
    assert_message(TypeError, [f"data_home={path!r} must be", REMEDY[0]], data_home=path)


def test_data_home_that_is_too_long_is_named():
    assert_message(OSError, ["x" * 300, "cannot be read", *REMEDY], data_home="x" * 300)


def test_data_home_that_is_no_folder_is_named(tmp_path):
    path = tmp_path / "absent"
    parts = ["data_home", path, "does not exist"]
    assert_message(FileNotFoundError, parts, data_home=path)
    path.touch()
    assert_message(NotADirectoryError, ["data_home", path, "not a folder"], data_home=path)


@pytest.mark.parametrize("is_system", [False, True])
def test_empty_data_home_is_named(folder, monkeypatch, is_system):
    monkeypatch.chdir(folder)  # which an empty path would mean
    if is_system:
        monkeypatch.setattr(fashion_mnist, "_SYSTEM_FOLDER", folder)
    assert_message(ValueError, ["data_home='' names no folder", REMEDY[0]], data_home="")


# Files that cannot be read


def put(folder, content, compressed):
    """Write the images for training in place of those that were there; return the path."""
    path = folder / f"{TRAIN_IMAGES}.gz"
    path.unlink()
    path = path if compressed else folder / TRAIN_IMAGES
    path.write_bytes(gzip.compress(content) if compressed else content)
    return path


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "I/O")])
@pytest.mark.parametrize("compressed", [False, True])
def test_file_that_cannot_be_read_is_named(folder, contents, monkeypatch, error, compressed):
    def refuse(*args, **kwargs):
        raise error

    path = put(folder, contents[TRAIN_IMAGES], compressed)
    monkeypatch.setattr(gzip if compressed else Path, "open", refuse)
    parts = ("cannot be read", path, error.strerror, "readable", *REMEDY)
    assert assert_message(OSError, parts, data_home=folder).__cause__ is error


@pytest.mark.parametrize("method", ["exists", "is_file"])
def test_folder_that_cannot_be_read_is_named(folder, monkeypatch, method):
    error = PermissionError(13, "Permission denied")

    def refuse(self):
        raise error

    monkeypatch.setattr(Path, method, refuse)
    parts = ("cannot be read", folder, "Permission denied", *REMEDY)
    assert assert_message(OSError, parts, data_home=folder).__cause__ is error


def with_byte(content, position, value):
    return content[:position] + bytes([value]) + content[position + 1 :]


DAMAGES = {
    "empty": (lambda content: b"", "truncated"),
    "part of the header": (lambda content: content[:10], "truncated"),
    "part of the data": (lambda content: content[:-1], "truncated"),
    "too long": (lambda content: content + b"\0", "longer"),
    "magic number": (lambda content: with_byte(content, 2, 9), "magic number is 0x00000903"),
    "number of images": (lambda content: with_byte(content, 7, 5), "dimensions (6, 2, 3)"),
    "size of images": (lambda content: with_byte(content, 15, 4), "dimensions (6, 2, 3)"),
    "pixel": (lambda content: with_byte(content, 16, content[16] ^ 1), "checksum"),
}
DAMAGED_ARCHIVES = {
    "cut": (lambda archive: archive[:-12], "truncated"),
    "cut in its header": (lambda archive: archive[:5], "truncated"),
    "empty": (lambda archive: b"", "truncated"),
    "not compressed": (lambda archive: gzip.decompress(archive), "gzip"),
    "stream": (lambda archive: with_byte(archive, 10, 0xFF), "damaged"),
    "sum": (lambda archive: with_byte(archive, len(archive) - 8, archive[-8] ^ 1), "CRC"),
    "trailing": (lambda archive: archive + b"more", "gzip"),
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_content_is_named(folder, contents, damage, compressed):
    change, problem = DAMAGES[damage]
    path = put(folder, change(contents[TRAIN_IMAGES]), compressed)
    assert_message(ValueError, (f"{path} ", problem, "delete it", *REMEDY), data_home=folder)


@pytest.mark.parametrize("damage", DAMAGED_ARCHIVES)
def test_damaged_archive_is_named(folder, damage):
    change, problem = DAMAGED_ARCHIVES[damage]
    path = folder / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(change(path.read_bytes()))
    assert_message(ValueError, (f"{path} ", problem, "delete it", *REMEDY), data_home=folder)


def test_labels_are_checked(folder, contents):
    content = contents[TEST_LABELS]
    path = folder / f"{TEST_LABELS}.gz"
    path.write_bytes(gzip.compress(with_byte(content, 8, content[8] ^ 1)))
    assert_message(ValueError, (path, "checksum"), subset="test", data_home=folder)


def test_damaged_system_file_is_not_replaced_by_openml(folder, monkeypatch):
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(b"damaged")
    monkeypatch.setattr(fashion_mnist, "_SYSTEM_FOLDER", folder)
    assert_message(ValueError, ["reinstall Debian's package dataset-fashion-mnist"])


# OpenML


@pytest.mark.parametrize("dtype", [None, np.int64])
@pytest.mark.parametrize("subset", ["train", "test", "all"])
def test_openml_is_asked(openml, arrays, subset, dtype):
    if dtype is not None:
        openml.data, openml.target = openml.data.astype(dtype), openml.target.astype(dtype)
    assert_is(load_fashion_mnist(subset=subset), arrays, subset)
    [(args, kwargs)] = openml.calls
    assert args == ("Fashion-MNIST",)
    # liac-arff works without pandas
    options = {"version": 1, "as_frame": False, "parser": "liac-arff", "n_retries": 1}
    assert kwargs == {"data_home": None, **options}


def test_data_home_without_idx_files_is_the_cache(openml, arrays, tmp_path, folder, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "_SYSTEM_FOLDER", folder)
    home = tmp_path / "empty"
    home.mkdir()
    assert_is(load_fashion_mnist(data_home=home), arrays, "train")
    assert openml.calls[0][1]["data_home"] == home


@pytest.mark.parametrize("value", [0.5, -1.0, 256.0, 1e30, np.nan, np.inf])
def test_pixels_of_openml_that_are_no_bytes_are_named(openml, value, tmp_path):
    openml.data[0, 0] = value
    cache = tmp_path / "cache" / "openml"
    assert_message(ValueError, (TRAIN_IMAGES, "whole numbers from 0 to 255", cache))


@pytest.mark.parametrize("label", ["Bag", "-1", "0.5"])
def test_labels_of_openml_that_are_no_bytes_are_named(openml, label):
    openml.target[0] = label
    assert_message(ValueError, (TRAIN_LABELS, "numbers", "delete", "data_home="))


def test_wrong_or_missing_rows_of_openml_are_named(openml):
    right = openml.data.copy()
    openml.data[-1, -1] = (right[-1, -1] + 1) % 256
    parts = (TEST_IMAGES, "checksum", "delete", "data_home=")
    assert_message(ValueError, parts, subset="test")
    openml.data, openml.target[0] = right, str((int(openml.target[0]) + 1) % 10)
    assert_message(ValueError, (TRAIN_LABELS, "checksum"))
    openml.target[0] = str((int(openml.target[0]) - 1) % 10)
    openml.data, openml.target = openml.data[:-1], openml.target[:-1]
    assert_message(ValueError, (TEST_IMAGES, "truncated"), subset="all")


@pytest.mark.parametrize(
    "error",
    [
        URLError("no route to host"),
        HTTPError("address", 503, "unavailable", {}, None),
        ConnectionResetError("reset"),
        TimeoutError("slow"),
        IncompleteRead(b""),
        EOFError("cut"),
        ValueError("md5 checksum"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_openml_that_does_not_answer_is_an_error_without_warnings(monkeypatch, tmp_path, error):
    def fetch_openml(*args, **kwargs):
        warnings.warn("Invalid cache, redownloading file", RuntimeWarning, stacklevel=1)
        warnings.warn("A network error occurred. Retrying...", stacklevel=1)
        raise error

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    for data_home in (tmp_path, None):
        place = data_home or tmp_path / "system"
        parts = ("could not be fetched from OpenML", f"not in {place} and", type(error).__name__)
        caught = assert_message(OSError, (*parts, *REMEDY), data_home=data_home)
        assert caught.__cause__ is error
