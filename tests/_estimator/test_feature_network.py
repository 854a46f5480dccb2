"""Networks that end at a layer, against layers run one by one."""

import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn._estimator.feature_network import arranged, layer_names, network_up_to
from skcnn.layers import (
    BatchNorm,
    Conv,
    Dense,
    GlobalAveragePool,
    MaxPool,
    Parallel,
    ReLU,
    Residual,
)
from skcnn.network import Network

LAYERS = (
    Conv(4, 3, use_bias=False),
    BatchNorm(),
    ReLU(),
    MaxPool(2),
    Residual((Conv(6, 3), ReLU(), Parallel(((Conv(2, 1), ReLU()), (Conv(3, 3),))))),
    ReLU(),
    GlobalAveragePool(),
    Dense(5),
    ReLU(),
    Dense(3),
)


@pytest.fixture(scope="module")
def network():
    network = Network(LAYERS, (8, 2, 7), np.float64)
    rng = np.random.default_rng(0)
    network.parameters[:] = rng.normal(size=network.parameters.shape)
    network.state[:] = rng.uniform(0.5, 1, network.state.shape)
    return network


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).normal(size=(8, 2, 7, 5))


def run(layers, views, x):
    for layer, parameters in zip(layers, views, strict=False):
        x, _ = layer.forward(parameters, x, Workspace(), training=False)
    return x


def outputs(network, x):
    y, _ = network.forward(x, network.workspaces(), training=False)
    return y


@pytest.mark.parametrize("number", range(9))
def test_the_output_is_that_of_the_layers_one_by_one(number, network, x):
    expected = run(LAYERS[: number + 1], network.views(), x)
    for layer in (number, number - 9, np.int64(number), layer_names(LAYERS[:-1])[number]):
        part = network_up_to(network, layer)
        np.testing.assert_allclose(outputs(part, x), expected, rtol=0, atol=1e-12)


def test_layers_inside_of_others_are_reached_by_name(network, x):
    views = network.views()
    before = run(LAYERS[:4], views, x)
    own = views[4]

    def of(prefix):
        return {k.removeprefix(prefix): v for k, v in own.items() if k.startswith(prefix)}

    body = LAYERS[4].layers
    first = run(body[:1], [of("body.0.")], before)
    second = run(body[1:2], [{}], first)
    branch = run(body[2].branches[0][:1], [of("body.2.branches.0.0.")], second)
    shortcut = run([Conv(5, 1)], [of("shortcut.0.")], before)
    for name, expected in [
        ("residual.body.0", first),
        ("residual.body.1", second),
        ("residual.body.2", run(body[2:], [of("body.2.")], second)),
        ("residual.body.2.branches.0.0", branch),
        ("residual.body.2.branches.0.1", np.maximum(branch, 0)),
        ("residual.shortcut.0", shortcut),
    ]:
        part = network_up_to(network, name)
        np.testing.assert_allclose(outputs(part, x), expected, rtol=0, atol=1e-12)


def test_a_part_has_parameters_of_its_own(network, x):
    before = network.parameters.copy()
    network_up_to(network, 3).parameters[:] = 0
    assert np.array_equal(network.parameters, before)


@pytest.mark.parametrize(
    "layer",
    [
        9,
        -10,
        "pool",
        "relu",
        "relu-4",
        "",
        "residual.body",
        "residual.body.3",
        "conv.body.0",
        None,
        1.0,
        True,
    ],
)
def test_layers_that_are_not_there_are_named_with_those_that_are(layer, network):
    with pytest.raises(ValueError, match=r"layer=.* is none of this network's") as caught:
        network_up_to(network, layer)
    assert "residual.body.2.branches.1.0" in str(caught.value)


def test_feature_maps_have_their_channels_where_users_have_them():
    volume = np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)  # (depth, height, C, width, n)
    last = arranged(volume, "last", flatten=False)
    assert last.shape == (6, 2, 3, 5, 4)
    assert last[5, 1, 2, 4, 3] == volume[1, 2, 3, 4, 5]
    first = arranged(volume, "first", flatten=False)
    assert np.array_equal(first, np.moveaxis(last, -1, 1))
    assert np.array_equal(arranged(volume, "first", flatten=True), first.reshape(6, -1))
    assert arranged(volume[0, 0], "last", flatten=False).shape == (6, 5, 4)
    assert np.array_equal(arranged(volume[0, 0, 0], "last", flatten=False), volume[0, 0, 0].T)
