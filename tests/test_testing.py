from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from skcnn.layers import Activation, Layer
from skcnn.losses import CrossEntropy, Loss, SquaredError
from skcnn.optimizers import SGD, Adam, Optimizer
from skcnn.testing import check_layer, check_loss, check_optimizer, finite_differences


@dataclass(frozen=True)
class Scale(Layer):
    """y[i] = x[i] * factor[i]: right in every respect, what the broken ones derive from."""

    def parameter_shapes(self, input_shape):
        return {"factor": (*input_shape, 1)}

    def initialize(self, parameters, rng):
        parameters["factor"][:] = 1

    def forward(self, parameters, x, workspace, *, training):
        y = workspace.buffer("y", x.shape, x.dtype)
        return np.multiply(x, parameters["factor"], out=y), x

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        np.sum(cache * dy, axis=-1, keepdims=True, out=gradients["factor"])
        if not need_dx:
            return None
        return np.multiply(dy, parameters["factor"], out=dy)


@dataclass(frozen=True)
class WrongInputGradient(Scale):
    def backward(self, *args, need_dx, **kwargs):
        dx = super().backward(*args, need_dx=need_dx, **kwargs)
        return None if dx is None else dx * 1.001


@dataclass(frozen=True)
class NoInputGradient(Scale):
    def backward(self, *args, need_dx, **kwargs):
        super().backward(*args, need_dx=need_dx, **kwargs)


@dataclass(frozen=True)
class WrongParameterGradient(Scale):
    def backward(self, parameters, gradients, *args, **kwargs):
        dx = super().backward(parameters, gradients, *args, **kwargs)
        gradients["factor"][0] *= 1.001
        return dx


@dataclass(frozen=True)
class MeanInsteadOfSum(Scale):
    def backward(self, parameters, gradients, *args, **kwargs):
        dx = super().backward(parameters, gradients, *args, **kwargs)
        gradients["factor"] /= args[0].shape[-1]
        return dx


@dataclass(frozen=True)
class AddsToGradients(Scale):
    def backward(self, parameters, gradients, *args, **kwargs):
        own = {"factor": np.zeros_like(gradients["factor"])}
        dx = super().backward(parameters, own, *args, **kwargs)
        gradients["factor"] += own["factor"]
        return dx


@dataclass(frozen=True)
class LeavesGradientsOut(Scale):
    def backward(self, parameters, gradients, *args, **kwargs):
        own = {"factor": np.zeros_like(gradients["factor"])}
        return super().backward(parameters, own, *args, **kwargs)


@dataclass(frozen=True)
class ChangesItsInput(Scale):
    def forward(self, parameters, x, workspace, *, training):
        before = x.copy()
        x *= parameters["factor"]
        return x, before


@dataclass(frozen=True)
class ChangesItsInputInInference(Scale):
    def forward(self, parameters, x, workspace, *, training):
        y, cache = super().forward(parameters, x, workspace, training=training)
        if not training:
            x[:] = y
        return y, cache


@dataclass(frozen=True)
class ReadsWhatItOverwrote(Activation):
    in_place: ClassVar[bool] = True

    def function(self, x, out, workspace):
        np.multiply(x, 0.1, out=out)
        np.maximum(x, out, out=out)

    def multiply_by_derivative(self, dy, y, workspace):
        dy[y < 0] *= 0.1


@dataclass(frozen=True)
class ChangesItsParameters(Scale):
    def forward(self, parameters, x, workspace, *, training):
        result = super().forward(parameters, x, workspace, training=training)
        parameters["factor"] *= 0.99
        return result


@dataclass(frozen=True)
class UpcastsItsOutput(Scale):
    def forward(self, parameters, x, workspace, *, training):
        return x * parameters["factor"].astype(np.float64), x


@dataclass(frozen=True)
class UpcastsItsInputGradient(Scale):
    def backward(self, *args, **kwargs):
        dx = super().backward(*args, **kwargs)
        return None if dx is None else dx * np.float64(1)


@dataclass(frozen=True)
class ReturnsAnotherShape(Scale):
    def output_shape(self, input_shape):
        return (*input_shape, 1)


@dataclass(frozen=True)
class ReturnsInputGradientOfAnotherShape(Scale):
    def backward(self, *args, **kwargs):
        dx = super().backward(*args, **kwargs)
        return None if dx is None else dx[None]


@dataclass(frozen=True)
class InferenceOfAnotherShape(Scale):
    def forward(self, parameters, x, workspace, *, training):
        y, cache = super().forward(parameters, x, workspace, training=training)
        return y if training else y[None], cache


@dataclass(frozen=True)
class KeepsStaleInputGradient(Scale):
    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        super().backward(parameters, gradients, dy, cache, workspace, need_dx=False)
        dx = workspace.buffer("dx", dy.shape, dy.dtype)
        workspace.plan("cleared", lambda: dx.fill(0) or True)
        dx += dy * parameters["factor"]
        return dx if need_dx else None


@dataclass(frozen=True)
class KeepsTheLongerBatch(Scale):
    def forward(self, parameters, x, workspace, *, training):
        y, cache = super().forward(parameters, x, workspace, training=training)
        largest = workspace.plan("largest", lambda: x.shape[-1])
        return y, cache * (x.shape[-1] / largest)


@dataclass(frozen=True)
class DependsOnNeedDx(Scale):
    def backward(self, parameters, gradients, *args, need_dx, **kwargs):
        dx = super().backward(parameters, gradients, *args, need_dx=need_dx, **kwargs)
        if not need_dx:
            gradients["factor"][:] = 0
        return dx


@dataclass(frozen=True)
class IgnoresNeedDx(Scale):
    def backward(self, *args, need_dx, **kwargs):
        return super().backward(*args, need_dx=True, **kwargs)


@dataclass(frozen=True)
class Unpicklable(Scale):
    function: Any = lambda x: x


@dataclass(frozen=True)
class UnequalAfterPickling(Scale):
    def __eq__(self, other):
        return self is other

    __hash__ = object.__hash__


class NotADataclass(Scale):
    def __init__(self, factor):
        object.__setattr__(self, "factor", factor)


@dataclass(frozen=True)
class KeepsAnArrayAsAField(Scale):
    values: Any = None


@dataclass(frozen=True)
class KeepsArraysInAField(Scale):
    values: Any = None


@dataclass(frozen=True)
class StoresItsInput(Scale):
    def forward(self, parameters, x, workspace, *, training):
        object.__setattr__(self, "x", x)
        return super().forward(parameters, x, workspace, training=training)


@dataclass(frozen=True)
class ReplacesAField(Scale):
    last: Any = None

    def forward(self, parameters, x, workspace, *, training):
        object.__setattr__(self, "last", x.shape)
        return super().forward(parameters, x, workspace, training=training)


@dataclass(frozen=True)
class DropsInInference(Scale):
    def forward(self, parameters, x, workspace, *, training):
        x = x * (workspace.rng.random(x.shape) < 0.5)
        return super().forward(parameters, x.copy(), workspace, training=training)

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        dx = super().backward(parameters, gradients, dy, cache, workspace, need_dx=need_dx)
        return dx if dx is None else dx * (cache != 0)


@dataclass(frozen=True)
class DrawsFromItsOwnGenerator(Scale):
    def forward(self, parameters, x, workspace, *, training):
        y, cache = super().forward(parameters, x, workspace, training=training)
        return y if training else y + np.random.default_rng().random(y.shape), cache


@dataclass(frozen=True)
class NormalisesByTheBatch(Scale):
    def forward(self, parameters, x, workspace, *, training):
        y, cache = super().forward(parameters, x, workspace, training=training)
        return y if training else y - y.mean(axis=-1, keepdims=True), cache


@dataclass(frozen=True)
class AddsUpTheBatch(Scale):
    def forward(self, parameters, x, workspace, *, training):
        y, cache = super().forward(parameters, x, workspace, training=training)
        return y if training else y.cumsum(axis=-1), cache


@dataclass(frozen=True)
class LeavesABufferOutInInference(Scale):
    def forward(self, parameters, x, workspace, *, training):
        if training:
            return super().forward(parameters, x, workspace, training=training)
        y = workspace.buffer("other", x.shape, x.dtype)
        workspace.plan("cleared", lambda: y.fill(0) or True)
        y += x
        return y, None


@dataclass(frozen=True)
class ReturnsNoCache(Scale):
    def forward(self, parameters, x, workspace, *, training):
        return super().forward(parameters, x, workspace, training=training)[0]


@dataclass(frozen=True)
class ReturnsAListAsOutput(Scale):
    def forward(self, parameters, x, workspace, *, training):
        y, cache = super().forward(parameters, x, workspace, training=training)
        return y.tolist(), cache


@dataclass(frozen=True)
class ReturnsAListAsInputGradient(Scale):
    def backward(self, *args, **kwargs):
        return super().backward(*args, **kwargs).tolist()


@dataclass(frozen=True)
class HasNoOutputShape(Scale):
    def output_shape(self, input_shape):
        return None


@dataclass(frozen=True)
class RunningMean(Layer):
    """Subtract the batch's mean in training, the running mean in inference."""

    faulty: bool = False

    def parameter_shapes(self, input_shape):
        return {"shift": (*input_shape, 1)}

    def state_shapes(self, input_shape):
        return {"mean": (*input_shape, 1)}

    def initialize(self, parameters, rng):
        parameters["mean"][:] = 0.5

    def forward(self, parameters, x, workspace, *, training):
        mean = x.mean(axis=-1, keepdims=True) if training else parameters["mean"]
        if training or self.faulty:
            parameters["mean"] *= 0.9
            parameters["mean"] += mean * x.dtype.type(0.1) + x.dtype.type(0.01)
        return x - mean + parameters["shift"], None

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        gradients["shift"][:] = dy.sum(axis=-1, keepdims=True)
        return dy - dy.mean(axis=-1, keepdims=True) if need_dx else None


@pytest.mark.parametrize("shape", [(3,), (2, 4), (2, 1, 3)])
@pytest.mark.parametrize("layer", [Scale(), RunningMean()], ids=str)
def test_right_layers_pass(layer, shape):
    check_layer(layer, shape)


@pytest.mark.parametrize(
    ("layer", "fault"),
    [
        (WrongInputGradient(), "dx differs from finite differences"),
        (NoInputGradient(), "backward returned no dx although need_dx was true"),
        (WrongParameterGradient(), "gradient of factor differs from finite differences"),
        (MeanInsteadOfSum(), "gradient of factor differs from finite differences"),
        (AddsToGradients(), "must overwrite every element of gradients"),
        (LeavesGradientsOut(), "must overwrite every element of gradients"),
        (ChangesItsInput(), "changes its input"),
        (ChangesItsInputInInference(), "inference changes its input"),
        (ReadsWhatItOverwrote(), "another result in place"),
        (ChangesItsParameters(), "changes its parameters"),
        (UpcastsItsOutput(), "float32 in, float64 out"),
        (UpcastsItsInputGradient(), "float32 in, dx is float64"),
        (ReturnsAnotherShape(), r"output has shape \(2, 3, 3\), not \(2, 3, 1, 3\)"),
        (ReturnsInputGradientOfAnotherShape(), r"dx has shape \(1, 2, 3, 3\), not \(2, 3, 3\)"),
        (InferenceOfAnotherShape(), "inference gives another shape"),
        (KeepsStaleInputGradient(), "gives another result"),
        (KeepsTheLongerBatch(), "a shorter batch gives another result in a used workspace"),
        (DependsOnNeedDx(), "gradients depend on need_dx"),
        (IgnoresNeedDx(), "backward returned dx although need_dx was false"),
        (Unpicklable(), "does not survive pickling"),
        (UnequalAfterPickling(), "does not survive pickling"),
        (NotADataclass(2), r"is not a dataclass.*@dataclass\(frozen=True\)"),
        (KeepsAnArrayAsAField(np.ones(3)), "has an array as its field values.*use a tuple"),
        (KeepsArraysInAField((np.ones(3), 1)), "does not survive pickling"),
        (StoresItsInput(), "stores x on itself.*use the cache"),
        (ReplacesAField(), "stores last on itself"),
        (DropsInInference(), "inference raises AttributeError.*draw in training only"),
        (DrawsFromItsOwnGenerator(), "another result the second time"),
        (NormalisesByTheBatch(), "output for a sample depends on the others"),
        (AddsUpTheBatch(), "output for a sample depends on the others"),
        (LeavesABufferOutInInference(), "another result the second time|depends on the others"),
        (ReturnsNoCache(), "forward must return a pair"),
        (ReturnsAListAsOutput(), "forward returned list as output, not an array"),
        (ReturnsAListAsInputGradient(), "backward returned list, not an array"),
        (HasNoOutputShape(), "output_shape must return a tuple of integers.*not None"),
        (RunningMean(faulty=True), "inference changes the state"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Layer) else "",
)
def test_check_layer_names_the_fault(layer, fault):
    with pytest.raises(AssertionError, match=fault) as caught:
        check_layer(layer, (2, 3))
    assert type(layer).__name__ in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((Scale, (2, 3)), "layer=<class .*Scale'> is not a layer. Give an instance"),
        (("relu", (2, 3)), "layer='relu' is not a layer"),
        ((Scale(), 3), "input_shape=3 must be a tuple of integers of at least 1"),
        ((Scale(), (2, 0)), r"input_shape=\(2, 0\) must be"),
        ((Scale(), (2, 3), 1), "n_samples=1 must be an integer of at least 2"),
        ((Scale(), (2, 3), 2.5), "n_samples=2.5 must be an integer"),
    ],
)
def test_check_layer_names_a_wrong_argument(arguments, words):
    layer, input_shape, *n_samples = arguments
    with pytest.raises(ValueError, match=words):
        check_layer(layer, input_shape, **({"n_samples": n_samples[0]} if n_samples else {}))


class Squares(Loss):
    """sum of weights * (z - target)**2 / 2, for targets of any shape that broadcasts."""

    def value_and_gradient(self, outputs, targets, weights, workspace):
        difference = outputs - targets.astype(outputs.dtype)
        gradient = (difference * weights).astype(outputs.dtype)
        return float((difference * gradient).sum() / 2), gradient


class WrongLossGradient(Squares):
    def value_and_gradient(self, *args):
        value, gradient = super().value_and_gradient(*args)
        return value, gradient * np.float32(1.001)


class ForgetsWeights(Squares):
    def value_and_gradient(self, outputs, targets, weights, workspace):
        return super().value_and_gradient(outputs, targets, 1.0, workspace)


class ForgetsWeightsInItsGradient(Squares):
    def value_and_gradient(self, outputs, targets, weights, workspace):
        value, _ = super().value_and_gradient(outputs, targets, weights, workspace)
        return value, super().value_and_gradient(outputs, targets, 1.0, workspace)[1]


class ChangesTheOutputs(Squares):
    def value_and_gradient(self, outputs, targets, weights, workspace):
        outputs -= targets
        return super().value_and_gradient(outputs, 0 * targets, weights, workspace)


class ChangesTheTargets(Squares):
    def value_and_gradient(self, outputs, targets, weights, workspace):
        result = super().value_and_gradient(outputs, targets, weights, workspace)
        targets += 1
        return result


class ReturnsAnArray(Squares):
    def value_and_gradient(self, *args):
        value, gradient = super().value_and_gradient(*args)
        return np.array(value), gradient


class UpcastsTheGradient(Squares):
    def value_and_gradient(self, *args):
        value, gradient = super().value_and_gradient(*args)
        return value, gradient.astype(np.float64)


OUTPUTS, TARGETS = np.random.default_rng(0).standard_normal((3, 5)), np.array([0, 1, 2, 0, 1])


@pytest.mark.parametrize("loss", [Squares(), CrossEntropy()])
def test_right_losses_pass(loss):
    check_loss(loss, OUTPUTS, TARGETS)


@pytest.mark.parametrize(
    ("loss", "fault"),
    [
        (WrongLossGradient(), "gradient differs from finite differences"),
        (ForgetsWeights(), "not the weighted sum of the rows' losses"),
        (ForgetsWeightsInItsGradient(), "gradient differs from finite differences"),
        (ChangesTheOutputs(), "changes the outputs"),
        (ChangesTheTargets(), "changes the targets"),
        (ReturnsAnArray(), "not a float"),
        (UpcastsTheGradient(), "float32 in, gradient is float64"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Loss) else "",
)
def test_check_loss_names_the_fault(loss, fault):
    with pytest.raises(AssertionError, match=fault):
        check_loss(loss, OUTPUTS, TARGETS)


def test_check_loss_takes_targets_of_several_numbers_a_row():
    rng = np.random.default_rng(0)
    outputs, targets = rng.standard_normal((2, 5)), rng.standard_normal((5, 2))
    check_loss(SquaredError(), outputs, targets)
    check_loss(SquaredError(), outputs, targets.tolist())


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [(np.ones((2, 5)), np.ones(4)), (np.ones(5), np.ones(5)), (np.ones((2, 5)), np.ones((2, 5)))],
)
def test_check_loss_names_shapes_that_do_not_fit(outputs, targets):
    with pytest.raises(ValueError, match=r"outputs of shape .* and targets of shape .* do not fit"):
        check_loss(SquaredError(), outputs, targets)


class Uphill(Optimizer):
    def step(self, state, parameters, gradient, learning_rate):
        parameters += learning_rate * gradient * 0.1


class NotInPlace(Optimizer):
    def step(self, state, parameters, gradient, learning_rate):
        parameters = parameters - learning_rate * gradient


class UpcastState(SGD):
    def start(self, parameters):
        return {"velocity": np.zeros(parameters.shape)}


@dataclass(frozen=True)
class UnpicklableOptimizer(SGD):
    function: Any = lambda x: x


@pytest.mark.parametrize("optimizer", [SGD(), Adam()])
def test_right_optimizers_pass(optimizer):
    check_optimizer(optimizer)


@pytest.mark.parametrize(
    ("optimizer", "fault"),
    [
        (Uphill(), "does not find the minimum"),
        (NotInPlace(), "does not find the minimum"),
        (UpcastState(), "state 'velocity' is float64, not float32"),
        (UnpicklableOptimizer(), "does not survive pickling"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Optimizer) else "",
)
def test_check_optimizer_names_the_fault(optimizer, fault):
    with pytest.raises(AssertionError, match=fault):
        check_optimizer(optimizer)


def test_finite_differences_of_a_known_function_leave_the_array_as_it_was():
    x = np.random.default_rng(0).standard_normal((2, 3))
    before = x.copy()
    numeric = finite_differences(lambda: float(np.sin(x).sum()), x)
    np.testing.assert_allclose(numeric, np.cos(before), atol=1e-9)
    assert np.array_equal(x, before)
