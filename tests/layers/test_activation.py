import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.layers import Activation, Logistic, ReLU, Tanh
from skcnn.testing import check_layer
from tests.support.shapes import SHAPES

FORMULAS = {
    ReLU: (lambda x: np.where(x > 0, x, 0), lambda x: np.where(x > 0, 1.0, 0.0)),
    Tanh: (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    Logistic: (lambda x: 0.5 * (1 + np.tanh(x / 2)), lambda x: 0.25 / np.cosh(x / 2) ** 2),
}
LIMITS = {ReLU: ([0, 1e4], [0, 1]), Tanh: ([-1, 1], [0, 0]), Logistic: ([0, 1], [0, 0])}


def run(layer, x, dy):
    """Return output and input gradient."""
    workspace = Workspace()
    y, cache = layer.forward({}, x, workspace, training=True)
    y = y.copy()
    return y, layer.backward({}, {}, dy, cache, workspace, need_dx=True)


@pytest.mark.parametrize("kind", FORMULAS)
def test_gradients_are_finite_differences(kind, global_random_seed):
    check_layer(kind(), (3, 2, 4), seed=global_random_seed)
    for shape in SHAPES:
        check_layer(kind(), shape, directions=8, seed=global_random_seed)


@pytest.mark.parametrize("kind", FORMULAS)
def test_output_and_slope_follow_the_formula(kind, global_random_seed):
    function, slope = FORMULAS[kind]
    x = np.random.default_rng(global_random_seed).normal(0, 3, (3, 2, 4, 5))
    y, dx = run(kind(), x, np.full_like(x, 2.0))
    np.testing.assert_allclose(y, function(x), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(dx, 2 * slope(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", LIMITS)
def test_output_of_extreme_inputs_is_the_limit(kind, dtype):
    x = np.array([[-1e4, 1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, dx = run(kind(), x, np.ones_like(x))
    assert y.dtype == dtype
    assert (y[0].tolist(), dx[0].tolist()) == LIMITS[kind]


def test_relu_has_slope_zero_at_zero():
    assert not run(ReLU(), np.zeros((2, 3)), np.ones((2, 3)))[1].any()


def test_base_activation_asks_for_function_and_derivative():
    x = np.ones((3, 1))
    with pytest.raises(NotImplementedError, match="Activation must define `function`"):
        Activation().forward({}, x, Workspace(), training=False)
    with pytest.raises(NotImplementedError, match="Activation must define `multiply_by"):
        Activation().backward({}, {}, x, x, Workspace(), need_dx=True)
