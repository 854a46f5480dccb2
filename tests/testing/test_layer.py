from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from skcnn.layers import Activation, Conv, Layer
from skcnn.testing import check_layer
from tests.support.layers import Scale, Square
from tests.support.parts import BUFFER_NAMES, NamedActivation, NamedLayer


@dataclass(frozen=True)
class ReadsWhatItOverwrote(Activation):
    in_place: ClassVar[bool] = True

    def function(self, x, out, workspace):
        np.multiply(x, 0.1, out=out)
        np.maximum(x, out, out=out)

    def multiply_by_derivative(self, dy, y, workspace):
        dy[y < 0] *= 0.1


@dataclass(frozen=True)
class ReturnsAnotherShape(Scale):
    def output_shape(self, input_shape):
        return (*input_shape, 1)


@dataclass(frozen=True)
class HasNoOutputShape(Scale):
    def output_shape(self, input_shape):
        return None


@dataclass(frozen=True)
class HasAField(Scale):
    value: Any = None


@dataclass(frozen=True)
class UnequalAfterPickling(Scale):
    def __eq__(self, other):
        return self is other

    __hash__ = object.__hash__


class NotADataclass(Scale):
    def __init__(self, factor):
        object.__setattr__(self, "factor", factor)


@dataclass(frozen=True)
class StoresItsInput(Scale):
    x: Any = None
    name: str = "other"

    def forward(self, parameters, x, workspace, *, training):
        object.__setattr__(self, self.name, x.shape)
        return super().forward(parameters, x, workspace, training=training)


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


@pytest.mark.parametrize("directions", [None, 1, 8])
@pytest.mark.parametrize("layer", [Scale(), RunningMean(), Square()], ids=str)
def test_right_layers_pass(layer, directions):
    for shape in [(3,), (2, 4), (2, 1, 3)]:
        check_layer(layer, shape, directions=directions)


@pytest.mark.parametrize(
    ("layer", "fault"),
    [
        (ReadsWhatItOverwrote(), "another result in place"),
        (ReturnsAnotherShape(), r"output has shape \(2, 3, 3\), not \(2, 3, 1, 3\)"),
        (HasNoOutputShape(), "output_shape must return a tuple of integers.*not None"),
        (HasAField(lambda x: x), "does not survive pickling"),
        (UnequalAfterPickling(), "does not survive pickling"),
        (NotADataclass(2), r"is not a dataclass.*@dataclass\(frozen=True\)"),
        (HasAField(np.ones(3)), "has an array as its field value.*use a tuple"),
        (HasAField((np.ones(3), 1)), "does not survive pickling"),
        (StoresItsInput(), "stores other on itself.*use the cache"),
        (StoresItsInput(name="x"), "stores x on itself"),
        (RunningMean(faulty=True), "inference changes the state"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Layer) else "",
)
def test_fault_is_named(layer, fault):
    with pytest.raises(AssertionError, match=fault) as caught:
        check_layer(layer, (2, 3))
    assert type(layer).__name__ in str(caught.value)


@dataclass(frozen=True)
class OneWrongElement(Scale):
    """A gradient with an error of a ten thousandth of its largest element, in one place."""

    part: str
    place: int

    def backward(self, parameters, gradients, *args, need_dx, **kwargs):
        dx = super().backward(parameters, gradients, *args, need_dx=need_dx, **kwargs)
        wrong = dx if self.part == "dx" else gradients["factor"]
        if need_dx:
            wrong.flat[self.place] += 1e-4 * np.abs(wrong).max()
        return dx


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("part", "size"), [("dx", 18), ("gradient of factor", 6)])
def test_eight_directions_find_an_error_in_any_single_element(part, size, seed):
    for place in range(size):
        with pytest.raises(AssertionError, match=f"{part} differs from finite differences"):
            check_layer(OneWrongElement(part, place), (2, 3), directions=8, seed=seed)


WRONG = {
    "sign of dx": lambda dx, gradients: np.negative(dx, out=dx),
    "wrong column of dx": lambda dx, gradients: np.copyto(dx, np.roll(dx, 1, axis=-2)),
    "wrong sample of dx": lambda dx, gradients: np.copyto(dx, dx[..., ::-1].copy()),
    "missing factor of dx": lambda dx, gradients: np.divide(dx, 2, out=dx),
    "sign of bias": lambda dx, gradients: np.negative(gradients["bias"], out=gradients["bias"]),
    "missing sum of bias": lambda dx, gradients: np.divide(
        gradients["bias"], dx.shape[-1], out=gradients["bias"]
    ),
    "flipped weights": lambda dx, gradients: np.copyto(
        gradients["weights"], gradients["weights"][::-1].copy()
    ),
    "missing kernel position of weights": lambda dx, gradients: gradients["weights"][0].fill(0),
}


@dataclass(frozen=True)
class WrongConv(Conv):
    wrong: str = ""

    def backward(self, parameters, gradients, *args, need_dx, **kwargs):
        dx = super().backward(parameters, gradients, *args, need_dx=True, **kwargs)
        WRONG[self.wrong](dx, gradients)
        return dx if need_dx else None


@pytest.mark.parametrize("directions", [None, 8])
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_formulas_are_found_and_named(wrong, directions):
    part = wrong.split()[-1]
    with pytest.raises(AssertionError, match=f"{part} differs from finite differences"):
        check_layer(WrongConv(2, 3, wrong=wrong), (4, 2, 5), directions=directions)


@pytest.mark.parametrize(
    ("layer", "input_shape", "others", "words"),
    [
        (Scale, (2, 3), {}, "layer=<class .*Scale'> is not a layer. Give an instance"),
        ("relu", (2, 3), {}, "layer='relu' is not a layer"),
        (Scale(), 3, {}, "input_shape=3 must be a tuple of integers of at least 1"),
        (Scale(), (2, 0), {}, r"input_shape=\(2, 0\) must be"),
        (Scale(), (2, 3), {"n_samples": 1}, "n_samples=1 must be an integer of at least 2"),
        (Scale(), (2, 3), {"n_samples": 2.5}, "n_samples=2.5 must be an integer"),
        (Scale(), (2, 3), {"directions": 0}, "directions=0 must be an integer of at least 1"),
        (Scale(), (2, 3), {"directions": True}, "directions=True must be an integer"),
    ],
)
def test_wrong_argument_is_named(layer, input_shape, others, words):
    with pytest.raises(ValueError, match=words):
        check_layer(layer, input_shape, **others)


@pytest.mark.parametrize("name", BUFFER_NAMES)
def test_buffers_of_any_name_pass(name):
    for layer in (NamedLayer(name), NamedActivation(name)):
        check_layer(layer, (3, 2, 4))
