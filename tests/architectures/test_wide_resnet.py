import pytest

from skcnn.architectures import wide_resnet
from skcnn.layers import Dropout
from skcnn.layers.base import each_layer
from tests.support.architectures import count_parameters, learns_digits


@pytest.mark.parametrize(
    ("depth", "factor", "millions"),
    [(40, 1, 0.6), (40, 2, 2.2), (40, 4, 8.9), (16, 8, 11.0), (22, 8, 17.2), (28, 10, 36.5)],
)
def test_it_has_the_published_number_of_parameters(depth, factor, millions):
    count = count_parameters(wide_resnet(depth, factor), (32, 3, 32), 10)
    assert round(count / 1e6, 1) == millions


def test_it_learns_with_dropout_between_its_convolutions():
    layers = wide_resnet(10, 1, dropout=0.1)
    assert sum(isinstance(layer, Dropout) for layer in each_layer(layers)) == 3
    learns_digits(wide_resnet(10, 1))


@pytest.mark.parametrize("depth", [4, 20, "16"])
def test_a_depth_that_makes_no_blocks_is_named(depth):
    with pytest.raises(ValueError, match=rf"depth={depth!r} must be 6 n \+ 4"):
        wide_resnet(depth)
