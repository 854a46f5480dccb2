"""When training ends: patience at an end, or divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Training starts from a loss near 1, that of a constant prediction.
LARGEST_LOSS = 1e9


class DivergenceError(ArithmeticError):
    """The loss, a parameter or a running statistic is NaN, infinite or about to be so."""


def check_epoch(loss: float, parameters: Array, state: Array) -> None:
    """Raise a DivergenceError if an epoch has left behind what no training comes back from.

    Parameters
    ----------
    loss : float
        Mean over the epoch.
    parameters : ndarray of shape (n_parameters,)
        Their products over a few layers must not overflow.
    state : ndarray of shape (n_state,)
        Must be finite.
    """
    limit = float(np.finfo(parameters.dtype).max) ** 0.25
    if not np.abs(parameters).max(initial=0) < limit:
        raise DivergenceError("a parameter is NaN, infinite or about to overflow")
    if not np.isfinite(state).all():
        raise DivergenceError("a running statistic of batch normalization is NaN or infinite")
    if not loss < LARGEST_LOSS:
        raise DivergenceError(f"the loss has grown to {loss:.3g}")


@dataclass
class Patience:
    """Counts epochs in a row whose loss is not below the best by more than `tol`.

    Parameters
    ----------
    tol : float or None
        None: never loses patience.
    n_iter_no_change : int or infinity
        Training stops after so many such epochs.
    """

    tol: float | None
    n_iter_no_change: float
    best: float = np.inf
    stale: int = 0

    def is_over(self, loss: float) -> bool:
        """Take note of an epoch's loss and return whether to stop."""
        if self.tol is None:
            return False
        self.stale = 0 if loss < self.best - self.tol else self.stale + 1
        self.best = min(self.best, loss)
        return self.stale >= self.n_iter_no_change
