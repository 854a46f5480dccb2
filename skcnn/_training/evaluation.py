"""Samples that are held out, and what a network makes of them after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._checks import is_number
from skcnn._data.samples import Samples
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.workspace import Workspace
from skcnn._training.prediction import outputs_of
from skcnn._training.stopping import DivergenceError
from skcnn.losses import Loss
from skcnn.network import Network

Array = npt.NDArray[Any]


class Measured(NamedTuple):
    """Mean loss of the held-out samples, and scores, greater for better networks."""

    loss: float
    score: float
    others: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Validation:
    """Held-out samples and how to score a network on them.

    Parameters
    ----------
    samples : Samples
        What was held out.
    loss : Loss
        Its weighted mean is computed.
    scoring : {"loss", "accuracy"} or callable
        The score: the negative loss, the weighted fraction of correct predictions, or what a
        function of the network returns.
    n_threads : int
        For inference.
    others : dict, optional
        More scores by name, each as `scoring`.
    """

    samples: Samples
    loss: Loss
    scoring: str | Callable[[Network], Any]
    n_threads: int
    others: dict[str, str | Callable[[Network], Any]] = field(default_factory=dict)

    def measure(self, network: Network) -> Measured:
        """Compute loss and score of the network as it is.

        Raises
        ------
        DivergenceError
            If the loss is not finite.
        ValueError
            If the score is not a number.
        """
        samples, n = self.samples, len(self.samples)
        weights = samples.weights

        def compute() -> tuple[Array, float]:
            outputs = outputs_of(network, samples.images, self.n_threads)
            scale = 1 / n if weights is None else (weights / n).astype(outputs.dtype)
            value, _ = self.loss.value_and_gradient(outputs, samples.targets, scale, Workspace())
            return outputs, value

        outputs, value = with_numpy_settings(compute, all="ignore")
        if not (np.isfinite(value) and np.isfinite(outputs).all()):
            raise DivergenceError(
                "the validation loss is no longer finite, as when X_val holds much larger numbers "
                "than X,"
            )
        scores = {
            name: self._score(scoring, network, outputs, value)
            for name, scoring in {"score": self.scoring, **self.others}.items()
        }
        return Measured(value, scores.pop("score"), scores)

    def _score(
        self,
        scoring: str | Callable[[Network], Any],
        network: Network,
        outputs: Array,
        value: float,
    ) -> float:
        """Return one score of the network, whose outputs and loss are known."""
        samples = self.samples
        score: Any = -value
        if callable(scoring):
            score = scoring(network)
        elif scoring == "accuracy":
            correct = self.loss.correct(outputs, samples.targets, samples.weights)
            score = None if correct is None else correct / len(samples)
        if not is_number(score) or np.isnan(float(score)):
            raise ValueError(
                f"scoring gave {score!r} for the validation set. It must give one number, "
                f"greater for better models."
            )
        return float(score)
