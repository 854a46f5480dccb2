"""The loss of several labels a sample: cross-entropy of a logistic output for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from skcnn._checks import is_number, shown
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.workspace import Workspace
from skcnn.losses.base import Array, Loss

__all__ = ["BinaryCrossEntropy"]


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Binary cross-entropy of logistic probabilities, from logits, a sum over labels.

    Logistic function and logarithm are one step, stable for logits of any size: for a target t in
    [0, 1], loss = sum over labels of max(z, 0) - t * z + log(1 + exp(-abs(z))), gradient =
    1 / (1 + exp(-z)) - t, as in :class:`~sklearn.neural_network.MLPClassifier`.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Fraction in [0, 1] by which each target comes nearer to one half:
        the target is (1 - label_smoothing) * t + label_smoothing / 2.

    References
    ----------
    Nam, Kim, Loza Mencia, Gurevych, Fuernkranz. Large-Scale Multi-label Text Classification -
    Revisiting Neural Networks. ECML PKDD 2014.
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
        return BinaryCrossEntropy()

    def value_and_gradient(
        self, outputs: Array, targets: Array, weights: Array | float, workspace: Workspace
    ) -> tuple[float, Array]:
        """Return the weighted cross-entropy and its gradient.

        Parameters
        ----------
        outputs : ndarray of shape (n_outputs, n)
            Logits.
        targets : ndarray of shape (n, n_outputs)
            For each sample and label 1 if it has it, 0 if not, or a probability in between.
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
        if targets.shape != outputs.shape[::-1]:
            raise ValueError(
                f"targets of shape {targets.shape} do not fit outputs of shape {outputs.shape}. "
                f"Give {len(outputs)} entries for each sample, one a label."
            )
        t = workspace.buffer("targets", outputs.shape, outputs.dtype)
        np.multiply(targets.T, 1 - self.label_smoothing, out=t, casting="same_kind")
        t += self.label_smoothing / 2
        gradient = workspace.buffer("gradient", outputs.shape, outputs.dtype)
        expit(outputs, out=gradient)
        gradient -= t
        # max(z, 0) - t z + log(1 + exp(-|z|)) = (1 - t) z - log(expit(z))
        t -= 1
        t *= outputs
        t += log_expit(outputs)
        losses = t.sum(axis=0)
        losses *= -1
        losses *= weights
        gradient *= weights
        return float(losses.sum(dtype=np.float64)), gradient

    def correct(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        """Return the weight of the samples all of whose labels are predicted."""
        correct = ((outputs > 0) == (targets.T > 0.5)).all(axis=0)
        return float(np.count_nonzero(correct) if weights is None else weights @ correct)

    def predict(self, outputs: Array) -> Array:
        """Logistic function: 1 / (1 + exp(-z))."""
        return with_numpy_settings(lambda: _expit(outputs), under="ignore")

    def predict_log(self, outputs: Array) -> Array:
        """Logarithm of the logistic function, finite for all finite logits."""
        return with_numpy_settings(lambda: _log_expit(outputs), under="ignore")


def _expit(outputs: Array) -> Array:
    p: Array = expit(outputs)
    return p


def _log_expit(outputs: Array) -> Array:
    log_p: Array = log_expit(outputs)
    return log_p
