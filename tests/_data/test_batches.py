import numpy as np
import pytest

from skcnn._data import dtypes, standardizer
from skcnn._data.batches import Images
from skcnn._data.dtypes import compute_dtype
from skcnn._data.image_shape import (
    check_same_shape,
    flatten_images,
    layer_shape,
    resolve_image_shape,
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


@pytest.mark.parametrize(
    ("image_shape", "X_shape", "columns", "expected"),
    [
        (None, None, 64, (8, 8)),
        (None, None, 1, (1, 1)),
        (None, None, 63, (63,)),
        (None, (4, 16), 64, (4, 16)),
        (None, (4, 4, 4), 64, (4, 4, 4)),
        (64, None, 64, (64,)),
        ((64,), None, 64, (64,)),
        ((4, 16), None, 64, (4, 16)),
        ([4, 4, 4], None, 64, (4, 4, 4)),
        ((2, 2, 4, 4), None, 64, (2, 2, 4, 4)),
        (np.array([8, 8]), None, 64, (8, 8)),
        ((8, 8), (8, 8, 1), 64, (8, 8)),
        ((8, 8, 1), (8, 8), 64, (8, 8, 1)),
        ((1, 32, 2), (32, 2), 64, (1, 32, 2)),
    ],
)
def test_image_shape_is_inferred_or_taken(image_shape, X_shape, columns, expected):
    shape = resolve_image_shape(image_shape, X_shape, columns)
    assert shape == expected
    assert all(type(length) is int for length in shape)


@pytest.mark.parametrize(
    ("image_shape", "X_shape", "words"),
    [
        ((8, 9), None, ["image_shape=(8, 9) has 72 elements", "64 columns", "(H, W, C)"]),
        ((), None, ["image_shape=()", "one to four positive integers"]),
        ((1, 1, 1, 8, 8), None, ["image_shape=(1, 1, 1, 8, 8)", "one to four"]),
        ((-8, -8), None, ["image_shape=(-8, -8)", "positive"]),
        ((8.0, 8), None, ["image_shape=(8.0, 8)", "integers"]),
        ("ab", None, ["image_shape='ab'"]),
        ((4, 16), (8, 8), ["images of shape (8, 8)", "image_shape is (4, 16)", "(n, 4, 16)"]),
    ],
)
def test_image_shape_errors_name_both_sides(image_shape, X_shape, words):
    with pytest.raises(ValueError, match="image") as caught:
        resolve_image_shape(image_shape, X_shape, 64)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_axes_of_length_one_do_not_count_when_shapes_are_compared():
    check_same_shape(None, (8, 8))
    check_same_shape((8, 1, 8), (8, 8, 1))
    with pytest.raises(ValueError, match="Reshape X"):
        check_same_shape((8, 4), (4, 8))


@pytest.mark.parametrize(
    ("image_shape", "split", "layers"),
    [
        ((9,), ((9,), 1), (1, 9)),
        ((4, 5), ((4, 5), 1), (4, 1, 5)),
        ((4, 5, 3), ((4, 5), 3), (4, 3, 5)),
        ((1, 9, 2), ((1, 9), 2), (1, 2, 9)),
        ((2, 4, 5, 3), ((2, 4, 5), 3), (2, 4, 3, 5)),
    ],
)
def test_channels_move_before_the_last_axis(image_shape, split, layers):
    assert split_channels(image_shape) == split
    assert layer_shape(image_shape) == layers


@pytest.mark.parametrize("shape", [(4, 6), (4, 3, 2), (2, 3, 2, 2)])
def test_shaped_input_is_flattened_and_its_shape_told(shape):
    X = np.arange(48).reshape(2, *shape)
    for given in (X, X.tolist()):
        flat, told = flatten_images(given)
        assert told == shape
        assert np.array_equal(flat, X.reshape(2, 24))


def test_flat_input_and_strangers_pass_through():
    X, stranger = np.ones((2, 3)), object()
    assert flatten_images(X) == (X, None)
    assert flatten_images(stranger) == (stranger, None)
    flat, told = flatten_images([[1, 2], [3, 4]])
    assert (flat.tolist(), told) == ([[1, 2], [3, 4]], None)


def test_too_many_axes_and_ragged_lists_are_errors():
    with pytest.raises(ValueError, match=r"shape \(1, 1, 1, 1, 1, 1\); at most 5 axes"):
        flatten_images(np.ones((1,) * 6))
    with pytest.raises(ValueError, match="elements differ in shape"):
        flatten_images([np.ones((2, 2)), np.ones((3, 3))])


@pytest.mark.parametrize(
    ("X_dtype", "expected"),
    [
        ("bool", "float32"), ("uint8", "float32"), ("int16", "float32"), ("uint16", "float32"),
        ("float16", "float32"), ("float32", "float32"), ("float64", "float64"),
        ("int32", "float64"), ("int64", "float64"),
    ],
)  # fmt: skip
def test_auto_dtype_follows_the_input(X_dtype, expected):
    assert compute_dtype("auto", np.dtype(X_dtype)) == np.dtype(expected)
    assert compute_dtype(np.float32, np.dtype(X_dtype)) == np.float32
    assert compute_dtype("float64", np.dtype(X_dtype)) == np.float64


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
def test_chosen_rows_are_the_removal_of_the_others_bit_for_bit(chunk, weighted, monkeypatch):
    monkeypatch.setattr(dtypes, "CHUNK_ELEMENTS", chunk)
    monkeypatch.setattr(standardizer, "CHUNK_ELEMENTS", chunk)
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


@pytest.mark.parametrize("chunk", [1, 24, 47, 48, 100, 2**18])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_moments_are_those_of_numpy_wherever_chunks_end(channels, weighted, chunk, monkeypatch):
    monkeypatch.setattr(dtypes, "CHUNK_ELEMENTS", chunk)
    monkeypatch.setattr(standardizer, "CHUNK_ELEMENTS", chunk)
    X = np.random.default_rng(0).normal(1000, 3, (11, 24))
    weights = np.random.default_rng(1).uniform(0.1, 4, 11) if weighted else None
    learned = Standardizer.learn(X, None, weights, channels)
    pixels = X.reshape(-1, channels)
    each = np.repeat(np.ones(11) if weights is None else weights, 24 // channels)
    mean = np.average(pixels, axis=0, weights=each)
    deviation = np.sqrt(np.average((pixels - mean) ** 2, axis=0, weights=each))
    np.testing.assert_allclose(learned.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(learned.deviation, deviation, rtol=1e-11)
    if weights is None:
        np.testing.assert_allclose(learned.mean, np.mean(pixels, axis=0), rtol=1e-13)
        np.testing.assert_allclose(learned.deviation, np.std(pixels, axis=0), rtol=1e-11)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float16", "float32"])
def test_moments_of_narrow_types_are_computed_in_float64(dtype):
    X = sample(dtype, n=500)
    learned = Standardizer.learn(X, None, None, 1)
    exact = X.astype(np.float64)
    assert learned.mean.dtype == learned.deviation.dtype == np.float64
    assert learned.mean[0] == pytest.approx(exact.mean(), rel=1e-13)
    assert learned.deviation[0] == pytest.approx(exact.std(), rel=1e-13)


def test_integer_weights_are_repeated_rows():
    X, weights = sample(), np.array([1, 2, 1, 3, 1, 1, 2, 1, 1])
    weighted = Standardizer.learn(X, None, weights.astype(float), 2)
    repeated = Standardizer.learn(np.repeat(X, weights, axis=0), None, None, 2)
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-13)
    np.testing.assert_allclose(weighted.deviation, repeated.deviation, rtol=1e-13)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e10, 255])
def test_a_constant_channel_has_deviation_one(value):
    X = np.full((7, 12), value)
    X[:, 1::2] = sample(columns=6, n=7)
    learned = Standardizer.learn(X, None, None, 2)
    assert learned.mean[0] == pytest.approx(value)
    assert learned.deviation[0] == 1
    assert learned.deviation[1] != 1


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
