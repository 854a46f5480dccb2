import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.layers import Dense
from skcnn.network import Network
from skcnn.testing import check_layer


def test_gradients_are_finite_differences(global_random_seed):
    check_layer(Dense(5), (6,), seed=global_random_seed)
    check_layer(Dense(4, use_bias=False), (1,), seed=global_random_seed)
    for features, units in [(1, 1), (7, 1), (1, 4), (6, 5)]:
        for use_bias in (True, False):
            check_layer(
                Dense(units, use_bias=use_bias), (features,), directions=8, seed=global_random_seed
            )


def test_output_and_gradients_are_matrix_products(global_random_seed):
    rng = np.random.default_rng(global_random_seed)
    x, dy = rng.standard_normal((6, 4)), rng.standard_normal((3, 4))
    parameters = {"weights": rng.standard_normal((6, 3)), "bias": rng.standard_normal(3)}
    gradients = {name: np.full_like(part, np.nan) for name, part in parameters.items()}
    workspace = Workspace()
    y, cache = Dense(3).forward(parameters, x, workspace, training=True)
    samples = x.T @ parameters["weights"] + parameters["bias"]
    np.testing.assert_allclose(y, samples.T, rtol=1e-13)
    dx = Dense(3).backward(parameters, gradients, dy, cache, workspace, need_dx=True)
    np.testing.assert_allclose(dx, parameters["weights"] @ dy, rtol=1e-13)
    outer = sum(np.outer(x[:, i], dy[:, i]) for i in range(4))
    np.testing.assert_allclose(gradients["weights"], outer, rtol=1e-13)
    np.testing.assert_allclose(gradients["bias"], dy.sum(axis=1), rtol=1e-13)


def test_without_a_bias_the_output_is_the_product_alone(global_random_seed):
    rng = np.random.default_rng(global_random_seed)
    x, weights = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    layer = Dense(3, use_bias=False)
    assert layer.parameter_shapes((6,)) == {"weights": (6, 3)}
    y, _ = layer.forward({"weights": weights}, x, Workspace(), training=True)
    assert np.array_equal(y, weights.T @ x)


@pytest.mark.parametrize(
    ("layer", "input_shape", "words"),
    [
        (Dense(3), (4, 2, 4), r"Dense\(n_units=3\) needs .*\(4, 2, 4\).*Put Flatten\(\) before"),
        (Dense(0), (4,), "n_units=0 must be an integer of at least 1"),
        (Dense(1.5), (4,), "n_units=1.5 must be an integer"),
        (Dense(True), (4,), "n_units=True must be an integer of at least 1."),
    ],
    ids=str,
)
def test_errors_name_the_parameter_its_value_and_the_fix(layer, input_shape, words):
    with pytest.raises(ValueError, match=words):
        layer.output_shape(input_shape)


def test_unknown_initializer_is_named():
    with pytest.raises(ValueError, match=r"initializer='he' must be one of"):
        Network((Dense(1, "he"),), (3,)).initialize(np.random.default_rng(0))
