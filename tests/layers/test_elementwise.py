"""Bias, activations, dropout, flatten, dense."""

import copy

import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.layers import (
    Activation,
    Bias,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Logistic,
    MaxPool,
    ReLU,
    SpatialDropout,
    Tanh,
)
from skcnn.network import Network
from skcnn.testing import check_layer

FORMULAS = {
    ReLU: (lambda x: np.where(x > 0, x, 0), lambda x: np.where(x > 0, 1.0, 0.0)),
    Tanh: (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    Logistic: (
        lambda x: 0.5 * (1 + np.tanh(x / 2)),
        lambda x: 0.25 / np.cosh(x / 2) ** 2,
    ),
}
SHAPES = [(5,), (2, 3), (3, 2, 4), (2, 3, 2, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "layer",
    [
        Bias(),
        ReLU(),
        Tanh(),
        Logistic(),
        Dropout(0.3),
        Dropout(0),
        SpatialDropout(0.3),
        SpatialDropout(0),
        Flatten(),
    ],
    ids=str,
)
def test_gradients_are_finite_differences(layer, shape):
    check_layer(layer, shape)


@pytest.mark.parametrize(("features", "units"), [(1, 1), (7, 1), (1, 4), (6, 5)])
def test_dense_gradients_are_finite_differences(features, units):
    check_layer(Dense(units), (features,))
    check_layer(Dense(units, use_bias=False), (features,))


@pytest.mark.parametrize("kind", FORMULAS)
def test_activation_and_slope_follow_the_formula(kind):
    function, slope = FORMULAS[kind]
    x = np.random.default_rng(0).normal(0, 3, (3, 2, 4, 5))
    workspace = Workspace()
    y, cache = kind().forward({}, x, workspace, training=True)
    np.testing.assert_allclose(y, function(x), rtol=1e-13, atol=1e-15)
    dx = kind().backward({}, {}, np.full_like(x, 2.0), cache, workspace, need_dx=True)
    np.testing.assert_allclose(dx, 2 * slope(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("kind", "limits"), [(ReLU, (0, 1e4)), (Tanh, (-1, 1)), (Logistic, (0, 1))]
)
def test_activation_of_extreme_inputs_is_its_limit(kind, limits, dtype):
    x = np.array([[-1e4, 1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, cache = kind().forward({}, x, Workspace(), training=True)
        y = y.copy()
        dx = kind().backward({}, {}, np.ones_like(x), cache, Workspace(), need_dx=True)
    assert y.dtype == dtype
    assert y.tolist() == [list(limits)]
    assert dx.tolist() == [[0, 1 if kind is ReLU else 0]]


def test_relu_has_slope_zero_at_zero():
    workspace = Workspace()
    _, cache = ReLU().forward({}, np.zeros((2, 3)), workspace, training=True)
    assert not ReLU().backward({}, {}, np.ones((2, 3)), cache, workspace, need_dx=True).any()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bias_adds_one_constant_a_channel(shape):
    x = np.random.default_rng(0).standard_normal((*shape, 3))
    axis = 0 if len(shape) == 1 else len(shape) - 2
    bias = np.arange(1.0, shape[axis] + 1)
    assert Bias().parameter_shapes(shape) == {"bias": bias.shape}
    y, cache = Bias().forward({"bias": bias}, x, Workspace(), training=True)
    np.testing.assert_array_equal(np.moveaxis(y, axis, -1), np.moveaxis(x, axis, -1) + bias)
    gradients = {"bias": np.full_like(bias, np.nan)}
    Bias().backward({"bias": bias}, gradients, x, cache, Workspace(), need_dx=False)
    others = tuple(i for i in range(x.ndim) if i != axis)
    np.testing.assert_allclose(gradients["bias"], x.sum(axis=others), rtol=1e-13)


def test_dense_is_a_matrix_product():
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((6, 4)), rng.standard_normal((3, 4))
    parameters = {"weights": rng.standard_normal((6, 3)), "bias": rng.standard_normal(3)}
    gradients = {name: np.full_like(part, np.nan) for name, part in parameters.items()}
    workspace = Workspace()
    y, cache = Dense(3).forward(parameters, x, workspace, training=True)
    rows = x.T @ parameters["weights"] + parameters["bias"]  # a row for each sample
    np.testing.assert_allclose(y, rows.T, rtol=1e-13)
    dx = Dense(3).backward(parameters, gradients, dy, cache, workspace, need_dx=True)
    np.testing.assert_allclose(dx, parameters["weights"] @ dy, rtol=1e-13)
    outer = sum(np.outer(x[:, i], dy[:, i]) for i in range(4))
    np.testing.assert_allclose(gradients["weights"], outer, rtol=1e-13)
    np.testing.assert_allclose(gradients["bias"], dy.sum(axis=1), rtol=1e-13)


def test_flatten_moves_no_number():
    x = np.arange(48.0).reshape(2, 3, 4, 2)
    y, cache = Flatten().forward({}, x, Workspace(), training=False)
    assert np.shares_memory(x, y)
    assert y.shape == (24, 2) == (*Flatten().output_shape(x.shape[:-1]), 2)
    assert y[:, 1].tolist() == x[..., 1].ravel().tolist()
    dx = Flatten().backward({}, {}, y, cache, Workspace(), need_dx=True)
    assert np.array_equal(dx, x)


def test_dense_without_a_bias_is_the_product_alone():
    x = np.random.default_rng(0).standard_normal((6, 4))
    weights = np.random.default_rng(1).standard_normal((6, 3))
    layer = Dense(3, use_bias=False)
    assert layer.parameter_shapes((6,)) == {"weights": (6, 3)}
    y, _ = layer.forward({"weights": weights}, x, Workspace(), training=True)
    assert np.array_equal(y, weights.T @ x)


def drop(rate, x, seed=0, training=True):
    workspace = Workspace(np.random.default_rng(seed))
    y, cache = Dropout(rate).forward({}, x, workspace, training=training)
    return y, cache, workspace


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_at_its_rate_and_preserves_the_mean(rate):
    n = 200_000
    y, *_ = drop(rate, np.ones((n // 100, 100)))
    assert np.mean(y == 0) == pytest.approx(rate, abs=5 * np.sqrt(rate * (1 - rate) / n))
    kept = np.unique(y[y != 0])
    assert kept == pytest.approx([1 / (1 - rate)], rel=1e-4 / (1 - rate))
    assert y.mean() == pytest.approx(1, abs=5 * np.sqrt(rate / (1 - rate) / n))


def test_dropout_scale_makes_the_expectation_exactly_one():
    rate = 0.3
    y, *_ = drop(rate, np.ones((10, 10)))
    steps = round(rate * 2**16)
    assert y.max() == 2**16 / (2**16 - steps)


def test_dropout_draws_each_element_by_itself():
    y, *_ = drop(0.5, np.ones((400, 500)))
    kept = (y != 0).astype(float)
    assert np.corrcoef(kept[:-1].ravel(), kept[1:].ravel())[0, 1] == pytest.approx(0, abs=0.02)
    assert np.corrcoef(kept[:, :-1].ravel(), kept[:, 1:].ravel())[0, 1] == pytest.approx(
        0, abs=0.02
    )


def test_dropout_draws_anew_at_every_step():
    x = np.ones((20, 20))
    y, _, workspace = drop(0.5, x)
    first = y.copy()
    second, _ = Dropout(0.5).forward({}, x, workspace, training=True)
    assert not np.array_equal(first, second)


def test_dropout_is_the_same_for_the_same_generator():
    x = np.random.default_rng(1).standard_normal((6, 2, 5, 3))
    assert np.array_equal(drop(0.4, x, seed=7)[0], drop(0.4, x, seed=7)[0])
    assert not np.array_equal(drop(0.4, x, seed=7)[0], drop(0.4, x, seed=8)[0])


def test_dropout_uses_one_mask_in_both_directions():
    x = np.full((8, 9), 3.0)
    y, cache, workspace = drop(0.4, x)
    y = y.copy()
    dx = Dropout(0.4).backward({}, {}, np.full_like(x, 3.0), cache, workspace, need_dx=True)
    assert np.array_equal(dx, y)


def test_dropout_is_the_identity_in_inference_even_with_a_generator():
    x = np.random.default_rng(0).standard_normal((4, 3))
    workspace = Workspace(np.random.default_rng(0))
    before = copy.deepcopy(workspace.rng.bit_generator.state)
    y, _ = Dropout(0.9).forward({}, x, workspace, training=False)
    assert np.array_equal(x, y)
    assert workspace.rng.bit_generator.state == before


def test_dropout_without_a_generator_is_an_error_in_training():
    with pytest.raises(ValueError, match=r"Dropout\(rate=0.2\) draws in training.*generator, rng="):
        Dropout(0.2).forward({}, np.ones((2, 2)), Workspace(), training=True)


def test_dropout_of_rate_zero_needs_no_generator():
    x = np.ones((2, 2))
    assert np.array_equal(Dropout(0).forward({}, x, Workspace(), training=True)[0], x)


@pytest.mark.parametrize("shape", [(40, 500), (5, 30, 6, 400), (3, 4, 10, 2, 300)], ids=str)
def test_spatial_dropout_drops_whole_maps_at_its_rate(shape):
    workspace = Workspace(np.random.default_rng(0))
    y, _ = SpatialDropout(0.3).forward({}, np.ones(shape), workspace, training=True)
    axis = 0 if len(shape) == 2 else len(shape) - 3
    maps = np.moveaxis(y, (axis, -1), (0, 1)).reshape(shape[axis], shape[-1], -1)
    assert np.array_equal(maps.min(axis=-1), maps.max(axis=-1))
    kept = maps[..., 0] != 0
    n = kept.size
    assert kept.mean() == pytest.approx(0.7, abs=5 * np.sqrt(0.21 / n))
    steps = round(0.3 * 2**16)
    assert y.max() == 2**16 / (2**16 - steps)


def test_spatial_dropout_draws_each_map_of_each_sample_by_itself():
    workspace = Workspace(np.random.default_rng(0))
    y, _ = SpatialDropout(0.5).forward({}, np.ones((300, 1, 300)), workspace, training=True)
    kept = (y[:, 0] != 0).astype(float)
    for one, other in ((kept[:-1], kept[1:]), (kept[:, :-1], kept[:, 1:])):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] == pytest.approx(0, abs=0.02)


def test_spatial_dropout_of_features_is_dropout():
    x = np.random.default_rng(0).standard_normal((7, 5))
    one, other = (
        layer(0.4).forward({}, x, Workspace(np.random.default_rng(3)), training=True)[0]
        for layer in (Dropout, SpatialDropout)
    )
    assert np.array_equal(one, other)


def test_spatial_dropout_uses_one_mask_in_both_directions():
    x, workspace = np.full((2, 8, 3, 9), 3.0), Workspace(np.random.default_rng(0))
    y, cache = SpatialDropout(0.4).forward({}, x, workspace, training=True)
    y = y.copy()
    dx = SpatialDropout(0.4).backward({}, {}, x.copy(), cache, workspace, need_dx=True)
    assert np.array_equal(dx, y)


def test_spatial_dropout_is_the_identity_in_inference():
    x = np.random.default_rng(0).standard_normal((4, 3, 2, 5))
    assert np.array_equal(SpatialDropout(0.9).forward({}, x, Workspace(), training=False)[0], x)
    with pytest.raises(ValueError, match=r"SpatialDropout\(rate=0.9\) draws in training"):
        SpatialDropout(0.9).forward({}, x, Workspace(), training=True)


@pytest.mark.parametrize(
    ("layer", "input_shape", "words"),
    [
        (Dense(3), (4, 2, 4), ["Dense(n_units=3)", "(4, 2, 4)", "Put Flatten() before"]),
        (Dense(0), (4,), ["n_units=0", "at least 1"]),
        (Dense(1.5), (4,), ["n_units=1.5", "integer"]),
        (Dense(True), (4,), ["n_units=True must be an integer of at least 1."]),
        (Dropout(1), (4,), ["rate=1", "less than 1"]),
        (Dropout(-0.1), (4,), ["rate=-0.1", "at least 0"]),
        (Dropout(float("nan")), (4,), ["rate=nan"]),
        (SpatialDropout(1.5), (4,), ["rate=1.5", "less than 1"]),
        (Dropout("a"), (4,), ["rate='a'", "number of at least 0 and less than 1"]),
        (Dropout(None), (4,), ["rate=None", "number of at least 0 and less than 1"]),
    ],
    ids=str,
)
def test_errors_name_the_parameter_its_value_and_the_fix(layer, input_shape, words):
    with pytest.raises(ValueError, match=r"needs|must be") as caught:
        layer.output_shape(input_shape)
    assert all(word in str(caught.value) for word in words)


def test_dense_with_an_unknown_initializer_is_named():
    network = Network((Dense(1, "he"),), (3,))
    with pytest.raises(ValueError, match=r"initializer='he' must be one of"):
        network.initialize(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (ReLU(), "ReLU()"),
        (Conv(8), "Conv(n_filters=8)"),
        (Conv(8, 5, padding="valid"), "Conv(n_filters=8, filter_size=5, padding='valid')"),
        (MaxPool(2), "MaxPool()"),
        (Dense(3, use_bias=False), "Dense(n_units=3, use_bias=False)"),
        (SpatialDropout(), "SpatialDropout()"),
        (MaxPool((2, 1)), "MaxPool(pool_size=(2, 1))"),
    ],
)
def test_text_of_a_layer_is_its_call_without_defaults(layer, text):
    assert str(layer) == text
    assert eval(text) == layer


def test_layers_are_values():
    assert Conv(8, 3) == Conv(8) != Conv(8, 5)
    assert len({ReLU(), ReLU(), Tanh()}) == 2
    with pytest.raises(AttributeError):
        Conv(8).n_filters = 3


def test_base_layer_asks_for_both_passes():
    assert Layer().output_shape((3,)) == (3,)
    assert Layer().parameter_shapes((3,)) == Layer().state_shapes((3,)) == {}
    assert Layer().narrowed((1, 3)) == Layer()
    with pytest.raises(NotImplementedError, match="Layer must define `forward`"):
        Layer().forward({}, np.ones((3, 1)), Workspace(), training=False)
    with pytest.raises(NotImplementedError, match="Layer must define `backward`"):
        Layer().backward({}, {}, np.ones((3, 1)), None, Workspace(), need_dx=True)


def test_base_activation_asks_for_function_and_derivative():
    x = np.ones((3, 1))
    with pytest.raises(NotImplementedError, match="Activation must define `function`"):
        Activation().forward({}, x, Workspace(), training=False)
    with pytest.raises(NotImplementedError, match="Activation must define `multiply_by"):
        Activation().backward({}, {}, x, x, Workspace(), need_dx=True)
