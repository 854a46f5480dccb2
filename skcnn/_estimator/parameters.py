"""The parameters that estimators share, and what follows from them alone."""

from __future__ import annotations

from dataclasses import fields
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names, mean_squared_error

from skcnn._checks import check_number, with_inner
from skcnn._data.sklearn_compat import HasMethods, Interval, Options, StrOptions
from skcnn._estimator.blocks import (
    ACTIVATIONS,
    ARCHITECTURES,
    GLOBAL_POOLINGS,
    POOLINGS,
    Architecture,
    given_layers,
)
from skcnn._estimator.scorings import deciding_scoring
from skcnn._training.epochs import TrainingSettings
from skcnn._training.stopping import Patience
from skcnn.augmentation import Augmentation, Compose
from skcnn.layers import Activation, BatchNorm, Dropout, Layer
from skcnn.layers.base import each_layer
from skcnn.losses import (
    AbsoluteError,
    Huber,
    LogCosh,
    Loss,
    Poisson,
    Quantile,
    SquaredError,
)
from skcnn.optimizers import OPTIMIZERS, Optimizer
from skcnn.schedules import SCHEDULES, Schedule
from skcnn.weight_averaging import AVERAGINGS, WeightAveraging

# batch_size="auto": the samples of an epoch divided by so many steps, within these sizes; large
# data begin where 500 mini-batches of the largest size for small data make an epoch.
AUTO_STEPS, AUTO_STEPS_LARGE = 50, 500
AUTO_BATCH_SIZES, AUTO_BATCH_SIZE_LARGE = (8, 32), 128
# What has no meaning, or makes the loss random, in full-batch training.
MINI_BATCH_DEFAULTS: dict[str, Any] = {
    "batch_size": "auto",
    "dropout": 0.0,
    "block_dropout": 0.0,
    "batch_norm": False,
    "augment": None,
    "max_grad_norm": None,
    "weight_averaging": None,
}


def scorer_names_for_regression() -> set[str]:
    """Return the names of scikit-learn's scorers that compare numbers."""
    scorers = {name: get_scorer(name) for name in get_scorer_names()}
    module = mean_squared_error.__module__
    return {name for name, each in scorers.items() if each._score_func.__module__ == module}


AUTO = StrOptions({"auto"})
PARAMETER_CONSTRAINTS: dict[str, list[Any]] = {
    "n_filters": [AUTO, Interval(Integral, 1, None, closed="left"), tuple, list, np.ndarray],
    "filter_size": [AUTO, Interval(Integral, 1, None, closed="left"), tuple, list, np.ndarray],
    "pool_size": [AUTO, Interval(Integral, 1, None, closed="left"), tuple, list, np.ndarray],
    "pooling": [StrOptions(set(POOLINGS))],
    "padding": [
        StrOptions({"same", "valid"}),
        Interval(Integral, 0, None, closed="left"),
        tuple,
        list,
        np.ndarray,
    ],
    "stride": [Interval(Integral, 1, None, closed="left"), tuple, list, np.ndarray],
    "hidden_layer_sizes": [Interval(Integral, 1, None, closed="left"), tuple, list, np.ndarray],
    "activation": [StrOptions(set(ACTIVATIONS)), Activation],
    "dropout": [AUTO, Interval(Real, 0, 1, closed="left")],
    "layers": [StrOptions(set(ARCHITECTURES)), tuple, list, None],
    "block_dropout": [Interval(Real, 0, 1, closed="left")],
    "batch_norm": ["boolean", AUTO],
    "global_pooling": [StrOptions({*GLOBAL_POOLINGS, "auto"}), None],
    "residual": ["boolean"],
    "convolutions_per_block": [Interval(Integral, 1, None, closed="left"), tuple, list, np.ndarray],
    "augment": [Augmentation, callable, tuple, list, None],
    "image_shape": [tuple, list, np.ndarray, Interval(Integral, 1, None, closed="left"), None],
    "channels": [StrOptions({"last", "first"})],
    "standardize": ["boolean", StrOptions({"channel", "pixel", "sample"})],
    "dtype": [StrOptions({"auto", "float32", "float64"}), type, np.dtype],
    "solver": [StrOptions({*OPTIMIZERS, "lbfgs"}), Optimizer],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "learning_rate_schedule": [StrOptions(set(SCHEDULES)), Schedule, callable],
    "alpha": [AUTO, Interval(Real, 0, None, closed="left")],
    "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
    "weight_averaging": [StrOptions(set(AVERAGINGS)), WeightAveraging, None],
    "batch_size": [AUTO, Interval(Integral, 1, None, closed="left")],
    "max_iter": [AUTO, Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="left"), None],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither"), HasMethods("split")],
    "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, list, tuple, dict],
    "warm_start": ["boolean"],
    "n_jobs": [
        Interval(Integral, 1, None, closed="left"),
        Interval(Integral, None, -1, closed="right"),
        None,
    ],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


REGRESSION_LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "log_cosh": LogCosh,
    "poisson": Poisson,
    "quantile": Quantile,
}
# What names stand for: objects that have parameters of their own.
NAMED: dict[str, dict[str, type]] = {
    "solver": {**OPTIMIZERS},
    "learning_rate_schedule": {**SCHEDULES},
    "weight_averaging": {**AVERAGINGS},
    "activation": {**ACTIVATIONS},
    "loss": {**REGRESSION_LOSSES},
}


def inner_of_list(augment: Any) -> dict[str, Any]:
    """Return the parameters within a list of augmentations by name, as a Compose has them."""
    if not isinstance(augment, tuple | list):
        return {}
    inner = Compose(augment).get_params()
    return {f"augment__{name}": value for name, value in inner.items() if name != "steps"}


def replace_inner(params: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return parameters in which ``outer__inner`` has become a value of ``outer``.

    Parameters
    ----------
    params : dict
        What is to be set.
    own : dict
        What there is by name.

    Raises
    ------
    ValueError
        If a value has no such parameter.
    """
    augment = params.get("augment", own.get("augment"))
    if isinstance(augment, tuple | list) and any(name[:9] == "augment__" for name in params):
        result = with_inner({**params, "augment": Compose(augment)}, own)
        result["augment"] = [*result["augment"].steps]
    else:
        result = with_inner(params, own)
    check_inner(result, own)
    return result


def check_inner(params: dict[str, Any], own: dict[str, Any]) -> None:
    """Raise a ValueError if ``outer__inner`` is to be set of a value that has no parameters."""
    for key in params:
        name, _, inner = key.partition("__")
        value = params.get(name, own.get(name))
        if inner and name in own and (isinstance(value, type) or not hasattr(value, "set_params")):
            kind = NAMED.get(name, {}).get(value) if isinstance(value, str) else None
            remedy = f": {name}={kind.__name__}()" if kind else ""
            raise ValueError(
                f"{key} cannot be set, since {name}={value!r} has no parameters. Give {name} an "
                f"object that has them{remedy}."
            )


def check_numbers(estimator: Any) -> None:
    """Raise a ValueError if a parameter is a number that cannot be computed with."""
    for name, value in vars(estimator).items():
        check_number(value, name)


def make_architecture(estimator: Any) -> Architecture:
    """Return the parameters that say what the network looks like."""
    names = (part.name for part in fields(Architecture))
    return Architecture(**{name: getattr(estimator, name) for name in names})


def make_optimizer(solver: str | Optimizer) -> Optimizer:
    """Return the optimizer; where the solver has none, one that is never used."""
    if isinstance(solver, Optimizer):
        return solver
    return Optimizer() if takes_all_samples(solver) else OPTIMIZERS[solver]()


def make_averaging(weight_averaging: str | WeightAveraging | None) -> WeightAveraging | None:
    """Return what is averaged of the weights, if anything."""
    if isinstance(weight_averaging, str):
        return AVERAGINGS[weight_averaging]()
    return weight_averaging


def make_patience(estimator: Any) -> Patience:
    """Return when to stop early."""
    tol = estimator.tol
    return Patience(tol or 0.0 if estimator.early_stopping else tol, estimator.n_iter_no_change)


def make_settings(estimator: Any, n: int, n_epochs: int | None) -> TrainingSettings:
    """Return how epochs go through n samples."""
    return TrainingSettings(
        resolve_batch_size(estimator.batch_size, n),
        float(estimator.learning_rate),  # NumPy's half precision would round each product
        float(resolve_alpha(estimator)),
        estimator.shuffle,
        None if estimator.max_grad_norm is None else float(estimator.max_grad_norm),
        n_epochs,
    )


class AutoAlpha(NamedTuple):
    """What `alpha="auto"` stands for: two different terms have two different defaults."""

    weight_decay: float
    l2: float


def resolve_alpha(estimator: Any) -> float:
    """Return the weight decay, or where all samples are taken at once the L2 term."""
    if isinstance(estimator.alpha, str):
        auto: AutoAlpha = estimator._auto_alpha
        return auto.l2 if takes_all_samples(estimator.solver) else auto.weight_decay
    return float(estimator.alpha)


def resolve_batch_size(batch_size: int | str, n: int) -> int:
    """Return how many of n samples a mini-batch has at most."""
    if batch_size != "auto":
        return int(batch_size)
    least, most = AUTO_BATCH_SIZES
    if n <= most:
        return most
    small = min(max(n // AUTO_STEPS, least), most)
    return max(small, min(n // AUTO_STEPS_LARGE, AUTO_BATCH_SIZE_LARGE))


def followed_score(estimator: Any, *, validated: bool) -> str:
    """Return the name of the score that a schedule is told."""
    scoring = deciding_scoring(estimator.scoring)
    scoring = scoring if isinstance(scoring, str) else "by a function"
    return f"validation {scoring}" if validated else "loss"


def is_auto(value: Any) -> bool:
    """Return whether a parameter is left to the data."""
    return isinstance(value, str) and value == "auto"


def takes_all_samples(solver: str | Optimizer) -> bool:
    """Return whether the solver takes all samples at once and has no optimizer."""
    return isinstance(solver, str) and solver == "lbfgs"


def check_full_batch(estimator: Any) -> None:
    """Raise a ValueError if the solver takes all samples at once and other parameters do not."""
    if not takes_all_samples(estimator.solver):
        return
    names = [name for name in MINI_BATCH_DEFAULTS if _is_set(estimator, name)]
    clash = [f"{name}={getattr(estimator, name)!r}" for name in names]
    if estimator.layers is not None:
        kinds = Dropout | BatchNorm
        layers = each_layer(
            each for each in given_layers(estimator.layers) if isinstance(each, Layer)
        )
        clash += [str(layer) for layer in layers if isinstance(layer, kinds)]
    if clash:
        raise ValueError(
            f"solver='lbfgs' takes all samples at once and needs the same loss whenever it "
            f"comes back to the same weights, so it cannot be combined with {', '.join(clash)}. "
            f"Leave that out, or use solver='adam' or 'sgd'."
        )


def _is_set(estimator: Any, name: str) -> bool:
    """Return whether a parameter is not at its default, and counts."""
    value, default = getattr(estimator, name), MINI_BATCH_DEFAULTS[name]
    unused = estimator.layers is not None and name in ("dropout", "block_dropout", "batch_norm")
    return not unused and not (is_auto(value) or value is default or value == default)


def can_continue(estimator: Any) -> bool:
    """Return whether partial_fit exists; raise an AttributeError that says why it does not."""
    if estimator.early_stopping:
        raise AttributeError(
            "partial_fit is not available with early_stopping=True, since a single epoch cannot "
            "be stopped early. Set early_stopping=False, or use warm_start=True."
        )
    if vars(estimator).get("calibrate"):
        raise AttributeError(
            "partial_fit is not available with calibrate=True, since it has no validation set. Set "
            "calibrate=False, or use warm_start=True."
        )
    class_weight = vars(estimator).get("class_weight")  # only classifiers have one
    if isinstance(class_weight, str) and class_weight == "balanced":
        raise AttributeError(
            f"partial_fit is not available with class_weight={class_weight!r}, since a "
            f"single call does not know the other samples. Pass a dict, or sample_weight."
        )
    if takes_all_samples(estimator.solver):
        raise AttributeError(
            "partial_fit is not available with solver='lbfgs', which needs all data at once. Use "
            "solver='adam' or 'sgd'."
        )
    return True
