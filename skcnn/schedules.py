"""Learning rate schedules: the factor of the learning rate at each step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, inf, isfinite, pi
from numbers import Integral, Real
from typing import Any

from skcnn._checks import Hyperparameters, is_number, shown

__all__ = ["Constant", "Cosine", "OneCycle", "Plateau", "Schedule"]

State = dict[str, Any]

# Where warming up begins, as a fraction of the learning rate.
WARM_UP_START = 0.1


@dataclass(frozen=True)
class Schedule(Hyperparameters):
    """Hyper-parameters of a schedule; what it remembers is in a separate state.

    A subclass overrides :meth:`factor` and, where it learns from scores, :meth:`start` and
    :meth:`after_epoch`. The state is a dict of numbers, so that it can be copied and saved.
    """

    def start(self) -> State:
        """Return the state before the first step."""
        return {}

    def factor(self, state: State, step: int, fraction: float | None) -> float:
        """Return the factor of the learning rate for one step.

        Parameters
        ----------
        state : dict
            From :meth:`start`.
        step : int
            Number of steps taken so far, counted across calls of fit and partial_fit.
        fraction : float or None
            Fraction of this call's epochs that has passed, in [0, 1); None in partial_fit, where
            their number is unknown.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `factor`.")

    def after_epoch(self, state: State, score: float) -> None:
        """Update `state` with the score of an epoch; greater is better.

        Parameters
        ----------
        state : dict
            From :meth:`start`; may change.
        score : float
            The validation score, or without a validation set the negative training loss.
        """


@dataclass(frozen=True)
class Constant(Schedule):
    """The learning rate as it is."""

    def factor(self, state: State, step: int, fraction: float | None) -> float:
        """Return 1."""
        return 1.0


@dataclass(frozen=True)
class Cosine(Schedule):
    """Along half a cosine from the learning rate to zero at the end of fit.

    Parameters
    ----------
    warm_up : float, default=0.0
        Fraction of the epochs, less than 1, over which the rate first rises linearly, from a
        tenth of the learning rate.

    References
    ----------
    Loshchilov, Hutter. SGDR: Stochastic Gradient Descent with Warm Restarts. ICLR 2017.
    """

    warm_up: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "warm_up", Real, lambda value: 0 <= value < 1, "at least 0 and less than 1")

    def factor(self, state: State, step: int, fraction: float | None) -> float:
        """Return (1 + cos(pi * fraction)) / 2, after warming up; 1 in partial_fit."""
        if fraction is None:
            return 1.0
        warm_up = float(self.warm_up)
        if fraction < warm_up:
            return WARM_UP_START + (1 - WARM_UP_START) * fraction / warm_up
        return (1 + cos(pi * min((fraction - warm_up) / (1 - warm_up), 1))) / 2


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to the learning rate, and down to almost nothing at the end of fit, along half cosines.

    Momentum stays as it is.

    Parameters
    ----------
    rise : float, default=0.3
        Fraction of the epochs over which the rate rises, between 0 and 1.
    first : float, default=0.04
        Factor of the first step, between 0 and 1.
    last : float, default=1e-4
        Factor at the end, between 0 and 1.

    References
    ----------
    Smith, Topin. Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
    Rates. 2018.
    """

    rise: float = 0.3
    first: float = 0.04
    last: float = 1e-4

    def __post_init__(self) -> None:
        _check(self, "rise", Real, lambda value: 0 < value < 1, "greater than 0 and less than 1")
        for name in ("first", "last"):
            _check(self, name, Real, lambda value: 0 <= value <= 1, "between 0 and 1")

    def factor(self, state: State, step: int, fraction: float | None) -> float:
        """Return a point on the way from `first` to 1 or from 1 to `last`; 1 in partial_fit."""
        if fraction is None:
            return 1.0
        rise = float(self.rise)
        if fraction < rise:
            return _between(float(self.first), 1.0, fraction / rise)
        return _between(1.0, float(self.last), min((fraction - rise) / (1 - rise), 1))


def _between(start: float, end: float, fraction: float) -> float:
    """Return a point on half a cosine."""
    return end + (start - end) * (1 + cos(pi * fraction)) / 2


@dataclass(frozen=True)
class Plateau(Schedule):
    """Lower the rate whenever scores stop improving.

    The score is the validation score where there is a validation set, and otherwise the negative
    training loss.

    Parameters
    ----------
    reduction : float, default=0.5
        Factor of each reduction, between 0 and 1.
    patience : int, default=3
        Number of consecutive epochs without a better score after which the rate is lowered.
    tol : float, default=1e-4
        A score is better if it exceeds the best by more than this.
    lowest : float, default=0.0
        The factor never falls below this.
    """

    reduction: float = 0.5
    patience: int = 3
    tol: float = 1e-4
    lowest: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "reduction", Real, lambda value: 0 < value < 1, "between 0 and 1")
        _check(self, "patience", Integral, lambda value: value >= 1, "at least 1")
        _check(self, "tol", Real, lambda value: 0 <= value < inf, "at least 0")
        _check(self, "lowest", Real, lambda value: 0 <= value <= 1, "between 0 and 1")

    def start(self) -> State:
        """Start with the whole learning rate."""
        return {"factor": 1.0, "best": -inf, "stale": 0}

    def factor(self, state: State, step: int, fraction: float | None) -> float:
        """Return the factor that scores have led to so far."""
        return float(state["factor"])

    def after_epoch(self, state: State, score: float) -> None:
        """Count epochs without a better score; after `patience` of them lower the factor."""
        state["stale"] = 0 if score > state["best"] + self.tol else state["stale"] + 1
        state["best"] = max(state["best"], score)
        if state["stale"] >= self.patience:
            state["factor"] = max(state["factor"] * float(self.reduction), float(self.lowest))
            state["stale"] = 0


@dataclass(frozen=True)
class PerStep(Schedule):
    """Whatever a function of the number of steps says.

    Parameters
    ----------
    function : callable
        Takes the number of steps taken so far, 0, 1 and so on across calls of fit and
        partial_fit, and returns the factor.
    """

    function: Callable[[int], float]

    def factor(self, state: State, step: int, fraction: float | None) -> float:
        """Return function(step)."""
        return self.function(step)


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "plateau": Plateau,
}


def as_schedule(schedule: str | Schedule | Callable[[int], float]) -> Schedule:
    """Return the schedule that the estimator's parameter stands for."""
    if isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, str):
        return SCHEDULES[schedule]()
    kinds: list[Any] = list(SCHEDULES.values())
    if schedule in kinds:
        raise ValueError(
            f"learning_rate_schedule={schedule!r} is a class. Give an instance: add parentheses."
        )
    return PerStep(schedule)


def checked_factor(schedule: Schedule, state: State, step: int, fraction: float | None) -> float:
    """Return the schedule's factor as a float.

    Raises
    ------
    ValueError
        If it is not a finite number of at least 0.
    """
    factor: Any = schedule.factor(state, step, fraction)
    if not (is_number(factor) and isfinite(factor) and float(factor) >= 0):
        raise ValueError(
            f"learning_rate_schedule={schedule!r} gave the factor {shown(factor)} after {step} "
            f"steps. It must give a finite number of at least 0, which multiplies learning_rate."
        )
    return float(factor)


def _check(
    schedule: Schedule, name: str, kind: type, holds: Callable[[Any], bool], bounds: str
) -> None:
    value = getattr(schedule, name)
    known = isinstance(value, kind) and is_number(value) and not isinstance(value, bool)
    if not known or not holds(value):
        noun = "an integer" if kind is Integral else "a number"
        raise ValueError(f"{name}={shown(value)} must be {noun} {bounds}.")
