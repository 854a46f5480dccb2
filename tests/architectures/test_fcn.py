import pytest

from skcnn.architectures import fcn
from tests.support.architectures import count_parameters, learns_digits


def test_it_has_the_published_number_of_parameters():
    """The authors' code has biases, too: 264,962 for one channel and two classes."""
    assert count_parameters(fcn(), (1, 1, 96), 2) + 128 + 256 + 128 == 264_962


def test_it_learns_and_takes_any_rank():
    learns_digits(fcn((16, 16), (5, 3)))
    assert count_parameters(fcn(), (8, 1, 8), 2) > 264_962


def test_each_block_has_a_size():
    with pytest.raises(ValueError, match=r"n_filters=\(8, 8\) and filter_sizes=\(3,\)"):
        fcn((8, 8), (3,))
