"""Lists, object arrays and columns of images, and what is no image yet."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from skcnn._data.containers import as_one_array

IMAGES = list(np.random.default_rng(0).integers(0, 256, (5, 4, 6), dtype=np.uint8))
RAGGED = [image[:, : 6 - number % 2] for number, image in enumerate(IMAGES)]
LISTS = [image.tolist() for image in IMAGES]
PILLOW = [Image.fromarray(image) for image in IMAGES]


def objects(entries):
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array


CONTAINERS = {
    "list": lambda entries: entries,
    "tuple": tuple,
    "array": objects,
    "column of an array": lambda entries: objects(entries)[:, np.newaxis],
    "frame": lambda entries: pd.DataFrame({"image": entries}),
    "Series": lambda entries: pd.Series(entries, index=range(5, 0, -1)),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("form", [list, lambda X: [image.tolist() for image in X]])
def test_containers_of_images_become_one_array(container, form):
    X = as_one_array(CONTAINERS[container](form(IMAGES)))
    assert X.shape == (5, 4, 6)
    assert np.array_equal(X, IMAGES)
    assert X.dtype == (np.uint8 if form is list else np.int64)


def test_columns_of_lines_and_of_polars_become_one_array():
    columns = [
        pd.DataFrame({"image": [objects(list(image)) for image in IMAGES]}),  # as from parquet
        pl.DataFrame({"image": LISTS}),
        pl.DataFrame({"image": np.array(IMAGES)}),
        pl.Series(LISTS),
    ]
    for column in columns:
        assert np.array_equal(as_one_array(column), IMAGES)


def test_images_of_pillow_in_a_list_are_read_where_their_numbers_are_brightness():
    assert np.array_equal(as_one_array(PILLOW), IMAGES)
    with pytest.raises(ValueError, match=r"X holds images of PIL.*convert\('RGB'\)"):
        as_one_array([image.convert("P") for image in PILLOW])


@pytest.mark.parametrize("container", CONTAINERS)
def test_images_of_several_shapes_are_an_error_that_lists_them(container):
    words = r"elements differ in shape. It has .* \(4, 5\), \(4, 6\). .* crop or resize them first"
    for entries in (RAGGED, [image.tolist() for image in RAGGED]):
        with pytest.raises(ValueError, match=words):
            as_one_array(CONTAINERS[container](entries))


@pytest.mark.parametrize("container", ["array", "column of an array", "frame", "Series"])
def test_images_of_pillow_are_an_error_that_says_how_to_read_them(container):
    with pytest.raises(ValueError, match=r"X holds images of PIL.*np.stack.*convert.*resize"):
        as_one_array(CONTAINERS[container](PILLOW))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("path", ["a/b.png", Path("a/b.png")])
def test_paths_are_an_error_that_says_how_to_read_them(container, path):
    with pytest.raises(ValueError, match=r"X holds paths .*'a/b.png'.*load_image_folder.*np.stack"):
        as_one_array(CONTAINERS[container]([path] * 5))


@pytest.mark.parametrize("container", CONTAINERS)
def test_missing_images_are_named(container):
    with pytest.raises(ValueError, match=r"X lacks images at positions \[1, 3\]"):
        as_one_array(CONTAINERS[container]([IMAGES[0], None, IMAGES[1], None, IMAGES[2]]))


def test_other_errors_name_what_is_wrong():
    with pytest.raises(
        ValueError, match=r"looks like one image; pass np.asarray\(X\)\[np.newaxis\]"
    ):
        as_one_array(PILLOW[0])
    with pytest.raises(ValueError, match=r"2 columns, and images in \['b'\]. .* X\[\['b'\]\]"):
        as_one_array(pd.DataFrame({"a": range(5), "b": IMAGES}))
    with pytest.raises(ValueError, match="an image whose lines differ in length"):
        as_one_array(objects([[[1, 2], [3]], [[1, 2], [3]]]))


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((3, 4)),
        np.zeros((3, 4), dtype=object),
        objects([1, 2, 3]),
        objects([1.5, None, 3]),
        objects([{"a": 1}] * 3),
        np.array([["1", "2"]]),
        pd.DataFrame(np.zeros((3, 4))),
        pd.DataFrame({"a": [1, 2, 3]}),
        pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}),
        pd.DataFrame({"a": [1, 2, 3]}, dtype="Int64"),
        pd.Series([1, 2, 3]),
        pl.DataFrame({"a": [1, 2, 3]}),
        pl.Series([1, 2, 3]),
        object(),
        3.0,
        None,
    ],
    ids=lambda X: type(X).__name__,
)
def test_what_holds_no_images_is_left_to_scikit_learn(X):
    assert as_one_array(X) is X


def test_lists_of_numbers_are_arrays():
    assert np.array_equal(as_one_array([[1, 2], [3, 4]]), [[1, 2], [3, 4]])
    assert as_one_array([]).shape == (0,)
