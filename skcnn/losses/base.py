"""What all loss functions have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from skcnn._engine.workspace import Workspace

__all__ = ["Loss"]

Array = npt.NDArray[Any]


class Loss:
    """A loss takes a network's outputs, batch last, and gives the gradient for them.

    Attributes
    ----------
    is_positive : bool
        Whether numbers to predict are positive, and outputs their logarithms: an estimator then
        divides y by its mean, and does not center it.
    """

    is_positive: ClassVar[bool] = False

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Which quantiles outputs are; each column of y has so many. Empty: something else."""
        return ()

    def value_and_gradient(
        self, outputs: Array, targets: Array, weights: Array | float, workspace: Workspace
    ) -> tuple[float, Array]:
        """Return the weighted sum of the losses and its gradient.

        Parameters
        ----------
        outputs : ndarray of shape (n_outputs, n)
            What the network returned.
        targets : ndarray of shape (n,) or (n, n_outputs)
            What it should have returned, one entry per sample: class indices or numbers.
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
        raise NotImplementedError(f"{type(self).__name__} has no value_and_gradient.")

    @property
    def measured(self) -> Loss:
        """The loss for validation, without what acts in training only."""
        return self

    def correct(self, outputs: Array, targets: Array, weights: Array | None) -> float | None:
        """Return the weight of the correct predictions; None if predictions cannot be correct.

        Parameters
        ----------
        outputs : ndarray of shape (n_outputs, n)
            What the network returned.
        targets : ndarray of shape (n,)
            What it should have returned.
        weights : ndarray of shape (n,) or None
            Weight of each sample; None: 1.
        """
        return None

    def predict(self, outputs: Array) -> Array:
        """Return predictions for outputs, of the same shape."""
        raise NotImplementedError(f"{type(self).__name__} has no predict.")

    def predict_log(self, outputs: Array) -> Array:
        """Return the logarithm of predictions that are probabilities."""
        predictions = self.predict(outputs)
        log_p: Array = np.log(np.maximum(predictions, np.finfo(predictions.dtype).tiny))
        return log_p
