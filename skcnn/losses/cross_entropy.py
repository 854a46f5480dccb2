"""The loss of classes: cross-entropy of softmax probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skcnn._checks import is_number, shown
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.workspace import Workspace
from skcnn.losses.base import Array, Loss

__all__ = ["CrossEntropy"]


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Categorical cross-entropy of softmax probabilities, from logits and class indices.

    Softmax and logarithm are one step, stable for logits of any size:
    loss = log(sum of exp(z - max z)) - (z[target] - max z), gradient = softmax(z) - onehot(target).

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Fraction in [0, 1] of the target's probability that is spread evenly over all classes:
        the target is (1 - label_smoothing) * onehot + label_smoothing / n_outputs.

    References
    ----------
    Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. Rethinking the Inception Architecture for Computer
    Vision. CVPR 2016.
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not (is_number(self.label_smoothing) and 0 <= self.label_smoothing <= 1):
            raise ValueError(
                f"label_smoothing={shown(self.label_smoothing)} must be a number between 0 and 1."
            )

    @property
    def measured(self) -> Loss:
        """The cross-entropy without smoothing."""
        return CrossEntropy()

    def value_and_gradient(
        self, outputs: Array, targets: Array, weights: Array | float, workspace: Workspace
    ) -> tuple[float, Array]:
        """Return the weighted cross-entropy and its gradient, weights * (p - smoothed onehot).

        Parameters
        ----------
        outputs : ndarray of shape (n_outputs, n)
            Logits.
        targets : ndarray of shape (n,) or (n, n_outputs)
            The class index of each sample, or the probabilities of its classes, whose sum is 1.
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
        if targets.ndim == 2:
            return self._of_probabilities(outputs, targets, weights, workspace)
        n = outputs.shape[1]
        own = np.multiply(targets, n, dtype=np.intp)  # where in z the class of each sample is
        own += workspace.once(n, lambda: np.arange(n))
        z = workspace.buffer("gradient", outputs.shape, outputs.dtype)
        np.subtract(outputs, np.maximum.reduce(outputs), out=z)
        z_target = z.ravel()[own]
        rest = self.label_smoothing
        if rest:
            z_target *= 1 - rest
            z_target += rest * z.mean(axis=0)
        np.exp(z, out=z)
        total = np.add.reduce(z)
        losses = np.log(total) - z_target
        z /= total
        if rest:
            z -= rest / len(z)
        z.ravel()[own] -= 1 - rest
        z *= weights
        losses *= weights
        return float(np.add.reduce(losses, dtype=np.float64)), z

    def _of_probabilities(
        self, outputs: Array, targets: Array, weights: Array | float, workspace: Workspace
    ) -> tuple[float, Array]:
        """Return value and gradient for probabilities q: log(sum of exp(z)) - sum of q * z."""
        z = workspace.buffer("gradient", outputs.shape, outputs.dtype)
        np.subtract(outputs, np.maximum.reduce(outputs), out=z)
        q = workspace.buffer("probabilities", outputs.shape, outputs.dtype)
        np.multiply(targets.T, 1 - self.label_smoothing, out=q, casting="same_kind")
        q += self.label_smoothing / len(q)
        losses = -np.einsum("kn,kn->n", q, z)
        np.exp(z, out=z)
        total = np.add.reduce(z)
        losses += np.log(total)
        z /= total
        z -= q
        z *= weights
        losses *= weights
        return float(np.add.reduce(losses, dtype=np.float64)), z

    def correct(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        """Return the weight of the samples whose largest output is that of their class.

        With probabilities as targets, a sample is correct by that of the class.
        """
        largest = outputs.argmax(axis=0)
        if targets.ndim == 2:
            probability = targets[np.arange(len(largest)), largest]
            return float(probability.sum() if weights is None else weights @ probability)
        correct = largest == targets
        return float(np.count_nonzero(correct) if weights is None else weights @ correct)

    def predict(self, outputs: Array) -> Array:
        """Softmax: exp(z) / sum of exp(z)."""
        return with_numpy_settings(lambda: _softmax(outputs), under="ignore", over="ignore")

    def predict_log(self, outputs: Array) -> Array:
        """Logarithm of softmax, finite for all finite logits."""
        return with_numpy_settings(lambda: _log_softmax(outputs), under="ignore", over="ignore")


def _softmax(outputs: Array) -> Array:
    p: Array = np.exp(outputs - outputs.max(axis=0))  # exp(-inf) is 0
    p /= p.sum(axis=0)
    return p


def _log_softmax(outputs: Array) -> Array:
    lowest = np.finfo(outputs.dtype).min
    z: Array = np.maximum(outputs - outputs.max(axis=0), lowest)
    z -= np.log(np.exp(z).sum(axis=0))  # the lowest number absorbs it
    return z
