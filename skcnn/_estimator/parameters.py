"""The parameters that estimators share, and what follows from them alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import get_scorer_names

from skcnn._estimator.blocks import ACTIVATIONS, POOLINGS, Architecture
from skcnn._estimator.sklearn_compat import Interval, StrOptions
from skcnn._training.epochs import Plan
from skcnn._training.stopping import Patience
from skcnn.augmentation import Augment, Augmentation
from skcnn.layers import Activation, BatchNorm, Dropout
from skcnn.optimizers import OPTIMIZERS, Optimizer
from skcnn.schedules import SCHEDULES, Schedule, as_schedule
from skcnn.weight_averaging import AVERAGINGS, WeightAveraging

# batch_size="auto": the rows of an epoch divided by so many steps, within these sizes; large data
# begin where 500 steps are as many rows as the largest size for small data.
AUTO_STEPS, AUTO_STEPS_LARGE = 50, 500
AUTO_BATCH_SIZES, AUTO_BATCH_SIZE_LARGE = (8, 32), 128
# What has no meaning, or makes the loss random, where all rows are taken at once.
MINI_BATCH_DEFAULTS: dict[str, Any] = {
    "batch_size": "auto",
    "dropout": 0.0,
    "block_dropout": 0.0,
    "batch_norm": False,
    "augment": None,
    "max_grad_norm": None,
    "weight_averaging": None,
}


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
    weight_averaging: str | WeightAveraging | None
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
        "solver": [StrOptions({*OPTIMIZERS, "lbfgs"}), Optimizer],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES)), Schedule, callable],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "weight_averaging": [StrOptions(set(AVERAGINGS)), WeightAveraging, None],
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
        return Optimizer() if self._full_batch else OPTIMIZERS[self.solver]()

    @property
    def _full_batch(self) -> bool:
        """Whether the solver takes all rows at once and has no optimizer."""
        return isinstance(self.solver, str) and self.solver == "lbfgs"

    def _check_full_batch(self) -> None:
        """Raise a ValueError if the solver takes all rows at once and other parameters do not."""
        if not self._full_batch:
            return
        clash = [
            f"{name}={getattr(self, name)!r}" for name in MINI_BATCH_DEFAULTS if self._is_set(name)
        ]
        if self.layers is not None:
            clash += [str(layer) for layer in self.layers if isinstance(layer, Dropout | BatchNorm)]
        if clash:
            raise ValueError(
                f"solver='lbfgs' takes all rows at once and needs the same loss whenever it comes "
                f"back to the same weights, so it cannot be combined with {', '.join(clash)}. "
                f"Leave that out, or use solver='adam' or 'sgd'."
            )

    def _is_set(self, name: str) -> bool:
        """Return whether a parameter is not at its default, and counts."""
        value, default = getattr(self, name), MINI_BATCH_DEFAULTS[name]
        unused = self.layers is not None and name in ("dropout", "block_dropout", "batch_norm")
        return not unused and not (value is default or value == default)

    def _averaging(self) -> WeightAveraging | None:
        if isinstance(self.weight_averaging, str):
            return AVERAGINGS[self.weight_averaging]()
        return self.weight_averaging

    def _schedule(self) -> Schedule:
        return as_schedule(self.learning_rate_schedule)

    def _plan(self, n: int, n_epochs: int | None) -> Plan:
        return Plan(
            self._batch_size(n),
            self.learning_rate,
            self.alpha,
            self.shuffle,
            self.max_grad_norm,
            n_epochs,
        )

    def _patience(self) -> Patience:
        tol = self.tol or 0.0 if self.early_stopping else self.tol
        return Patience(tol, self.n_iter_no_change)
