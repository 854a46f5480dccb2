"""Update rules: how a gradient changes the parameters, in place, on one flat vector."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._checks import Hyperparameters, check_boolean, is_number, shown

__all__ = ["SGD", "Adam", "Optimizer", "clip", "decay"]

Array = npt.NDArray[Any]
State = dict[str, Any]


def decay(weights: Array, learning_rate: float, alpha: float) -> None:
    """Shrink weights in place by the factor 1 - learning_rate * alpha.

    Decoupled from the gradient, as in Loshchilov, Hutter. Decoupled Weight Decay Regularization.
    ICLR 2019.
    """
    weights *= 1 - learning_rate * alpha


def clip(gradient: Array, max_norm: float) -> None:
    """Shrink a gradient in place to a Euclidean norm of `max_norm`, if it is longer.

    Pascanu, Mikolov, Bengio. On the difficulty of training recurrent neural networks. ICML 2013.
    """
    # squares of float32 must not overflow; a buffered cast copies nothing as a whole
    norm = sqrt(float(np.einsum("i,i->", gradient, gradient, dtype=np.float64)))
    if norm > max_norm:
        gradient *= max_norm / norm


@dataclass(frozen=True)
class Optimizer(Hyperparameters):
    """Hyper-parameters of an update rule; what it remembers is in a separate state.

    A subclass overrides both methods. The state is a dict of arrays and numbers, so that it can
    be copied and saved.
    """

    def start(self, parameters: Array) -> State:
        """Return the state before the first step."""
        return {}

    def step(self, state: State, parameters: Array, gradient: Array, learning_rate: float) -> None:
        """Update `parameters` and `state` in place; `gradient` may be overwritten.

        Parameters
        ----------
        state : dict
            From :meth:`start`.
        parameters, gradient : ndarray of shape (n_parameters,)
            Of the same dtype.
        learning_rate : float
            Step size.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `step`.")


def _check_fraction(value: Any, name: str) -> None:
    if not (is_number(value) and 0 <= float(value) < 1):
        raise ValueError(f"{name}={shown(value)} must be a number of at least 0 and less than 1.")


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: v = momentum * v - rate * g; p += v.

    Parameters
    ----------
    momentum : float, default=0.9
        Fraction of the last step that is repeated, in [0, 1). 0 is plain gradient descent.
    nesterov : bool, default=True
        Look ahead: p += momentum * v - rate * g with the new v. Without momentum it changes
        nothing.
    """

    momentum: float = 0.9
    nesterov: bool = True

    def __post_init__(self) -> None:
        _check_fraction(self.momentum, "momentum")
        check_boolean(self.nesterov, "nesterov")

    def start(self, parameters: Array) -> State:
        """Start at rest."""
        return {"velocity": np.zeros_like(parameters)} if self.momentum else {}

    def step(self, state: State, parameters: Array, gradient: Array, learning_rate: float) -> None:
        """Take one step."""
        gradient *= -learning_rate
        if self.momentum:
            velocity = state["velocity"]
            velocity *= self.momentum
            velocity += gradient
            if self.nesterov:
                parameters += gradient
                np.multiply(velocity, self.momentum, out=gradient)
                parameters += gradient
            else:
                parameters += velocity
        else:
            parameters += gradient


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    The means are kept without the factor 1 - beta, and both bias corrections are folded into
    the step size and into epsilon, which saves passes over memory.

    Parameters
    ----------
    beta_1 : float, default=0.9
        Decay of the mean of the gradient, in [0, 1).
    beta_2 : float, default=0.999
        Decay of the mean of its square, in [0, 1).
    epsilon : float, default=1e-8
        Keeps the quotient finite.

    References
    ----------
    Kingma, Ba. Adam: A Method for Stochastic Optimization. ICLR 2015.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("beta_1", "beta_2"):
            _check_fraction(getattr(self, name), name)
        if not (is_number(self.epsilon) and self.epsilon > 0):
            raise ValueError(f"epsilon={shown(self.epsilon)} must be a number greater than 0.")

    def start(self, parameters: Array) -> State:
        """Start with means of zero."""
        return {"t": 0, "mean": np.zeros_like(parameters), "square": np.zeros_like(parameters)}

    def step(self, state: State, parameters: Array, gradient: Array, learning_rate: float) -> None:
        """Take one step: p -= rate * corrected mean / (sqrt(corrected square) + epsilon)."""
        state["t"] += 1
        mean, square = state["mean"], state["square"]
        beta_1, beta_2 = float(self.beta_1), float(self.beta_2)  # of half precision, 1 - beta is 0
        mean *= beta_1
        mean += gradient
        gradient *= gradient
        square *= beta_2
        square += gradient
        # corrected mean = to_mean * mean, corrected square = to_root**2 * square
        to_mean = (1 - beta_1) / (1 - beta_1 ** state["t"])
        to_root = sqrt((1 - beta_2) / (1 - beta_2 ** state["t"]))
        np.sqrt(square, out=gradient)
        gradient += float(self.epsilon) / to_root
        np.divide(mean, gradient, out=gradient)
        gradient *= learning_rate * to_mean / to_root
        parameters -= gradient


OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "sgd": SGD}
