"""When training ends: patience at an end, or divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class DivergenceError(ArithmeticError):
    """The loss or a parameter is NaN, infinite or about to overflow."""


@dataclass
class Patience:
    """Counts epochs in a row whose loss is not below the best by more than `tol`.

    Parameters
    ----------
    tol : float or None
        None: never loses patience.
    n_iter_no_change : int or infinity
        How many such epochs to bear.
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
