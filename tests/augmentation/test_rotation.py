import numpy as np
import pytest
from scipy import ndimage

from skcnn._engine.workspace import Workspace
from skcnn.augmentation import Rotation
from skcnn.augmentation.base import batch_last
from skcnn.augmentation.rotation import rotate


def rotated(X, degrees, fill=0.0, dtype=np.float64):
    """Rotate (n, *lengths, channels) by one angle each."""
    x = np.ascontiguousarray(batch_last(X.astype(dtype)))
    y = rotate(x, np.deg2rad(np.asarray(degrees, float)), Workspace(), fill)
    rank = X.ndim - 2
    return np.moveaxis(np.moveaxis(y, -1, 0), rank, -1)


def by_scipy(image, degrees, fill):
    """Turn (H, W) about its center, counterclockwise with row 0 above."""
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    center = (np.array(image.shape) - 1) / 2
    return ndimage.affine_transform(
        image, matrix, center - matrix @ center, order=1, mode="grid-constant", cval=fill
    )


@pytest.mark.parametrize("lengths", [(9, 9), (8, 11), (1, 6), (5, 2)], ids=str)
@pytest.mark.parametrize("fill", [0.0, -3.0])
def test_images_are_rotated_as_scipy_rotates_them(lengths, fill):
    degrees = [0, 10, -17.3, 45, 90, 133, -180]
    X = np.random.default_rng(0).standard_normal((len(degrees), *lengths, 2))
    Y = rotated(X, degrees, fill)
    for x, y, angle in zip(X, Y, degrees, strict=True):
        for c in range(2):
            np.testing.assert_allclose(y[..., c], by_scipy(x[..., c], angle, fill), atol=1e-12)


def test_the_direction_is_counterclockwise():
    image = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    np.testing.assert_allclose(rotated(image[None, :, :, None], [90])[0, ..., 0], np.rot90(image))


def test_a_volume_turns_in_the_plane_of_its_last_two_axes():
    X = np.random.default_rng(0).standard_normal((3, 4, 6, 5, 2))
    degrees = [5, -20, 70]
    Y = rotated(X, degrees)
    for slab in range(4):
        np.testing.assert_array_equal(Y[:, slab], rotated(X[:, slab], degrees))


def test_each_channel_has_its_fill_value():
    X = np.ones((1, 9, 9, 2)) * [3.0, 4.0]
    Y = rotated(X, [45], np.array([-1.0, -2.0]))[0]
    assert Y[0, 0].tolist() == [-1, -2]
    assert Y[4, 4].tolist() == [3, 4]


def test_no_angle_changes_no_bit():
    X = np.random.default_rng(0).standard_normal((3, 7, 8, 1)).astype(np.float32)
    assert np.array_equal(rotated(X, [0, 0, 0], dtype=np.float32), X)
    assert np.array_equal(Rotation(0)(X, np.random.default_rng(0)), X)


def test_angles_are_spread_evenly_up_to_the_limit():
    n = 600
    X = np.zeros((n, 21, 21, 1))
    X[:, 10, :, 0] = np.arange(21) - 10.0  # a ramp along the middle row, which turns
    X[:] = X[:, 10:11]  # and is the same in every row
    Y = Rotation(30)(X, np.random.default_rng(0))
    # the ramp is x; rotated by the angle, its slope along columns is the cosine
    slopes = (Y[:, 10, 14, 0] - Y[:, 10, 6, 0]) / 8
    rises = (Y[:, 6, 10, 0] - Y[:, 14, 10, 0]) / 8
    angles = np.rad2deg(np.arctan2(rises, slopes))
    assert np.abs(angles).max() <= 30 + 1e-6
    counts, _ = np.histogram(angles, bins=6, range=(-30, 30))
    np.testing.assert_allclose(counts / n, 1 / 6, atol=5 * np.sqrt(1 / 6 * 5 / 6 / n))


def test_float32_stays_near_float64():
    X = np.random.default_rng(0).standard_normal((4, 28, 28, 1))
    degrees = [3.0, -7, 11, 20]
    single = rotated(X, degrees, dtype=np.float32)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, rotated(X, degrees), atol=1e-4)


@pytest.mark.parametrize("value", [-1, 181, float("nan"), "a", None])
def test_a_bad_angle_is_named(value):
    with pytest.raises(ValueError, match=r"max_degrees=.* must be a number between 0 and 180"):
        Rotation(value).check((8, 8))


def test_a_signal_cannot_turn():
    with pytest.raises(ValueError, match=r"Rotation\(.*\) needs images or volumes.*length 9"):
        Rotation().check((9,))
