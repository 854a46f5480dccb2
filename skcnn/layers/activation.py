"""Activations: elementwise functions that make a network more than one linear function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit

from skcnn._checks import Hyperparameters, is_number, shown
from skcnn._engine.plan import Trait
from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters

__all__ = ["ELU", "Activation", "LeakyReLU", "Logistic", "ReLU", "Tanh"]


@dataclass(frozen=True)
class Activation(Layer, Hyperparameters):
    """An elementwise function whose derivative follows from its value.

    A subclass gives `function` and `multiply_by_derivative`. Set `is_increasing` to True if the
    function never falls: only then may it trade places with max pooling, which saves time. A
    subclass with a `function` of its own declares anew. Set `in_place` to True if `function` may be
    given the same array as x and as out.
    """

    is_increasing: ClassVar[bool] = False
    in_place: ClassVar[bool] = False
    initializer: ClassVar[str] = "glorot_uniform"  # of the layer before, when names are given

    @property
    def _traits(self) -> Trait:
        fixed = ("forward", "backward", "output_shape", "parameter_shapes", "state_shapes")
        if any(getattr(type(self), name) is not getattr(Activation, name) for name in fixed):
            return Trait.NONE  # anything may happen there
        declared, *written = (
            self._first_to_define(name)
            for name in ("is_increasing", "function", "multiply_by_derivative")
        )
        moves = self.is_increasing and declared <= min(written)
        return Trait.ELEMENTWISE | Trait.ORDER_FREE | (Trait.INCREASING if moves else Trait.NONE)

    @classmethod
    def _first_to_define(cls, name: str) -> int:
        """Return how many bases up the class is that an attribute comes from."""
        return next(number for number, base in enumerate(cls.__mro__) if name in vars(base))

    def function(self, x: Array, out: Array, workspace: Workspace) -> None:
        """Write f(x) to `out`."""
        raise NotImplementedError(f"{type(self).__name__} must define `function`.")

    def multiply_by_derivative(self, dy: Array, y: Array, workspace: Workspace) -> None:
        """Multiply dy in place by f'(x), a function of y = f(x)."""
        raise NotImplementedError(f"{type(self).__name__} must define `multiply_by_derivative`.")

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """y = f(x)."""
        y = workspace.output(x) if self.in_place else workspace.buffer("y", x.shape, x.dtype)
        self.function(x, y, workspace.part("function"))
        return y, y

    def backward(
        self,
        parameters: Parameters,
        gradients: Parameters,
        dy: Array,
        cache: Any,
        workspace: Workspace,
        *,
        need_dx: bool,
    ) -> Array | None:
        """dx = dy * f'(x)."""
        if not need_dx:
            return None
        self.multiply_by_derivative(dy, cache, workspace.part("function"))
        return dy


@dataclass(frozen=True)
class ReLU(Activation):
    """Rectified linear unit: max(x, 0), with derivative 1 where x > 0, else 0."""

    is_increasing: ClassVar[bool] = True
    in_place: ClassVar[bool] = True
    initializer: ClassVar[str] = "he_normal"

    def function(self, x: Array, out: Array, workspace: Workspace) -> None:
        """max(x, 0), against an array of zeros: several times as fast as against a scalar."""
        zeros = workspace.once(x.shape[-2:], lambda: np.zeros(x.shape[-2:], x.dtype))
        np.maximum(x, zeros, out=out)

    def multiply_by_derivative(self, dy: Array, y: Array, workspace: Workspace) -> None:
        """Keep dy where y > 0."""
        positive = workspace.buffer("positive", y.shape, np.bool_)
        np.greater(y, 0, out=positive)
        dy *= positive


@dataclass(frozen=True)
class Tanh(Activation):
    """Hyperbolic tangent, with derivative 1 - y**2."""

    is_increasing: ClassVar[bool] = True
    in_place: ClassVar[bool] = True

    def function(self, x: Array, out: Array, workspace: Workspace) -> None:
        """tanh(x)."""
        np.tanh(x, out=out)

    def multiply_by_derivative(self, dy: Array, y: Array, workspace: Workspace) -> None:
        """Multiply dy by 1 - y**2."""
        slope = workspace.buffer("slope", y.shape, y.dtype)
        np.multiply(y, y, out=slope)
        np.subtract(1, slope, out=slope)
        dy *= slope


@dataclass(frozen=True)
class Logistic(Activation):
    """Logistic function 1 / (1 + exp(-x)), with derivative y * (1 - y)."""

    is_increasing: ClassVar[bool] = True
    in_place: ClassVar[bool] = True

    def function(self, x: Array, out: Array, workspace: Workspace) -> None:
        """1 / (1 + exp(-x)), which does not overflow."""
        expit(x, out=out)

    def multiply_by_derivative(self, dy: Array, y: Array, workspace: Workspace) -> None:
        """Multiply dy by y * (1 - y)."""
        slope = workspace.buffer("slope", y.shape, y.dtype)
        np.subtract(1, y, out=slope)
        slope *= y
        dy *= slope


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """Leaky rectified linear unit: x where x > 0, else `negative_slope` * x.

    The derivative is 1 where x > 0, else `negative_slope`.

    Parameters
    ----------
    negative_slope : float, default=0.01
        At least 0; with 0 it is :class:`ReLU`.

    References
    ----------
    Maas, Hannun, Ng. Rectifier Nonlinearities Improve Neural Network Acoustic Models. ICML 2013.
    """

    is_increasing: ClassVar[bool] = True
    in_place: ClassVar[bool] = True
    initializer: ClassVar[str] = "he_normal"
    negative_slope: float = 0.01

    def __post_init__(self) -> None:
        _check_not_negative(self.negative_slope, "negative_slope")

    def function(self, x: Array, out: Array, workspace: Workspace) -> None:
        """max(x, 0) + negative_slope * min(x, 0)."""
        negative = workspace.buffer("negative", x.shape, x.dtype)
        _split(x, negative, out, workspace)
        negative *= self.negative_slope
        out += negative

    def multiply_by_derivative(self, dy: Array, y: Array, workspace: Workspace) -> None:
        """Multiply dy by negative_slope where y is not above 0."""
        slope = workspace.buffer("slope", y.shape, y.dtype)
        np.less_equal(y, 0, out=slope, casting="unsafe")
        slope *= self.negative_slope
        _add_positive(slope, y, workspace)
        dy *= slope


@dataclass(frozen=True)
class ELU(Activation):
    """Exponential linear unit: x where x > 0, else `alpha` * (exp(x) - 1).

    The derivative is 1 where x > 0, else `alpha` * exp(x) = y + `alpha`.

    Parameters
    ----------
    alpha : float, default=1.0
        At least 0; outputs are above -`alpha`.

    References
    ----------
    Clevert, Unterthiner, Hochreiter. Fast and Accurate Deep Network Learning by Exponential Linear
    Units (ELUs). ICLR 2016.
    """

    is_increasing: ClassVar[bool] = True
    in_place: ClassVar[bool] = True
    initializer: ClassVar[str] = "he_normal"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        _check_not_negative(self.alpha, "alpha")

    def function(self, x: Array, out: Array, workspace: Workspace) -> None:
        """max(x, 0) + alpha * (exp(min(x, 0)) - 1), which does not overflow."""
        negative = workspace.buffer("negative", x.shape, x.dtype)
        _split(x, negative, out, workspace)
        np.expm1(negative, out=negative)
        negative *= self.alpha
        out += negative

    def multiply_by_derivative(self, dy: Array, y: Array, workspace: Workspace) -> None:
        """Multiply dy by y + alpha where y is not above 0."""
        slope = workspace.buffer("slope", y.shape, y.dtype)
        np.add(y, self.alpha, out=slope)
        negative = workspace.buffer("sign", y.shape, np.bool_)
        np.less_equal(y, 0, out=negative)
        slope *= negative
        _add_positive(slope, y, workspace)
        dy *= slope


def _check_not_negative(value: float, name: str) -> None:
    if not (is_number(value) and 0 <= value < np.inf):
        raise ValueError(f"{name}={shown(value)} must be a number of at least 0.")


def _split(x: Array, negative: Array, out: Array, workspace: Workspace) -> None:
    """Write min(x, 0) to `negative`, then max(x, 0) to `out`, which may be x."""
    zeros = workspace.once(x.shape[-2:], lambda: np.zeros(x.shape[-2:], x.dtype))
    np.minimum(x, zeros, out=negative)
    np.maximum(x, zeros, out=out)


def _add_positive(slope: Array, y: Array, workspace: Workspace) -> None:
    """Add 1 to `slope` where y > 0."""
    positive = workspace.buffer("sign", y.shape, np.bool_)
    np.greater(y, 0, out=positive)
    slope += positive
