"""What looks like something else than it was read as, and what does not."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits, load_sample_images

from skcnn._data.image_shape import flatten_images, resolve_image_shape
from skcnn._data.misreadings import warn_if_misread
from skcnn.exceptions import ImageShapeWarning


def doubts(X, channels="last", rows=None):
    """Return the messages about X."""
    flat, shape = flatten_images(X)
    read = resolve_image_shape(None, shape, flat.shape[1], channels)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_misread(flat, rows, shape, read, channels)
    assert all(warning.category is ImageShapeWarning for warning in caught)
    return [str(warning.message) for warning in caught]


def spectra(length, n=200, noise=0.01, seed=0):
    """Return sums of peaks at fixed places, on a base line."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0, 1, length)
    peaks = np.exp(-(((at - np.linspace(0.1, 0.9, 6)[:, None]) / 0.08) ** 2))
    return rng.random((n, 6)) @ peaks + rng.random((n, 1)) + noise * rng.normal(size=(n, length))


def walks(length, n=200, seed=0):
    return np.random.default_rng(seed).normal(size=(n, length)).cumsum(axis=1)


def autoregressive(length):
    X = np.random.default_rng(0).normal(size=(200, length))
    for at in range(1, length):
        X[:, at] += 0.7 * X[:, at - 1]
    return X


def waves(length, n=100, noise=0.2, seed=0):
    """Return sines of any phase, of one period each, with noise."""
    rng = np.random.default_rng(seed)
    at = np.arange(length) / length
    return np.sin(2 * np.pi * (at + rng.random((n, 1)))) + noise * rng.normal(size=(n, length))


def patches(side, n=300, seed=0):
    """Return square parts of two photographs, in color."""
    rng = np.random.default_rng(seed)
    photographs = load_sample_images().images
    chosen = [photographs[number] for number in rng.integers(0, 2, n)]
    corners = [rng.integers(0, np.array(image.shape[:2]) - side) for image in chosen]
    parts = [
        image[i : i + side, j : j + side] for image, (i, j) in zip(chosen, corners, strict=True)
    ]
    return np.array(parts)


def flat(X):
    return X.reshape(len(X), -1)


SIGNALS = {
    "100 wavelengths": spectra(100),
    "16 wavelengths": spectra(16),
    "noisy wavelengths": spectra(100, noise=0.2),
    **{f"{n} steps of noisy waves": waves(n) for n in (100, 256, 361, 784, 900)},
    "784 steps of a wave in much noise": waves(784, 300, 0.4),
    "361 steps of a walk": walks(361),
    "autoregression": autoregressive(361),
    "large numbers": spectra(100) * 1e300,
    "float32": walks(100).astype(np.float32),
    "integers": (1000 * spectra(100)).astype(np.int16),
}


@pytest.mark.parametrize("kind", SIGNALS)
def test_signals_of_a_square_length_are_told_from_images(kind):
    X = SIGNALS[kind]
    (message,) = doubts(X)
    side = int(X.shape[1] ** 0.5)
    assert f"read as images of {side} x {side} pixels" in message
    assert f"image_shape=({X.shape[1]},) for signals" in message
    assert f"image_shape=({side}, {side}) for images" in message


GRAY = {f"patches of {side}": flat(patches(side).mean(axis=3)) for side in (4, 5, 8, 16, 32)}
GRAY["digits"] = load_digits().data
GRAY |= {f"only {digit}": GRAY["digits"][load_digits().target == digit] for digit in range(10)}
RNG = np.random.default_rng(0)
VERTICAL = np.arange(16)[:, None] * np.ones(16)  # rows that hardly differ from the next, in noise
GRAY |= {
    f"ramps in noise {noise}": flat(
        RNG.normal(size=(300, 1, 1)) * VERTICAL / 16 + noise * RNG.normal(size=(300, 16, 16))
    )
    for noise in (0.1, 0.2, 0.4)
}
GRAY |= {
    f"clouds {shape}": flat(
        gaussian_filter(RNG.normal(size=(300, 16, 16)), (0, *shape))
        + 0.05 * RNG.normal(size=(300, 16, 16))
    )
    for shape in [(1, 1), (2, 2), (1, 4), (4, 1), (2, 6)]
}
NEITHER = {
    **{
        f"{columns} columns of {factors} factors": RNG.normal(size=(50, factors))
        @ RNG.normal(size=(factors, columns))
        + 0.5 * RNG.normal(size=(50, columns))
        for columns in (16, 100, 400)
        for factors in (1, 3)
    },
    "noise": np.random.default_rng(0).random((30, 100)),
    "zeros": np.zeros((30, 100)),
    "a common factor": np.random.default_rng(0).normal(size=(99, 1))
    + np.random.default_rng(1).normal(size=(99, 100)),
    "3 x 3 pixels": walks(9),
    "nine samples": walks(100, n=9),
    "no square": walks(99),
    "3 times a square of 7": np.random.default_rng(0).random((30, 147)),
}


@pytest.mark.parametrize("kind", [*GRAY, *NEITHER])
def test_images_and_what_is_neither_image_nor_signal_are_read_without_a_word(kind):
    assert doubts((GRAY | NEITHER)[kind]) == []


@pytest.mark.parametrize("side", [8, 10, 16, 32, 64])
@pytest.mark.parametrize("first", [False, True])
def test_flat_color_images_are_told_from_signals(side, first):
    X = patches(side)
    X = flat(np.moveaxis(X, -1, 1) if first else X)
    (message,) = doubts(X)
    assert f"3 times {side} x {side}, and was read as signals of length {3 * side**2}" in message
    assert f"image_shape=({side}, {side}, 3)" in message
    assert f"channels='first' and image_shape=(3, {side}, {side})" in message


@pytest.mark.parametrize("side", [8, 10, 16, 32])
def test_signals_of_three_times_a_square_are_read_without_a_word(side):
    assert doubts(spectra(3 * side**2)) == doubts(walks(3 * side**2)) == []


def tables(n_columns):
    """Return tables whose columns are in no order."""
    rng = np.random.default_rng(0)
    n = 60
    hidden = rng.normal(size=(n, 5))
    groups = rng.integers(0, 20, n_columns)
    return {
        "independent": rng.normal(size=(n, n_columns)),
        "uniform": rng.random((n, n_columns)),
        "ten samples": rng.normal(size=(10, n_columns)),
        "of all scales": rng.normal(size=(n, n_columns)) * 10.0 ** rng.integers(-6, 6, n_columns),
        "words": rng.poisson(0.05, (n, n_columns)),
        "one hot": np.eye(n_columns)[rng.integers(0, n_columns, n)],
        "a common factor": hidden[:, :1] + 0.3 * rng.normal(size=(n, n_columns)),
        "a common sign": np.abs(hidden) @ rng.random((5, n_columns)),
        "embeddings": hidden @ rng.normal(size=(5, n_columns)),
        "groups in any order": rng.normal(size=(n, 20))[:, groups],
        "spectra in any order": spectra(n_columns, n)[:, rng.permutation(n_columns)],
        "constants": np.ones((n, n_columns)),
    }


@pytest.mark.parametrize("n_columns", [192, 300, 768, 3072])
@pytest.mark.parametrize("kind", tables(192))
def test_tables_of_three_times_a_square_are_read_without_a_word(n_columns, kind):
    assert doubts(tables(n_columns)[kind]) == []


@pytest.mark.parametrize("first", [False, True])
def test_flat_gray_images_in_color_are_doubted(first):
    """Digits, enlarged to ten pixels, whose neighbors are less alike than those of photographs."""
    X = np.pad(load_digits().images, ((0, 0), (1, 1), (1, 1)))[..., None]
    X = X * np.random.default_rng(0).uniform(0.3, 1, (len(X), 1, 1, 3))  # each in a hue
    assert len(doubts(flat(np.moveaxis(X, -1, 1) if first else X))) == 1


def test_fewer_than_ten_samples_say_nothing_of_color():
    assert doubts(flat(patches(8)[:9])) == []
    assert len(doubts(flat(patches(8)[:10]))) == 1


@pytest.mark.parametrize("first", [False, True])
def test_four_flat_channels_are_told_from_gray_images_of_twice_the_side(first):
    color = patches(16)
    X = np.concatenate([color, np.full_like(color[..., :1], 255)], axis=3)
    X = flat(np.moveaxis(X, -1, 1) if first else X)
    (message,) = doubts(X)
    assert "4 times 16 x 16, and was read as gray images of 32 x 32 pixels" in message
    assert "image_shape=(16, 16, 4)" in message


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((3, 24, 24), ["images of 3 x 24 with 24 channels", "channels='first'", "=(3, 24, 24)"]),
        ((1, 8, 8), ["signals of length 8 with 8 channels", "channels='first'"]),
        ((3, 100), ["images of 3 x 100 with 1 channel.", "channels='first'"]),
        ((4, 8, 6), ["images of 4 x 8 with 6 channels", "channels='first'"]),
        ((3, 24, 2), ["images of 3 x 24 with 2 channels", "channels='first'"]),
        ((1, 8, 8, 8), ["volumes of 1 x 8 x 8 with 8 channels", "channels='first'"]),
        ((64, 3), ["images of 64 x 3", "image_shape=(1, 64, 3)", "image_shape=(64, 3)"]),
    ],
)
def test_an_order_of_axes_that_seems_to_be_another_is_doubted(shape, words):
    (message,) = doubts(np.zeros((5, *shape)))
    assert f"shape {('n', *shape)}".replace("'n'", "n") in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    "shape",
    [(8, 8), (4, 4), (1, 100), (6, 8), (48, 1), (8, 8, 3), (1, 20, 3), (4, 8, 6, 2), (3, 4, 4)],
)
def test_axes_in_order_are_read_without_a_word(shape):
    assert doubts(np.zeros((5, *shape))) == []


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((28, 28), ["signals of length 28 with 28 channels", "image_shape=(1, 28, 28)"]),
        ((24, 24, 3), ["images of 24 x 3 with 24 channels", "channels='last'"]),
    ],
)
def test_channels_that_are_not_first_are_doubted(shape, words):
    (message,) = doubts(np.zeros((5, *shape)), channels="first")
    assert all(word in message for word in words), message


@pytest.mark.parametrize("shape", [(3, 24, 24), (1, 28, 28), (3, 100), (22, 100), (1, 4, 8, 8)])
def test_channels_that_are_first_as_was_said_are_read_without_a_word(shape):
    assert doubts(np.zeros((5, *shape)), channels="first") == []


def test_only_samples_that_count_are_looked_at():
    X = np.vstack([walks(100), np.full((3, 100), np.inf)])
    assert len(doubts(X, rows=np.arange(200))) == 1
    assert (
        doubts(np.vstack([X[:9], GRAY["patches of 8"][:, :1] * np.ones(100)]), rows=np.arange(9))
        == []
    )


def test_numbers_that_are_not_finite_are_left_to_others():
    X = walks(100)
    X[3] = np.nan
    assert doubts(X) == []
    X[3] = np.inf
    assert doubts(X) == []


def test_a_few_samples_of_large_data_are_looked_at_and_always_the_same():
    class Counting(np.ndarray):
        taken = 0

        def __getitem__(self, index):
            part = super().__getitem__(index)
            Counting.taken = max(Counting.taken, len(part))
            return part

    X = np.tile(walks(100, n=50), (100, 1)).view(Counting)
    assert doubts(X) == doubts(X)
    assert 0 < Counting.taken <= 1000
