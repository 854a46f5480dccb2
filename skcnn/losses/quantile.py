"""The loss of quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skcnn._checks import is_number
from skcnn.losses.base import Array
from skcnn.losses.regression import RegressionLoss, quantiles_of

__all__ = ["Quantile"]


@dataclass(frozen=True)
class Quantile(RegressionLoss):
    """The pinball loss, a mean over outputs, minimal at quantiles of the targets.

    loss = mean over outputs of max(q * e, (q - 1) * e) for e = target - z. Several quantiles have
    an output each.

    Parameters
    ----------
    quantile : float or tuple of float, default=0.5
        Which quantiles, each in (0, 1); 0.5 is the median.

    References
    ----------
    Koenker, Bassett. Regression Quantiles. Econometrica 46, 1978.
    """

    constant: ClassVar[str] = "the quantiles"

    quantile: float | tuple[float, ...] = 0.5

    def __post_init__(self) -> None:
        several = isinstance(self.quantile, tuple | list | np.ndarray)
        if several:
            object.__setattr__(self, "quantile", tuple(self.quantile))  # type: ignore[arg-type]
        if not self.quantiles or not all(is_number(q) and 0 < q < 1 for q in self.quantiles):
            raise ValueError(
                f"quantile={self.quantile!r} must be a number greater than 0 and less than 1, or a "
                f"tuple of them."
            )

    @property
    def quantiles(self) -> tuple[float, ...]:
        """All quantiles, also a single one."""
        return self.quantile if isinstance(self.quantile, tuple) else (self.quantile,)

    def best_constant(self, columns: Array, weights: Array | None) -> Array:
        """Return the quantiles of the columns, whose outputs are one behind the other."""
        repeated = np.tile(self.quantiles, columns.shape[1] // len(self.quantiles))
        return quantiles_of(columns, repeated, weights)

    def _of_errors(self, errors: Array) -> tuple[Array, Array]:
        repeated = np.tile(self.quantiles, len(errors) // len(self.quantiles))
        q = repeated[:, np.newaxis].astype(errors.dtype)
        # by e = z - target, the loss is (1 - q) e above the target, -q e below
        slope = np.where(errors > 0, 1 - q, -q)
        slope[errors == 0] = 0
        losses: Array = (slope * errors).sum(axis=0)
        np.copyto(errors, slope)
        return losses, errors
