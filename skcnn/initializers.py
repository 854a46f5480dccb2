"""Weight initialization that keeps the scale of signals from layer to layer."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["glorot_uniform", "he_normal", "zeros"]

Array = npt.NDArray[Any]
Initializer = Callable[[Array, int, int, np.random.Generator], None]


def he_normal(weights: Array, fan_in: int, fan_out: int, rng: np.random.Generator) -> None:
    """Fill `weights` with N(0, 2 / fan_in), for layers before a ReLU.

    References
    ----------
    He, Zhang, Ren, Sun. Delving Deep into Rectifiers. ICCV 2015.
    """
    weights[...] = rng.standard_normal(weights.shape) * sqrt(2 / fan_in)


def glorot_uniform(weights: Array, fan_in: int, fan_out: int, rng: np.random.Generator) -> None:
    """Fill `weights` with U(-a, a), a = sqrt(6 / (fan_in + fan_out)), for tanh and outputs.

    References
    ----------
    Glorot, Bengio. Understanding the difficulty of training deep feedforward neural networks.
    AISTATS 2010.
    """
    bound = sqrt(6 / (fan_in + fan_out))
    weights[...] = rng.uniform(-bound, bound, weights.shape)


def zeros(weights: Array, fan_in: int, fan_out: int, rng: np.random.Generator) -> None:
    """Fill `weights` with zeros, for output layers: every class starts equally probable."""
    weights[...] = 0


INITIALIZERS: dict[str, Initializer] = {
    "he_normal": he_normal,
    "glorot_uniform": glorot_uniform,
    "zeros": zeros,
}


def initialize_weights(
    name: str, weights: Array, fan_in: int, fan_out: int, rng: np.random.Generator
) -> None:
    """Fill `weights` in place by the initializer called `name`."""
    if name not in INITIALIZERS:
        raise ValueError(f"initializer={name!r} must be one of {sorted(INITIALIZERS)}.")
    INITIALIZERS[name](weights, fan_in, fan_out, rng)
