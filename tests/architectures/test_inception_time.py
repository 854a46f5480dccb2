import pytest

from skcnn.architectures import inception_time
from tests.support.architectures import count_parameters, learns_digits


def test_it_has_the_published_number_of_parameters():
    """As the authors' code: no bias but that of the output, no bottleneck for one channel."""
    module = 128 * 32 + 32 * 32 * 70 + 128 * 32 + 2 * 128
    first = 32 * 70 + 32 + 2 * 128
    shortcuts = 128 + 256 + 128 * 128 + 256
    by_hand = first + 5 * module + shortcuts + 2 * 129
    assert count_parameters(inception_time(), (1, 1, 96), 2) == by_hand == 420_450


def test_several_channels_have_a_bottleneck_at_first():
    one, other = (
        count_parameters(inception_time(3, multivariate=value), (1, 50, 96), 2)
        for value in (False, True)
    )
    assert one - other == (50 - 32) * 32 * 70 - 50 * 32


def test_it_learns_and_takes_any_rank():
    learns_digits(inception_time(3, 4, (5, 3)))
    assert count_parameters(inception_time(4, 4, (5, 3)), (4, 4, 1, 4), 2) > 0
    with pytest.raises(ValueError, match="depth=0"):
        inception_time(0)
