"""Neighboring outputs computed together, and columns in groups; else see the layer's tests."""

import numpy as np
import pytest

from skcnn._engine.convolution import choose
from skcnn._engine.workspace import Workspace
from skcnn.layers import Conv, MaxPool
from skcnn.layers import conv as conv_module


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        *((Conv(f, 3)._interleaved(2), (12, 2, 12)) for f in (1, 2)),
        *((Conv(f, 3), (8, 1, 12)) for f in (1, 2)),
        (Conv(1, 3), (9, 1, 12)),
        (Conv(1, 3)._interleaved(4), (7, 3, 12)),
        (Conv(1, 3)._interleaved(3), (8, 12)),
        (Conv(1, (3, 2), stride=(2, 3))._interleaved(2), (12, 2, 12)),
        (Conv(1, 3, padding=((0, -1), (2, 3)))._interleaved(2), (9, 2, 9)),
        (Conv(1, (2, 3, 4), stride=(2, 1, 1))._interleaved(2), (4, 6, 2, 8)),
    ],
)
def test_outputs_computed_together_change_nothing(layer, shape, monkeypatch, global_random_seed):
    rng = np.random.default_rng(global_random_seed)
    x = rng.standard_normal((*shape, 5))
    dy = rng.standard_normal((*layer.output_shape(shape), 5))
    parameters = {
        name: rng.standard_normal(size) for name, size in layer.parameter_shapes(shape).items()
    }
    results = []
    for together in (True, False):
        if not together:
            monkeypatch.setattr(choose, "LINES", 0)
            conv_module._algorithm.cache_clear()
        algorithm = conv_module._algorithm(layer, shape, 0)
        assert (algorithm.together != (1, 1)) is together
        gradients = {name: np.empty_like(values) for name, values in parameters.items()}
        workspace = Workspace()
        y, cache = layer.forward(parameters, x, workspace, training=True)
        y = y.copy()
        dx = layer.backward(parameters, gradients, dy.copy(), cache, workspace, need_dx=True)
        results.append((y, dx, *gradients.values()))
    conv_module._algorithm.cache_clear()
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("pool_size", "width"), [(2, 12), (3, 12), ((1, 4), 12), (2, 2)])
def test_pooling_reads_interleaved_columns(pool_size, width, global_random_seed):
    columns = pool_size if isinstance(pool_size, int) else pool_size[1]
    plain, pool = Conv(5, 3), MaxPool(pool_size)
    rng = np.random.default_rng(global_random_seed)
    x = rng.standard_normal((6, 2, width, 9))
    parameters = {
        name: rng.standard_normal(size)
        for name, size in plain.parameter_shapes(x.shape[:-1]).items()
    }
    results = []
    for conv, pooling in [
        (plain, pool),
        (plain._interleaved(columns), pool._interleaved()),
    ]:
        spaces = Workspace(), Workspace()
        gradients = {name: np.empty_like(values) for name, values in parameters.items()}
        y, conv_cache = conv.forward(parameters, x, spaces[0], training=True)
        z, pool_cache = pooling.forward({}, y, spaces[1], training=True)
        dz = rng.standard_normal(z.shape) if not results else results[0][-1].copy()
        kept, z = dz.copy(), z.copy()
        dy = pooling.backward({}, {}, dz, pool_cache, spaces[1], need_dx=True)
        dx = conv.backward(parameters, gradients, dy, conv_cache, spaces[0], need_dx=True)
        results.append((z, dx, *gradients.values(), kept))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
