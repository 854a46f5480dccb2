"""Numbers: standardized column by column, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from reprlib import repr as repr_of  # of no more than a few words
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array

from skcnn._data.kinds import check_no_dates, non_number
from skcnn._data.samples import Data
from skcnn._data.standardizer import Standardizer
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.workspace import Workspace
from skcnn.losses import Loss, SquaredError

Array = npt.NDArray[Any]

# How far from the mean of y predictions may be, in deviations, before they overflow.
MOST_DEVIATIONS = 1e4


@dataclass(frozen=True)
class NumberTargets:
    """Numbers, standardized column by column.

    Parameters
    ----------
    shape : tuple of int
        Of the target of one sample: () or (n_outputs,).
    loss : Loss
        Of standardized numbers; of numbers divided by their mean, if it is of positive ones.
    scale : Standardizer, optional
        None until :meth:`learned_from`.
    """

    shape: tuple[int, ...]
    loss: Loss
    scale: Standardizer | None = None

    @staticmethod
    def check(y: Any, name: str, nan_targets: str = "error") -> Array:
        """Return y as an array of float64, finite but for NaN to ignore, or raise a ValueError."""
        check_no_dates(y, name)
        finite = True if nan_targets == "error" else "allow-nan"
        try:
            y = check_array(
                y, dtype=np.float64, ensure_2d=False, ensure_all_finite=finite, input_name=name
            )
        except OverflowError as error:
            raise ValueError(f"{name} holds an integer that no float can hold: {error}.") from error
        except (TypeError, ValueError) as error:
            stranger = non_number(y)
            if stranger is None and "contains NaN" in str(error):
                raise ValueError(
                    f"Input {name} contains NaN. Leave out these samples, or set "
                    f"nan_targets='ignore', with which missing entries count for nothing."
                ) from error
            if stranger is None:
                raise
            raise ValueError(
                f"{name} holds {repr_of(stranger[0])}, which is not a real number. "
                f"ScratchCNNRegressor predicts numbers: convert {name}, or use "
                f"ScratchCNNClassifier to predict classes."
            ) from error
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
        known.check_columns(data.y, "y")
        same = known.loss.quantiles == loss.quantiles
        if not same or known.loss.is_positive != loss.is_positive:
            raise ValueError(
                f"loss={loss} has other outputs than that of the first fit, {known.loss}. Set it "
                f"back, or fit a clone to start again."
            )
        return replace(known, loss=loss)

    @property
    def n_columns(self) -> int:
        """Number of columns of y."""
        return self.shape[0] if self.shape else 1

    @property
    def n_outputs(self) -> int:
        """Number of outputs, for each column as many as quantiles."""
        return self.n_columns * self._each

    @property
    def _each(self) -> int:
        """Number of outputs of each column."""
        return max(len(self.loss.quantiles), 1)

    @property
    def has_scale(self) -> bool:
        """True: each column has one."""
        return True

    @property
    def attributes(self) -> dict[str, Any]:
        """The number of columns."""
        return {"n_outputs_": self.n_columns}

    @property
    def constant(self) -> str:
        """What suits the loss."""
        return getattr(self.loss, "constant", SquaredError.constant)

    def loss_of_constant(self, targets: Array, weights: Array | None) -> float:
        """Return the loss of the weighted mean, or of what suits the loss better."""
        best = getattr(self.loss, "best_constant", SquaredError().best_constant)
        missing = np.isnan(targets)
        if missing.any():
            constant = np.empty(targets.shape[1])
            for number, (column, absent) in enumerate(zip(targets.T, missing.T, strict=True)):
                kept = ~absent
                w = None if weights is None else weights[kept]
                # a loss of several quantiles takes all its columns at once
                repeated = np.repeat(column[kept, None], self._each, axis=1)
                constant[number] = best(repeated, w)[number % self._each]
        else:
            constant = best(targets, weights)
        outputs = np.repeat(constant[:, None].astype(targets.dtype), len(targets), axis=1)
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
        right = np.nan_to_num(encoded.T)
        if self.loss.is_positive:
            right = np.log(np.maximum(right, np.finfo(right.dtype).tiny))
        return [right, right - 1 - np.abs(right), np.zeros_like(right)]

    def learned_from(self, data: Data) -> NumberTargets:
        """Learn mean and deviation of each column, unless an earlier call has."""
        if self.scale is not None:
            return self
        columns = data.y.reshape(len(data), self.n_columns)
        weights = data.relative_weights
        if self.loss.is_positive or np.isnan(columns).any():
            scale = self._scale_of(columns, weights)
        else:
            scale = Standardizer.learn(columns, None, weights, self.n_columns, name="y")
        if not scale.deviation.all():
            most = np.nanmax(np.nanmax(columns, axis=0) - np.nanmin(columns, axis=0))
            raise ValueError(
                f"y varies by no more than {most:.3g}, too little for float64. Scale y up."
            )
        with np.errstate(over="ignore"):
            if not np.isfinite(np.abs(scale.mean) + MOST_DEVIATIONS * scale.deviation).all():
                raise ValueError(
                    f"y holds a number of magnitude {np.nanmax(np.abs(columns)):.3g}, for which "
                    f"predictions may overflow float64. Scale y down."
                )
        return replace(self, scale=scale)

    def _scale_of(self, columns: Array, weights: Array | None) -> Standardizer:
        """Return mean and deviation of what is there, or for positive numbers 0 and the mean."""
        missing = np.isnan(columns)
        if missing.all(axis=0).any():
            number = int(np.flatnonzero(missing.all(axis=0))[0])
            raise ValueError(
                f"y has no number in column {number} of the samples that are trained on. Leave "
                f"this column out."
            )
        if self.loss.is_positive:
            means = np.ones(self.n_columns)
            for number, column in enumerate(columns.T):
                kept = ~missing[:, number]
                means[number] = np.average(
                    column[kept], weights=None if weights is None else weights[kept]
                )
            if not means.all():
                raise ValueError(
                    f"y is 0 in every sample of column {int(np.argmin(means))}, and {self.loss} "
                    f"cannot predict 0. Leave this column out, or use another loss."
                )
            return Standardizer(np.zeros(self.n_columns), means)
        parts = []
        for column, absent in zip(columns.T, missing.T, strict=True):
            kept = ~absent
            w = None if weights is None else weights[kept] / weights[kept].mean()
            parts.append(Standardizer.learn(column[kept, None], None, w, 1, name="y"))
        return Standardizer(
            np.concatenate([part.mean for part in parts]),
            np.concatenate([part.deviation for part in parts]),
        )

    def weigh(self, data: Data) -> Data:
        """Return the data as they are."""
        return data

    def encode(self, data: Data, name: str, dtype: np.dtype[Any]) -> Array:
        """Return standardized numbers of shape (n, n_outputs)."""
        assert self.scale is not None
        self.check_columns(data.y, name)
        if self.loss.is_positive and np.nanmin(data.y, initial=0) < 0:
            raise ValueError(
                f"{name} holds {np.nanmin(data.y):.3g}, but {self.loss} is for counts and rates, "
                f"which are at least 0. Use another loss."
            )
        columns = data.y.reshape(len(data), self.n_columns) - self.scale.mean
        columns /= self.scale.deviation
        targets: Array = with_numpy_settings(lambda: columns.astype(dtype), over="ignore")
        if np.isinf(targets).any():
            raise ValueError(
                f"{name} is too far from what the first fit has seen for {dtype}. Scale the "
                f"targets, or use dtype='float64'."
            )
        return targets if self._each == 1 else targets.repeat(self._each, axis=1)

    def decode(self, outputs: Array) -> Array:
        """Return numbers in the units and in the form of y; several quantiles are the last axis."""
        assert self.scale is not None
        numbers = self.loss.predict(outputs).T.astype(np.float64, order="C")
        mean, deviation = (
            each.repeat(self._each) for each in (self.scale.mean, self.scale.deviation)
        )
        with np.errstate(over="ignore"):  # the estimator checks what it predicts
            numbers *= deviation
            numbers += mean
        return numbers.reshape(
            len(numbers), *self.shape, *([self._each] if self.has_quantile_axis else [])
        )

    @property
    def has_quantile_axis(self) -> bool:
        """Whether predictions have quantiles along one more axis at the end."""
        return isinstance(getattr(self.loss, "quantile", None), tuple)

    def check_columns(self, y: Array, name: str) -> None:
        """Raise a ValueError if y has not as many columns as that of the first fit."""
        n_columns = 1 if y.ndim == 1 else y.shape[1]
        if n_columns != self.n_columns:
            raise ValueError(
                f"{name} has {n_columns} output(s), but the y of the first fit has "
                f"{self.n_columns}. Give as many columns, or fit a clone to start again."
            )
