"""The loss of counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import xlogy

from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.workspace import Workspace
from skcnn.losses.base import Array
from skcnn.losses.regression import RegressionLoss, columns_of

__all__ = ["Poisson"]


@dataclass(frozen=True)
class Poisson(RegressionLoss):
    """Half the Poisson deviance, a mean over outputs, for counts and rates; with a log link.

    Outputs are logarithms of predictions, which are so positive: loss = mean over outputs of
    exp(z) - t + t * (log(t) - z), gradient = (exp(z) - t) / n_outputs, as in
    :class:`~sklearn.linear_model.PoissonRegressor`. It is minimal at the mean of the targets.

    References
    ----------
    McCullagh, Nelder. Generalized Linear Models. 1989.
    """

    is_positive: ClassVar[bool] = True

    def value_and_gradient(
        self, outputs: Array, targets: Array, weights: Array | float, workspace: Workspace
    ) -> tuple[float, Array]:
        """Return the weighted loss and its gradient, each a mean over outputs."""
        t = columns_of(targets, outputs)
        gradient = workspace.buffer("gradient", outputs.shape, outputs.dtype)
        np.exp(outputs, out=gradient)
        gradient -= t
        each = gradient + xlogy(t, t) - t * outputs
        missing = np.isnan(t)
        if missing.any():
            gradient[missing] = 0.0
            each[missing] = 0.0
        factors = weights / len(outputs)
        losses = each.sum(axis=0) * factors
        gradient *= factors
        return float(losses.sum(dtype=np.float64)), gradient

    def best_constant(self, columns: Array, weights: Array | None) -> Array:
        """Return the logarithm of the mean of each column."""
        logs: Array = np.log(super().best_constant(columns, weights))
        return logs

    def predict(self, outputs: Array) -> Array:
        """Return exp(z)."""
        return with_numpy_settings(lambda: _exp(outputs), over="ignore", under="ignore")


def _exp(outputs: Array) -> Array:
    rates: Array = np.exp(outputs)
    return rates
