import pickle

import numpy as np
import pytest

from skcnn.layers import (
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool,
    Parallel,
    ReLU,
    Residual,
    Tanh,
)
from skcnn.network import Network
from skcnn.testing import check_layer
from tests.support.layers import Scale

LAYERS = [
    Parallel([Conv(2, 1), [Conv(3, 1), ReLU(), Conv(2, 3)]]),
    Parallel([[], Conv(2, 1), [Tanh()], [BatchNorm(), ReLU()]]),
    Parallel([[Conv(3, 3), ReLU(), MaxPool(2)], [MaxPool(2), Dropout(0.3)]]),
    Parallel([[Conv(3, 2), Residual([BatchNorm(), Tanh()])], Scale()]),
    Parallel([Parallel([[], Parallel([Conv(1, 2)])]), Conv(2)]),
    Parallel([GlobalAveragePool(), GlobalMaxPool(), [Flatten(), Dense(2)]]),
    Parallel([[], []]),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("shape", [(2, 9), (5, 3, 6), (3, 2, 2, 4)], ids=str)
def test_gradients_are_finite_differences(shape, layer):
    check_layer(layer, shape)


@pytest.mark.parametrize(
    "layer", [Parallel([[], Dense(3), [Dense(2), Tanh()]]), Parallel([Dense(4)])], ids=str
)
def test_gradients_for_features_are_finite_differences(layer):
    check_layer(layer, (5,))


@pytest.mark.parametrize("shape", [(2, 8), (6, 2, 4), (4, 2, 2, 4)], ids=str)
def test_output_is_that_of_the_branches_joined_along_the_channels(shape):
    branches = [[Conv(3, 3), ReLU(), AveragePool(2)], [MaxPool(2)], [Conv(2, 2, 2), BatchNorm()]]
    network = Network((Parallel(branches),), shape, np.float64)
    rng = np.random.default_rng(0)
    network.parameters[:] = rng.standard_normal(network.parameters.size)
    network.state[:] = rng.uniform(0.5, 2, network.state.size)
    x = rng.standard_normal((*shape, 5))
    outputs = []
    for position, branch in enumerate(branches):
        alone = Network(tuple(branch), shape, np.float64)
        for number, views in enumerate(alone.views()):
            for key, view in views.items():
                view[:] = network.views()[0][f"branches.{position}.{number}.{key}"]
        outputs.append(alone.forward(x, alone.workspaces(), training=False)[0].copy())
    y, _ = network.forward(x, network.workspaces(), training=False)
    assert np.array_equal(y, np.concatenate(outputs, axis=-3))
    assert network.shapes[-1] == y.shape[:-1]


def test_layers_are_values():
    layer = Parallel([Conv(4, 1), [Conv(2, 1), ReLU()], []])
    assert layer.branches == ((Conv(4, 1),), (Conv(2, 1), ReLU()), ())
    assert layer == Parallel((((Conv(4, 1)),), (Conv(2, 1), ReLU()), ()))
    assert len({layer, Parallel([Conv(4, 1), [Conv(2, 1), ReLU()], []])}) == 1
    assert layer != Parallel([Conv(4, 1), [Conv(2, 1), ReLU()]])
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert str(Parallel([ReLU(), [], [Conv(2, 1)]])) == (
        "Parallel(branches=[[ReLU()], [], [Conv(n_filters=2, filter_size=1)]])"
    )
    assert layer.inner_layers == (Conv(4, 1), Conv(2, 1), ReLU())
    assert layer.minimum_batch_size == Parallel([[], []]).minimum_batch_size == 1
    assert Parallel([[], [Residual(BatchNorm())]]).minimum_batch_size == 2
    assert Parallel([Conv(4), Conv(2)]).narrowed((1, 7)).branches == (
        (Conv(4, (1, 3), (1, 1)),), (Conv(2, (1, 3), (1, 1)),),
    )  # fmt: skip


def test_initialization_is_that_of_the_branches_one_after_the_other():
    network = Network((Parallel([Conv(3), [], [ReLU(), Conv(2)]]),), (4, 9), np.float64)
    network.initialize(np.random.default_rng(5))
    rng, views = np.random.default_rng(5), network.views()[0]
    for name, layer in (("branches.0.0", Conv(3)), ("branches.2.1", Conv(2))):
        alone = Network((layer,), (4, 9), np.float64)
        alone.initialize(rng)
        assert np.array_equal(views[f"{name}.weights"], alone.views()[0]["weights"])


@pytest.mark.parametrize(
    ("branches", "words"),
    [
        ([], ["branches=[]", "at least one branch"]),
        (None, ["branches=None", "at least one branch"]),
        (Conv(3), ["branches=Conv(", "at least one branch"]),
        ("relu", ["branches='relu'"]),
        ([Conv(3), 3], ["branches[1]=3", "list of layers"]),
        ([Conv(3), [ReLU(), "x"]], ["branches[1][1]='x' is not a layer"]),
        ([[[Conv(3)]]], ["branches[0][0]=[Conv(", "is not a layer"]),
    ],
    ids=str,
)
def test_wrong_branches_are_errors_when_the_layer_is_made(branches, words):
    with pytest.raises(ValueError, match="branch") as caught:
        Parallel(branches)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Parallel([Conv(4), Conv(4, 3, 2)]), ["[0] gives (8, 4, 8)", "[1] gives (4, 4, 4)"]),
        (Parallel([[], Conv(1), MaxPool(2)]), ["(8, 3, 8)", "branches[2] gives (4, 3, 4)"]),
        (Parallel([Conv(4), GlobalMaxPool()]), ["(8, 4, 8)", "(3,)"]),
        (Parallel([GlobalMaxPool(), Conv(4)]), ["(8, 4, 8)", "(3,)"]),
    ],
    ids=str,
)
def test_shapes_that_disagree_are_errors_that_name_both(layer, words):
    with pytest.raises(ValueError, match="joins outputs along the channels") as caught:
        Network((layer,), (8, 3, 8))
    assert [word for word in words if word not in str(caught.value)] == []
