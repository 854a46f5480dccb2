"""The parameters that estimators share, and what follows from them alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import get_scorer_names

from skcnn._sklearn_compat import Interval, StrOptions
from skcnn.architecture import ACTIVATIONS, POOLINGS, Architecture
from skcnn.augmentation import Augment, Augmentation
from skcnn.layers import Activation
from skcnn.optimizers import OPTIMIZERS, Optimizer
from skcnn.schedules import SCHEDULES, Schedule, as_schedule
from skcnn.training import Patience

# batch_size="auto": the rows of an epoch divided by so many steps, within these sizes; large data
# begin where 500 steps are as many rows as the largest size for small data.
AUTO_STEPS, AUTO_STEPS_LARGE = 50, 500
AUTO_BATCH_SIZES, AUTO_BATCH_SIZE_LARGE = (8, 32), 128


class Parameters:
    """Parameters by the names that scikit-learn's get_params knows, with their constraints."""

    n_filters: Any
    filter_size: Any
    pool_size: Any
    pooling: str
    padding: Any
    stride: Any
    hidden_layer_sizes: Any
    activation: str | Activation
    dropout: float
    layers: Any
    block_dropout: float
    batch_norm: bool
    augment: Augment
    image_shape: Any
    standardize: bool
    dtype: Any
    solver: str | Optimizer
    learning_rate: float
    learning_rate_schedule: str | Schedule | Callable[[int], float]
    alpha: float
    max_grad_norm: float | None
    batch_size: int | str
    max_iter: int
    shuffle: bool
    tol: float | None
    n_iter_no_change: int
    early_stopping: bool
    validation_fraction: float
    scoring: Any
    warm_start: bool
    n_jobs: int | None
    random_state: Any
    verbose: int

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_filters": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "filter_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "pool_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "pooling": [StrOptions(set(POOLINGS))],
        "padding": [
            StrOptions({"same", "valid"}),
            Interval(Integral, 0, None, closed="left"),
            tuple,
            list,
        ],
        "stride": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "hidden_layer_sizes": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "activation": [StrOptions(set(ACTIVATIONS)), Activation],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "layers": [tuple, list, None],
        "block_dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
        "augment": [Augmentation, callable, tuple, list, None],
        "image_shape": [tuple, list, Interval(Integral, 1, None, closed="left"), None],
        "standardize": ["boolean"],
        "dtype": [StrOptions({"auto", "float32", "float64"}), type, np.dtype],
        "solver": [StrOptions(set(OPTIMIZERS)), Optimizer],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES)), Schedule, callable],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable],
        "warm_start": ["boolean"],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _store(self, parameters: dict[str, Any]) -> None:
        """Store the parameters of `__init__`, given its locals()."""
        for name, value in parameters.items():
            if name != "self":
                setattr(self, name, value)

    def _architecture(self) -> Architecture:
        names = (part.name for part in fields(Architecture))
        return Architecture(**{name: getattr(self, name) for name in names})

    def _batch_size(self, n: int) -> int:
        if self.batch_size != "auto":
            return int(self.batch_size)
        least, most = AUTO_BATCH_SIZES
        if n <= most:
            return most
        small = min(max(n // AUTO_STEPS, least), most)
        return max(small, min(n // AUTO_STEPS_LARGE, AUTO_BATCH_SIZE_LARGE))

    def _optimizer(self) -> Optimizer:
        if isinstance(self.solver, Optimizer):
            return self.solver
        return OPTIMIZERS[self.solver]()

    def _schedule(self) -> Schedule:
        return as_schedule(self.learning_rate_schedule)

    def _patience(self) -> Patience:
        tol = self.tol or 0.0 if self.early_stopping else self.tol
        return Patience(tol, self.n_iter_no_change)
