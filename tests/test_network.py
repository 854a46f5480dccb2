import copy
import html
import pickle
import re
from dataclasses import dataclass

import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.layers import (
    AveragePool,
    BatchNorm,
    Bias,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    Logistic,
    MaxPool,
    Parallel,
    ReLU,
    Residual,
    Tanh,
)
from skcnn.losses import CrossEntropy
from skcnn.network import Network
from skcnn.testing import finite_differences

LAYERS = (Conv(2, 3), MaxPool(2), Bias(), ReLU(), Conv(3, 2), Tanh(), Flatten(), Dense(4))
SHAPE = (6, 1, 5)


def made(layers=LAYERS, shape=SHAPE, dtype=np.float64, seed=0):
    network = Network(layers, shape, dtype)
    network.initialize(np.random.default_rng(seed))
    return network


def images(shape=SHAPE, n=4, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).standard_normal((*shape, n)).astype(dtype)


def gradient_of(network, x, dy, seed=0):
    workspaces = network.workspaces(np.random.default_rng(seed))
    gradient = np.full_like(network.parameters, np.nan)
    y, caches = network.forward(x, workspaces, training=True)
    y = y.copy()
    network.backward(dy.copy(), caches, network.views(gradient), workspaces)
    return y, gradient


def test_views_cover_the_flat_vector_weights_before_biases():
    network = made()
    numbers = np.arange(network.parameters.size, dtype=float)
    parts = [part for views in network.views(numbers) for part in views.values()]
    assert sorted(np.concatenate([part.ravel() for part in parts])) == numbers.tolist()
    weights = [part.ravel() for part in parts if part.ndim > 1]
    assert sorted(np.concatenate(weights)) == numbers[network.decayed].tolist()
    network.parameters[:] = 5  # views are no copies
    assert all((part == 5).all() for views in network.views() for part in views.values())


def test_shapes_and_number_of_parameters():
    network = made()
    assert network.shapes == [
        SHAPE, (6, 2, 5), (3, 2, 2), (3, 2, 2), (3, 2, 2), (3, 3, 2), (3, 3, 2), (18,), (4,),
    ]  # fmt: skip
    weights = 9 * 2 + 4 * 2 * 3 + 18 * 4
    assert network.decayed == slice(0, weights)
    assert network.parameters.size == weights + 2 + 2 + 3 + 4


def test_a_layer_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match=r"Dense\(n_units=3\) needs .* Put Flatten\(\) before"):
        Network((Conv(2), Dense(3)), SHAPE)


def test_initialize_is_determined_by_its_generator_and_forgets_what_was_there():
    network = made(seed=3)
    expected = network.parameters.copy()
    network.parameters[:] = np.nan
    network.initialize(np.random.default_rng(3))
    assert np.array_equal(network.parameters, expected)
    assert not np.array_equal(expected, made(seed=4).parameters)


@pytest.mark.parametrize(
    "duplicate", [Network.copy, copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))]
)
def test_copies_have_views_of_their_own(duplicate):
    network = made(dtype=np.float32)
    twin = duplicate(network)
    assert np.array_equal(twin.parameters, network.parameters)
    assert twin.parameters.dtype == np.float32
    assert (twin.layers, twin.shapes, twin.decayed) == (
        network.layers, network.shapes, network.decayed,
    )  # fmt: skip
    x = images(dtype=np.float32)
    expected, _ = network.forward(x, network.workspaces(), training=False)
    assert np.array_equal(twin.forward(x, twin.workspaces(), training=False)[0], expected)
    twin.views()[0]["weights"][:] = 9
    assert (twin.parameters == 9).any()
    assert not (network.parameters == 9).any()


def test_in_place_gives_the_same_outputs():
    layers = (Conv(3, 3), BatchNorm(), MaxPool(2), Bias(), ReLU(), Dropout(0.5), Tanh(), Flatten())
    network = made((*layers, Dense(4), Logistic()))
    x = images()
    expected, _ = network.forward(x, network.workspaces(), training=False)
    workspaces = network.workspaces(in_place=True)
    for _ in range(2):
        y, _ = network.forward(x.copy(), workspaces, training=False)
        assert np.array_equal(y, expected)


def test_pickle_is_about_the_size_of_the_parameters():
    network = made((Flatten(), Dense(400)), (20, 1, 20))
    assert len(pickle.dumps(network)) < network.parameters.nbytes + 2000


NETWORKS = [
    (LAYERS, SHAPE),
    (
        (Conv(2, 3, use_bias=False), MaxPool(2), Bias(), ReLU(), Conv(2, 3, stride=2), Logistic(),
         AveragePool(2), Flatten(), Dropout(0.3), Dense(5), ReLU(), Dense(3)),
        (8, 2, 7),
    ),
    ((Conv(2, 3), ReLU(), MaxPool(3, 2), Flatten(), Dense(3)), (2, 9)),
    ((Conv(2, 2), Tanh(), MaxPool(2), Flatten(), Dense(3)), (3, 4, 1, 4)),
    (
        (Residual([Conv(2, 3), BatchNorm(), Tanh(), Dropout(0.2)]),
         Parallel([[], [Conv(2, 2), Logistic(), MaxPool(1)]]), GlobalAveragePool(), Dense(3)),
        (4, 1, 5),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "shape"), NETWORKS)
def test_gradient_of_a_whole_network_is_finite_differences(layers, shape, global_random_seed):
    network, x = made(layers, shape, seed=global_random_seed), images(shape)
    network.parameters += 0.1 * np.random.default_rng(global_random_seed).standard_normal(
        network.parameters.size
    )
    targets, weights = np.array([0, 2, 1, 2]), np.array([0.5, 1, 2, 0.7])
    workspaces = network.workspaces()

    def forward():
        for workspace in workspaces:
            workspace.rng = np.random.default_rng(5)
        outputs, caches = network.forward(x, workspaces, training=True)
        return (*CrossEntropy().value_and_gradient(outputs, targets, weights, Workspace()), caches)

    _, dy, caches = forward()
    gradient = np.full_like(network.parameters, np.nan)
    network.backward(dy, caches, network.views(gradient), workspaces)
    numeric = finite_differences(lambda: forward()[0], network.parameters)
    np.testing.assert_allclose(gradient, numeric, rtol=0, atol=1e-6 * np.abs(numeric).max())


def test_float32_stays_float32_and_close_to_float64(global_random_seed):
    double, single = made(seed=global_random_seed), made(dtype=np.float32, seed=global_random_seed)
    x, dy = images(), images((4,), seed=2)
    before = x.copy()
    expected = gradient_of(double, x, dy)
    assert np.array_equal(x, before)
    got = gradient_of(single, x.astype(np.float32), dy.astype(np.float32))
    assert single.dtype == single.parameters.dtype == np.float32
    for part, reference in zip(got, expected, strict=True):
        assert part.dtype == np.float32
        np.testing.assert_allclose(part, reference, rtol=0, atol=1e-5 * np.abs(reference).max())


def test_a_used_workspace_and_a_shorter_batch_change_nothing(global_random_seed):
    network, x, dy = made(seed=global_random_seed), images(n=5), images((4,), n=5, seed=2)
    workspaces = network.workspaces()
    for n in (5, 3, 5, 1):
        part, d_part = np.ascontiguousarray(x[..., :n]), dy[:, :n].copy()
        expected, reference = gradient_of(network, part, d_part)
        y, caches = network.forward(part, workspaces, training=True)
        gradient = np.full_like(reference, np.nan)
        assert np.array_equal(y, expected)
        network.backward(d_part, caches, network.views(gradient), workspaces)
        assert np.array_equal(gradient, reference)


CALLS = []


@dataclass(frozen=True)
class Spy(Layer):
    """Does nothing but note what it is asked for."""

    def forward(self, parameters, x, workspace, *, training):
        return x, training

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        CALLS.append((type(self), cache, need_dx))
        return dy if need_dx else None


@dataclass(frozen=True)
class TrainedSpy(Spy):
    def parameter_shapes(self, input_shape):
        return {"bias": input_shape}

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        gradients["bias"][:] = 0
        return super().backward(parameters, gradients, dy, cache, workspace, need_dx=need_dx)


@pytest.mark.thread_unsafe(reason="layers note in their module what they are asked for")
def test_only_what_comes_after_the_first_trained_layer_is_differentiated():
    for layers, expected in [
        ((Spy(), Spy(), Spy()), [(Spy, True, True), (Spy, True, True), (Spy, True, False)]),
        ((Spy(), TrainedSpy(), Spy()), [(Spy, True, True), (TrainedSpy, True, False)]),
    ]:
        CALLS.clear()
        gradient_of(Network(layers, (3,), np.float64), np.ones((3, 2)), np.ones((3, 2)))
        assert expected == CALLS


def test_steps_of_wide_dense_layers_are_shorter_at_any_depth():
    layers = (Flatten(), Residual((Dense(3000), Tanh(), Dense(4096))), Dense(2))
    network = Network(layers, (1, 4096))
    views = network.views(np.arange(network.parameters.size))
    expected = {
        "body.0.weights": (views[1]["body.0.weights"], 512 / 4096),
        "body.2.weights": (views[1]["body.2.weights"], 512 / 3000),
        "weights": (views[2]["weights"], 512 / 4096),
    }
    found = [(where.start, where.stop, factor) for where, factor in network.shortened]
    assert sorted(found) == sorted(
        (int(view.min()), int(view.max()) + 1, factor) for view, factor in expected.values()
    )
    assert Network((Flatten(), Dense(2)), (1, 512)).shortened == []


def test_summary_is_a_table_with_channels_last():
    layers = (Conv(6), ReLU(), MaxPool(), Flatten(), Dense(5), ReLU(), Dense(3, "zeros"))
    text = Network(layers, (9, 3, 8)).summary()
    rows = [tuple(re.split(r"\s{2,}", line.strip())) for line in text.splitlines()]
    assert rows[0] == ("layer", "output shape", "parameters")
    body = [row for row in rows if not row[0].startswith("-")][1:]
    assert body[0] == ("input", "(9, 8, 3)")
    assert body[1:-1] == [
        ("Conv(n_filters=6)", "(9, 8, 6)", "168"),
        ("ReLU()", "(9, 8, 6)", "0"),
        ("MaxPool()", "(4, 4, 6)", "0"),
        ("Flatten()", "(96,)", "0"),
        ("Dense(n_units=5)", "(5,)", "485"),
        ("ReLU()", "(5,)", "0"),
        ("Dense(n_units=3, initializer='zeros')", "(3,)", "18"),
    ]
    assert body[-1] == ("total", "671")
    assert len({len(line) for line in text.splitlines()}) == 1
    many = Network((Flatten(), Dense(100)), (28, 1, 28)).summary()
    assert "78,500" in many.splitlines()[-1]


def test_summary_and_network_show_as_a_table_where_they_are_the_last_line():
    network = Network((Flatten(), Dense(3)), (2, 1, 2), np.float64)
    table = network.summary()
    assert repr(table) == str(table) == f"{table}" == "\n".join(table.splitlines())
    assert pickle.loads(pickle.dumps(table)) == table
    assert repr(network) == f"Network of 2 layers in float64\n{table}"
    assert table._repr_html_() == f"<pre>{html.escape(table)}</pre>"
    assert network._repr_html_() == f"<pre>{html.escape(repr(network))}</pre>"


def test_summary_shows_layers_in_layers_indented_with_their_shapes_and_parameters():
    body = [Conv(4, 3, 2, use_bias=False), BatchNorm(), Parallel([[], [Residual([Conv(2, 1)])]])]
    network = Network((Residual(body), GlobalAveragePool(), Dense(3)), (8, 3, 9))
    lines = network.summary().splitlines()
    rows = [tuple(re.split(r"\s{2,}", line.strip())) for line in lines[3:-2]]
    assert rows == [
        ("Residual", "(4, 5, 6)", "166"),
        ("body.0 Conv(n_filters=4, stride=2, use_bias=False)", "(4, 5, 4)", "108"),
        ("body.1 BatchNorm()", "(4, 5, 4)", "8"),
        ("body.2 Parallel", "(4, 5, 6)", "20"),
        ("branches.1.0 Residual", "(4, 5, 2)", "20"),
        ("body.0 Conv(n_filters=2, filter_size=1)", "(4, 5, 2)", "10"),
        ("shortcut.0 Conv(n_filters=2, filter_size=1)", "(4, 5, 2)", "10"),
        ("shortcut.0 Conv(n_filters=6, filter_size=1, stride=2, use_bias=False)",
         "(4, 5, 6)", "18"),
        ("shortcut.1 BatchNorm()", "(4, 5, 6)", "12"),
        ("GlobalAveragePool()", "(6,)", "0"),
        ("Dense(n_units=3)", "(3,)", "21"),
    ]  # fmt: skip
    depths = [(len(line) - len(line.lstrip())) // 2 for line in lines[3:-2]]
    assert depths == [0, 1, 1, 1, 2, 3, 3, 1, 1, 0, 0]
    top = [int(row[2]) for row, depth in zip(rows, depths, strict=True) if not depth]
    assert sum(top) == network.parameters.size == 187
    assert lines[-1].split() == ["total", "187"]


def test_views_of_layers_in_layers_have_the_names_of_the_docstring():
    layers = (Residual([Conv(2), ReLU(), Parallel([[Conv(1, 1)], [Conv(2, 1)]])]), Flatten())
    network = Network(layers, (5, 1, 5))
    assert list(network.views()[0]) == [
        "body.0.weights", "body.2.branches.0.0.weights", "body.2.branches.1.0.weights",
        "shortcut.0.weights", "body.0.bias", "body.2.branches.0.0.bias",
        "body.2.branches.1.0.bias", "shortcut.0.bias",
    ]  # fmt: skip
    assert network.minimum_batch_size == 1
    assert Network((Residual([Residual(BatchNorm())]),), (5, 1, 5)).minimum_batch_size == 2
