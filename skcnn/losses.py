"""What training makes small."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn.workspace import Workspace

Array = npt.NDArray[Any]


class Loss:
    """A loss takes a network's outputs, batch last, and knows the gradient for them."""

    def value_and_gradient(
        self, outputs: Array, targets: Array, weights: Array | float, workspace: Workspace
    ) -> tuple[float, Array]:
        """Return the weighted sum of the losses and its gradient.

        Parameters
        ----------
        outputs : ndarray of shape (n_outputs, n)
            What the network returned.
        targets : ndarray of shape (n,)
            What it should have returned.
        weights : ndarray of shape (n,) or float
            Factor of each row's loss.
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

    def hits(self, outputs: Array, targets: Array, weights: Array | None) -> float | None:
        """Return the weight of the rows that are predicted right; None if none can be right.

        Parameters
        ----------
        outputs : ndarray of shape (n_outputs, n)
            What the network returned.
        targets : ndarray of shape (n,)
            What it should have returned.
        weights : ndarray of shape (n,) or None
            Weight of each row; None: 1.
        """
        return None

    def predict(self, outputs: Array) -> Array:
        """Return predictions for outputs, of the same shape."""
        raise NotImplementedError(f"{type(self).__name__} has no predict.")


class CrossEntropy(Loss):
    """Categorical cross-entropy of softmax probabilities, from logits and class indices.

    Softmax and logarithm are one step, stable for logits of any size:
    loss = log(sum of exp(z - max z)) - (z[target] - max z), gradient = softmax(z) - onehot(target).
    """

    def value_and_gradient(
        self, outputs: Array, targets: Array, weights: Array | float, workspace: Workspace
    ) -> tuple[float, Array]:
        """Return the weighted cross-entropy and its gradient, weights * (p - onehot)."""
        samples = np.arange(outputs.shape[1])
        z = workspace.buffer("gradient", outputs.shape, outputs.dtype)
        np.subtract(outputs, outputs.max(axis=0), out=z)
        z_target = z[targets, samples]
        np.exp(z, out=z)
        total = z.sum(axis=0)
        losses = np.log(total) - z_target
        z /= total
        z[targets, samples] -= 1
        z *= weights
        losses *= weights
        return float(losses.sum(dtype=np.float64)), z

    def hits(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        """Return the weight of the rows whose largest output is that of their class."""
        hits = outputs.argmax(axis=0) == targets
        return float(hits.sum() if weights is None else weights @ hits)

    def predict(self, outputs: Array) -> Array:
        """Softmax: exp(z) / sum of exp(z)."""
        p: Array = np.exp(outputs - outputs.max(axis=0))
        p /= p.sum(axis=0)
        return p

    def predict_log(self, outputs: Array) -> Array:
        """Logarithm of softmax, finite for all finite logits."""
        z: Array = outputs - outputs.max(axis=0)
        z -= np.log(np.exp(z).sum(axis=0))
        return z
