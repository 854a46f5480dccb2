from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from scipy.special import expit

from skcnn.layers import Activation, Logistic, ReLU, Tanh
from skcnn.testing import check_layer
from skcnn.testing.activation import check_increasing
from tests.support.layers import Square

FALLS = {
    "square": lambda x: x**2,
    "sine": np.sin,
    "minus": lambda x: -x,
    "swish, by a quarter left of -1.3": lambda x: x * expit(x),
    "bump far out": lambda x: np.tanh(x) + 0.01 * np.exp(-((x - 700.0) ** 2)),
    "dip by 4e-10 near zero": lambda x: x**3 - 1e-6 * x,
    "drop after a billion": lambda x: np.where(x > 1e9, 0, x),
    "drop from infinity": lambda x: np.where(x > 1e9, 0, np.exp(x)),
}
NEVER_FALLS = {
    "cube": lambda x: x**3,
    "softplus": lambda x: np.logaddexp(0, x),
    "steps": np.floor,
    "constant": np.zeros_like,
    "exponential, up to infinity": np.exp,
    "not a number far out": lambda x: np.exp(x) / (1 + np.exp(x)),
    "noise of rounding": lambda x: np.tanh(x) * (1 + 3e-16 * (-1) ** np.arange(x.size)),
}


@dataclass(frozen=True)
class Declared(Activation):
    """Declares that its function is increasing, whatever the function."""

    name: str

    is_increasing: ClassVar[bool] = True

    def function(self, x, out, workspace):
        out[...] = (FALLS | NEVER_FALLS)[self.name](x)


@dataclass(frozen=True)
class RunsItself(Declared):
    """Overrides forward, so that nothing trades places with it."""

    def forward(self, parameters, x, workspace, *, training):
        return -x, None


@pytest.mark.parametrize("name", FALLS)
def test_activation_that_falls_and_declares_otherwise_is_refused(name):
    words = r"Declared.*falls from .* at x = .* Leave is_increasing of Declared .* False"
    with pytest.raises(AssertionError, match=words):
        check_layer(Declared(name), (2,))


@pytest.mark.parametrize("name", NEVER_FALLS)
def test_activation_that_never_falls_may_declare_it(name):
    check_increasing(Declared(name))


@pytest.mark.parametrize("activation", [ReLU(), Tanh(), Logistic(), Square()], ids=str)
def test_activations_of_the_library_and_those_that_declare_nothing_pass(activation):
    check_layer(activation, (2, 3))
    assert activation.is_increasing is not isinstance(activation, Square)


def test_declaration_of_a_layer_that_is_never_moved_is_not_looked_at():
    check_increasing(RunsItself("square"))


def test_default_is_not_increasing():
    assert Activation.is_increasing is False
