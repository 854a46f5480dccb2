import numpy as np
import pytest

from skcnn._data import dtypes, moments
from skcnn._data.batches import Images
from skcnn._data.image_shape import (
    split_channels,
)
from skcnn._data.standardizer import Standardizer
from skcnn._engine.workspace import Workspace


def naive_batch(X, image_shape, rows, standardizer=None):
    """Element by element, in float64."""
    shape = image_shape if len(image_shape) > 2 else (*image_shape, 1)
    *lengths, channels = shape
    x = np.empty((*lengths[:-1], channels, lengths[-1], len(rows)))
    for n, row in enumerate(rows):
        image = np.asarray(X[row], dtype=np.float64).reshape(shape)
        for *at, last, c in np.ndindex(shape):
            value = image[(*at, last, c)]
            if standardizer is not None:
                value = (value - standardizer.mean[c]) / standardizer.deviation[c]
            x[(*at, c, last, n)] = value
    return x


def sample(dtype=np.float64, n=9, columns=24, seed=0):
    X = np.random.default_rng(seed).integers(0, 256, (n, columns))
    return X.astype(dtype) if np.dtype(dtype) != bool else X > 127


IMAGE_SHAPES = [(24,), (4, 6), (4, 3, 2), (1, 12, 2), (2, 3, 2, 2), (24, 1, 1)]


@pytest.mark.parametrize("standardized", [False, True])
@pytest.mark.parametrize("image_shape", IMAGE_SHAPES)
def test_batches_are_the_naive_transposition(image_shape, standardized):
    X, index = sample(), np.array([5, 0, 8, 5])
    standardizer = None
    if standardized:
        standardizer = Standardizer.learn(X, None, None, split_channels(image_shape)[1])
    images = Images(X, image_shape, standardizer, np.dtype(np.float64))
    expected = naive_batch(X, image_shape, index, standardizer)
    x = images.batch(index, Workspace())
    assert x.flags.c_contiguous
    np.testing.assert_allclose(x, expected, rtol=1e-14, atol=1e-14)
    in_order = naive_batch(X, image_shape, range(2, 6), standardizer)
    np.testing.assert_allclose(
        images.batch(slice(2, 6), Workspace()), in_order, rtol=1e-14, atol=1e-14
    )


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float16", "float32", "int64"])
def test_every_dtype_is_cast_a_batch_at_a_time(dtype):
    X, index = sample(dtype), np.array([3, 1])
    x = Images(X, (4, 6), None, np.dtype(np.float32)).batch(index, Workspace())
    assert x.dtype == np.float32
    assert np.array_equal(x, naive_batch(X, (4, 6), index))


@pytest.mark.parametrize("index", [np.array([3, 1, 1]), slice(1, 4)])
@pytest.mark.parametrize("rows", [None, np.array([8, 2, 4, 5, 7])])
def test_memory_order_and_memory_maps_do_not_change_a_bit(index, rows, tmp_path):
    X = sample(np.uint8)
    mapped = np.memmap(tmp_path / "X", np.uint8, "w+", shape=X.shape)
    mapped[:] = X
    forms = [X, np.asfortranarray(X), mapped, np.repeat(X, 2, axis=1)[:, ::2]]
    results = []
    for form in forms:
        standardizer = Standardizer.learn(form, rows, None, 2)
        images = Images(form, (4, 3, 2), standardizer, np.dtype(np.float32), rows)
        results.append(
            (standardizer.mean, standardizer.deviation, images.batch(index, Workspace()))
        )
    for result in results[1:]:
        for part, reference in zip(result, results[0], strict=True):
            assert np.array_equal(part, reference)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("chunk", [1, 50, 2**18])
def test_chosen_samples_are_the_removal_of_the_others_bit_for_bit(chunk, weighted, monkeypatch):
    monkeypatch.setattr(dtypes, "CHUNK_ELEMENTS", chunk)
    monkeypatch.setattr(moments, "CHUNK_ELEMENTS", chunk)
    X, rows = sample(), np.array([0, 2, 3, 7, 8])
    weights = np.linspace(0.5, 2, 5) if weighted else None
    chosen = Standardizer.learn(X, rows, weights, 2)
    removed = Standardizer.learn(X[rows], None, weights, 2)
    assert np.array_equal(chosen.mean, removed.mean)
    assert np.array_equal(chosen.deviation, removed.deviation)
    float32, index = np.dtype(np.float32), np.array([4, 0, 2])
    some = Images(X, (4, 3, 2), chosen, float32, rows)
    assert len(some) == 5
    others_gone = Images(X[rows], (4, 3, 2), removed, float32)
    assert np.array_equal(some.batch(index, Workspace()), others_gone.batch(index, Workspace()))


def test_standardized_images_have_mean_zero_and_deviation_one():
    X = sample(np.uint8, n=50)
    images = Images(X, (4, 3, 2), Standardizer.learn(X, None, None, 2), np.dtype(np.float32))
    x = images.batch(slice(None), Workspace())
    np.testing.assert_allclose(x.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=(0, 2, 3)), 1, atol=1e-5)


def test_batches_leave_the_input_alone_and_reuse_memory():
    X = sample()
    before = X.copy()
    images = Images(X, (4, 6), Standardizer.learn(X, None, None, 1), X.dtype)
    workspace = Workspace()
    first = images.batch(np.array([0, 1]), workspace)
    assert images.batch(np.array([2, 3]), workspace) is first
    assert np.array_equal(X, before)


@pytest.mark.parametrize("X_dtype", ["float64", "int64", "longdouble"])
@pytest.mark.parametrize("offset", [1e8, -3e12])
@pytest.mark.parametrize("memory", [np.ascontiguousarray, np.asfortranarray])
def test_a_large_mean_is_subtracted_before_the_cast(offset, X_dtype, memory):
    X = memory((np.random.default_rng(0).normal(0, 30, (50, 24)) + offset).astype(X_dtype))
    standardizer = Standardizer.learn(X, None, None, 2)
    index = np.array([7, 3, 3, 40])
    x = Images(X, (4, 3, 2), standardizer, np.dtype(np.float32)).batch(index, Workspace())
    assert x.dtype == np.float32
    expected = naive_batch(X, (4, 3, 2), index, standardizer)
    np.testing.assert_allclose(x, expected, rtol=1e-6, atol=1e-6)


def test_numbers_that_a_cast_hurts_little_are_cast_first():
    X = sample()
    standardizer = Standardizer.learn(X, None, None, 1)
    wide, narrow = (
        Images(form, (4, 6), standardizer, np.dtype(np.float32)).batch(slice(3), Workspace())
        for form in (X, X.astype(np.float32))
    )
    assert wide.tobytes() == narrow.tobytes()
