"""Check of a loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array
from skcnn.losses import Loss
from skcnn.testing.differences import assert_gradient

__all__ = ["check_loss"]


def check_loss(
    loss: Loss, outputs: Array, targets: Array, *, rtol: float = 1e-6, seed: int = 0
) -> None:
    """Check a loss against central differences, with and without weights.

    Checked are also: outputs and targets that are left alone, a value that is the weighted sum
    of the loss of each sample alone, a used workspace and a shorter batch in it that change
    nothing, and float32 that stays float32.

    Parameters
    ----------
    loss : Loss
        The loss at test.
    outputs : ndarray of shape (n_outputs, n)
        Of float64.
    targets : array-like of shape (n,) or (n, n_outputs)
        What the loss compares with, one row for each sample: class indices, or numbers for
        regression. Where the loss has a kink, as the absolute error at 0, outputs must keep away
        from it.
    rtol : float, default=1e-6
        Largest error of the gradient, relative to its largest element.
    seed : int, default=0
        Of the generator for weights.

    Raises
    ------
    AssertionError
        Naming what does not hold.
    """
    outputs, targets = np.array(outputs, dtype=np.float64), np.array(targets)
    if outputs.ndim != 2 or targets.ndim not in (1, 2) or len(targets) != outputs.shape[1]:
        raise ValueError(
            f"outputs of shape {outputs.shape} and targets of shape {targets.shape} do not fit. "
            f"Give outputs of shape (n_outputs, n), and targets with n rows."
        )
    rng = np.random.default_rng(seed)
    of_rows = rng.uniform(0.5, 2, size=(outputs.shape[-1],))
    for weights in (0.5, of_rows):
        before, targets_before = outputs.copy(), targets.copy()
        value, gradient = loss.value_and_gradient(outputs, targets, weights, Workspace())
        assert np.array_equal(outputs, before), f"{loss} changes the outputs."
        assert np.array_equal(targets, targets_before), f"{loss} changes the targets."
        assert isinstance(value, float), f"{loss}: the value is {type(value)}, not a float."

        def total(weights: Any = weights) -> float:
            return loss.value_and_gradient(outputs, targets, weights, Workspace())[0]

        assert_gradient(gradient, total, outputs, rtol=rtol, name=f"{loss}: gradient")
    whole = loss.value_and_gradient(outputs, targets, of_rows, Workspace())[0]
    parts = [
        loss.value_and_gradient(outputs[:, [i]], targets[[i]], 1.0, Workspace())[0]
        for i in range(len(targets))
    ]
    assert np.isclose(whole, np.dot(of_rows, parts), rtol=rtol), (
        f"{loss}: the value is {whole}, not the weighted sum of the samples' losses."
    )
    _check_workspace(loss, outputs, targets, of_rows)
    single = loss.value_and_gradient(outputs.astype(np.float32), targets, 1.0, Workspace())[1]
    assert single.dtype == np.float32, f"{loss}: float32 in, gradient is {single.dtype}."


def _check_workspace(loss: Loss, outputs: Array, targets: Array, weights: Array) -> None:
    """Dirty buffers and a shorter batch in between change nothing."""
    used = Workspace()
    loss.value_and_gradient(outputs[:, ::-1].copy(), targets[::-1].copy(), weights, used)
    for n in (len(targets), len(targets) - 1 or 1, len(targets)):
        part = outputs[:, :n].copy(), targets[:n].copy(), weights[:n].copy()
        value, gradient = loss.value_and_gradient(*part, used)
        expected, fresh = loss.value_and_gradient(*part, Workspace())
        assert value == expected, (
            f"{loss}: a used workspace gives another value. Fill all of a buffer."
        )
        assert np.array_equal(gradient, fresh), (
            f"{loss}: a used workspace gives another gradient. Fill all of a buffer."
        )
