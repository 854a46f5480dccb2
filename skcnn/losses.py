"""Loss functions: what training minimizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._checks import is_number
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.workspace import Workspace

__all__ = ["AbsoluteError", "CrossEntropy", "Loss", "SquaredError"]

Array = npt.NDArray[Any]


class Loss:
    """A loss takes a network's outputs, batch last, and gives the gradient for them."""

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
                f"label_smoothing={self.label_smoothing!r} must be a number between 0 and 1."
            )

    @property
    def measured(self) -> Loss:
        """The cross-entropy without smoothing."""
        return CrossEntropy()

    def value_and_gradient(
        self, outputs: Array, targets: Array, weights: Array | float, workspace: Workspace
    ) -> tuple[float, Array]:
        """Return the weighted cross-entropy and its gradient, weights * (p - smoothed onehot)."""
        n = outputs.shape[1]
        own = np.multiply(targets, n, dtype=np.intp)  # where in z the class of each sample is
        own += workspace.once(n, lambda: np.arange(n))
        z = workspace.buffer("gradient", outputs.shape, outputs.dtype)
        np.subtract(outputs, np.maximum.reduce(outputs), out=z)
        z_target = z.reshape(-1)[own]
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
        z.reshape(-1)[own] -= 1 - rest
        z *= weights
        losses *= weights
        return float(np.add.reduce(losses, dtype=np.float64)), z

    def correct(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        """Return the weight of the samples whose largest output is that of their class."""
        correct = outputs.argmax(axis=0) == targets
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
    z -= np.log(np.exp(z).sum(axis=0))
    np.maximum(z, lowest, out=z)
    return z


@dataclass(frozen=True)
class _Regression(Loss):
    """What regression losses have in common: numbers as targets, outputs as predictions."""

    def value_and_gradient(
        self, outputs: Array, targets: Array, weights: Array | float, workspace: Workspace
    ) -> tuple[float, Array]:
        """Return the weighted loss and its gradient, each a mean over outputs.

        Parameters
        ----------
        outputs : ndarray of shape (n_outputs, n)
            What the network returned.
        targets : ndarray of shape (n, n_outputs), or (n,) for one output
            What it should have returned.
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
        columns = targets[None] if targets.ndim == 1 else targets.T
        if columns.shape != outputs.shape:
            raise ValueError(
                f"targets of shape {targets.shape} do not fit outputs of shape {outputs.shape}. "
                f"Give one row of {len(outputs)} number(s) for each sample."
            )
        errors = workspace.buffer("gradient", outputs.shape, outputs.dtype)
        np.subtract(outputs, columns, out=errors, casting="same_kind")
        losses, gradient = self._of_errors(errors)
        factors = weights / len(outputs)
        losses *= factors
        gradient *= factors
        return float(losses.sum(dtype=np.float64)), gradient

    def _of_errors(self, errors: Array) -> tuple[Array, Array]:
        """Return the loss of each sample, summed over outputs, and derivatives for `errors`."""
        raise NotImplementedError(f"{type(self).__name__} has no _of_errors.")

    def predict(self, outputs: Array) -> Array:
        """Return the outputs: they are the predictions."""
        return outputs


@dataclass(frozen=True)
class SquaredError(_Regression):
    """Half the squared error, a mean over outputs, for regression.

    loss = mean over outputs of (z - target)**2 / 2, gradient = (z - target) / n_outputs, as in
    :class:`~sklearn.neural_network.MLPRegressor`. It is minimal at the mean of the targets.
    """

    def _of_errors(self, errors: Array) -> tuple[Array, Array]:
        losses: Array = (errors * errors).sum(axis=0)
        losses *= 0.5
        return losses, errors


@dataclass(frozen=True)
class AbsoluteError(_Regression):
    """The absolute error, a mean over outputs, for regression.

    loss = mean over outputs of abs(z - target), gradient = sign(z - target) / n_outputs, which is
    0 where they are equal. It is minimal at the median of the targets: outliers hardly count.
    """

    def _of_errors(self, errors: Array) -> tuple[Array, Array]:
        losses: Array = np.abs(errors).sum(axis=0)
        return losses, np.sign(errors, out=errors)
