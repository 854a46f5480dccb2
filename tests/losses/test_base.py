import pickle

import numpy as np
import pytest

from skcnn import losses
from skcnn._engine.workspace import Workspace
from skcnn.losses import CrossEntropy, Loss, SquaredError
from tests.support.losses import (
    CLASSES,
    LOSSES,
    NUMBERS,
    OUTPUTS,
    TARGETS,
    WEIGHTS,
    evaluate,
)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_sample_of_weight_zero_counts_for_nothing(loss):
    targets, weights = TARGETS[type(loss)], WEIGHTS.copy()
    weights[3] = 0
    value, gradient = evaluate(loss, OUTPUTS, targets, weights)
    keep = np.arange(9) != 3
    rest = evaluate(loss, OUTPUTS[:, keep], targets[keep], weights[keep])
    assert value == pytest.approx(rest[0], rel=1e-14)
    assert np.array_equal(gradient[:, keep], rest[1])
    assert not gradient[:, 3].any()


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_float32_stays_float32(loss):
    outputs, targets = OUTPUTS.astype(np.float32), TARGETS[type(loss)]
    dtypes = [np.int64] if targets.ndim == 1 else [np.float32, np.float64, np.int64]
    for dtype in dtypes:
        for weights in (0.5, WEIGHTS.astype(np.float32), WEIGHTS):
            value, gradient = evaluate(loss, outputs, targets.astype(dtype), weights)
            assert type(value) is float
            assert gradient.dtype == np.float32
    assert loss.predict(outputs).dtype == np.float32


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_losses_are_values(loss):
    assert loss == pickle.loads(pickle.dumps(loss)) == eval(str(loss), vars(losses))
    assert sum(loss == other for other in LOSSES) == 1
    assert str(CrossEntropy(0.1)) == "CrossEntropy(label_smoothing=0.1)"


def test_only_cross_entropy_has_correct_predictions():
    assert Loss().correct(OUTPUTS, CLASSES, None) is None
    assert SquaredError().correct(OUTPUTS, NUMBERS, WEIGHTS) is None


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_gradient_is_in_the_workspace(loss):
    workspace = Workspace()
    gradients = [
        loss.value_and_gradient(OUTPUTS, TARGETS[type(loss)], 1.0, workspace)[1] for _ in range(2)
    ]
    assert np.shares_memory(*gradients)
