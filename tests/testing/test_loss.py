import numpy as np
import pytest

from skcnn.losses import CrossEntropy, Loss, SquaredError
from skcnn.testing import check_loss
from tests.support.parts import BUFFER_NAMES, NamedLoss


class Squares(Loss):
    """sum of weights * (z - target)**2 / 2, for targets of any shape that broadcasts."""

    def value_and_gradient(self, outputs, targets, weights, workspace):
        difference = outputs - targets.astype(outputs.dtype)
        gradient = (difference * weights).astype(outputs.dtype)
        return float((difference * gradient).sum() / 2), gradient


def change(array, by, result):
    array += by
    return result


FAULTS = {
    "wrong gradient": (
        lambda loss, z, t, w: (loss(z, t, w)[0], loss(z, t, w)[1] * np.float32(1.001)),
        "gradient differs from finite differences",
    ),
    "forgets weights": (
        lambda loss, z, t, w: loss(z, t, 1.0),
        "not the weighted sum of the samples' losses",
    ),
    "forgets weights in its gradient": (
        lambda loss, z, t, w: (loss(z, t, w)[0], loss(z, t, 1.0)[1]),
        "gradient differs from finite differences",
    ),
    "changes the outputs": (
        lambda loss, z, t, w: change(z, 1, loss(z, t, w)),
        "changes the outputs",
    ),
    "changes the targets": (
        lambda loss, z, t, w: change(t, 1, loss(z, t, w)),
        "changes the targets",
    ),
    "returns an array": (
        lambda loss, z, t, w: (np.array(loss(z, t, w)[0]), loss(z, t, w)[1]),
        "not a float",
    ),
    "upcasts the gradient": (
        lambda loss, z, t, w: (loss(z, t, w)[0], loss(z, t, w)[1].astype(np.float64)),
        "float32 in, gradient is float64",
    ),
}


class Adding(Squares):
    """Adds to what is in its buffer, which is zero in a new one only by chance."""

    def value_and_gradient(self, outputs, targets, weights, workspace):
        total = workspace.once("total", lambda: np.zeros(1))
        total += 1
        value, gradient = super().value_and_gradient(outputs, targets, weights, workspace)
        if self.of_value:
            return value * float(total[0]), gradient
        return value, gradient * total[0].astype(gradient.dtype)


class Broken(Squares):
    def __init__(self, fault):
        self.function = FAULTS[fault][0]

    def value_and_gradient(self, outputs, targets, weights, workspace):
        def right(z, t, w):
            return super(Broken, self).value_and_gradient(z, t, w, workspace)

        return self.function(right, outputs, targets, weights)


OUTPUTS, TARGETS = np.random.default_rng(0).standard_normal((3, 5)), np.array([0, 1, 2, 0, 1])


@pytest.mark.parametrize("loss", [Squares(), CrossEntropy()])
def test_right_losses_pass(loss):
    check_loss(loss, OUTPUTS, TARGETS)


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named(fault):
    with pytest.raises(AssertionError, match=FAULTS[fault][1]):
        check_loss(Broken(fault), OUTPUTS, TARGETS)


@pytest.mark.parametrize("result", ["value", "gradient"])
def test_a_workspace_that_was_used_before_must_not_matter(result):
    loss = Adding()
    loss.of_value = result == "value"
    with pytest.raises(AssertionError, match=f"a used workspace gives another {result}"):
        check_loss(loss, OUTPUTS, TARGETS)


def test_targets_of_several_numbers_a_sample_are_right():
    rng = np.random.default_rng(0)
    outputs, targets = rng.standard_normal((2, 5)), rng.standard_normal((5, 2))
    check_loss(SquaredError(), outputs, targets)
    check_loss(SquaredError(), outputs, targets.tolist())


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [(np.ones((2, 5)), np.ones(4)), (np.ones(5), np.ones(5)), (np.ones((2, 5)), np.ones((2, 5)))],
)
def test_shapes_that_do_not_fit_are_named(outputs, targets):
    with pytest.raises(ValueError, match=r"outputs of shape .* and targets of shape .* do not fit"):
        check_loss(SquaredError(), outputs, targets)


@pytest.mark.parametrize("name", BUFFER_NAMES)
def test_buffers_of_any_name_pass(name):
    rng = np.random.default_rng(0)
    check_loss(NamedLoss(name), rng.standard_normal((2, 5)), rng.standard_normal((5, 2)))
