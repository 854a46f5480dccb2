"""Winograd's algorithm segment by segment against convolution position by position."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.signal import correlate

from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.convolution.segments import SegmentedWinograd
from skcnn._engine.convolution.winograd import POINTS
from skcnn._engine.workspace import Workspace
from skcnn.layers import Conv
from skcnn.layers import conv as conv_module


def results(algorithm, x, weights, dy, workspace=None):
    """Return outputs, and the gradients for x and for the weights."""
    workspace = workspace or Workspace()
    gradient = np.full_like(weights, np.nan)
    y, kept = algorithm.forward(x, weights, workspace)
    dx = algorithm.backward(dy.copy(), kept, gradient, workspace, need_dx=True)
    return y.copy().reshape(dy.shape), dx.copy().reshape(x.shape), gradient


def drawn(axes, channels, filters, n, seed, dtype=float):
    rng = np.random.default_rng(seed)
    shapes = [
        (*(axis.length for axis in axes[:-1]), channels, axes[-1].length, n),
        (*(axis.kernel for axis in axes), channels, filters),
        (*(axis.output for axis in axes[:-1]), filters, axes[-1].output, n),
    ]
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@settings(max_examples=150)
@given(data=st.data())
def test_outputs_and_gradients_are_those_of_products_of_windows(data):
    draw = data.draw
    kernel = draw(st.integers(2, 7))
    tile = draw(st.integers(1, 9 - kernel).filter(lambda tile: tile + kernel - 1 in POINTS))
    padding = draw(st.integers(0, kernel - 1)), draw(st.integers(0, kernel - 1))
    length = draw(st.integers(kernel, 60))
    n_filters, channels = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    if draw(st.booleans()):
        layer = Conv(n_filters, (1, kernel), padding=((0, 0), padding))
        axes, _ = layer._axes((1, channels, length))
    else:
        layer = Conv(n_filters, kernel, padding=(padding,))
        axes, _ = layer._axes((channels, length))
    numbers = channels, layer.n_filters
    algorithm = SegmentedWinograd(axes, *numbers, 1, tile, draw(st.integers(1, 5)))
    assume(algorithm.suits)
    arrays = drawn(axes, *numbers, draw(st.integers(1, 4)), draw(st.integers(0, 99)))
    expected = results(Im2col(axes, *numbers), *arrays)
    workspace = Workspace()
    for _ in range(2):  # with what the first call left in the workspace
        for found, right in zip(results(algorithm, *arrays, workspace), expected, strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-9)


def test_it_is_the_correlation_of_scipy(global_random_seed):
    axes, _ = Conv(2, 5, padding="valid")._axes((1, 83))
    x, weights, dy = drawn(axes, 1, 2, 3, global_random_seed)
    y, *_ = results(SegmentedWinograd(axes, 1, 2, 1, 5), x, weights, dy)
    for f in range(2):
        for n in range(3):
            expected = correlate(x[0, :, n], weights[:, 0, f], "valid")
            np.testing.assert_allclose(y[f, :, n], expected, rtol=1e-9, atol=1e-10)


def test_float32_is_close_to_float64(global_random_seed):
    axes, _ = Conv(64, 3)._axes((64, 150))
    arrays = drawn(axes, 64, 64, 32, global_random_seed)
    algorithm = SegmentedWinograd(axes, 64, 64, 1, 7)
    exact = results(algorithm, *arrays)
    single = results(algorithm, *(array.astype(np.float32) for array in arrays))
    for found, right in zip(single, exact, strict=True):
        assert found.dtype == np.float32
        assert np.abs(found - right).max() < 1e-4 * np.abs(right).max()


@pytest.mark.parametrize(
    ("layer", "shape", "batch", "taken"),
    [
        (Conv(256, 5), (128, 427), 32, True),
        (Conv(256, 5), (128, 427), 8, True),
        (Conv(256, 5), (128, 427), 0, False),  # single signals
        (Conv(256, (1, 5)), (1, 128, 427), 32, True),
        (Conv(64, 3), (20, 64, 64), 32, False),  # images
        (Conv(256, 5, stride=2), (128, 427), 32, False),
        (Conv(256, 5, dilation=2), (128, 427), 32, False),
        (Conv(256, 5, groups=2), (128, 427), 32, False),
        (Conv(256, 5, padding=7), (128, 427), 32, False),
        (Conv(256, 5)._interleaved(2), (128, 426), 32, False),
        (Conv(256, 8), (128, 427), 32, False),  # too small a tile
        (Conv(64, 3), (64, 420), 32, True),
        (Conv(64, 3), (64, 420), 8, False),
        (Conv(64, 3), (64, 40), 32, False),  # not long
        (Conv(2, 3), (2, 427), 32, False),  # few channels
    ],
)
def test_it_is_taken_for_long_signals_of_many_channels(layer, shape, batch, taken):
    algorithm = conv_module._algorithm(layer, shape, batch)
    assert isinstance(algorithm, SegmentedWinograd) == taken
