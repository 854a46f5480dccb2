"""Activations that are x times a gate of x between 0 and 1, and fall before they rise."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import Any, ClassVar

import numpy as np
from scipy.special import erf, expit

from skcnn._checks import check_boolean
from skcnn._engine.plan import Trait
from skcnn._engine.workspace import Workspace
from skcnn.layers.activation import Activation
from skcnn.layers.base import Array, Parameters

__all__ = ["GELU", "SiLU"]

# Beyond, a gate is 0 or 1 and its slope 0, in double precision too.
SATURATED = 40.0


@dataclass(frozen=True)
class GatedActivation(Activation):
    """y = x * g(x), whose derivative g(x) + x * g'(x) does not follow from y.

    So x and g(x) are kept for backward. A subclass gives `_gate` and `_gate_slope`.
    """

    initializer: ClassVar[str] = "he_normal"

    @property
    def _traits(self) -> Trait:
        """The plan knows this `forward`, which is not that of `Activation`."""
        known = type(self) in (GELU, SiLU)
        return Trait.ELEMENTWISE | Trait.ORDER_FREE if known else Trait.NONE

    def _gate(self, x: Array, out: Array, workspace: Workspace) -> None:
        """Write g(x) to `out`."""
        raise NotImplementedError

    def _gate_slope(self, x: Array, gate: Array, out: Array, workspace: Workspace) -> None:
        """Write g'(x) to `out`."""
        raise NotImplementedError

    def function(self, x: Array, out: Array, workspace: Workspace) -> None:
        """x * g(x)."""
        gate = workspace.buffer("gate", x.shape, x.dtype)
        self._gate(x, gate, workspace)
        np.multiply(x, gate, out=out)

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """y = x * g(x)."""
        gate = workspace.buffer("gate", x.shape, x.dtype)
        self._gate(x, gate, workspace)
        y = workspace.output(x)
        np.multiply(x, gate, out=y)
        return y, (x, gate)

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
        """dx = dy * (g(x) + x * g'(x))."""
        if not need_dx:
            return None
        x, gate = cache
        slope = workspace.buffer("slope", x.shape, x.dtype)
        self._gate_slope(x, gate, slope, workspace)
        slope *= x
        slope += gate
        dy *= slope
        return dy


@dataclass(frozen=True)
class GELU(GatedActivation):
    """Gaussian error linear unit: x * P(Z <= x) for a standard normal Z.

    Parameters
    ----------
    approximate : bool, default=False
        Whether to take (1 + tanh(u)) / 2 with u = sqrt(2 / pi) * (x + 0.044715 * x**3) for the
        probability, off by at most 0.0002, in place of (1 + erf(x / sqrt(2))) / 2.

    References
    ----------
    Hendrycks, Gimpel. Gaussian Error Linear Units (GELUs). arXiv 1606.08415, 2016.
    """

    approximate: bool = False

    def __post_init__(self) -> None:
        check_boolean(self.approximate, "approximate")

    def _gate(self, x: Array, out: Array, workspace: Workspace) -> None:
        if self.approximate:
            near = _near(x, workspace)
            np.multiply(near, near, out=out)
            out *= 0.044715
            out += 1
            out *= near
            out *= 2 * sqrt(2 / pi)
            expit(out, out=out)  # (1 + tanh(u)) / 2
        else:
            np.multiply(x, sqrt(0.5), out=out)
            erf(out, out=out)
            out += 1
            out *= 0.5

    def _gate_slope(self, x: Array, gate: Array, out: Array, workspace: Workspace) -> None:
        near = _near(x, workspace)
        np.multiply(near, near, out=out)
        if self.approximate:  # 2 u' g (1 - g)
            out *= 3 * 0.044715
            out += 1
            out *= 2 * sqrt(2 / pi)
            out *= gate
            rest = np.subtract(1, gate, out=near)
            out *= rest
        else:  # the density
            out *= -0.5
            np.exp(out, out=out)
            out *= 1 / sqrt(2 * pi)


@dataclass(frozen=True)
class SiLU(GatedActivation):
    """Sigmoid linear unit, also called swish: x / (1 + exp(-x)).

    References
    ----------
    Elfwing, Uchibe, Doya. Sigmoid-Weighted Linear Units for Neural Network Function Approximation
    in Reinforcement Learning. Neural Networks 107, 2018.
    """

    def _gate(self, x: Array, out: Array, workspace: Workspace) -> None:
        expit(x, out=out)

    def _gate_slope(self, x: Array, gate: Array, out: Array, workspace: Workspace) -> None:
        np.subtract(1, gate, out=out)
        out *= gate


def _near(x: Array, workspace: Workspace) -> Array:
    """Return x, cut off where the gate is saturated, so that its powers do not overflow."""
    near = workspace.buffer("near", x.shape, x.dtype)
    return np.clip(x, -SATURATED, SATURATED, out=near)
