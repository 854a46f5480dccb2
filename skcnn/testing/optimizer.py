"""Check of an optimizer."""

from __future__ import annotations

import pickle

import numpy as np

from skcnn.optimizers import Optimizer
from skcnn.testing.trial import survives_pickling

__all__ = ["check_optimizer"]


def check_optimizer(optimizer: Optimizer, learning_rate: float = 0.05, n_steps: int = 1000) -> None:
    """Check that an optimizer works in place, restarts from a saved state, and finds a minimum.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer at test.
    learning_rate : float, default=0.05
        Step size for the quadratic p**2 / 2 in five dimensions.
    n_steps : int, default=1000
        Steps after which |p| must have fallen from 1 to below 0.01.

    Raises
    ------
    AssertionError
        Naming what does not hold.
    """
    assert survives_pickling(optimizer), f"{optimizer} does not survive pickling."
    for dtype in (np.float32, np.float64):
        parameters = np.linspace(-1, 1, 5, dtype=dtype)
        view = parameters[:]
        state = optimizer.start(parameters)
        for number in range(n_steps):
            if number == n_steps // 2:
                state = pickle.loads(pickle.dumps(state))
            optimizer.step(state, parameters, parameters.copy(), learning_rate)
        assert view.dtype == dtype, f"{optimizer} changes the dtype."
        for name, part in state.items():
            assert not isinstance(part, np.ndarray) or part.dtype == dtype, (
                f"{optimizer}: state {name!r} is {part.dtype}, not {np.dtype(dtype)}."
            )
        assert np.abs(view).max() < 0.01, f"{optimizer} does not find the minimum: {view}."
