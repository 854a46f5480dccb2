from dataclasses import dataclass

import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.layers import BatchNorm, Conv, Dense, Flatten, Layer, MaxPool, ReLU, Residual
from skcnn.layers.chain import Chain, chain_of
from skcnn.network import Network
from skcnn.testing import check_layer


def test_shapes_and_names_are_those_of_the_layers():
    chain = Chain([Conv(3), BatchNorm(), MaxPool(2), Flatten(), Dense(2)], (6, 1, 7))
    assert chain.shapes == [(6, 1, 7), (6, 3, 7), (6, 3, 7), (3, 3, 3), (27,), (2,)]
    assert [[*shapes] for shapes in chain.parameter_shapes] == [
        ["weights", "bias"], ["gamma", "beta"], [], [], ["weights", "bias"],
    ]  # fmt: skip
    assert [[*shapes] for shapes in chain.state_shapes][1] == ["mean", "variance", "weight"]
    assert chain.is_trained
    assert not Chain([ReLU(), MaxPool(2)], (6, 1, 7)).is_trained


def test_views_have_the_names_that_each_layer_knows():
    chain = Chain([ReLU(), BatchNorm()], (4,))
    flat = {f"body.1.{name}": name for name in ("gamma", "beta", "mean", "variance", "weight")}
    everything = {name: name for name in ("gamma", "beta", "mean", "variance", "weight")}
    assert chain.views(flat, "body") == [{}, everything]
    trained = chain.views({"body.1.gamma": 1, "body.1.beta": 2}, "body", state=False)
    assert trained == [{}, {"gamma": 1, "beta": 2}]


def test_without_layers_input_and_gradient_go_through():
    chain, x = Chain([], (3,)), np.ones((3, 2))
    y, caches = chain.forward([], x, [], training=True)
    assert y is x
    assert chain.backward([], [], x, caches, [], need_dx=True) is x
    assert chain.backward([], [], x, caches, [], need_dx=False) is None
    assert chain.n_values == 0


@pytest.mark.parametrize("need_dx", [False, True])
def test_gradients_are_those_of_a_network_and_dx_is_given_if_needed(need_dx):
    network = Network((ReLU(), Dense(4), Dense(2)), (3,), np.float64)
    network.initialize(np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((3, 5))
    gradient, chain = np.empty_like(network.parameters), Chain(network.layers, (3,))
    spaces = [Workspace() for _ in chain.plan.steps]
    y, caches = chain.forward(network.views(), x, spaces, training=True)
    views = network.views(gradient)
    dx = chain.backward(network.views(), views, np.ones_like(y), caches, spaces, need_dx=need_dx)
    first, last = (network.views()[number]["weights"] for number in (1, 2))
    expected = (first @ last @ np.ones_like(y)) * (x > 0)
    if need_dx:
        np.testing.assert_allclose(dx, expected, rtol=1e-12)
    else:
        assert dx is None
    hidden = first.T @ np.maximum(x, 0)
    np.testing.assert_allclose(views[2]["weights"], hidden @ np.ones((5, 2)), rtol=1e-12)


def test_chains_are_made_once():
    assert chain_of((Conv(3), ReLU()), (6, 1, 7)) is chain_of((Conv(3), ReLU()), (6, 1, 7))
    assert chain_of((Conv(3), ReLU()), (6, 1, 7)) is not chain_of((Conv(3), ReLU()), (6, 1, 8))


def test_wrong_values_that_equal_right_ones_are_checked_all_the_same():
    assert Conv(3) == Conv(3.0)
    assert chain_of((Conv(3),), (6, 1, 7)).shapes[-1] == (6, 3, 7)
    with pytest.raises(ValueError, match=r"n_filters=3\.0 must be an integer"):
        chain_of((Conv(3.0),), (6, 1, 7))


@dataclass(frozen=True)
class Weighted(Layer):
    """x times one of several numbers, in a list, so that the layer has no hash."""

    factors: list

    def forward(self, parameters, x, workspace, *, training):
        return self.factors[0] * x, None

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        return self.factors[0] * dy if need_dx else None


def test_layers_without_a_hash_run_too():
    check_layer(Residual([Weighted([2.0, 3.0]), Conv(2)]), (5, 2, 4))
