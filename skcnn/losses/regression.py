"""Losses of numbers: outputs are predictions, and errors count by their size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from skcnn._checks import Hyperparameters
from skcnn._engine.workspace import Workspace
from skcnn.losses.base import Array, Loss

__all__ = ["AbsoluteError", "SquaredError"]


@dataclass(frozen=True)
class RegressionLoss(Hyperparameters, Loss):
    """What regression losses have in common: numbers as targets, outputs as predictions.

    Targets that are NaN count for nothing. `constant` names what :meth:`best_constant` returns.
    """

    constant: ClassVar[str] = "the weighted mean"

    def value_and_gradient(
        self, outputs: Array, targets: Array, weights: Array | float, workspace: Workspace
    ) -> tuple[float, Array]:
        """Return the weighted loss and its gradient, each a mean over outputs.

        Parameters
        ----------
        outputs : ndarray of shape (n_outputs, n)
            What the network returned.
        targets : ndarray of shape (n, n_outputs), or (n,) for one output
            What it should have returned.
        weights : ndarray of shape (n,) or float
            Factor of each sample's loss.
        workspace : Workspace
            Holds the gradient.

        Returns
        -------
        value : float
            sum of weights * losses.
        gradient : ndarray of shape (n_outputs, n)
            In the dtype of `outputs`.
        """
        columns = columns_of(targets, outputs)
        errors = workspace.buffer("gradient", outputs.shape, outputs.dtype)
        np.subtract(outputs, columns, out=errors)
        missing = np.isnan(columns)
        if missing.any():
            errors[missing] = 0.0
        losses, gradient = self._of_errors(errors)
        factors = weights / len(outputs)
        losses *= factors
        gradient *= factors
        return float(losses.sum(dtype=np.float64)), gradient

    def best_constant(self, columns: Array, weights: Array | None) -> Array:
        """Return outputs that are good for all samples alike: the mean of each column.

        Parameters
        ----------
        columns : ndarray of shape (n, n_outputs)
            Targets without NaN, or those of one column without its NaN.
        weights : ndarray of shape (n,) or None
            Weight of each sample.
        """
        mean: Array = np.average(columns, axis=0, weights=weights)
        return mean

    def _of_errors(self, errors: Array) -> tuple[Array, Array]:
        """Return the loss of each sample, summed over outputs, and derivatives for `errors`."""
        raise NotImplementedError(f"{type(self).__name__} has no _of_errors.")

    def predict(self, outputs: Array) -> Array:
        """Return the outputs: they are the predictions."""
        return outputs


def quantiles_of(columns: Array, quantiles: Iterable[float], weights: Array | None) -> Array:
    """Return one quantile of each column; a weight counts as repetitions."""
    options: Any = {"weights": weights, "method": "inverted_cdf"}
    pairs = zip(columns.T, quantiles, strict=True)
    return np.array([np.quantile(column, q, **options) for column, q in pairs])


def columns_of(targets: Array, outputs: Array) -> Array:
    """View targets as outputs are, of shape (n_outputs, n), or raise a ValueError."""
    columns = targets[None] if targets.ndim == 1 else targets.T
    if columns.shape != outputs.shape:
        raise ValueError(
            f"targets of shape {targets.shape} do not fit outputs of shape {outputs.shape}. "
            f"Give one row of {len(outputs)} number(s) for each sample."
        )
    return columns


@dataclass(frozen=True)
class SquaredError(RegressionLoss):
    """Half the squared error, a mean over outputs, for regression.

    loss = mean over outputs of (z - target)**2 / 2, gradient = (z - target) / n_outputs, as in
    :class:`~sklearn.neural_network.MLPRegressor`. It is minimal at the mean of the targets.
    """

    def _of_errors(self, errors: Array) -> tuple[Array, Array]:
        losses: Array = (errors * errors).sum(axis=0)
        losses *= 0.5
        return losses, errors


@dataclass(frozen=True)
class AbsoluteError(RegressionLoss):
    """The absolute error, a mean over outputs, for regression.

    loss = mean over outputs of abs(z - target), gradient = sign(z - target) / n_outputs, which is
    0 where they are equal. It is minimal at the median of the targets: outliers hardly count.
    """

    constant: ClassVar[str] = "the weighted median"

    def best_constant(self, columns: Array, weights: Array | None) -> Array:
        """Return the median of each column."""
        return quantiles_of(columns, [0.5] * columns.shape[1], weights)

    def _of_errors(self, errors: Array) -> tuple[Array, Array]:
        losses: Array = np.abs(errors).sum(axis=0)
        return losses, np.sign(errors, out=errors)
