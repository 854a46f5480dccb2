import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.layers import Conv, Dense, Layer, MaxPool, ReLU, SpatialDropout, Tanh


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
