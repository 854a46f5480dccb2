"""Which algorithm is chosen for which convolution."""

import pytest

from skcnn._engine.convolution.depthwise import Depthwise
from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.convolution.winograd import POINTS, Winograd
from skcnn.layers import Conv
from skcnn.layers import conv as conv_module


def chosen(layer, shape, batch=8):
    return conv_module._algorithm(layer, shape, batch)


def test_a_group_of_one_channel_has_no_products_of_matrices():
    assert isinstance(chosen(Conv(32, 3, groups=16), (14, 16, 14)), Depthwise)
    assert isinstance(chosen(Conv(32, 3, groups=16), (14, 16, 14), batch=0), Depthwise)
    assert isinstance(chosen(Conv(3, 3, groups=1), (14, 1, 14)), Im2col)
    grouped = chosen(Conv(32, 3, groups=8), (14, 16, 14))
    assert isinstance(grouped, Im2col)
    assert (grouped.groups, grouped.together) == (8, (1, 1))
    few = chosen(Conv(8, 3, groups=4)._interleaved(2), (14, 8, 14))
    assert few.together == (1, 2)


def test_dilation_is_copied():
    dilated = chosen(Conv(64, 3, dilation=2), (13, 32, 13))
    assert isinstance(dilated, Im2col)
    assert len(dilated.outer) == 1  # the height
    along = chosen(Conv(64, 3, dilation=(1, 2)), (13, 32, 13))
    assert isinstance(along, Im2col)
    assert not along.outer
    assert chosen(Conv(1, 3, dilation=2)._interleaved(2), (13, 1, 12)).together == (1, 1)


def test_the_least_work_decides():
    assert isinstance(chosen(Conv(32, 5), (14, 16, 14)), Winograd)
    assert isinstance(chosen(Conv(64, 3), (13, 32, 13)), Winograd)
    assert isinstance(chosen(Conv(64, 3), (32, 13)), Winograd)  # signals
    assert isinstance(chosen(Conv(32, 5), (14, 16, 14), batch=0), Im2col)
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
    assert chosen(layer, shape, batch=0).together == together
