from dataclasses import dataclass

import numpy as np
import pytest

from skcnn.layers import BatchNorm, Conv, Dense, Dropout, Parallel, ReLU, Residual, Tanh
from skcnn.layers.base import each_layer
from skcnn.layers.container import Container, as_layers, contents
from skcnn.network import Network
from skcnn.testing import check_layer
from tests.support.layers import Scale, Square

NESTED = Residual(
    [Conv(4, 3, 2), BatchNorm(), Parallel([[Tanh(), Residual([Conv(2, 3), ReLU()])], []])]
)
SHAPE = (6, 3, 7)


def test_names_say_where_a_parameter_is():
    assert list(NESTED.parameter_shapes(SHAPE)) == [
        "body.0.weights",
        "body.0.bias",
        "body.1.gamma",
        "body.1.beta",
        "body.2.branches.0.1.body.0.weights",
        "body.2.branches.0.1.body.0.bias",
        "body.2.branches.0.1.shortcut.0.weights",
        "body.2.branches.0.1.shortcut.0.bias",
        "shortcut.0.weights",
        "shortcut.1.gamma",
        "shortcut.1.beta",
    ]
    assert list(NESTED.state_shapes(SHAPE)) == [
        f"{norm}.{name}"
        for norm in ("body.1", "shortcut.1")
        for name in ("mean", "variance", "weight")
    ]


def test_contents_are_layers_with_the_shapes_that_they_are_given():
    placed = list(contents(NESTED, SHAPE))
    assert [(each.prefix, type(each.layer).__name__, each.input_shape) for each in placed] == [
        ("", "Residual", SHAPE),
        ("body.0.", "Conv", SHAPE),
        ("body.1.", "BatchNorm", (3, 4, 4)),
        ("body.2.", "Parallel", (3, 4, 4)),
        ("body.2.branches.0.0.", "Tanh", (3, 4, 4)),
        ("body.2.branches.0.1.", "Residual", (3, 4, 4)),
        ("body.2.branches.0.1.body.0.", "Conv", (3, 4, 4)),
        ("body.2.branches.0.1.body.1.", "ReLU", (3, 2, 4)),
        ("body.2.branches.0.1.shortcut.0.", "Conv", (3, 4, 4)),
        ("shortcut.0.", "Conv", SHAPE),
        ("shortcut.1.", "BatchNorm", (3, 6, 4)),
    ]
    shapes = NESTED.parameter_shapes(SHAPE)
    for each in placed:
        for name, shape in each.layer.parameter_shapes(each.input_shape).items():
            assert shapes[each.prefix + name] == shape


def test_each_layer_finds_layers_at_any_depth():
    kinds = [type(layer).__name__ for layer in each_layer([Dropout(), NESTED])]
    assert kinds == [
        "Dropout", "Residual", "Conv", "BatchNorm", "Parallel", "Tanh", "Residual", "Conv", "ReLU",
    ]  # fmt: skip


def test_layers_of_users_run_inside():
    for shape in [(5,), (2, 5), (3, 2, 4)]:
        check_layer(Residual([Scale(), Square(), Parallel([Scale()])]), shape)


@dataclass(frozen=True)
class Twice(Residual):
    """A residual block of a user's own: twice the sum."""

    def forward(self, parameters, x, workspace, *, training):
        y, cache = super().forward(parameters, x, workspace, training=training)
        return 2 * y, cache

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        dy *= 2
        return super().backward(parameters, gradients, dy, cache, workspace, need_dx=need_dx)


def test_a_class_derived_from_one_keeps_its_own_ways():
    check_layer(Parallel([Twice([Conv(3), Tanh()]), Conv(1)]), (5, 2, 4))


@dataclass(frozen=True)
class Pair(Container):
    """What says nothing of its chains."""


def test_a_container_must_say_what_it_runs():
    with pytest.raises(NotImplementedError):
        Pair().parameter_shapes(SHAPE)
    with pytest.raises(NotImplementedError):
        Pair().initialize({}, np.random.default_rng(0))


def test_a_part_without_parameters_is_not_differentiated_for_an_input_that_nobody_needs():
    calls = []

    @dataclass(frozen=True)
    class Spy(Tanh):
        def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
            calls.append(need_dx)
            return super().backward(parameters, gradients, dy, cache, workspace, need_dx=need_dx)

    network = Network((Parallel([Spy(), [Spy(), Dense(2), Spy()]]), Dense(3)), (4,), np.float64)
    network.initialize(np.random.default_rng(0))
    spaces, x = network.workspaces(), np.ones((4, 2))
    y, caches = network.forward(x, spaces, training=True)
    gradient = np.full_like(network.parameters, np.nan)
    network.backward(np.ones_like(y), caches, network.views(gradient), spaces)
    assert calls == [True]  # the last one alone
    assert np.isfinite(gradient).all()


def test_lists_of_layers_become_tuples():
    assert as_layers(ReLU(), "layers") == as_layers([ReLU()], "layers") == (ReLU(),)
    assert as_layers([], "layers") == ()
    for wrong in ({ReLU()}, {"a": ReLU()}, iter([ReLU()]), np.array([ReLU()]), 3):
        with pytest.raises(ValueError, match=r"layers=.* must be a list of layers"):
            as_layers(wrong, "layers")
