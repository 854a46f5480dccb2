from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from skcnn.optimizers import SGD, Adam, Optimizer
from skcnn.testing import check_optimizer


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
def test_fault_is_named(optimizer, fault):
    with pytest.raises(AssertionError, match=fault):
        check_optimizer(optimizer)
