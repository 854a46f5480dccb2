"""What y is: classes or numbers, as the loss takes them and as users get them back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets

from skcnn._data.class_weights import weight_of_each_class
from skcnn._data.labels import encode, with_labels
from skcnn._data.samples import Data
from skcnn._data.standardizer import Standardizer
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.workspace import Workspace
from skcnn.losses import Loss

Array = npt.NDArray[Any]


# How far from the mean of y predictions may be, in deviations, before they overflow.
MOST_DEVIATIONS = 1e4


class Targets(Protocol):
    """What a fit needs to know of y."""

    @property
    def loss(self) -> Loss:
        """What training makes small."""
        ...

    @property
    def n_outputs(self) -> int:
        """Number of the network's outputs."""
        ...

    @property
    def has_scale(self) -> bool:
        """Whether mean and deviation of y are learned."""
        ...

    @property
    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the estimator that tell of y."""
        ...

    @property
    def constant(self) -> str:
        """What the best prediction that does not look at X is called."""
        ...

    def loss_of_constant(self, targets: Array, weights: Array | None) -> float:
        """Return the mean loss of that prediction, for targets as the loss takes them."""
        ...

    def strata(self, data: Data) -> Array:
        """Return what the validation set is stratified by, as integers from 0."""
        ...

    def missing_from(self, held_out: Data) -> list[Any]:
        """Return which strata, as users name them, a validation set has no sample of."""
        ...

    def example_outputs(self, encoded: Array) -> list[Array]:
        """Return outputs that are right, and some that are as wrong as can be."""
        ...

    def learned_from(self, data: Data) -> Self:
        """Return targets that know the samples that are trained on, such as their scale."""
        ...

    def weigh(self, data: Data) -> Data:
        """Return a validation set with weights as in training."""
        ...

    def encode(self, data: Data, name: str, dtype: np.dtype[Any]) -> Array:
        """Return y as the loss takes it, an entry a sample; `name` is what errors call it."""
        ...

    def decode(self, outputs: Array) -> Array:
        """Return predictions in the form of y for outputs of shape (n_outputs, n)."""
        ...


class ClassWeights(NamedTuple):
    """The weight of each class; of classes of zero weight, which targets do not know, too."""

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
        """Return that classes have none."""
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
        """Return the entropy of the weighted frequencies."""
        counts = np.bincount(targets, weights, self.n_outputs)
        p = counts[counts > 0] / counts.sum()
        return float(-(p @ np.log(p)))

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


@dataclass(frozen=True)
class NumberTargets:
    """Numbers, standardized column by column.

    Parameters
    ----------
    shape : tuple of int
        Of the target of one sample: () or (n_outputs,).
    loss : Loss
        Of standardized numbers.
    scale : Standardizer, optional
        None until :meth:`learned_from`.
    """

    shape: tuple[int, ...]
    loss: Loss
    scale: Standardizer | None = None

    @staticmethod
    def check(y: Any, name: str) -> Array:
        """Return y as an array of finite float64, or raise a ValueError."""
        try:
            y = check_array(y, dtype=np.float64, ensure_2d=False, input_name=name)
        except OverflowError as error:
            raise ValueError(f"{name} holds an integer that no float can hold: {error}.") from error
        if y.ndim == 0 or (y.ndim == 2 and y.shape[1] == 0):
            raise ValueError(
                f"{name} has shape {y.shape}, but numbers of shape (n_samples,) or "
                f"(n_samples, n_outputs) are needed."
            )
        numbers: Array = y
        return numbers

    @classmethod
    def learn(cls, data: Data, loss: Loss, known: NumberTargets | None) -> NumberTargets:
        """Return targets of the shape of y, with the scale of an earlier call."""
        if known is None:
            return cls(data.y.shape[1:], loss)
        known._check_n_outputs(data.y, "y")
        return replace(known, loss=loss)

    @property
    def n_outputs(self) -> int:
        """Number of columns."""
        return self.shape[0] if self.shape else 1

    @property
    def has_scale(self) -> bool:
        """Return that each column has one."""
        return True

    @property
    def attributes(self) -> dict[str, Any]:
        """The number of columns."""
        return {"n_outputs_": self.n_outputs}

    @property
    def constant(self) -> str:
        """The mean."""
        return "the weighted mean"

    def loss_of_constant(self, targets: Array, weights: Array | None) -> float:
        """Return the loss of the weighted mean."""
        mean = np.average(targets, axis=0, weights=weights)
        outputs = np.repeat(mean[:, None].astype(targets.dtype), len(targets), axis=1)
        scale = 1 / len(targets) if weights is None else weights / len(targets)
        return self.loss.measured.value_and_gradient(outputs, targets, scale, Workspace())[0]

    def strata(self, data: Data) -> Array:
        """Return zeros: there are none."""
        return np.zeros(len(data), dtype=int)

    def missing_from(self, held_out: Data) -> list[Any]:
        """Return nothing."""
        return []

    def example_outputs(self, encoded: Array) -> list[Array]:
        """Return the right numbers, and others by up to a few deviations."""
        right = encoded.T
        return [right, right - 1 - np.abs(right), np.zeros_like(right)]

    def learned_from(self, data: Data) -> NumberTargets:
        """Learn mean and deviation of each column, unless an earlier call has."""
        if self.scale is not None:
            return self
        columns = data.y.reshape(len(data), self.n_outputs)
        scale = Standardizer.learn(columns, None, data.relative_weights, self.n_outputs)
        # a constant is its own mean, without rounding, which Adam would learn as if it were large
        least, most = columns.min(axis=0), columns.max(axis=0)
        constant = least == most
        if not scale.deviation.all():
            raise ValueError(
                f"y varies by no more than {(most - least).max():.3g}, too little for float64. "
                f"Scale y up."
            )
        with np.errstate(over="ignore"):
            if not np.isfinite(np.abs(scale.mean) + MOST_DEVIATIONS * scale.deviation).all():
                raise ValueError(
                    f"y holds a number of magnitude {np.abs(columns).max():.3g}, for which "
                    f"predictions may overflow float64. Scale y down."
                )
        mean = np.where(constant, columns[0], scale.mean)
        return replace(self, scale=replace(scale, mean=mean))

    def weigh(self, data: Data) -> Data:
        """Return the data as they are."""
        return data

    def encode(self, data: Data, name: str, dtype: np.dtype[Any]) -> Array:
        """Return standardized numbers of shape (n, n_outputs)."""
        assert self.scale is not None
        self._check_n_outputs(data.y, name)
        columns = data.y.reshape(len(data), self.n_outputs) - self.scale.mean
        columns /= self.scale.deviation
        targets: Array = with_numpy_settings(lambda: columns.astype(dtype), over="ignore")
        if not np.isfinite(targets).all():
            raise ValueError(
                f"{name} is too far from what the first fit has seen for {dtype}. Scale the "
                f"targets, or use dtype='float64'."
            )
        return targets

    def decode(self, outputs: Array) -> Array:
        """Return numbers in the units and in the form of y."""
        assert self.scale is not None
        numbers = outputs.T.astype(np.float64, order="C")
        numbers *= self.scale.deviation
        numbers += self.scale.mean
        return numbers.reshape(len(numbers), *self.shape)

    def _check_n_outputs(self, y: Array, name: str) -> None:
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if n_outputs != self.n_outputs:
            raise ValueError(
                f"{name} has {n_outputs} output(s), but the y of the first fit has "
                f"{self.n_outputs}. Give as many columns, or fit a clone to start again."
            )
