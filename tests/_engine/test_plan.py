"""What runs computes what the layers compute one by one."""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skcnn._engine.plan import ExecutionPlan, Step, make_plan
from skcnn.layers import (
    GELU,
    AveragePool,
    BatchNorm,
    Bias,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalMaxPool,
    LeakyReLU,
    Logistic,
    MaxPool,
    Parallel,
    ReLU,
    Residual,
    SpatialDropout,
    Tanh,
    Workspace,
    chain,
)
from skcnn.layers.conv import InterleavedConv
from skcnn.layers.pool import InterleavedMaxPool
from skcnn.network import Network
from tests.support.layers import Square, channels_first
from tests.support.strategies import convolutions, poolings_of


@dataclass(frozen=True)
class Doubled(MaxPool):
    """A pooling of a user's own, which must run as it is."""

    def forward(self, parameters, x, workspace, *, training):
        y, cache = super().forward(parameters, x, workspace, training=training)
        return 2 * y, cache

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        dy *= 2
        return super().backward(parameters, gradients, dy, cache, workspace, need_dx=need_dx)


@dataclass(frozen=True)
class Flipped(Conv):
    """A convolution of a user's own, which must run as it is."""

    def forward(self, parameters, x, workspace, *, training):
        flipped = np.ascontiguousarray(x[..., ::-1, :])
        return super().forward(parameters, flipped, workspace, training=training)

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        dx = super().backward(parameters, gradients, dy, cache, workspace, need_dx=need_dx)
        return dx if dx is None else np.ascontiguousarray(dx[..., ::-1, :])


@dataclass(frozen=True)
class Shifted(ReLU):
    """An activation that overrides forward, of which nothing is known."""

    is_increasing: ClassVar[bool] = True

    def forward(self, parameters, x, workspace, *, training):
        return super().forward(parameters, np.roll(x, 1, axis=-2), workspace, training=training)

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        dx = super().backward(parameters, gradients, dy, cache, workspace, need_dx=need_dx)
        return dx if dx is None else np.roll(dx, -1, axis=-2)


@dataclass(frozen=True)
class Gain(Bias):
    """y[c] = b[c] * x[c], which is no bias."""

    def forward(self, parameters, x, workspace, *, training):
        return x * parameters["bias"][:, None, None], x

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        channels = channels_first(dy * cache)
        gradients["bias"][:] = channels.sum(axis=1)
        return dy * parameters["bias"][:, None, None]


@dataclass(frozen=True)
class TanhSquared(Tanh):
    """tanh(x)**2, a function of its own whose base is increasing."""

    def function(self, x, out, workspace):
        tanh = workspace.buffer("tanh", x.shape, x.dtype)
        np.tanh(x, out=tanh)
        np.multiply(tanh, tanh, out=out)

    def multiply_by_derivative(self, dy, y, workspace):
        tanh = workspace.buffer("tanh", y.shape, y.dtype)
        dy *= 2 * tanh * (1 - tanh**2)


@dataclass(frozen=True)
class Paired(ReLU):
    """An activation that looks at the shape of what it is given."""

    def output_shape(self, input_shape):
        if input_shape[-1] % 4:
            raise ValueError(f"not a multiple of four: {input_shape}")
        return input_shape


SHAPES = [(2, 9), (7, 2, 10), (8, 1, 8), (5, 3, 2, 6), (1, 2, 12)]
BLOCKS = [
    (Conv(3, 3), ReLU(), MaxPool(2)),
    (Conv(3, 3), MaxPool(2), ReLU()),
    (Conv(1, 3), Tanh(), MaxPool(2)),
    (Conv(2, 3), Logistic(), AveragePool(2)),
    (Conv(3, 3, use_bias=False), BatchNorm(), ReLU(), MaxPool(2)),
    (Conv(3, 3), BatchNorm(), ReLU(), MaxPool(3)),
    (Conv(3, 3), BatchNorm(), AveragePool(2), Tanh()),
    (Conv(4, 3), ReLU(), MaxPool(3, stride=2)),
    (Conv(3, 2, stride=2), Tanh(), ReLU(), MaxPool(2)),
    (Conv(3, 3), Square(), MaxPool(2)),
    (Conv(3, 3), ReLU(), Square(), MaxPool(2)),
    (Conv(3, 3, padding=2), Square(), ReLU(), MaxPool(2)),
    (Conv(2, 3), Dropout(0.4), MaxPool(2)),
    (Conv(3, 3), ReLU(), MaxPool(2), SpatialDropout(0.4), Conv(2, 2), Tanh(), AveragePool(2)),
    (Conv(3, 3), ReLU(), MaxPool(1), MaxPool(2)),
    (Conv(3, 2, dilation=2), ReLU(), MaxPool(2)),
    (Conv(2, 3), Conv(4, 2, groups=2), ReLU(), MaxPool(2)),
    (Conv(3, 2), Conv(6, 3, groups=3), Tanh(), MaxPool(2)),
    (Conv(3, 2), Conv(3, 3, groups=3, padding=1), ReLU(), MaxPool(3)),
    (MaxPool(2), Conv(3, 2), ReLU()),
    (MaxPool(1, stride=2), Conv(2, 2), Tanh()),  # a view, not contiguous
    (Conv(2, 3), MaxPool(2), MaxPool(2)),
    (Flipped(3, 3), ReLU(), MaxPool(2)),
    (Conv(3, 3), ReLU(), Doubled(2)),
    (Conv(3, 3), Shifted(), MaxPool(2)),
    (Conv(3, 3), Gain(), MaxPool(2)),
    (Conv(3, 3), TanhSquared(), MaxPool(2)),
]


def one_by_one(network, x, dy, rng):
    """Run the network's layers themselves; return output, gradient vector and state."""
    views, gradient = network.views(), np.full_like(network.parameters, np.nan)
    gradients = network.views(gradient)
    spaces, caches = [Workspace(rng) for _ in network.layers], []
    for layer, parameters, space, shape in zip(
        network.layers, views, spaces, network.shapes[1:], strict=True
    ):
        x, cache = layer.forward(parameters, x, space, training=True)
        assert x.shape[:-1] == shape
        caches.append(cache)
    y = x.copy()
    for number in reversed(range(len(network.layers))):
        dy = network.layers[number].backward(
            views[number], gradients[number], dy, caches[number], spaces[number], need_dx=True
        )
    return y, gradient, network.state.copy()


def planned(network, x, dy, rng):
    """Run the plan."""
    gradient = np.full_like(network.parameters, np.nan)
    spaces = network.workspaces(rng)
    y, caches = network.forward(x, spaces, training=True)
    y = y.copy()
    network.backward(dy, caches, network.views(gradient), spaces)
    return y, gradient, network.state.copy()


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: ", ".join(map(str, block)))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_plan_agrees_with_layers_run_one_by_one(block, shape, global_random_seed):
    block = [layer.narrowed((*shape[:-2], shape[-1])) for layer in block]
    network = Network((*block, Flatten(), Dense(3)), shape, np.float64)
    rng = np.random.default_rng(global_random_seed)
    network.parameters[:] = rng.standard_normal(network.parameters.size)
    state = network.state[:] = rng.uniform(0.5, 2, network.state.size)
    x, dy = rng.standard_normal((*shape, 9)), rng.standard_normal((3, 9))
    results = []
    for run in (one_by_one, planned):
        network.state[:] = state
        results.append(run(network, x.copy(), dy.copy(), np.random.default_rng(1)))
    expected = x.copy()
    for layer, parameters in zip(network.layers, network.views(), strict=True):
        expected, _ = layer.forward(parameters, expected, Workspace(), training=False)
    y, _ = network.forward(x, network.workspaces(in_place=True), training=False)
    for reference, got in [*zip(*results, strict=True), (expected, y)]:
        np.testing.assert_allclose(got, reference, rtol=1e-9, atol=1e-11)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(convolutions(), st.data())
def test_plan_computes_what_windows_reach_and_no_more_for_every_geometry(
    global_random_seed, case, data
):
    conv, input_shape, *_ = case
    pool = data.draw(poolings_of(len(input_shape) - 1))
    network = Network((conv, Tanh(), pool), input_shape, np.float64)
    rng = np.random.default_rng(global_random_seed)
    network.parameters[:] = rng.standard_normal(network.parameters.size)
    x = rng.standard_normal((*input_shape, 2))
    dy = rng.standard_normal((*network.shapes[-1], 2))
    results = (run(network, x, dy.copy(), None) for run in (one_by_one, planned))
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)
    *before, _, last = network.shapes[1]
    lengths, stride = (*before, last), pool.stride or pool.pool_size
    reached = [
        (n - min(k, n)) // s * s + min(k, n)
        for n, k, s in zip(lengths, pool.pool_size, stride, strict=True)
    ]
    shape = make_plan(network.layers, input_shape).shapes[1]
    assert (*shape[:-2], shape[-1]) == tuple(reached)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [ReLU, Tanh, Logistic])
def test_order_of_max_pooling_and_an_increasing_activation_changes_no_bit(kind, dtype):
    shapes, pools = [(2, 13), (9, 1, 8), (5, 6, 2, 5)], [2, 3, (3, 2), (2, 3)]
    for shape, pool in product(shapes, pools):
        pool = MaxPool(*pool) if isinstance(pool, tuple) else MaxPool(pool)
        rng, results = np.random.default_rng(0), []
        x = rng.standard_normal((*shape, 4)).astype(dtype)
        for layers in ((Conv(3), kind(), pool), (Conv(3), pool, kind())):
            network = Network(layers, shape, dtype)
            network.initialize(np.random.default_rng(1))
            network.views()[0]["bias"][:] = [-0.5, 0.2, 1]
            dy = np.random.default_rng(2).standard_normal((*network.shapes[-1], 4)).astype(dtype)
            results.append(planned(network, x, dy, None))
        assert (results[0][0] > 0).any()
        for one, other in zip(*results, strict=True):
            assert np.array_equal(one, other)


def kinds(*layers, shape=(8, 1, 8)):
    return [type(step.operation).__name__ for step in make_plan(layers, shape).steps]


def test_max_pooling_comes_before_bias_and_activations_that_are_increasing():
    pooled = ["InterleavedConv", "InterleavedMaxPool", "Bias", "ReLU"]
    assert kinds(Conv(3), ReLU(), MaxPool(2)) == pooled
    assert kinds(Conv(3), MaxPool(2), ReLU()) == pooled
    assert kinds(Conv(3), Tanh(), ReLU(), MaxPool(2)) == [*pooled[:3], "Tanh", "ReLU"]


def test_what_may_not_trade_places_stays():
    assert kinds(Conv(3), Square(), MaxPool(2)) == [
        "InterleavedConv",
        "Square",
        "InterleavedMaxPool",
    ]
    assert kinds(Conv(3), ReLU(), AveragePool(2)) == ["Conv", "ReLU", "AveragePool"]
    assert kinds(Conv(3), BatchNorm(), ReLU(), MaxPool(2)) == [
        "InterleavedConv",
        "BatchNorm",
        "InterleavedMaxPool",
        "ReLU",
    ]
    assert kinds(Conv(3), Dropout(), MaxPool(2)) == ["Conv", "Dropout", "MaxPool"]
    assert kinds(Flipped(3), ReLU(), MaxPool(2)) == ["Flipped", "ReLU", "MaxPool"]
    assert kinds(Conv(3), ReLU(), Doubled(2)) == ["Conv", "ReLU", "Doubled"]
    assert kinds(Conv(3), Shifted(), MaxPool(2)) == ["Conv", "Shifted", "MaxPool"]


def test_a_pooling_of_nothing_changes_nothing():
    assert kinds(Conv(3), ReLU(), MaxPool(1)) == ["Conv", "ReLU", "MaxPool"]


def test_columns_are_in_groups_only_where_windows_cover_them_without_overlap():
    plan = make_plan((Conv(9), ReLU(), MaxPool(3)), (9, 1, 10))
    conv, pool, *_ = (step.operation for step in plan.steps)
    assert isinstance(conv, InterleavedConv)
    assert conv.column_groups == 3
    assert isinstance(pool, InterleavedMaxPool)
    overlapping = make_plan((Conv(9), ReLU(), MaxPool(3, 2)), (9, 1, 9)).steps
    assert [type(step.operation) for step in overlapping[:2]] == [Conv, MaxPool]


def test_statistics_of_batch_normalization_are_those_of_the_whole_feature_map():
    plan = make_plan((Conv(4), BatchNorm(), ReLU(), MaxPool(2)), (9, 1, 9))
    assert plan.shapes[1] == (9, 4, 9)


def test_network_shows_what_was_asked_for():
    layers = (Conv(4), ReLU(), MaxPool(2))
    network = Network(layers, (9, 1, 9))
    assert network.layers == layers
    assert network.shapes == [(9, 1, 9), (9, 4, 9), (9, 4, 9), (4, 4, 4)]


@pytest.mark.parametrize("n", [1, 7, 8])
@pytest.mark.parametrize("block", BLOCKS[:14], ids=lambda block: ", ".join(map(str, block)))
def test_plan_agrees_in_float32_and_for_few_samples(block, n):
    shape = (8, 2, 9)
    network = Network((*block, Flatten(), Dense(3)), shape, np.float32)
    rng = np.random.default_rng(0)
    network.parameters[:] = rng.standard_normal(network.parameters.size)
    network.state[:] = rng.uniform(0.5, 2, network.state.size)
    x = rng.standard_normal((*shape, n), dtype=np.float32)
    expected = x
    for layer, parameters in zip(network.layers, network.views(), strict=True):
        expected, _ = layer.forward(parameters, expected, Workspace(), training=False)
    y, _ = network.forward(x.copy(), network.workspaces(in_place=True), training=False)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_an_activation_that_looks_at_shapes_gets_those_that_were_asked_for():
    network = Network((Conv(2, 3), Paired(), MaxPool(2), Flatten(), Dense(3)), (12, 1, 12))
    assert [type(step.operation).__name__ for step in make_plan(network.layers, (12, 1, 12)).steps][
        :3
    ] == ["Conv", "Paired", "MaxPool"]
    assert network.multiply_adds > 0


# Layers made of layers


@st.composite
def bodies(draw, depth):
    """Layers that change the shape of feature maps or do not, some of them made of layers."""
    body = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["block", "block", "residual", "parallel"]))
        if kind == "block" or not depth:
            block = [Conv(draw(st.integers(1, 3)), 3), draw(st.sampled_from([Tanh(), GELU()]))]
            block.append(draw(st.sampled_from([MaxPool(2), MaxPool(1), BatchNorm(), Bias()])))
            body += block if draw(st.booleans()) else [block[0], block[2], block[1]]
        elif kind == "residual":
            inner = draw(bodies(depth - 1))
            last = Conv(draw(st.integers(1, 3)), 2)
            body.append(Residual([*inner, last], [*inner, last]))
        else:
            inner = draw(bodies(depth - 1))
            body.append(Parallel([inner, [*inner, Conv(2, 3), LeakyReLU(0.1)]]))
    return body


def as_asked(layers, input_shape):
    """Return the plan that runs the layers as they are."""
    return ExecutionPlan(tuple(Step(layer, n) for n, layer in enumerate(layers)), input_shape)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(bodies(2), st.sampled_from([(2, 17), (9, 1, 8), (5, 4, 2, 6)]), st.integers(0, 99))
def test_plans_inside_agree_with_layers_run_one_by_one(body, shape, seed):
    results = []
    for make in (make_plan, as_asked):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chain, "make_plan", make)
            chain._known_chain.cache_clear()
            network = Network((*body, GlobalMaxPool(), Dense(3)), shape, np.float64)
            rng = np.random.default_rng(seed)
            network.parameters[:] = 0.5 * rng.standard_normal(network.parameters.size)
            network.state[:] = rng.uniform(0.5, 2, network.state.size)
            x, dy = rng.standard_normal((*shape, 5)), rng.standard_normal((3, 5))
            y, _ = network.forward(x.copy(), network.workspaces(in_place=True), training=False)
            results.append((y.copy(), *planned(network, x, dy, None)))
    chain._known_chain.cache_clear()
    for expected, got in zip(results[1], results[0], strict=True):
        scale = np.abs(expected).max(initial=1)
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9 * scale)


def test_pooling_comes_first_inside_too():
    block = (Conv(3), ReLU(), MaxPool(2))
    pooled = ["InterleavedConv", "InterleavedMaxPool", "Bias", "ReLU"]
    shortcut = (Conv(3, 1, 2),)
    residual = Residual(block, shortcut)._chains((8, 1, 8))["body"]
    branch = Parallel([block])._chains((8, 1, 8))["branches.0"]
    for inner in (residual, branch):
        assert [type(step.operation).__name__ for step in inner.plan.steps] == pooled


def test_work_and_values_inside_count():
    shape, block = (8, 2, 8), (Conv(3), ReLU(), MaxPool(2))
    nested = Residual([Parallel([block])])
    for container, chains, n_outputs in [
        (Residual(block), [block, (Conv(3, 1, 2),)], [48]),
        (Parallel([block, [MaxPool(2)]]), [block, (MaxPool(2),)], [80]),
        (nested, [block, (Conv(3, 1, 2),)], [48, 48]),
    ]:
        plan = make_plan((container,), shape)
        alone = [make_plan(layers, shape) for layers in chains]
        assert plan.multiply_adds == sum(each.multiply_adds for each in alone)
        inside = sum(each.n_values - prod(shape) for each in alone)
        assert plan.n_values == prod(shape) + inside + sum(n_outputs)
        assert Network((container, Flatten()), shape).multiply_adds == plan.multiply_adds
