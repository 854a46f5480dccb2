import copy
import pickle
import re
from dataclasses import dataclass
from unittest import mock

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
    Layer,
    Logistic,
    MaxPool,
    ReLU,
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


def test_views_are_the_flat_vector():
    network = made()
    network.views()[-1]["weights"][0, 0] = 123
    assert 123 in network.parameters
    network.parameters[:] = 5
    assert all((part == 5).all() for views in network.views() for part in views.values())


def test_views_do_not_overlap_and_cover_the_vector():
    network = made()
    numbers = np.arange(network.parameters.size, dtype=float)
    parts = [part.ravel() for views in network.views(numbers) for part in views.values()]
    assert sorted(np.concatenate(parts)) == numbers.tolist()


def test_weights_stand_before_biases():
    network = made()
    flat = np.zeros_like(network.parameters)
    for views in network.views(flat):
        for part in views.values():
            part[...] = part.ndim > 1
    assert (flat[network.decayed] == 1).all()
    assert not flat[network.decayed.stop :].any()


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


def test_initialize_is_determined_by_its_generator():
    assert np.array_equal(made(seed=3).parameters, made(seed=3).parameters)
    assert not np.array_equal(made(seed=3).parameters, made(seed=4).parameters)


def test_initialize_forgets_what_was_there():
    network = made(seed=3)
    network.parameters[:] = np.nan
    network.initialize(np.random.default_rng(3))
    assert np.array_equal(network.parameters, made(seed=3).parameters)


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
]  # fmt: skip


@pytest.mark.parametrize(("layers", "shape"), NETWORKS)
def test_gradient_of_a_whole_network_is_finite_differences(layers, shape):
    network, x = made(layers, shape), images(shape)
    network.parameters += 0.1 * np.random.default_rng(9).standard_normal(network.parameters.size)
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


def test_float32_stays_float32():
    network, x = made(dtype=np.float32), images(dtype=np.float32)
    y, gradient = gradient_of(network, x, np.ones((4, 4), np.float32))
    assert network.dtype == network.parameters.dtype == y.dtype == gradient.dtype == np.float32


def test_float32_is_close_to_float64():
    double, single = made(), made(dtype=np.float32)
    x, dy = images(), images((4,), seed=2)
    expected = gradient_of(double, x, dy)
    for part, reference in zip(
        gradient_of(single, x.astype(np.float32), dy.astype(np.float32)), expected, strict=True
    ):
        np.testing.assert_allclose(part, reference, rtol=0, atol=1e-5 * np.abs(reference).max())


def test_input_is_left_alone():
    network, x = made(), images()
    before = x.copy()
    gradient_of(network, x, np.ones((4, 4)))
    assert np.array_equal(x, before)


def test_a_used_workspace_and_a_shorter_batch_change_nothing():
    network, x, dy = made(), images(n=5), images((4,), n=5, seed=2)
    workspaces = network.workspaces()
    for n in (5, 3, 5, 1):
        part, share = np.ascontiguousarray(x[..., :n]), dy[:, :n].copy()
        expected, reference = gradient_of(network, part, share)
        y, caches = network.forward(part, workspaces, training=True)
        gradient = np.full_like(reference, np.nan)
        assert np.array_equal(y, expected)
        network.backward(share, caches, network.views(gradient), workspaces)
        assert np.array_equal(gradient, reference)


@dataclass(frozen=True)
class Spy(Layer):
    """Does nothing but note what it is asked for."""

    def forward(self, parameters, x, workspace, *, training):
        return x, training

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        CALLS.append((cache, need_dx))
        return dy if need_dx else None


CALLS = []


def test_only_the_first_layer_is_spared_its_input_gradient():
    CALLS.clear()
    network = Network((Spy(), Spy(), Spy()), (3,), np.float64)
    gradient_of(network, np.ones((3, 2)), np.ones((3, 2)))
    assert CALLS == [(True, True), (True, True), (True, False)]


def test_layers_before_the_first_that_is_trained_are_not_differentiated():
    CALLS.clear()
    network = Network((Spy(), Dense(3), Spy()), (3,), np.float64)
    with mock.patch.object(Dense, "backward", autospec=True, side_effect=Dense.backward) as dense:
        gradient_of(network, np.ones((3, 2)), np.ones((3, 2)))
    assert not dense.call_args.kwargs["need_dx"]
    assert CALLS == [(True, True)]  # of the last layer alone


def ordered(kind, shape, pool, dtype):
    """The same block with pooling early and late, of equal numbers."""
    conv = Conv(3, 3, use_bias=False)
    early = made((conv, pool, Bias(), kind()), shape, dtype)
    late = made((Conv(3, 3), kind(), pool), shape, dtype)
    late.parameters[:] = early.parameters
    bias = np.random.default_rng(4).standard_normal(3)
    early.views()[2]["bias"][:] = late.views()[0]["bias"][:] = bias
    return early, late


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pool", [MaxPool(2), MaxPool(3), MaxPool(3, 2), MaxPool(2, 3)], ids=str)
@pytest.mark.parametrize("shape", [(2, 13), (9, 1, 8), (5, 6, 2, 5)])
def test_relu_may_follow_max_pooling_bit_for_bit(shape, pool, dtype):
    early, late = ordered(ReLU, shape, pool, dtype)
    x = images(shape, dtype=dtype)
    dy = images(early.shapes[-1], dtype=dtype, seed=2)
    y_early, gradient_early = gradient_of(early, x, dy)
    y_late, gradient_late = gradient_of(late, x, dy)
    assert np.array_equal(y_early, y_late)
    assert (y_early > 0).any()
    np.testing.assert_allclose(
        gradient_early,
        gradient_late,
        rtol=0,
        atol=30 * np.finfo(dtype).eps * np.abs(gradient_late).max(),
    )


@pytest.mark.parametrize("kind", [Tanh, Logistic])
def test_other_increasing_activations_may_follow_max_pooling(kind):
    early, late = ordered(kind, (9, 1, 8), MaxPool(2), np.float64)
    x, dy = images((9, 1, 8)), images(early.shapes[-1], seed=2)
    for one, other in zip(gradient_of(early, x, dy), gradient_of(late, x, dy), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


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


def test_summary_counts_with_thousands_separators():
    text = Network((Flatten(), Dense(100)), (28, 1, 28)).summary()
    assert "78,500" in text.splitlines()[-1]
