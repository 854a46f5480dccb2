import numpy as np
import pytest

from skcnn.augmentation import RandomErasing

SHAPES = [(40, 2), (20, 30, 1), (20, 30, 3), (10, 12, 14, 2)]


def boxes(augment, shape, n=150):
    """Return for each image the lengths of its box along each axis, or zeros."""
    X = np.ones((n, *shape))
    Y = augment(X, np.random.default_rng(0))
    erased = Y[..., 0] == 0
    assert np.array_equal(Y, np.where(erased[..., None], 0, X))  # all channels, nothing else
    axes, lengths = range(1, erased.ndim), []
    for axis in axes:
        inside = erased.any(axis=tuple(other for other in axes if other != axis))
        lengths.append(inside.sum(axis=1))
        first, last = inside.argmax(axis=1), inside.shape[1] - inside[:, ::-1].argmax(axis=1)
        assert np.array_equal((last - first)[inside.any(axis=1)], lengths[-1][inside.any(axis=1)])
    lengths = np.transpose(lengths)
    # a box of one piece: as many pixels as its sides say
    assert np.array_equal(erased.reshape(n, -1).sum(axis=1), lengths.prod(axis=1))
    return lengths


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_box_is_blanked_in_some_images(shape):
    lengths = boxes(RandomErasing(0.3), shape)
    erased = lengths.all(axis=1)
    assert np.array_equal(erased, lengths.any(axis=1))
    assert erased.mean() == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / 150))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fraction_of_the_image_is_within_scale(shape):
    lengths = boxes(RandomErasing(1, scale=(0.1, 0.2), ratio=(0.5, 2)), shape)
    # each side is rounded to whole pixels
    assert (np.prod((lengths - 0.5) / shape[:-1], axis=1) <= 0.2).all()
    assert (np.prod((lengths + 0.5) / shape[:-1], axis=1) >= 0.1).all()
    assert len(np.unique(lengths, axis=0)) > 2


def test_the_ratio_of_the_sides_is_as_asked():
    lengths = boxes(RandomErasing(1, scale=(0.04, 0.04), ratio=(4, 4)), (50, 100, 1), n=5)
    assert lengths.tolist() == [[20, 10]] * 5  # 0.4 of the height, 0.1 of the width


def test_a_side_too_long_is_cut_to_the_image():
    assert boxes(RandomErasing(1, (1, 1), (1, 1)), (6, 8, 1), n=3).tolist() == [[6, 8]] * 3
    assert boxes(RandomErasing(1, (0.5, 0.5), (9, 9)), (10, 12, 1), n=3)[:, 0].tolist() == [10] * 3


def test_boxes_reach_every_pixel():
    X = np.ones((2000, 8, 9, 1))
    Y = RandomErasing(1, (0.05, 0.1))(X, np.random.default_rng(0))
    assert (Y == 0).any(axis=0).all()


def test_the_fill_of_each_channel_is_written():
    X = np.ones((4, 8, 9, 2))
    Y = RandomErasing(1, (1, 1), (1, 1))(X, np.random.default_rng(0), fill=np.array([2.0, 3.0]))
    assert np.array_equal(Y, np.broadcast_to([2.0, 3.0], Y.shape))


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        (RandomErasing(1.5), "probability=1.5 must be a number between 0 and 1"),
        (RandomErasing(scale=0.3), r"scale=0.3 must be a pair"),
        (RandomErasing(scale=(0.3, 0.1)), r"scale=\(0.3, 0.1\) must be .*Swap"),
        (RandomErasing(scale=(-0.1, 0.1)), r"scale=\(-0.1, 0.1\): each=-0.1 must be"),
        (RandomErasing(scale=(0.1, 1.1)), r"scale=\(0.1, 1.1\): each=1.1 must be"),
        (RandomErasing(ratio=(0, 1)), r"ratio=\(0, 1\): each=0 must be"),
        (RandomErasing(ratio=(1, "a")), r"ratio=\(1, 'a'\): each='a' must be"),
    ],
    ids=str,
)
def test_bad_values_are_named(augment, words):
    with pytest.raises(ValueError, match=words):
        augment.check((8, 8))
