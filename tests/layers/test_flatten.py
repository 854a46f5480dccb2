import numpy as np

from skcnn._engine.workspace import Workspace
from skcnn.layers import Flatten
from skcnn.testing import check_layer
from tests.support.shapes import SHAPES


def test_gradients_are_finite_differences():
    check_layer(Flatten(), (3, 2, 4))
    for shape in SHAPES:
        check_layer(Flatten(), shape, directions=8)


def test_no_number_moves():
    x = np.arange(48.0).reshape(2, 3, 4, 2)
    y, cache = Flatten().forward({}, x, Workspace(), training=False)
    assert np.shares_memory(x, y)
    assert y.shape == (24, 2) == (*Flatten().output_shape(x.shape[:-1]), 2)
    assert y[:, 1].tolist() == x[..., 1].ravel().tolist()
    assert np.array_equal(Flatten().backward({}, {}, y, cache, Workspace(), need_dx=True), x)
