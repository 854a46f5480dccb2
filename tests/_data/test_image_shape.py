import numpy as np
import pytest
from scipy.sparse import csr_array

from skcnn._data.image_shape import (
    array_shape,
    check_not_one_image,
    check_same_shape,
    flatten_images,
    layer_shape,
    resolve_image_shape,
    split_channels,
)
from tests.support.shapes import sparse_cubes


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
    flat, told = flatten_images(X)
    assert told == shape
    assert np.array_equal(flat, X.reshape(2, 24))


def test_flat_input_and_strangers_pass_through():
    for given in (np.ones((2, 3)), object(), csr_array(np.ones((2, 3))), *sparse_cubes()):
        assert flatten_images(given) == (given, None)


def test_too_many_axes_are_an_error():
    with pytest.raises(ValueError, match=r"shape \(1, 1, 1, 1, 1, 1\); at most 5 axes"):
        flatten_images(np.ones((1,) * 6))


CHANNELS_FIRST = [((64,), (64,)), ((2, 32), (1, 32, 2)), ((4, 2, 8), (2, 8, 4))]
CHANNELS_FIRST += [((1, 8, 8), (8, 8, 1)), ((2, 4, 4, 2), (4, 4, 2, 2))]


@pytest.mark.parametrize(("given", "expected"), CHANNELS_FIRST)
def test_channels_that_come_first_go_last_and_back(given, expected):
    for image_shape, X_shape in ((given, None), (None, given), (given, given)):
        if len(given) > 1 or X_shape is None:
            assert resolve_image_shape(image_shape, X_shape, 64, "first") == expected
    check_same_shape(given, array_shape(expected, "first"))
    assert resolve_image_shape(None, None, 64, "first") == (8, 8)
    assert array_shape((8, 8), "first") == (1, 8, 8)
    assert array_shape(expected, "last") == expected


@pytest.mark.parametrize(
    ("X_shape", "image_shape", "remedy"),
    [
        ((3, 8, 9), (8, 9, 3), r"np.moveaxis\(X, 1, -1\), or fit with channels='first'"),
        ((8, 9, 3), (3, 8, 9), r"np.moveaxis\(X, -1, 1\), or fit with channels='last'"),
        ((20, 3), (3, 1, 20), r"np.moveaxis\(X, -1, 1\)"),
        ((3, 20), (1, 20, 3), r"np.moveaxis\(X, 1, -1\)"),
        ((8, 8, 3), (8, 3, 8), r"Reshape X to \(n, 8, 3, 8\)"),
    ],
)
def test_channels_at_the_other_end_are_told_from_other_shapes(X_shape, image_shape, remedy):
    with pytest.raises(ValueError, match=remedy):
        check_same_shape(X_shape, image_shape)


@pytest.mark.parametrize(
    ("shape", "image_shape"),
    [((8, 8), (8, 8)), ((8, 8, 1), (8, 8)), ((8, 9, 3), (8, 9, 3)), ((64,), (8, 8)), ((9,), (9,))],
)
def test_one_image_without_its_samples_axis_is_told_from_several(shape, image_shape):
    with pytest.raises(ValueError, match=r"looks like one image; pass X\[np.newaxis\]"):
        check_not_one_image(np.zeros(shape), image_shape)
    check_not_one_image(np.zeros((1, *image_shape)), image_shape)
    check_not_one_image(np.zeros((8, *image_shape)), image_shape)
    check_not_one_image(np.zeros((8, int(np.prod(image_shape)))), image_shape)
    check_not_one_image(object(), image_shape)
