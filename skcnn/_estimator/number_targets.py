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
from skcnn.losses import Loss

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
        check_no_dates(y, name)
        try:
            y = check_array(y, dtype=np.float64, ensure_2d=False, input_name=name)
        except OverflowError as error:
            raise ValueError(f"{name} holds an integer that no float can hold: {error}.") from error
        except (TypeError, ValueError) as error:
            stranger = non_number(y)
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
        known._check_n_outputs(data.y, "y")
        return replace(known, loss=loss)

    @property
    def n_outputs(self) -> int:
        """Number of columns."""
        return self.shape[0] if self.shape else 1

    @property
    def has_scale(self) -> bool:
        """True: each column has one."""
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
        scale = Standardizer.learn(columns, None, data.relative_weights, self.n_outputs, name="y")
        if not scale.deviation.all():
            raise ValueError(
                f"y varies by no more than {np.ptp(columns, axis=0).max():.3g}, too little for "
                f"float64. Scale y up."
            )
        with np.errstate(over="ignore"):
            if not np.isfinite(np.abs(scale.mean) + MOST_DEVIATIONS * scale.deviation).all():
                raise ValueError(
                    f"y holds a number of magnitude {np.abs(columns).max():.3g}, for which "
                    f"predictions may overflow float64. Scale y down."
                )
        return replace(self, scale=scale)

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
        with np.errstate(over="ignore"):  # the estimator checks what it predicts
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
