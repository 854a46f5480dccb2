"""Loss functions, what training minimizes; imported by `_training` and above."""

from skcnn.losses.base import Loss
from skcnn.losses.binary_cross_entropy import BinaryCrossEntropy
from skcnn.losses.cross_entropy import CrossEntropy
from skcnn.losses.poisson import Poisson
from skcnn.losses.quantile import Quantile
from skcnn.losses.regression import AbsoluteError, SquaredError
from skcnn.losses.robust import Huber, LogCosh

__all__ = [
    "AbsoluteError",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Huber",
    "LogCosh",
    "Loss",
    "Poisson",
    "Quantile",
    "SquaredError",
]
