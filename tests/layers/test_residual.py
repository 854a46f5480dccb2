import copy
import pickle

import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.layers import (
    GELU,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    MaxPool,
    Parallel,
    ReLU,
    Residual,
    Tanh,
)
from skcnn.network import Network
from skcnn.testing import check_layer
from tests.support.layers import Scale, Square

NORM, PLAIN = BatchNorm(momentum=0.8), {"use_bias": False}


def blocks(channels):
    """Return residual blocks for feature maps of any rank with so many channels."""
    return [
        Residual([Conv(channels, 3), ReLU(), Conv(channels, 3)]),
        Residual([Conv(5, 3, stride=2, **PLAIN), NORM, ReLU(), Conv(5, 3, **PLAIN), NORM]),
        Residual([Conv(4, 2, stride=2), GELU(), Conv(4, 2)]),
        Residual([NORM, ReLU(), Conv(channels, 3)], "identity"),
        Residual([Tanh(), Tanh()]),
        Residual([NORM, ReLU(), Residual([Conv(3, 2, stride=2), MaxPool(1)]), Dropout(0.3)]),
        Residual([Conv(3, 3), ReLU(), MaxPool(1)], [Scale(), Conv(3, 1)]),
        Residual([Flatten(), Dense(4)], [GlobalAveragePool(), Dense(4)]),
        Residual([GlobalAveragePool(), Dense(3)], [Parallel([GlobalAveragePool()]), Dense(3)]),
        Residual(Scale(), Square()),
        Residual(Parallel([[], [Conv(2, 1)]])),
    ]


MAPS = [(2, 9), (6, 3, 8), (3, 4, 2, 5)]


@pytest.mark.parametrize("number", range(len(blocks(1))))
@pytest.mark.parametrize("shape", MAPS, ids=str)
def test_gradients_are_finite_differences(shape, number):
    check_layer(blocks(shape[-2])[number], shape)


@pytest.mark.parametrize(
    "layer",
    [
        Residual([Dense(7), Tanh(), Dense(6)], "identity"),
        Residual([Dense(7), Tanh()]),
        Residual([Dense(7, **PLAIN), NORM, ReLU(), Dense(5, **PLAIN), NORM]),
        Residual([Residual([Residual(Dense(3)), Tanh()]), Dropout(0.5)]),
        Residual(Dropout(0.5)),
    ],
    ids=str,
)
def test_gradients_for_features_are_finite_differences(layer):
    check_layer(layer, (6,))


def given(network, seed=0):
    """Return the network with random parameters and state."""
    rng = np.random.default_rng(seed)
    network.initialize(rng)
    network.parameters[:] += 0.3 * rng.standard_normal(network.parameters.size)
    network.state[:] += rng.uniform(0, 1, network.state.size)
    return network


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", MAPS, ids=str)
def test_output_is_the_sum_of_body_and_shortcut_run_by_themselves(shape, training):
    body = (Conv(5, 3, stride=2, **PLAIN), NORM, ReLU(), Conv(5, 3, **PLAIN), NORM)
    block = given(Network((Residual(body),), shape, np.float64))
    parts = {
        "body": Network(body, shape, np.float64),
        "shortcut": Network((Conv(5, 1, 2, **PLAIN), NORM), shape, np.float64),
    }
    x = np.random.default_rng(1).standard_normal((*shape, 6))
    expected = 0
    for name, network in parts.items():
        for number, views in enumerate(network.views()):
            for key, view in views.items():
                view[:] = block.views()[0][f"{name}.{number}.{key}"]
        expected = expected + network.forward(x, network.workspaces(), training=training)[0]
    y, _ = block.forward(x, block.workspaces(), training=training)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)
    for name, network in parts.items():  # running statistics too
        for number, views in enumerate(network.views()):
            for key, view in views.items():
                assert np.array_equal(view, block.views()[0][f"{name}.{number}.{key}"])


def test_a_body_that_gives_zero_leaves_the_shortcut():
    x = np.random.default_rng(0).standard_normal((5, 3, 4, 2))
    network = Network((Residual(Conv(3, 3, initializer="zeros")),), x.shape[:-1], np.float64)
    network.initialize(np.random.default_rng(0))
    assert np.array_equal(network.forward(x, network.workspaces(), training=False)[0], x)


def shortcut_of(layer, shape):
    chains = layer._chains(shape)
    return chains["shortcut"].layers if "shortcut" in chains else None


@pytest.mark.parametrize(
    ("body", "shape", "expected"),
    [
        ([Conv(3, 3)], (8, 3, 9), None),
        ([Conv(4, 3)], (8, 3, 9), (Conv(4, 1, 1),)),
        ([Conv(4, 3, stride=2), ReLU(), MaxPool(2)], (8, 3, 8), (Conv(4, 1, 4),)),
        ([Conv(4, 3, stride=(2, 1))], (7, 3, 9), (Conv(4, 1, (2, 1)),)),
        ([MaxPool(2), Conv(4)], (3, 8), (Conv(4, 1, 2),)),
        ([Conv(4, **PLAIN), NORM], (3, 7), (Conv(4, 1, 1, **PLAIN), NORM)),
        ([Residual([Conv(4, 3, 2), BatchNorm(epsilon=0.1)])], (6, 3, 6),
         (Conv(4, 1, 2, **PLAIN), BatchNorm(epsilon=0.1))),
        ([Parallel([Conv(2, 3, 2), Conv(3, 1, 2)])], (5, 5), (Conv(5, 1, 2),)),
        ([Dense(4), ReLU()], (6,), (Dense(4),)),
        ([Dense(6)], (6,), None),
        ([Dense(4, **PLAIN), NORM], (6,), (Dense(4, **PLAIN), NORM)),
    ],
    ids=str,
)  # fmt: skip
def test_auto_is_the_identity_or_one_linear_layer_with_the_stride_of_the_body(
    body, shape, expected
):
    found = shortcut_of(Residual(body), shape)
    assert found == expected


@pytest.mark.parametrize("shape", [(4, 9), (6,)], ids=str)
def test_initialization_is_that_of_the_layers_one_after_the_other(shape):
    flat = len(shape) == 1
    body = (Dense(3, **PLAIN), NORM) if flat else (Conv(3, 3, 2, **PLAIN), NORM)
    linear = Dense(3, **PLAIN) if flat else Conv(3, 1, 2, **PLAIN)
    network = Network((Residual(body),), shape, np.float64)
    network.initialize(np.random.default_rng(5))
    rng = np.random.default_rng(5)
    for name, layers in (("body", body), ("shortcut", (linear, NORM))):
        alone = Network(layers, shape, np.float64)
        alone.initialize(rng)
        for number, views in enumerate(alone.views()):
            for key, view in views.items():
                assert np.array_equal(view, network.views()[0][f"{name}.{number}.{key}"])


def test_weight_decay_is_for_weights_alone():
    block = Residual([Conv(4, 3, 2, **PLAIN), NORM, Residual([Conv(5)])])
    network = Network((block, Flatten(), Dense(2)), (6, 1, 6))
    numbers = np.arange(network.parameters.size, dtype=float)
    decayed = numbers[network.decayed]
    for views, layer, shape in zip(
        network.views(numbers), network.layers, network.shapes, strict=False
    ):
        for name in layer.parameter_shapes(shape):
            inside = np.isin(views[name], decayed)
            assert inside.all() if name.endswith("weights") else not inside.any()


def test_layers_are_values():
    one = Residual([Conv(4), ReLU()])
    assert one.layers == (Conv(4), ReLU())
    assert one == Residual((Conv(4), ReLU()), "auto")
    assert hash(one) == hash(Residual((Conv(4), ReLU())))
    assert one != Residual([Conv(4), ReLU()], "identity")
    assert Residual(Conv(4)) == Residual([Conv(4)])
    assert Residual(Conv(4), Conv(4, 1)).shortcut == (Conv(4, 1),)
    for twin in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert twin == one
    assert str(one) == "Residual(layers=[Conv(n_filters=4), ReLU()])"
    nested = Residual([one], [Conv(4, 1)])
    assert str(nested) == f"Residual(layers=[{one}], shortcut=[Conv(n_filters=4, filter_size=1)])"
    assert nested.inner_layers == (one, Conv(4, 1))
    assert Residual(NORM).minimum_batch_size == 2
    assert nested.minimum_batch_size == 1


def test_axes_of_length_one_are_narrowed_inside_too():
    block = Residual([Conv(4, 3, 2), Residual(Conv(4))], [Conv(4, 3, 2)])
    narrow = block.narrowed((9, 1))
    assert narrow.layers[0] == Conv(4, (3, 1), (2, 1))
    assert narrow.layers[1] == Residual(Conv(4, (3, 1), (1, 1)))
    assert narrow.shortcut == (Conv(4, (3, 1), (2, 1)),)
    assert Residual(Conv(4, 3, 2)).narrowed((9, 1)).output_shape((9, 1, 1)) == (5, 4, 1)


def test_in_prediction_the_input_is_left_alone_until_the_sum():
    """Every way in which a body may hand on its input, before layers that write in place."""
    x = np.random.default_rng(0).standard_normal((4, 3, 5, 2))
    for body in (
        [ReLU()],
        [Dropout(0.5), Tanh()],
        [MaxPool(1), Tanh()],
        [Parallel([[]]), ReLU()],
        [Residual([Tanh()]), Tanh()],
        [Residual([Residual([ReLU()], "identity")]), BatchNorm()],
        [Dropout(0.2)],
    ):
        network = given(Network((Residual(body, "identity"),), x.shape[:-1], np.float64))
        expected, _ = network.forward(x, network.workspaces(), training=False)
        spaces = network.workspaces(in_place=True)
        for _ in range(2):
            y, _ = network.forward(x.copy(), spaces, training=False)
            assert np.array_equal(y, expected)


def test_a_strided_average_as_shortcut():
    block = Residual([Conv(4, 3, stride=2)], [AveragePool(2), Conv(4, 1)])
    assert block.output_shape((8, 2, 8)) == (4, 4, 4)


# Errors

INPUT = (8, 3, 8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([],), ["layers=[]", "at least one layer"]),
        (([Conv(3), "relu"],), ["layers[1]='relu' is not a layer"]),
        (([Conv(3), ReLU],), ["layers[1]=<class", "is not a layer"]),
        (([Conv(3), [ReLU()]],), ["layers[1]=[ReLU()] is not a layer"]),
        (("relu",), ["layers='relu'", "list of layers"]),
        ((None,), ["layers=None", "list of layers"]),
        (([Conv(3)], "projection"), ["shortcut='projection'", "'auto'", "'identity'"]),
        (([Conv(3)], []), ["shortcut=[]", "shortcut='identity'"]),
        (([Conv(3)], [Conv(3), 7]), ["shortcut[1]=7 is not a layer"]),
        (([Conv(3)], None), ["shortcut=None", "list of layers"]),
        (([Conv(3)], True), ["shortcut=True", "list of layers"]),
    ],
    ids=str,
)
def test_wrong_arguments_are_errors_when_the_layer_is_made(arguments, words):
    with pytest.raises(ValueError, match="layer") as caught:
        Residual(*arguments)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Residual([Conv(4)], "identity"), ["'identity'", "(8, 4, 8)", "(8, 3, 8)", "'auto'"]),
        (Residual([Conv(3, 3, 2)], "identity"), ["(4, 3, 4)", "(8, 3, 8)"]),
        (Residual([Conv(4)], Conv(5)), ["(8, 4, 8)", "(8, 5, 8)", "Conv(n_filters=5)"]),
        (Residual([Conv(4, 3, 1, "valid")]), ["(6, 4, 6)", "(8, 4, 8)"]),
        (Residual([MaxPool(3, 2), Conv(4)]), ["(3, 4, 3)", "(4, 4, 4)"]),
        (Residual([Flatten(), Dense(4)]), ["(4,)", "(8, 3, 8)", "Flatten()"]),
        (Residual([Dense(4)]), ["Dense(n_units=4)", "Flatten()"]),
        (Residual([Conv(0)]), ["n_filters=0"]),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit_are_errors_that_name_both(layer, words):
    with pytest.raises(ValueError, match=r"Residual|Dense|n_filters") as caught:
        Network((layer,), INPUT)
    assert [word for word in words if word not in str(caught.value)] == []


def test_inference_of_many_and_of_few_samples_agrees():
    network = given(Network((blocks(3)[1],), (6, 3, 8), np.float64))
    x = np.random.default_rng(0).standard_normal((6, 3, 8, 12))
    spaces = network.workspaces(in_place=True)
    whole = network.forward(x.copy(), spaces, training=False)[0].copy()
    for n in (5, 1):
        y, _ = network.forward(np.ascontiguousarray(x[..., :n]), spaces, training=False)
        np.testing.assert_allclose(y, whole[..., :n], rtol=1e-12)


def test_every_step_draws_from_the_generator_of_the_workspace():
    block = Residual([Residual([Dropout(0.5)], "identity"), Dropout(0.5)], [Dropout(0.5)])
    x = np.ones((50, 4))
    results = []
    for seed in (3, 3, 4):
        workspace = Workspace(np.random.default_rng(0))
        block.forward({}, x, workspace, training=True)
        workspace.rng = np.random.default_rng(seed)
        results.append(block.forward({}, x, workspace, training=True)[0].copy())
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
    with pytest.raises(ValueError, match="give its Workspace a generator"):
        block.forward({}, x, Workspace(), training=True)
