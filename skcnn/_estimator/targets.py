"""What a fit needs to know of y, whatever y is."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from skcnn._data.samples import Data
from skcnn.losses import Loss

Array = npt.NDArray[Any]


class Targets(Protocol):
    """What a fit needs to know of y."""

    @property
    def loss(self) -> Loss:
        """The training loss."""
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
        """Name of the best constant prediction."""
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
