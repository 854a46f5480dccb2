from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import norm

from skcnn._engine.plan import make_plan
from skcnn._engine.workspace import Workspace
from skcnn.layers import GELU, Conv, Flatten, MaxPool, SiLU
from skcnn.testing import check_layer
from tests.support.shapes import SHAPES

LAYERS = [GELU(), GELU(approximate=True), SiLU()]


def cubic(x):
    return np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)


def gelu_slope(x):
    return norm.cdf(x) + x * norm.pdf(x)


def approximate_slope(x):
    du = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
    return 0.5 * (1 + np.tanh(cubic(x))) + 0.5 * x * du / np.cosh(cubic(x)) ** 2


FORMULAS = [
    (lambda x: x * norm.cdf(x), gelu_slope),
    (lambda x: 0.5 * x * (1 + np.tanh(cubic(x))), approximate_slope),
    (lambda x: x / (1 + np.exp(-x)), lambda x: (1 + np.exp(-x) * (1 + x)) / (1 + np.exp(-x)) ** 2),
]
every_layer = pytest.mark.parametrize("layer", LAYERS, ids=str)


def run(layer, x, dy):
    workspace = Workspace()
    y, cache = layer.forward({}, x, workspace, training=True)
    y = y.copy()
    return y, layer.backward({}, {}, dy, cache, workspace, need_dx=True)


@every_layer
def test_gradients_are_finite_differences(layer):
    check_layer(layer, (3, 2, 4))
    for shape in SHAPES:
        check_layer(layer, shape, directions=8)


@pytest.mark.parametrize(
    ("layer", "formulas"),
    [*zip(LAYERS, FORMULAS, strict=True)],
    ids=["gelu", "approximate", "silu"],
)
def test_output_and_slope_follow_the_formula(layer, formulas):
    function, slope = formulas
    x = np.random.default_rng(0).normal(0, 3, (3, 2, 4, 50))
    y, dx = run(layer, x, np.full_like(x, 2.0))
    np.testing.assert_allclose(y, function(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(dx, 2 * slope(x), rtol=1e-12, atol=1e-14)


def test_the_approximation_of_gelu_is_as_near_as_its_docstring_says():
    x = np.linspace(-10, 10, 100_001)[None]
    exact, approximate = (run(layer, x, np.ones_like(x))[0] for layer in LAYERS[:2])
    difference = np.abs(exact - approximate)[x != 0] / np.abs(x[x != 0])
    assert 1.5e-4 < difference.max() < 2e-4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_layer
def test_output_of_extreme_inputs_is_the_limit(layer, dtype):
    large = float(np.finfo(dtype).max)
    x = np.array([[-large, -1e4, 0, 1e4, large]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, dx = run(layer, x, np.ones_like(x))
    assert y.dtype == dx.dtype == dtype
    assert y[0].tolist() == [0, 0, 0, *x[0, 3:].tolist()]
    assert dx[0].tolist() == [0, 0, 0.5, 1, 1]


@every_layer
def test_they_fall_so_they_do_not_trade_places_with_a_maximum(layer):
    x = np.array([[-3.0, -0.9, 0.0]])
    y, _ = run(layer, x, np.ones_like(x))
    assert y[0, 1] < y[0, 0] < y[0, 2]
    assert not layer.is_increasing
    steps = make_plan((Conv(3), layer, MaxPool(2), Flatten()), (8, 1, 8)).steps
    assert [type(step.operation).__name__ for step in steps[:3]] == [
        "InterleavedConv", type(layer).__name__, "InterleavedMaxPool",
    ]  # fmt: skip


def test_a_class_derived_from_one_runs_where_it_is():
    @dataclass(frozen=True)
    class Halved(SiLU):
        def forward(self, parameters, x, workspace, *, training):
            return super().forward(parameters, x / 2, workspace, training=training)

    steps = make_plan((Conv(3), Halved(), MaxPool(2)), (8, 1, 8)).steps
    assert [type(step.operation) for step in steps] == [Conv, Halved, MaxPool]


@every_layer
def test_function_is_what_forward_computes(layer):
    x = np.linspace(-4, 4, 30).reshape(3, 10)
    out = np.empty_like(x)
    layer.function(x, out, Workspace())
    assert np.array_equal(out, layer.forward({}, x, Workspace(), training=False)[0])


@every_layer
def test_weights_before_them_start_as_before_relu(layer):
    assert layer.initializer == "he_normal"


def test_approximate_is_true_or_false():
    with pytest.raises(ValueError, match=r"approximate='tanh' must be True or False\."):
        GELU("tanh")
