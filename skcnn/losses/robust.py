"""Losses of numbers that are squared near zero and linear far away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skcnn._checks import is_number, shown
from skcnn.losses.base import Array
from skcnn.losses.regression import RegressionLoss

__all__ = ["Huber", "LogCosh"]


@dataclass(frozen=True)
class Huber(RegressionLoss):
    """Half the squared error up to `delta`, linear beyond it, a mean over outputs.

    loss = mean over outputs of e**2 / 2 where abs(e) <= delta, else delta * (abs(e) - delta / 2),
    for e = z - target.

    Parameters
    ----------
    delta : float, default=1.35
        From where on errors count as outliers. An estimator standardizes y: in standard deviations
        of y, as the `epsilon` of :class:`~sklearn.linear_model.HuberRegressor` is in those of the
        errors.

    References
    ----------
    Huber. Robust Estimation of a Location Parameter. Annals of Mathematical Statistics 35, 1964.
    """

    delta: float = 1.35

    def __post_init__(self) -> None:
        if not (is_number(self.delta) and 0 < self.delta < np.inf):
            raise ValueError(f"delta={shown(self.delta)} must be a number greater than 0.")

    def _of_errors(self, errors: Array) -> tuple[Array, Array]:
        delta = float(self.delta)
        slope = np.clip(errors, -delta, delta)
        # slope * (e - slope / 2) is e**2 / 2 inside, delta * (|e| - delta / 2) outside
        losses: Array = (slope * (errors - 0.5 * slope)).sum(axis=0)
        np.copyto(errors, slope)
        return losses, errors


@dataclass(frozen=True)
class LogCosh(RegressionLoss):
    """log(cosh(error)), a mean over outputs: smooth, squared near zero and linear far away.

    loss = mean over outputs of log(cosh(e)), gradient = tanh(e) / n_outputs, for e = z - target.

    References
    ----------
    Green. Bayesian Reconstructions from Emission Tomography Data Using a Modified EM Algorithm.
    IEEE Transactions on Medical Imaging 9, 1990.
    """

    def _of_errors(self, errors: Array) -> tuple[Array, Array]:
        size = np.abs(errors)
        losses: Array = (size + np.log1p(np.exp(-2 * size)) - np.log(2.0).astype(size.dtype)).sum(
            axis=0
        )
        return losses, np.tanh(errors, out=errors)
