"""Winograd's algorithm against plain filtering, and convolution by it against SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate

from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.convolution.winograd import POINTS, Winograd, winograd_matrices
from skcnn._engine.workspace import Workspace
from skcnn.layers import Conv
from skcnn.layers import conv as conv_module
from skcnn.testing import check_layer

PAIRS = [(m, r) for m in range(2, 8) for r in range(2, 8) if m + r - 1 in POINTS]


@pytest.mark.parametrize(("outputs", "kernel"), PAIRS)
def test_filtering_at_points_is_filtering(outputs, kernel, global_random_seed):
    a, g, b = winograd_matrices(outputs, kernel)
    assert a.shape[1] == len(g) == len(b) == outputs + kernel - 1
    rng = np.random.default_rng(global_random_seed)
    positions, x = rng.standard_normal(kernel), rng.standard_normal(outputs + kernel - 1)
    expected = np.correlate(x, positions, "valid")
    np.testing.assert_allclose(a @ ((g @ positions) * (b @ x)), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("outputs", "kernel"), PAIRS)
def test_rounding_in_float32_stays_within_ten_times_that_of_the_sum(
    outputs, kernel, global_random_seed
):
    a, g, b = (matrix.astype(np.float32) for matrix in winograd_matrices(outputs, kernel))
    rng = np.random.default_rng(global_random_seed)
    positions = rng.standard_normal((kernel, 64, 8))
    x = rng.standard_normal((outputs + kernel - 1, 64, 500))
    exact = sum(np.einsum("cf,icn->ifn", positions[j], x[j : j + outputs]) for j in range(kernel))
    x, positions = x.astype(np.float32), positions.astype(np.float32)
    plain = sum(np.einsum("cf,icn->ifn", positions[j], x[j : j + outputs]) for j in range(kernel))
    points = np.einsum("pcf,pcn->pfn", np.tensordot(g, positions, 1), np.tensordot(b, x, 1))
    error = np.std(np.tensordot(a, points, 1) - exact)
    assert error < 10 * np.std(plain - exact)


@pytest.fixture
def by_winograd(monkeypatch):
    """Make every convolution that can use Winograd's algorithm do so, with tiles of any size."""

    def choose(layer, input_shape, many):
        axes, channels = layer._axes(input_shape)
        numbers = (channels, layer.n_filters, layer._column_groups)
        tile = 1 + input_shape[-1] % 3
        if len(axes) > 2 or axes[-1].stride > 1 or tile + axes[-1].kernel - 1 not in POINTS:
            return Im2col(axes, *numbers)
        return Winograd(axes, *numbers, tile)

    monkeypatch.setattr(conv_module, "_algorithm", choose)


@pytest.mark.usefixtures("by_winograd")
@pytest.mark.parametrize(
    ("layer", "input_shape"),
    [
        (Conv(3, 3), (6, 2, 7)),
        (Conv(2, 5), (5, 3, 6)),
        (Conv(4, (2, 3), padding="valid"), (5, 1, 9)),
        (Conv(3, 4, stride=(2, 1)), (7, 2, 8)),
        (Conv(3, 3, padding=((0, -1), (1, -2))), (6, 2, 8)),
        (Conv(3, 3)._interleaved(2), (4, 2, 8)),
        (Conv(3, 3), (2, 7)),
        (Conv(2, 5, padding=3)._interleaved(5), (3, 8)),
        (Conv(2, 3, use_bias=False), (1, 2, 1)),
    ],
)
def test_gradients_agree_with_finite_differences(layer, input_shape, global_random_seed):
    check_layer(layer, input_shape, seed=global_random_seed)


@pytest.mark.thread_unsafe(reason="sets an attribute of a module")
@settings(max_examples=60)
@given(data=st.data())
def test_convolution_is_the_correlation_of_scipy(data):
    draw = data.draw
    height, width = draw(st.integers(1, 9)), draw(st.integers(2, 12))
    size = draw(st.integers(1, min(5, height))), draw(st.integers(2, min(5, width)))
    channels, filters, n = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 9))
    tile = draw(st.integers(1, 9 - size[1]).filter(lambda tile: tile + size[1] - 1 in POINTS))
    layer = Conv(filters, size, padding="valid", use_bias=False)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.standard_normal((height, channels, width, n))
    weights = rng.standard_normal((*size, channels, filters))
    axes, _ = layer._axes(x.shape[:-1])
    with pytest.MonkeyPatch.context() as patch:
        algorithm = Winograd(axes, channels, filters, 1, tile)
        patch.setattr(conv_module, "_algorithm", lambda *_: algorithm)
        y, _ = layer.forward({"weights": weights}, x, Workspace(), training=False)
    for f in range(filters):
        for image in range(n):
            expected = sum(
                correlate(x[:, c, :, image], weights[:, :, c, f], "valid") for c in range(channels)
            )
            np.testing.assert_allclose(y[:, f, :, image], expected, rtol=1e-9, atol=1e-10)


def test_float32_gradients_are_close_to_those_in_float64(global_random_seed):
    layer, shape, n = Conv(32, 5), (14, 16, 14), 32
    rng = np.random.default_rng(global_random_seed)
    x, dy = rng.standard_normal((*shape, n)), rng.standard_normal((14, 32, 14, n))
    weights = rng.standard_normal((5, 5, 16, 32))
    results = []
    for dtype in (np.float32, np.float64):
        parameters = {"weights": weights.astype(dtype), "bias": np.zeros(32, dtype)}
        gradients = {name: np.empty_like(values) for name, values in parameters.items()}
        workspace = Workspace()
        y, cache = layer.forward(parameters, x.astype(dtype), workspace, training=True)
        y = y.copy()
        dx = layer.backward(parameters, gradients, dy.astype(dtype), cache, workspace, need_dx=True)
        assert {a.dtype for a in (y, dx, gradients["weights"])} == {np.dtype(dtype)}
        results.append((y, dx, gradients["weights"]))
    for single, double in zip(*results, strict=True):
        assert np.abs(single - double).max() < 1e-5 * np.abs(double).max()
