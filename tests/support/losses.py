"""Outputs and targets for tests of losses."""

import numpy as np

from skcnn._engine.workspace import Workspace
from skcnn.losses import AbsoluteError, CrossEntropy, Huber, LogCosh, Quantile, SquaredError


def drawn(seed):
    """Return outputs, classes, numbers and weights, which losses must leave alone."""
    rng = np.random.default_rng(seed)
    outputs, classes = rng.normal(0, 3, (4, 9)), rng.integers(0, 4, 9)
    arrays = outputs, classes, rng.normal(0, 3, (9, 4)), rng.uniform(0.2, 3, 9)
    for array in arrays:
        array.setflags(write=False)
    return arrays


OUTPUTS, CLASSES, NUMBERS, WEIGHTS = drawn(0)

REGRESSION = [SquaredError(), AbsoluteError(), Huber(0.7), LogCosh(), Quantile(0.3)]
LOSSES = [CrossEntropy(), CrossEntropy(0.3), *REGRESSION]
TARGETS = {CrossEntropy: CLASSES} | {type(loss): NUMBERS for loss in REGRESSION}


def evaluate(loss, outputs, targets, weights):
    return loss.value_and_gradient(outputs, targets, weights, Workspace())
