"""Several labels a sample: a logistic output for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from skcnn._data.class_weights import weight_of_each_class
from skcnn._data.samples import Data
from skcnn.losses import Loss

Array = npt.NDArray[Any]

# Fewer samples than this with the same labels are stratified together with others.
FREQUENT = 10
# Of labels that are 0 and 1, as weights are given for.
NO_AND_YES = np.array([0, 1])


@dataclass(frozen=True)
class IndicatorTargets:
    """A matrix of 0 and 1, a column a label.

    Parameters
    ----------
    n_outputs : int
        Number of labels.
    loss : Loss
        Of such a matrix.
    weights : ndarray of shape (n_labels, 2), optional
        Of samples without and with each label; a sample has the product. None: all count the same.
    """

    n_outputs: int
    loss: Loss
    weights: Array | None = None

    @classmethod
    def learn(
        cls, data: Data, class_weight: Any, loss: Loss, known: Any, classes: Any = None
    ) -> tuple[Self, Data]:
        """Return targets with the labels of y, and data with class weights.

        Parameters
        ----------
        data : Data
            Its y is a matrix of 0 and 1.
        class_weight : list of dict, "balanced" or None
            The estimator's parameter.
        loss : Loss
            Of such a matrix.
        known : Targets or None
            Of an earlier call, whose number of labels this must be.
        classes : array-like, optional
            As passed to partial_fit.

        Raises
        ------
        ValueError
            If these do not fit together.
        """
        n_labels = data.y.shape[1]
        if known is not None and (not isinstance(known, cls) or known.n_outputs != n_labels):
            before = known.n_outputs if isinstance(known, cls) else "one"
            raise ValueError(
                f"y has {n_labels} labels a sample, but that of the first call has {before}. Pass "
                f"the same kind of y, or fit a clone to start again."
            )
        if classes is not None and not np.array_equal(classes, np.arange(n_labels)):
            raise ValueError(
                f"classes={classes!r} must be the numbers of the {n_labels} columns of y, or be "
                f"left out."
            )
        weights = _weights_of_labels(class_weight, data)
        targets = cls(n_labels, loss, weights)
        return targets, targets._weighted(data, "sample_weight times class_weight")

    @property
    def has_scale(self) -> bool:
        """False: labels have no scale."""
        return False

    @property
    def attributes(self) -> dict[str, Any]:
        """The numbers of the labels."""
        return {"classes_": np.arange(self.n_outputs)}

    @property
    def constant(self) -> str:
        """The frequencies."""
        return "the frequencies of the labels"

    def loss_of_constant(self, targets: Array, weights: Array | None) -> float:
        """Return the sum of the entropies of the weighted frequencies."""
        p = np.average(targets.astype(np.float64), axis=0, weights=weights)
        return float((entr(p) + entr(1 - p)).sum())

    def strata(self, data: Data) -> Array:
        """Return the number of each frequent set of labels, and one number for all others."""
        _, sets, counts = np.unique(data.y, axis=0, return_inverse=True, return_counts=True)
        frequent = counts >= FREQUENT
        numbers = np.where(frequent, np.cumsum(frequent), 0)
        _, strata = np.unique(numbers[sets.ravel()], return_inverse=True)
        return strata

    def missing_from(self, held_out: Data) -> list[Any]:
        """Return the numbers of the labels that no sample has."""
        missing: list[Any] = np.flatnonzero(~held_out.y.any(axis=0)).tolist()
        return missing

    def example_outputs(self, encoded: Array) -> list[Array]:
        """Return outputs for the right labels, the opposite, none and all."""
        right = 20.0 * encoded.T - 10
        return [right, -right, np.full_like(right, -10), np.full_like(right, 10)]

    def learned_from(self, data: Data) -> Self:
        """Return itself: all labels are known already."""
        return self

    def weigh(self, data: Data) -> Data:
        """Multiply weights by those of the labels."""
        self._check_labels(data.y, "y_val")
        return self._weighted(data, "sample_weight_val times class_weight")

    def encode(self, data: Data, name: str, dtype: np.dtype[Any]) -> Array:
        """Return the matrix in the dtype of the network."""
        self._check_labels(data.y, name)
        return data.y.astype(dtype)

    def decode(self, outputs: Array) -> Array:
        """Return the matrix of the labels that are more probable than not."""
        return np.ascontiguousarray((outputs > 0).T.astype(np.int64))

    def _weighted(self, data: Data, name: str) -> Data:
        if self.weights is None:
            return data
        with np.errstate(over="ignore"):
            factors = np.where(data.y, self.weights[:, 1], self.weights[:, 0]).prod(axis=1)
        return data.weighted_by(np.minimum(factors, np.finfo(np.float64).max), name)

    def _check_labels(self, y: Array, name: str) -> None:
        found = f"{y.shape[1]} columns" if y.ndim == 2 else "one label a sample"
        if y.ndim != 2 or y.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} has {found}, but the y of the first fit has {self.n_outputs} labels. "
                f"Pass a matrix of 0 and 1 with as many columns."
            )


def _weights_of_labels(class_weight: Any, data: Data) -> Array | None:
    """Return the weights of samples without and with each label, of shape (n_labels, 2)."""
    if class_weight is None:
        return None
    n_labels = data.y.shape[1]
    if isinstance(class_weight, str):
        class_weight = [class_weight] * n_labels
    if isinstance(class_weight, dict) or len(class_weight) != n_labels:
        raise ValueError(
            f"class_weight={class_weight!r} must be 'balanced' or a list of {n_labels} dicts, one "
            f"for each label, such as {{0: 1, 1: 5}}, since y has several labels a sample."
        )
    return np.array(
        [
            weight_of_each_class(each, NO_AND_YES, column, data.weights)
            for each, column in zip(class_weight, data.y.T, strict=True)
        ]
    )
