"""Shifts and flips."""

import re
from itertools import product

import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.augmentation import HorizontalFlip, Shift, augment_batch
from skcnn.augmentation.gather import gather

SHAPES = [(7, 2), (6, 5, 1), (5, 6, 3), (4, 3, 5, 2)]  # lengths and channels


def images(shape, n=20, seed=0):
    return np.random.default_rng(seed).standard_normal((n, *shape))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("fill", [0.0, 7.5, "by channel"])
def test_each_image_is_moved_by_some_shift_within_the_limit(shape, fill):
    lengths, channels = shape[:-1], shape[-1]
    fill = np.arange(1.0, channels + 1) if fill == "by channel" else fill
    X = images(shape)
    Y = Shift(2)(X, np.random.default_rng(1), fill)
    canvas = np.empty((len(X), *(length + 4 for length in lengths), channels))
    canvas[...] = fill
    canvas[(slice(None), *(slice(2, 2 + length) for length in lengths))] = X
    n_matches, n_found = np.zeros(len(X), int), 0
    for start in product(range(5), repeat=len(lengths)):
        window = tuple(slice(s, s + length) for s, length in zip(start, lengths, strict=True))
        matches = (canvas[:, *window] == Y).reshape(len(X), -1).all(axis=1)
        n_matches += matches
        n_found += matches.any()
    assert n_matches.tolist() == [1] * len(X)
    assert n_found > 3  # images move independently of each other


@pytest.mark.parametrize(
    ("max_shift", "limits"),
    [(1, (1, 1)), (0.25, (2, 1)), (0.2, (1, 1)), (0, (0, 0)), ((0, 2), (0, 2)), ((0.5, 1), (4, 1))],
)
def test_a_limit_is_pixels_or_a_fraction_for_all_axes_or_each(max_shift, limits):
    X = np.zeros((1000, 8, 4, 1))
    X[:, 4, 2] = 1
    Y = Shift(max_shift)(X, np.random.default_rng(0))
    _, rows, columns, _ = np.nonzero(Y)
    for places, start, limit, length in ((rows, 4, limits[0], 8), (columns, 2, limits[1], 4)):
        seen = set((places - start).tolist())
        expected = {s for s in range(-limit, limit + 1) if 0 <= start + s < length}
        assert seen == expected


@pytest.mark.parametrize("max_shift", [0.1, 0.01, np.float32(0.1), 1e-300])
@pytest.mark.parametrize("length", range(2, 25))
def test_a_fraction_moves_images_of_any_length(max_shift, length):
    X = np.zeros((200, length, 1))
    X[:, length // 2] = 1
    places = np.nonzero(Shift(max_shift)(X, np.random.default_rng(0)))[1] - length // 2
    limit = max(int(length * max_shift), 1)
    possible = [shift for shift in range(-limit, limit + 1) if 0 <= length // 2 + shift < length]
    assert sorted(set(places.tolist())) == possible


@pytest.mark.parametrize("length", [2, 5, 9, 30])
def test_a_fraction_of_zero_moves_nothing(length):
    X = images((length, 1))
    for max_shift in (0.0, -0.0, 0):
        assert np.array_equal(Shift(max_shift)(X, np.random.default_rng(0)), X)


def test_all_shifts_are_equally_likely():
    X = np.zeros((20_000, 11, 1))
    X[:, 5] = 1
    places = np.nonzero(Shift(2)(X, np.random.default_rng(0)))[1]
    counts = np.bincount(places - 3, minlength=5)
    assert counts.sum() == len(X)
    np.testing.assert_allclose(counts / len(X), 0.2, atol=5 * np.sqrt(0.16 / len(X)))


def test_an_axis_of_length_one_stays():
    X = images((1, 9, 2))
    assert np.array_equal(Shift((3, 0))(X, np.random.default_rng(0)), X)
    Shift(3).check((1, 9))


@pytest.mark.parametrize(
    ("max_shift", "words"),
    [
        (8, r"less than the axis \(8 here\)"),
        (1.0, r"a float in \[0, 1\)"),
        *((value, "must be") for value in (-1, -0.5, float("nan"), True, "2", None, (1, 9))),
        ((1, 2, 3), "has 3 entries.*2 spatial axes"),
    ],
)
def test_limit_that_is_none_is_named(max_shift, words):
    with pytest.raises(ValueError, match=rf"max_shift={re.escape(repr(max_shift))} .*{words}"):
        Shift(max_shift).check((8, 8))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_flip_mirrors_the_last_axis_of_some_images(shape):
    X = images(shape, n=200)
    Y = HorizontalFlip(0.3)(X, np.random.default_rng(0))
    mirrored = X[..., ::-1, :]
    flipped = np.array([np.array_equal(y, m) for y, m in zip(Y, mirrored, strict=True)])
    kept = np.array([np.array_equal(y, x) for y, x in zip(Y, X, strict=True)])
    assert np.array_equal(flipped, ~kept)
    assert flipped.mean() == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / 200))


def test_a_flip_of_probability_zero_or_one_is_certain():
    X = images((4, 5, 2))
    assert np.array_equal(HorizontalFlip(0)(X, np.random.default_rng(0)), X)
    assert np.array_equal(HorizontalFlip(1)(X, np.random.default_rng(0)), X[:, :, ::-1])


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "a", None, True])
def test_probability_that_is_none_is_named(value):
    with pytest.raises(ValueError, match=r"probability=.* must be a number between 0 and 1"):
        HorizontalFlip(value).check((4, 4))


def test_gather_against_a_plain_loop():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 4, 2, 5, 6))  # (D, H, C, W, n)
    sources = [rng.integers(-2, length + 2, (length, 6)) for length in (3, 4, 5)]
    y = gather(x, sources, Workspace(), np.array([10.0, 20.0]))
    for d, h, c, w, i in np.ndindex(x.shape):
        place = [int(sources[0][d, i]), int(sources[1][h, i]), int(sources[2][w, i])]
        inside = all(0 <= p < length for p, length in zip(place, (3, 4, 5), strict=True))
        expected = x[place[0], place[1], c, place[2], i] if inside else 10 * (c + 1)
        assert y[d, h, c, w, i] == expected


@pytest.mark.parametrize("augment", [Shift(2), HorizontalFlip()], ids=str)
def test_pixels_are_moved_bit_for_bit_in_their_dtype(augment):
    x = images((6, 5, 2)).astype(np.float32).transpose(1, 3, 2, 0).copy()
    y = augment_batch(x.copy(), augment, np.random.default_rng(0), Workspace())
    assert y.dtype == np.float32
    assert set(y.ravel().tolist()) <= set(x.ravel().tolist()) | {0.0}
