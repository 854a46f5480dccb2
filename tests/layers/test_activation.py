import numpy as np
import pytest

from skcnn._engine.plan import make_plan
from skcnn._engine.workspace import Workspace
from skcnn.layers import ELU, Activation, Conv, LeakyReLU, Logistic, MaxPool, ReLU, Tanh
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


SLOPES = [*map(LeakyReLU, (0.01, 0, 0.3, 2.5)), *map(ELU, (1.0, 0, 0.4, 3))]
every_slope = pytest.mark.parametrize("layer", SLOPES, ids=str)


def negative_side(layer, x):
    """Return value and slope where x is negative."""
    if isinstance(layer, LeakyReLU):
        return layer.negative_slope * x, np.full_like(x, layer.negative_slope)
    return layer.alpha * np.expm1(x), layer.alpha * np.exp(x)


@every_slope
def test_gradients_of_leaky_relu_and_elu_are_finite_differences(layer):
    check_layer(layer, (3, 2, 4))
    for shape in SHAPES:
        check_layer(layer, shape, directions=8)


@every_slope
def test_leaky_relu_and_elu_are_the_identity_above_zero_and_their_formula_below(layer):
    x = np.random.default_rng(0).normal(0, 3, (3, 2, 4, 5))
    y, dx = run(layer, x, np.full_like(x, 2.0))
    value, slope = negative_side(layer, np.minimum(x, 0))
    assert np.array_equal(y[x > 0], x[x > 0])
    assert np.array_equal(dx[x > 0], np.full(np.count_nonzero(x > 0), 2.0))
    np.testing.assert_allclose(y[x < 0], value[x < 0], rtol=1e-15, atol=0)
    np.testing.assert_allclose(dx[x < 0], 2 * slope[x < 0], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_slope
def test_slope_at_zero_is_that_below_and_extreme_inputs_give_the_limit(layer, dtype):
    large = np.finfo(dtype).max / 4
    x = np.array([[-large, -1e4, 0, 1e4, large]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, dx = run(layer, x, np.ones_like(x))
    value, slope = negative_side(layer, x[0, :3])
    assert y.dtype == dx.dtype == dtype
    np.testing.assert_allclose(y[0], [*value, *x[0, 3:]], rtol=1e-6)
    np.testing.assert_allclose(dx[0], [*slope, 1, 1], rtol=1e-6, atol=1e-7)


@every_slope
def test_leaky_relu_and_elu_never_fall_and_trade_places_with_max_pooling(layer):
    x = np.sort(np.random.default_rng(0).normal(0, 2, 5000)).astype(np.float32)[None]
    assert (np.diff(run(layer, x, np.ones_like(x))[0][0]) >= 0).all()
    steps = make_plan((Conv(3), layer, MaxPool(2)), (8, 1, 8)).steps
    assert [type(step.operation) for step in steps][3] is type(layer)
    assert layer.initializer == "he_normal"


@pytest.mark.parametrize("value", [-0.1, np.inf, np.nan, "0.1", None])
@pytest.mark.parametrize(("kind", "name"), [(LeakyReLU, "negative_slope"), (ELU, "alpha")])
def test_slopes_below_zero_are_errors_that_name_parameter_and_value(kind, name, value):
    with pytest.raises(ValueError, match="must be a number of at least 0") as caught:
        kind(value)
    assert f"{name}={value!r}" in str(caught.value)
    assert getattr(kind().set_params(**{name: 0.5}), name) == 0.5
