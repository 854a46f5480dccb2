"""Loss functions, what training minimizes; imported by `_training` and above."""

from skcnn.losses.base import Loss
from skcnn.losses.cross_entropy import CrossEntropy
from skcnn.losses.regression import AbsoluteError, SquaredError

__all__ = ["AbsoluteError", "CrossEntropy", "Loss", "SquaredError"]
