import numpy as np
import pytest

from skcnn._data.image_shape import (
    check_same_shape,
    flatten_images,
    layer_shape,
    resolve_image_shape,
    split_channels,
)


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
