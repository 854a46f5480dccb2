"""What check_layer names of a forward and a backward pass of the layer at test."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from skcnn.testing import check_layer
from tests.support.layers import Scale


def change(array, factor):
    array *= factor


def keeps_the_longer_batch(call):
    largest = call.workspace.once("largest", lambda: call.x.shape[-1])
    return call.y, call.cache * (call.x.shape[-1] / largest)


def keeps_stale_dx(call):
    dx = call.workspace.buffer("dx", call.dx.shape, call.dx.dtype)
    call.workspace.once("cleared", lambda: dx.fill(0) or True)
    dx += call.dx
    return dx


def leaves_a_buffer_out_in_inference(call):
    if call.training:
        return call.y, call.cache
    y = call.workspace.buffer("other", call.x.shape, call.x.dtype)
    call.workspace.once("cleared", lambda: y.fill(0) or True)
    y += call.x
    return y, None


def in_inference(function):
    return lambda call: (call.y if call.training else function(call), call.cache)


FORWARD = {
    "changes its input": (
        lambda call: (call.y, (call.cache.copy(), change(call.x, 1.1))[0]),
        "changes its input",
    ),
    "changes its input in inference": (
        in_inference(lambda call: (call.y, change(call.x, 2))[0]),
        "inference changes its input",
    ),
    "changes its parameters": (
        lambda call: (call.y, (call.cache, change(call.parameters["factor"], 0.99))[0]),
        "changes its parameters",
    ),
    "upcasts its output": (
        lambda call: (call.y * np.float64(1), call.cache),
        "float32 in, float64 out",
    ),
    "inference of another shape": (
        in_inference(lambda call: call.y[None]),
        "inference gives another shape",
    ),
    "keeps the longer batch": (
        keeps_the_longer_batch,
        "a shorter batch gives another result in a used workspace",
    ),
    "draws in inference": (
        lambda call: (call.y * (call.workspace.rng.random() > -1), call.cache),
        "inference raises AttributeError.*draw in training only",
    ),
    "draws from its own generator": (
        in_inference(lambda call: call.y + np.random.default_rng().random(call.y.shape)),
        "another result the second time",
    ),
    "normalizes by the batch": (
        in_inference(lambda call: call.y - call.y.mean(axis=-1, keepdims=True)),
        "output for a sample depends on the others",
    ),
    "adds up the batch": (
        in_inference(lambda call: call.y.cumsum(axis=-1)),
        "output for a sample depends on the others",
    ),
    "leaves a buffer out in inference": (
        leaves_a_buffer_out_in_inference,
        "another result the second time|depends on the others",
    ),
    "returns no cache": (lambda call: call.y, "forward must return a pair"),
    "returns a list as output": (
        lambda call: (call.y.tolist(), call.cache),
        "forward returned list as output, not an array",
    ),
}
BACKWARD = {
    "wrong dx": (lambda call: call.dx * 1.001, "dx differs from finite differences"),
    "no dx": (lambda call: None, "backward returned no dx although need_dx was true"),
    "NaN in dx": (lambda call: call.dx * np.nan, "dx differs from finite differences"),
    "wrong gradient": (
        lambda call: (call.dx, change(call.gradients["factor"][0], 1.001))[0],
        "gradient of factor differs from finite differences",
    ),
    "mean instead of sum": (
        lambda call: (call.dx, change(call.gradients["factor"], 1 / call.dy.shape[-1]))[0],
        "gradient of factor differs from finite differences",
    ),
    "adds to gradients": (
        lambda call: (call.dx, change(call.gradients["factor"], np.nan))[0],
        "must overwrite every element of gradients",
    ),
    "upcasts dx": (lambda call: call.dx * np.float64(1), "float32 in, dx is float64"),
    "dx of another shape": (
        lambda call: call.dx[None],
        r"dx has shape \(1, 2, 3, 3\), not \(2, 3, 3\)",
    ),
    "keeps stale dx": (keeps_stale_dx, "gives another result"),
    "depends on need_dx": (
        lambda call: (call.dx, change(call.gradients["factor"], call.need_dx))[0],
        "gradients depend on need_dx",
    ),
    "ignores need_dx": (
        lambda call: call.dx if call.need_dx else call.dy,
        "backward returned dx although need_dx was false",
    ),
    "returns a list as dx": (
        lambda call: call.dx.tolist(),
        "backward returned list, not an array",
    ),
}


@dataclass(frozen=True)
class Broken(Scale):
    """A right layer but for one fault."""

    fault: str

    def forward(self, parameters, x, workspace, *, training):
        y, cache = super().forward(parameters, x, workspace, training=training)
        if self.fault not in FORWARD:
            return y, cache
        call = SimpleNamespace(
            parameters=parameters, x=x, workspace=workspace, training=training, y=y, cache=cache
        )
        return FORWARD[self.fault][0](call)

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        dx = super().backward(parameters, gradients, dy, cache, workspace, need_dx=need_dx)
        if self.fault not in BACKWARD or not (need_dx or "need_dx" in self.fault):
            return dx
        call = SimpleNamespace(
            gradients=gradients, dy=dy, workspace=workspace, dx=dx, need_dx=need_dx
        )
        return BACKWARD[self.fault][0](call)


@pytest.mark.parametrize("directions", [None, 8])
@pytest.mark.parametrize("fault", FORWARD | BACKWARD)
def test_check_layer_names_the_fault_of_a_pass(fault, directions):
    _, message = (FORWARD | BACKWARD)[fault]
    with pytest.raises(AssertionError, match=message) as caught:
        check_layer(Broken(fault), (2, 3), directions=directions)
    assert "Broken" in str(caught.value)
