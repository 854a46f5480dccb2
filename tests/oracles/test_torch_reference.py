"""Networks against what PyTorch computed once, see make_torch_reference.py. Needs no PyTorch."""

import json
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

import numpy as np
import pytest

from skcnn import ScratchCNNClassifier, layers, losses, optimizers
from skcnn.layers import Dense, Flatten, Layer, Workspace
from skcnn.network import Network

ARCHIVE = Path(__file__).with_name("torch_reference.npz")
with np.load(ARCHIVE) as archive:
    ARRAYS = dict(archive)
METADATA = json.loads(str(ARRAYS["metadata"]))
OPTIMIZERS = METADATA["optimizers"]

# Of the largest element. Errors reached are 4e-15 in one pass and after ten steps, 1e-6 in float32.
ONE_PASS = 2e-13
TEN_STEPS = 2e-13
ONE_PASS_FLOAT32 = 1e-5


# From PyTorch's layout to skcnn's


def batch_last(array):
    """(n, C, L) -> (C, L, n), (n, C, H, W) -> (H, C, W, n), (n, C, D, H, W) -> (D, H, C, W, n)."""
    if array.ndim == 2:  # features
        return np.ascontiguousarray(array.T)
    leading = range(2, array.ndim - 1)
    return np.ascontiguousarray(array.transpose(*leading, 1, array.ndim - 1, 0))


def layer_shape(shape):
    """(C, *lengths) -> the shape that skcnn's layers see."""
    return batch_last(np.empty((1, *shape))).shape[:-1]


def torch_shape(shape):
    """(H, C, W) -> (C, H, W), and likewise for signals and volumes."""
    return (shape[-2], *shape[:-2], shape[-1]) if len(shape) > 1 else shape


def convolution_weights(array):
    """(F, C, *kernel) -> (*kernel, C, F)."""
    return np.moveaxis(array, (0, 1), (-1, -2))


def dense_weights(array, maps):
    """(units, features) -> (features, units); features are maps as the layer before saw them.

    The weights of a unit are laid out like a sample.
    """
    weights = batch_last(array.reshape(-1, *torch_shape(maps)))
    return weights.reshape(-1, len(array))


def network_parameters(flat, torch_shapes, network):
    """Return all parameters, or a gradient, in the order and layout of skcnn's network."""
    ends = np.cumsum([prod(shape) for shape in torch_shapes])
    parts = np.split(flat, ends[:-1])
    arrays = (part.reshape(shape) for part, shape in zip(parts, torch_shapes, strict=True))
    vector = np.full_like(network.parameters, np.nan)
    maps = None
    for layer, before, views in zip(
        network.layers, network.shapes, network.views(vector), strict=False
    ):
        if isinstance(layer, Flatten):
            maps = before
        for name in layer.parameter_shapes(before):
            array = next(arrays)
            if array.ndim > 2:
                array = convolution_weights(array)
            elif name == "weights" and isinstance(layer, Dense):
                array, maps = dense_weights(array, maps or before), None
            elif array.ndim == 2:  # in a layer made of layers, of features
                array = array.T
            views[name][:] = array
    assert next(arrays, None) is None
    assert np.isfinite(vector).all()
    return vector


# From descriptions to objects


def without_lists(value):
    if isinstance(value, dict):
        return made(layers, value, "layer")
    return tuple(without_lists(part) for part in value) if isinstance(value, list) else value


def made(module, description, kind):
    """Return the object of skcnn that a description names."""
    options = {name: without_lists(value) for name, value in description.items() if name != kind}
    return getattr(module, description[kind])(**options)


@dataclass(frozen=True)
class Reference:
    """A network of the archive, in skcnn's layout."""

    position: int

    @property
    def description(self):
        return METADATA["networks"][self.position]

    @property
    def batches(self):
        return self.description["batches"]

    @property
    def loss(self):
        return made(losses, self.description["loss"], "loss")

    def array(self, name):
        return ARRAYS.get(f"{self.position}/{name}")

    @cached_property
    def inputs(self):
        return batch_last(self.array("inputs"))  # float32, exact

    def network(self, dtype=np.float64, first=()):
        """Return the network as it was before training, maybe with layers put before it."""
        body = (made(layers, each, "layer") for each in self.description["layers"])
        shape = layer_shape(self.description["input_shape"])
        network = Network((*first, *body), shape, dtype)
        network.initialize(np.random.default_rng(0))
        return network

    def loaded(self, dtype=np.float64):
        network = self.network(dtype)
        network.parameters[:] = self.parameters(network, self.array("parameters"))
        return network

    def parameters(self, network, flat):
        return network_parameters(flat, self.description["parameter_shapes"], network)

    def loss_and_gradient(self, outputs, rows=slice(None)):
        """Return the sum of weighted losses over the number of samples, and its gradient."""
        weights, n = self.array("sample_weights"), outputs.shape[1]
        scale = 1 / n if weights is None else weights[rows] / n
        targets = self.array("targets")[rows]
        return self.loss.value_and_gradient(outputs, targets, scale, Workspace())


REFERENCES = [Reference(position) for position in range(len(METADATA["networks"]))]
NORMALIZED = [each for each in REFERENCES if each.array("running_statistics").size]
every_network = pytest.mark.parametrize(
    "reference", REFERENCES, ids=lambda reference: reference.description["name"]
)
normalized_networks = pytest.mark.parametrize(
    "reference", NORMALIZED, ids=lambda reference: reference.description["name"]
)


def assert_close(ours, theirs, tolerance):
    """Assert that the largest error is small in comparison with the largest element."""
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max()


def assert_every_parameter_close(network, ours, theirs, tolerance):
    for layer, before, our_views, their_views in zip(
        network.layers, network.shapes, network.views(ours), network.views(theirs), strict=False
    ):
        for name in layer.parameter_shapes(before):
            assert_close(our_views[name], their_views[name], tolerance)


@dataclass(frozen=True)
class Offset(Layer):
    """Adds a parameter to every element: its gradient is that of the input."""

    n_samples: int

    def parameter_shapes(self, input_shape):
        return {"offset": (*input_shape, self.n_samples)}

    def forward(self, parameters, x, workspace, *, training):
        return x + parameters["offset"], None

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        gradients["offset"][:] = dy
        return dy if need_dx else None


# One pass


def training_outputs(network, inputs, workspaces):
    inputs = np.ascontiguousarray(inputs, network.dtype)
    return network.forward(inputs, workspaces, training=True)


def gradient(reference, network, inputs, workspaces, rows=slice(None)):
    outputs, caches = training_outputs(network, inputs, workspaces)
    _, output_gradient = reference.loss_and_gradient(outputs, rows)
    vector = np.full_like(network.parameters, np.nan)
    network.backward(output_gradient, caches, network.views(vector), workspaces)
    return vector


@every_network
def test_outputs_are_those_of_pytorch(reference):
    network = reference.loaded()
    outputs, _ = training_outputs(network, reference.inputs, network.workspaces())
    assert_close(outputs, reference.array("outputs").T, ONE_PASS)


@every_network
def test_outputs_in_float32_are_close_to_pytorchs_in_float64(reference):
    network = reference.loaded(np.float32)
    outputs, _ = training_outputs(network, reference.inputs, network.workspaces())
    assert outputs.dtype == np.float32
    assert_close(outputs, reference.array("outputs").T, ONE_PASS_FLOAT32)


@every_network
def test_loss_is_that_of_pytorch(reference):
    loss, _ = reference.loss_and_gradient(reference.array("outputs").T.copy())
    assert loss == pytest.approx(float(reference.array("loss")), rel=ONE_PASS)


@every_network
def test_gradient_of_every_parameter_is_that_of_pytorch(reference):
    network = reference.loaded()
    ours = gradient(reference, network, reference.inputs, network.workspaces())
    theirs = reference.parameters(network, reference.array("gradient"))
    assert_every_parameter_close(network, ours, theirs, ONE_PASS)


@every_network
def test_gradient_of_the_input_is_that_of_pytorch(reference):
    offset = Offset(reference.inputs.shape[-1])
    network = reference.network(first=(offset,))
    for ours, theirs in zip(network.views()[1:], reference.loaded().views(), strict=True):
        for name, array in theirs.items():
            ours[name][:] = array
    flat = gradient(reference, network, reference.inputs, network.workspaces())
    ours = network.views(flat)[0]["offset"]
    assert_close(ours, batch_last(reference.array("input_gradient")), ONE_PASS)


# Batch normalization after a few batches


def torch_statistics(views):
    """Return running mean and variance as PyTorch has them, from those of a layer's state.

    Both are sums of momentum**age * (1 - momentum) * what a batch had. PyTorch adds what is left
    of its start, mean 0 and variance 1; skcnn divides by `weight`, the sum of these factors, which
    is 1 - momentum**n_batches.
    """
    weight = views["weight"]
    return weight * views["mean"], weight * views["variance"] + (1 - weight)


def batch_norm_views(network):
    """Return the state of every batch normalization, those in other layers included."""
    return [
        {part: views[name.removesuffix("mean") + part] for part in ("mean", "variance", "weight")}
        for views in network.views()
        for name in views
        if name.split(".")[-1] == "mean"
    ]


@normalized_networks
def test_running_statistics_after_a_few_batches_follow_from_pytorchs(reference):
    network = reference.loaded()
    workspaces = network.workspaces()
    for rows in reference.batches[: METADATA["statistics_batches"]]:
        training_outputs(network, reference.inputs[..., rows], workspaces)
    ours = [part for views in batch_norm_views(network) for part in torch_statistics(views)]
    theirs = reference.array("running_statistics")
    ends = np.cumsum([part.size for part in ours])
    for part, expected in zip(ours, np.split(theirs, ends[:-1]), strict=True):
        assert_close(part, expected, ONE_PASS)


@every_network
def test_inference_with_pytorchs_running_statistics_gives_its_outputs(reference):
    network = reference.loaded()
    statistics = reference.array("running_statistics")
    for views in batch_norm_views(network):
        channels = views["mean"].size
        views["mean"][:], views["variance"][:], statistics = np.split(
            statistics, [channels, 2 * channels]
        )
        views["weight"][:] = 1
    inputs = reference.inputs.astype(network.dtype)
    outputs, _ = network.forward(inputs, network.workspaces(in_place=True), training=False)
    assert_close(outputs, reference.array("inference_outputs").T, ONE_PASS)


# Training


def step_function(options, network):
    """Return what takes one step along a gradient, as training does.

    With a constant learning rate the definitions of momentum agree: skcnn's velocity is PyTorch's
    times -learning_rate. Weight decay comes before the step and spares parameters of one axis; for
    Adam that is AdamW, and for SGD without momentum it is the same as decay in the gradient.
    """
    options = dict(options)
    rate, alpha = options.pop("learning_rate"), options.pop("weight_decay", 0.0)
    optimizer = made(optimizers, options, "optimizer")
    state = optimizer.start(network.parameters)

    def step(vector):
        if alpha:
            optimizers.decay(network.parameters[network.decayed], rate, alpha)
        optimizer.step(state, network.parameters, vector, rate)

    return step


@every_network
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_after_ten_steps_are_those_of_pytorch(reference, name):
    network = reference.loaded()
    workspaces, step = network.workspaces(), step_function(OPTIMIZERS[name], network)
    assert len(reference.batches) == 10
    for rows in reference.batches:
        step(gradient(reference, network, reference.inputs[..., rows], workspaces, rows))
    trained = reference.array("trained")[list(OPTIMIZERS).index(name)]
    theirs = reference.parameters(network, trained)
    assert_every_parameter_close(network, network.parameters, theirs, TEN_STEPS)


# Through the estimator

ESTIMATORS = {
    "image, one block and a hidden layer": {
        "n_filters": (3,), "filter_size": 3, "pool_size": 2, "hidden_layer_sizes": (7,),
    },
    "image, one block and a hidden layer, batch normalization before leftovers": {
        "n_filters": (4,), "filter_size": ((3, 2),), "pool_size": ((2, 3),),
        "hidden_layer_sizes": (5,), "batch_norm": True, "activation": "tanh",
    },
}  # fmt: skip


def estimator_at_the_start(reference, X, y):
    """Return a classifier whose network is the reference's as it was before training."""
    classifier = ScratchCNNClassifier(
        **ESTIMATORS[reference.description["name"]],
        solver=optimizers.SGD(momentum=0),
        alpha=0,
        standardize=False,
        dtype="float64",
        batch_size=len(X),
        shuffle=False,
        random_state=0,
    )
    classifier.partial_fit(X, y, classes=np.unique(y))
    network = classifier.network_
    network.initialize(np.random.default_rng(0))
    network.parameters[:] = reference.parameters(network, reference.array("parameters"))
    return classifier


@pytest.mark.parametrize("solver", ["Adam", "AdamW", "plain SGD"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimator_has_pytorchs_parameters_after_ten_steps(name, solver):
    reference = next(each for each in REFERENCES if each.description["name"] == name)
    X = np.moveaxis(reference.array("inputs"), 1, -1)  # (n, H, W, C)
    y = reference.array("targets")
    classifier = estimator_at_the_start(reference, X, y)
    options = dict(OPTIMIZERS[solver])
    rate, alpha = options.pop("learning_rate"), options.pop("weight_decay", 0.0)
    optimizer = made(optimizers, options, "optimizer")
    classifier.set_params(solver=optimizer, learning_rate=rate, alpha=alpha)
    for rows in reference.batches:
        classifier.partial_fit(X[rows], y[rows])
    network = classifier.network_
    trained = reference.array("trained")[list(OPTIMIZERS).index(solver)]
    theirs = reference.parameters(network, trained)
    assert_every_parameter_close(network, network.parameters, theirs, TEN_STEPS)


# The archive itself


def test_the_archive_says_which_pytorch_made_it_and_is_small():
    assert METADATA["torch"].startswith("2.")
    assert ARCHIVE.stat().st_size < 500_000
