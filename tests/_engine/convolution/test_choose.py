"""Which algorithm is chosen for which convolution."""

import pytest

from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.convolution.winograd import POINTS, Winograd
from skcnn.layers import Conv
from skcnn.layers import conv as conv_module


def chosen(layer, shape, many=True):
    return conv_module._algorithm(layer, shape, many)


def test_the_least_work_decides():
    assert isinstance(chosen(Conv(32, 5), (14, 16, 14)), Winograd)
    assert isinstance(chosen(Conv(64, 3), (13, 32, 13)), Winograd)
    assert isinstance(chosen(Conv(64, 3), (32, 13)), Winograd)  # signals
    assert isinstance(chosen(Conv(32, 5), (14, 16, 14), many=False), Im2col)
    assert isinstance(chosen(Conv(16, 5), (28, 1, 28)), Im2col)  # too few channels
    assert isinstance(chosen(Conv(32, 5, stride=2), (14, 16, 14)), Im2col)
    assert isinstance(chosen(Conv(32, 1), (14, 16, 14)), Im2col)
    assert isinstance(chosen(Conv(32, 11), (14, 16, 14)), Im2col)  # too many points
    assert isinstance(chosen(Conv(32, 5), (6, 14, 16, 14)), Im2col)  # volumes


@pytest.mark.parametrize("kernel", range(2, 10))
def test_tiles_have_no_more_points_than_there_are_and_pay(kernel):
    algorithm = chosen(Conv(64, (3, kernel)), (26, 64, 26))
    if isinstance(algorithm, Winograd):
        assert algorithm.tile >= 2
        assert algorithm.n_points in POINTS
        assert algorithm.cost < Im2col(algorithm.axes, 64, 64).cost
    else:
        assert kernel > 7


@pytest.mark.parametrize(
    ("layer", "shape", "together"),
    [
        (Conv(1, 3)._interleaved(2), (12, 1, 12), (2, 2)),
        (Conv(1, 3), (12, 1, 12), (4, 1)),
        (Conv(1, 3), (9, 1, 12), (3, 1)),
        (Conv(2, 3)._interleaved(2), (12, 1, 12), (1, 2)),
        (Conv(4, 3)._interleaved(2), (12, 1, 12), (1, 1)),
        (Conv(1, 3)._interleaved(2), (12, 12), (1, 2)),
    ],
)
def test_few_filters_compute_neighboring_outputs_together(layer, shape, together):
    assert chosen(layer, shape, many=False).together == together
