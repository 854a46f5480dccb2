import pytest

from skcnn.architectures import lenet5
from tests.support.architectures import count_parameters


def test_it_has_the_published_number_of_parameters():
    by_hand = 6 * 26 + 16 * (6 * 25 + 1) + 120 * 401 + 84 * 121 + 10 * 85
    assert count_parameters(lenet5(), (28, 1, 28), 10) == by_hand == 61_706


def test_it_takes_signals_and_volumes_and_refuses_small_images():
    assert count_parameters(lenet5(), (1, 2, 40), 3) > 0
    assert count_parameters(lenet5(), (12, 12, 1, 12), 2) > 0
    with pytest.raises(ValueError, match="larger than what it slides over"):
        count_parameters(lenet5(), (8, 1, 8), 10)
