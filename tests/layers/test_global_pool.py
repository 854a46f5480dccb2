import numpy as np
import pytest

from skcnn._engine.plan import make_plan
from skcnn._engine.workspace import Workspace
from skcnn.layers import (
    BatchNorm,
    Conv,
    Dense,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool,
    ReLU,
    Tanh,
)
from skcnn.network import Network
from skcnn.testing import check_layer

KINDS = [GlobalAveragePool, GlobalMaxPool]
SHAPES = [(1, 1), (3, 7), (4, 3, 5), (1, 2, 6), (3, 4, 2, 5)]


def forward_backward(layer, x, dy):
    workspace = Workspace()
    y, cache = layer.forward({}, x, workspace, training=True)
    y = y.copy()
    return y, layer.backward({}, {}, dy.copy(), cache, workspace, need_dx=True).copy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_are_finite_differences(kind, shape):
    check_layer(kind(), shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_output_is_mean_or_maximum_of_every_feature_map(shape):
    x = np.random.default_rng(0).standard_normal((*shape, 6))
    channels = shape[-2]
    maps = [np.moveaxis(x, -3, 0)[c].reshape(-1, 6) for c in range(channels)]
    for kind, function in zip(KINDS, (np.mean, np.max), strict=True):
        assert kind().output_shape(shape) == (channels,)
        y, _ = kind().forward({}, x, Workspace(), training=False)
        expected = [function(each, axis=0) for each in maps]
        np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("n_values", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ties_go_to_the_element_that_max_pooling_of_the_whole_map_gives_them_to(shape, n_values):
    rng = np.random.default_rng(n_values)
    lengths = (*shape[:-2], shape[-1])
    for _ in range(5):
        x = rng.integers(0, n_values, (*shape, 4)).astype(np.float64)
        dy = rng.standard_normal((shape[-2], 4))
        y, dx = forward_backward(GlobalMaxPool(), x, dy)
        pooled = MaxPool(lengths)
        whole = (*pooled.output_shape(shape), 4)
        expected, d_expected = forward_backward(pooled, x, dy.reshape(whole))
        assert np.array_equal(y, expected.reshape(y.shape))
        assert np.array_equal(dx, d_expected)
        assert np.count_nonzero(dx) == dy.size


@pytest.mark.parametrize("kind", [ReLU, Tanh])
def test_maximum_trades_places_with_bias_and_increasing_activations_without_changing_a_bit(kind):
    layers = (Conv(3, 3), kind(), GlobalMaxPool())
    steps = [type(step.operation).__name__ for step in make_plan(layers, (6, 2, 5)).steps]
    assert steps == ["Conv", "GlobalMaxPool", "Bias", kind.__name__]
    results = []
    for order in (layers, (Conv(3, 3), GlobalMaxPool(), kind())):
        network = Network(order, (6, 2, 5), np.float32)
        network.initialize(np.random.default_rng(0))
        network.views()[0]["bias"][:] = [-1.5, 0.2, 1]
        rng = np.random.default_rng(1)
        x = rng.standard_normal((6, 2, 5, 9), dtype=np.float32)
        dy = rng.standard_normal((3, 9), dtype=np.float32)
        workspaces, gradient = network.workspaces(), np.empty_like(network.parameters)
        y, caches = network.forward(x, workspaces, training=True)
        y = y.copy()
        network.backward(dy, caches, network.views(gradient), workspaces)
        results.append((y, gradient))
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


def test_what_may_not_trade_places_stays():
    def kinds(*layers):
        return [type(step.operation).__name__ for step in make_plan(layers, (6, 2, 5)).steps]

    average = kinds(Conv(3), ReLU(), GlobalAveragePool(), Dense(2))
    assert average == ["Conv", "ReLU", "GlobalAveragePool", "Dense"]
    assert kinds(Conv(3), BatchNorm(), ReLU(), GlobalMaxPool()) == [
        "Conv", "BatchNorm", "GlobalMaxPool", "ReLU",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_global_pooling_of_features_says_where_it_belongs(kind):
    with pytest.raises(ValueError, match=r"Pool\(\) needs feature maps .* got \(8,\)\. Put it be"):
        kind().output_shape((8,))
