import pytest

from skcnn.architectures import vgg
from skcnn.layers import BatchNorm, Dropout
from tests.support.architectures import count_parameters, learns_digits


@pytest.mark.parametrize(
    ("depth", "millions", "exactly"),
    [
        (11, 133, 132_863_336),
        (13, 133, 133_047_848),
        (16, 138, 138_357_544),
        (19, 144, 143_667_240),
    ],
)
def test_it_has_the_published_number_of_parameters(depth, millions, exactly):
    """In millions in the paper; exactly in common model collections."""
    layers = vgg(depth, batch_norm=False, hidden_layer_sizes=(4096, 4096))
    count = count_parameters(layers, (224, 3, 224), 1000)
    assert count == exactly
    assert round(count / 1e6) == millions


def test_arguments_say_what_is_in_it():
    layers = vgg(11, 4, hidden_layer_sizes=(8, 6), dropout=0.2)
    assert sum(isinstance(layer, BatchNorm) for layer in layers) == 8
    assert sum(isinstance(layer, Dropout) for layer in layers) == 2
    assert not any(isinstance(layer, Dropout) for layer in vgg(dropout=0))
    with pytest.raises(ValueError, match=r"depth=12 must be one of \[11, 13, 16, 19\]"):
        vgg(12)
    with pytest.raises(ValueError, match="width=0"):
        vgg(width=0)


def test_it_learns():
    learns_digits(vgg(11, 8, hidden_layer_sizes=(16,), dropout=0))
