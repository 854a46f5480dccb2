import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.layers import Bias
from skcnn.testing import check_layer
from tests.support.shapes import SHAPES


def test_gradients_are_finite_differences(global_random_seed):
    check_layer(Bias(), (3, 2, 4), seed=global_random_seed)
    for shape in SHAPES:
        check_layer(Bias(), shape, directions=8, seed=global_random_seed)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_constant_is_added_to_each_channel(shape, global_random_seed):
    x = np.random.default_rng(global_random_seed).standard_normal((*shape, 3))
    axis = 0 if len(shape) == 1 else len(shape) - 2
    bias = np.arange(1.0, shape[axis] + 1)
    assert Bias().parameter_shapes(shape) == {"bias": bias.shape}
    y, cache = Bias().forward({"bias": bias}, x, Workspace(), training=True)
    np.testing.assert_array_equal(np.moveaxis(y, axis, -1), np.moveaxis(x, axis, -1) + bias)
    gradients = {"bias": np.full_like(bias, np.nan)}
    Bias().backward({"bias": bias}, gradients, x, cache, Workspace(), need_dx=False)
    others = tuple(i for i in range(x.ndim) if i != axis)
    np.testing.assert_allclose(gradients["bias"], x.sum(axis=others), rtol=1e-13)
