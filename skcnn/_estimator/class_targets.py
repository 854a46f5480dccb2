"""Labels: as indices into the sorted classes, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.special import entr
from sklearn.utils.multiclass import check_classification_targets

from skcnn._data.class_weights import weight_of_each_class
from skcnn._data.labels import encode, with_labels
from skcnn._data.samples import Data
from skcnn._engine.workspace import Workspace
from skcnn.losses import CrossEntropy, Loss

Array = npt.NDArray[Any]


class ClassWeights(NamedTuple):
    """The weight of each class, with those of zero weight, which targets leave out."""

    classes: Array
    weights: Array


@dataclass(frozen=True)
class ClassTargets:
    """Labels as indices into the sorted classes.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    loss : Loss
        Of class indices.
    weights : ClassWeights, optional
        None: all classes count the same.
    """

    classes: Array
    loss: Loss
    weights: ClassWeights | None = None

    @classmethod
    def learn(
        cls, data: Data, class_weight: Any, loss: Loss, known: ClassTargets | None
    ) -> tuple[ClassTargets, Data]:
        """Return targets with the classes of y, and data with class weights and class indices.

        Parameters
        ----------
        data : Data
            Of a whole fit.
        class_weight : dict, "balanced" or None
            The estimator's parameter.
        loss : Loss
            Of class indices.
        known : ClassTargets or None
            Of an earlier call, whose classes these must be.

        Raises
        ------
        ValueError
            If y is not made of labels, or of others than before.
        """
        _check_one_dict(class_weight)
        check_classification_targets(data.y)
        labels, codes = np.unique(data.y, return_inverse=True)
        data, weights = _weighted(replace(data, codes=codes), labels, class_weight)
        assert data.codes is not None
        present = np.unique(data.codes)  # a class of zero weight is none
        if len(present) < len(labels):
            data = replace(data, codes=np.searchsorted(present, data.codes))
        classes = labels[present]
        if known is not None and not np.array_equal(classes, known.classes):
            raise ValueError(
                f"With warm_start=True y must have the classes of the first call, "
                f"{known.classes.tolist()}, but has {classes.tolist()}. Set warm_start=False, or "
                f"fit a clone, to start again."
            )
        return cls(classes, loss, weights), data

    @classmethod
    def of_classes(
        cls, data: Data, classes: Array, class_weight: Any, loss: Loss
    ) -> tuple[ClassTargets, Data]:
        """Return targets with given classes, and data as in :meth:`learn`."""
        _check_one_dict(class_weight)
        left_out = [label for label, weight in (class_weight or {}).items() if not weight]
        labels = with_labels(classes, left_out)
        data, weights = _weighted(replace(data, codes=encode(data.y, labels)), labels, class_weight)
        codes = encode(data.y, classes) if len(labels) > len(classes) else data.codes
        return cls(classes, loss, weights), replace(data, codes=codes)

    @property
    def n_outputs(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def has_scale(self) -> bool:
        """False: classes have no scale."""
        return False

    @property
    def attributes(self) -> dict[str, Any]:
        """The classes."""
        return {"classes_": self.classes}

    @property
    def constant(self) -> str:
        """The frequencies."""
        return "the class frequencies"

    def loss_of_constant(self, targets: Array, weights: Array | None) -> float:
        """Return the entropy of the weighted frequencies; of another loss, what they cost."""
        counts = np.bincount(targets, weights, self.n_outputs)
        p = counts / counts.sum()
        if isinstance(self.loss.measured, CrossEntropy):
            return float(entr(p).sum())
        logits = np.log(np.maximum(p, np.finfo(np.float64).tiny))
        outputs = np.repeat(logits[:, None], len(targets), axis=1)
        scale = 1 / len(targets) if weights is None else weights / len(targets)
        return self.loss.measured.value_and_gradient(outputs, targets, scale, Workspace())[0]

    def strata(self, data: Data) -> Array:
        """Return the classes."""
        assert data.codes is not None
        return data.codes

    def missing_from(self, held_out: Data) -> list[Any]:
        """Return the labels of the classes."""
        assert held_out.codes is not None
        absent = np.bincount(held_out.codes, minlength=len(self.classes)) == 0
        labels: list[Any] = self.classes[absent].tolist()
        return labels

    def example_outputs(self, encoded: Array) -> list[Array]:
        """Return outputs for the right classes, for the next ones, for the first and the last."""
        n_classes = self.n_outputs
        first = np.zeros_like(encoded)
        wrong = ((encoded + 1) % n_classes, first, first + n_classes - 1)
        examples = (encoded, *(wrong if n_classes > 1 else ()))
        return [10.0 * np.equal.outer(np.arange(n_classes), codes) for codes in examples]

    def learned_from(self, data: Data) -> Self:
        """Return itself: all classes are known already."""
        return self

    def weigh(self, data: Data) -> Data:
        """Multiply weights by those of the classes."""
        _check_one_label(data.y, "y_val")
        if self.weights is None:
            return data
        factors = self.weights.weights[encode(data.y, self.weights.classes, "y_val")]
        return data.weighted_by(factors, "sample_weight_val times class_weight")

    def encode(self, data: Data, name: str, dtype: np.dtype[Any]) -> Array:
        """Return the index of each label."""
        return encode(data.y, self.classes, name) if data.codes is None else data.codes

    def decode(self, outputs: Array) -> Array:
        """Return the most probable class of each sample."""
        labels: Array = self.classes[outputs.argmax(axis=0)]
        return labels


def _weighted(data: Data, labels: Array, class_weight: Any) -> tuple[Data, ClassWeights | None]:
    """Multiply the weights of data, whose codes count `labels`, by those of the classes."""
    if class_weight is None:
        return data, None
    assert data.codes is not None
    weights = weight_of_each_class(class_weight, labels, data.codes, data.weights)
    name = "sample_weight times class_weight"
    return data.weighted_by(weights[data.codes], name), ClassWeights(labels, weights)


def _check_one_dict(class_weight: Any) -> None:
    """Raise a ValueError if there are weights for several labels a sample."""
    if isinstance(class_weight, list):
        raise ValueError(
            f"class_weight={class_weight!r} is a list, as for several labels a sample, but y has "
            f"one. Pass one dict, or 'balanced'."
        )


def _check_one_label(y: Array, name: str) -> None:
    """Raise a ValueError if there are several labels a sample."""
    if y.ndim > 1:
        raise ValueError(
            f"{name} has shape {y.shape}, but the y of the first fit has one label a sample. Pass "
            f"labels, as {name}.argmax(axis=1) gives them of a one-hot encoding."
        )
