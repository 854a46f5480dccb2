"""Columns in groups, and memory; see the layer's tests for what the convolution computes."""

import numpy as np
import pytest

from skcnn._engine.convolution import bands
from skcnn._engine.convolution.depthwise import Depthwise
from skcnn._engine.convolution.geometry import Axis
from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.workspace import Workspace
from skcnn.layers import Conv
from tests.support.memory import peak_of


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2}, {"dilation": (1, 2)}, {"dilation": 2}, {"padding": (0, (2, -1))}],
    ids=str,
)
def test_interleaved_columns_are_the_same_in_groups(options):
    layer, shape = Conv(6, 3, groups=3, **options), (8, 3, 13)
    if layer.output_shape(shape)[-1] % 2:
        shape = (8, 3, 14 if "stride" not in options else 12)
    axes, _ = layer._axes(shape)
    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((*shape, 4)), rng.standard_normal((3, 3, 1, 6))
    results = []
    for interleave in (1, 2):
        algorithm, workspace = Depthwise(axes, 3, 6, interleave), Workspace()
        y, kept = algorithm.forward(x, weights, workspace)
        columns = np.arange(y.shape[-2]).reshape(-1, interleave).T.ravel()
        dy, gradient = np.cos(np.arange(y.size)).reshape(y.shape), np.empty_like(weights)
        dx = algorithm.backward(dy[..., columns, :], kept, gradient, workspace, need_dx=True)
        natural = np.empty_like(y)
        natural[..., columns, :] = y
        results.append((natural, dx, gradient))
    for plain, interleaved in zip(*results, strict=True):
        assert np.array_equal(plain, interleaved)


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"dilation": 2}], ids=str)
def test_a_step_takes_no_new_memory(options):
    layer, shape = Conv(16, 3, groups=16, **options), (16, 16, 16)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((*shape, 64), dtype=np.float32)
    dy = rng.standard_normal((*layer.output_shape(shape), 64), dtype=np.float32)
    sizes = layer.parameter_shapes(shape)
    parameters = {name: rng.standard_normal(s, dtype=np.float32) for name, s in sizes.items()}
    gradients = {name: np.empty_like(values) for name, values in parameters.items()}
    workspace = Workspace()

    def step():
        _, cache = layer.forward(parameters, x, workspace, training=True)
        layer.backward(parameters, gradients, dy, cache, workspace, need_dx=True)

    step()
    assert peak_of(step) < min(x.nbytes, dy.nbytes) / 4


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv(24, 3, groups=24), (16, 24, 40)),  # several blocks of channels, the last one smaller
        (Conv(26, 3, groups=13, stride=2), (16, 13, 40)),
        (Conv(24, 5, groups=24, dilation=3), (24, 100)),
        (Conv(6, 3, groups=6, dilation=(1, 2, 1)), (5, 7, 6, 9)),
    ],
    ids=str,
)
def test_banded_matrices_and_im2col_agree(layer, shape, monkeypatch):
    monkeypatch.setattr(bands, "MOST_COPIED", 100_000)
    axes, channels = layer._axes(shape)
    flat = axes
    if len(axes) > 1 and axes[-2].dilation > 1:
        flat = (*axes[:-1], Axis(1, 1), axes[-1])
    rng = np.random.default_rng(0)
    x = rng.standard_normal((*shape, 16))
    weights = rng.standard_normal(layer.parameter_shapes(shape)["weights"])
    dy = rng.standard_normal((*layer.output_shape(shape), 16))
    results = []
    for algorithm in (
        Depthwise(axes, channels, layer.n_filters),
        Im2col(flat, channels, layer.n_filters, groups=channels),
    ):
        workspace, gradient = Workspace(), np.empty_like(weights)
        y, kept = algorithm.forward(x, weights, workspace)
        dx = algorithm.backward(dy, kept, gradient, workspace, need_dx=True)
        results.append((y.reshape(dy.shape), dx.reshape(x.shape), gradient))
    for banded, copied in zip(*results, strict=True):
        np.testing.assert_allclose(banded, copied, rtol=0, atol=1e-10)


def test_a_workspace_serves_batches_of_any_size():
    layer, shape = Conv(24, 3, groups=12), (10, 12, 18)
    rng = np.random.default_rng(0)
    weights = rng.standard_normal(layer.parameter_shapes(shape)["weights"])
    algorithm, used = Depthwise(layer._axes(shape)[0], 12, 24, 2), Workspace()
    for n in (64, 3, 44, 64, 90, 3):
        x, dy = rng.standard_normal((*shape, n)), rng.standard_normal((10, 24, 18, n))
        results = []
        for workspace in (used, Workspace()):
            gradient = np.empty_like(weights)
            y, kept = algorithm.forward(x, weights, workspace)
            y = y.copy()
            dx = algorithm.backward(dy, kept, gradient, workspace, need_dx=True)
            results.append((y, dx, gradient))
        assert all(np.array_equal(*pair) for pair in zip(*results, strict=True))
