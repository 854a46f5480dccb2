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

from skcnn import datasets
from skcnn.datasets import load_fashion_mnist

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
    rng = np.random.default_rng(0)
    return {
        name: (
            rng.integers(0, 256, (count, 2, 3), dtype=np.uint8),
            rng.integers(0, 10, count, dtype=np.uint8),
        )
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
        return datasets._IdxFile(file.name, shape, hashlib.sha256(content).hexdigest())

    def offline(*args, **kwargs):
        raise AssertionError("OpenML was asked")

    parts = {name: tuple(map(small, pair)) for name, pair in datasets._PARTS.items()}
    monkeypatch.setattr(datasets, "_PARTS", parts)
    monkeypatch.setattr(datasets, "_SYSTEM_FOLDER", tmp_path / "system")
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


def message_of(error_type, **parameters):
    with pytest.raises(error_type) as info:
        load_fashion_mnist(**parameters)
    assert type(info.value) is error_type
    return str(info.value)


# What is returned


@pytest.mark.parametrize("subset", ["train", "test", "all"])
def test_reads_folder(folder, arrays, subset):
    assert_is(load_fashion_mnist(subset=subset, data_home=folder), arrays, subset)


def test_train_is_the_default(folder, arrays):
    assert_is(load_fashion_mnist(data_home=folder), arrays, "train")


def test_parameters_are_keyword_only():
    parameters = inspect.signature(load_fashion_mnist).parameters.values()
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}


def test_bunch(folder):
    dataset = load_fashion_mnist(data_home=folder)
    assert isinstance(dataset, Bunch)
    assert set(dataset) == {"data", "target", "target_names", "DESCR"}
    assert type(dataset.target_names) is list
    assert len(dataset.target_names) == 10
    assert dataset.target_names[0] == "T-shirt/top"
    assert dataset.target_names[9] == "Ankle boot"
    assert "1708.07747" in dataset.DESCR


def test_returns_a_pair(folder, arrays):
    data, target = load_fashion_mnist(subset="all", data_home=folder, return_X_y=True)
    assert_is(Bunch(data=data, target=target), arrays, "all")


def test_published_files_are_described(monkeypatch):
    monkeypatch.undo()
    files = [file for pair in datasets._PARTS.values() for file in pair]
    assert [file.name for file in files] == NAMES
    assert [file.size for file in files] == [47_040_016, 60_008, 7_840_016, 10_008]
    assert len({file.sha256 for file in files}) == 4
    assert {len(bytes.fromhex(file.sha256)) for file in files} == {32}


def test_import_leaves_sklearn_datasets_alone():
    code = "import sys, skcnn.datasets; sys.exit('sklearn.datasets' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Where the files are


@pytest.mark.parametrize("as_type", [str, lambda path: path])
def test_data_home_types(folder, arrays, as_type):
    assert_is(load_fashion_mnist(data_home=as_type(folder)), arrays, "train")


def test_home_folder_is_expanded(folder, arrays, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert_is(load_fashion_mnist(data_home="~/data"), arrays, "train")


def test_reads_uncompressed_files(tmp_path, contents, arrays):
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert_is(load_fashion_mnist(subset="all", data_home=tmp_path), arrays, "all")


def test_needs_only_the_files_of_the_subset(folder, arrays):
    (folder / f"{TRAIN_IMAGES}.gz").unlink()
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(b"damaged")
    assert_is(load_fashion_mnist(subset="test", data_home=folder), arrays, "test")


def test_reads_system_folder(folder, arrays, monkeypatch):
    monkeypatch.setattr(datasets, "_SYSTEM_FOLDER", folder)
    assert_is(load_fashion_mnist(), arrays, "train")


def test_data_home_goes_before_system_folder(folder, arrays, monkeypatch, tmp_path):
    system = tmp_path / "system"
    system.mkdir()
    (system / TRAIN_IMAGES).write_bytes(b"damaged")
    assert_is(load_fashion_mnist(data_home=folder), arrays, "train")


@pytest.mark.parametrize("is_system", [False, True])
@pytest.mark.parametrize(
    ("subset", "missing"),
    [("train", [TRAIN_LABELS]), ("all", [TRAIN_LABELS, TEST_IMAGES]), ("test", [TEST_IMAGES])],
)
def test_missing_files_are_named(folder, monkeypatch, subset, missing, is_system):
    (folder / f"{TRAIN_LABELS}.gz").unlink()
    (folder / f"{TEST_IMAGES}.gz").unlink()
    if is_system:
        monkeypatch.setattr(datasets, "_SYSTEM_FOLDER", folder)
    data_home = None if is_system else folder
    message = message_of(FileNotFoundError, subset=subset, data_home=data_home)
    assert [name for name in NAMES if name in message] == missing
    assert str(folder) in message
    assert "dataset-fashion-mnist" in message
    assert "data_home=" in message


def test_folder_with_files_of_the_other_part_only(folder):
    for name in (TRAIN_IMAGES, TRAIN_LABELS):
        (folder / f"{name}.gz").unlink()
    message = message_of(FileNotFoundError, subset="train", data_home=folder)
    assert TRAIN_IMAGES in message
    assert TRAIN_LABELS in message


# Bad parameters


@pytest.mark.parametrize("subset", ["Train", "", None, 0, ["train"]])
def test_unknown_subset(folder, subset):
    message = message_of(ValueError, subset=subset, data_home=folder)
    for part in ("subset", repr(subset), "'train'", "'test'", "'all'"):
        assert part in message


def test_data_home_does_not_exist(tmp_path):
    message = message_of(FileNotFoundError, data_home=tmp_path / "absent")
    assert "data_home" in message
    assert str(tmp_path / "absent") in message
    assert "does not exist" in message


def test_data_home_is_a_file(tmp_path):
    path = tmp_path / "file"
    path.touch()
    message = message_of(NotADirectoryError, data_home=path)
    assert "data_home" in message
    assert str(path) in message
    assert "not a folder" in message


@pytest.mark.parametrize("is_system", [False, True])
def test_empty_data_home(folder, monkeypatch, is_system):
    monkeypatch.chdir(folder)  # which an empty path would mean
    if is_system:
        monkeypatch.setattr(datasets, "_SYSTEM_FOLDER", folder)
    message = message_of(ValueError, data_home="")
    assert "data_home='' names no folder" in message
    assert "dataset-fashion-mnist" in message


# Unreadable files


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "I/O")])
def test_unreadable_file(folder, contents, monkeypatch, error, compressed):
    def refuse(*args, **kwargs):
        raise error

    path = folder / f"{TRAIN_IMAGES}.gz"
    if compressed:
        monkeypatch.setattr(gzip, "open", refuse)
    else:
        path.unlink()
        path = folder / TRAIN_IMAGES
        path.write_bytes(contents[TRAIN_IMAGES])
        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OSError, match="cannot be read") as info:
        load_fashion_mnist(data_home=folder)
    assert info.value.__cause__ is error
    for part in (str(path), error.strerror, "readable", "dataset-fashion-mnist", "data_home="):
        assert part in str(info.value)


@pytest.mark.parametrize("method", ["exists", "is_file"])
def test_unreadable_folder(folder, monkeypatch, method):
    error = PermissionError(13, "Permission denied")

    def refuse(self):
        raise error

    monkeypatch.setattr(Path, method, refuse)
    with pytest.raises(OSError, match="cannot be read") as info:
        load_fashion_mnist(data_home=folder)
    assert info.value.__cause__ is error
    for part in (str(folder), "Permission denied", "dataset-fashion-mnist", "data_home="):
        assert part in str(info.value)


# Damaged files


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


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_content(folder, contents, damage, compressed):
    change, problem = DAMAGES[damage]
    content = change(contents[TRAIN_IMAGES])
    path = folder / f"{TRAIN_IMAGES}.gz"
    if compressed:
        path.write_bytes(gzip.compress(content))
    else:
        path.unlink()
        path = folder / TRAIN_IMAGES
        path.write_bytes(content)
    message = message_of(ValueError, data_home=folder)
    for part in (f"{path} ", problem, "delete it", "dataset-fashion-mnist", "data_home="):
        assert part in message


def test_labels_are_checked(folder, contents):
    content = contents[TEST_LABELS]
    path = folder / f"{TEST_LABELS}.gz"
    path.write_bytes(gzip.compress(with_byte(content, 8, content[8] ^ 1)))
    message = message_of(ValueError, subset="test", data_home=folder)
    assert str(path) in message
    assert "checksum" in message


DAMAGED_ARCHIVES = {
    "cut": (lambda archive: archive[:-12], "truncated"),
    "cut in its header": (lambda archive: archive[:5], "truncated"),
    "empty": (lambda archive: b"", "truncated"),
    "not compressed": (lambda archive: gzip.decompress(archive), "gzip"),
    "stream": (lambda archive: with_byte(archive, 10, 0xFF), "damaged"),
    "sum": (lambda archive: with_byte(archive, len(archive) - 8, archive[-8] ^ 1), "CRC"),
    "trailing": (lambda archive: archive + b"more", "gzip"),
}


@pytest.mark.parametrize("damage", DAMAGED_ARCHIVES)
def test_damaged_archive(folder, damage):
    change, problem = DAMAGED_ARCHIVES[damage]
    path = folder / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(change(path.read_bytes()))
    message = message_of(ValueError, data_home=folder)
    for part in (f"{path} ", problem, "delete it", "dataset-fashion-mnist", "data_home="):
        assert part in message


def test_damaged_system_file_is_not_replaced_by_openml(folder, monkeypatch):
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(b"damaged")
    monkeypatch.setattr(datasets, "_SYSTEM_FOLDER", folder)
    assert "reinstall Debian's package dataset-fashion-mnist" in message_of(ValueError)


# OpenML


@pytest.mark.parametrize("subset", ["train", "test", "all"])
def test_fetches_from_openml(openml, arrays, subset):
    assert_is(load_fashion_mnist(subset=subset), arrays, subset)
    [(args, kwargs)] = openml.calls
    assert args == ("Fashion-MNIST",)
    # liac-arff works without pandas
    options = {"version": 1, "as_frame": False, "parser": "liac-arff", "n_retries": 1}
    assert kwargs == {"data_home": None, **options}


def test_data_home_without_idx_files_is_the_cache(openml, arrays, tmp_path, folder, monkeypatch):
    monkeypatch.setattr(datasets, "_SYSTEM_FOLDER", folder)
    home = tmp_path / "empty"
    home.mkdir()
    assert_is(load_fashion_mnist(data_home=home), arrays, "train")
    assert openml.calls[0][1]["data_home"] == home


def test_integers_from_openml(openml, arrays):
    openml.data = openml.data.astype(np.int64)
    openml.target = openml.target.astype(np.int64)
    assert_is(load_fashion_mnist(subset="all"), arrays, "all")


@pytest.mark.parametrize("value", [0.5, -1.0, 256.0, 1e30, np.nan, np.inf])
def test_pixels_from_openml_that_are_no_bytes(openml, value, tmp_path):
    openml.data[0, 0] = value
    message = message_of(ValueError)
    for part in (TRAIN_IMAGES, "whole numbers from 0 to 255", str(tmp_path / "cache" / "openml")):
        assert part in message


@pytest.mark.parametrize("label", ["Bag", "-1", "0.5"])
def test_labels_from_openml_that_are_no_bytes(openml, label):
    openml.target[0] = label
    message = message_of(ValueError)
    for part in (TRAIN_LABELS, "numbers", "delete", "data_home="):
        assert part in message


def test_wrong_pixel_from_openml(openml):
    openml.data[-1, -1] = (openml.data[-1, -1] + 1) % 256
    message = message_of(ValueError, subset="test")
    for part in (TEST_IMAGES, "checksum", "delete", "data_home="):
        assert part in message


def test_wrong_label_from_openml(openml):
    openml.target[0] = str((int(openml.target[0]) + 1) % 10)
    message = message_of(ValueError)
    assert TRAIN_LABELS in message
    assert "checksum" in message


def test_too_few_rows_from_openml(openml):
    openml.data, openml.target = openml.data[:-1], openml.target[:-1]
    message = message_of(ValueError, subset="all")
    assert TEST_IMAGES in message
    assert "truncated" in message


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
@pytest.mark.parametrize("with_data_home", [False, True])
def test_openml_does_not_answer(monkeypatch, tmp_path, error, with_data_home):
    def fetch_openml(*args, **kwargs):
        raise error

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    place = tmp_path if with_data_home else tmp_path / "system"
    with pytest.raises(OSError, match="could not be fetched from OpenML") as info:
        load_fashion_mnist(data_home=place if with_data_home else None)
    assert type(info.value) is OSError
    assert info.value.__cause__ is error
    for part in (
        f"not in {place} and",
        type(error).__name__,
        "dataset-fashion-mnist",
        "data_home=",
    ):
        assert part in str(info.value)


def test_retries_of_scikit_learn_do_not_warn(monkeypatch):
    def fetch_openml(*args, **kwargs):
        warnings.warn("Invalid cache, redownloading file", RuntimeWarning, stacklevel=1)
        warnings.warn("A network error occurred. Retrying...", stacklevel=1)
        raise URLError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(OSError, match="no route to host"):
            load_fashion_mnist()
    assert not caught
