import re

import numpy as np
import pytest

from skcnn._data.mini_batches import mini_batches
from skcnn._training.gradient import split
from skcnn.layers import BatchNorm, Conv, Dense, Flatten
from skcnn.network import Network


@pytest.mark.parametrize(("n", "batch_size"), [(1, 1), (1, 5), (10, 5), (11, 5), (12, 5), (7, 100)])
def test_mini_batches_are_those_of_a_plain_loop(n, batch_size):
    rows = np.arange(n)
    expected = [rows[first : first + batch_size].tolist() for first in range(0, n, batch_size)]
    assert [rows[part].tolist() for part in mini_batches(n, batch_size)] == expected


@pytest.mark.parametrize("n", range(2, 40))
@pytest.mark.parametrize("batch_size", [2, 3, 5, 32])
def test_a_last_row_on_its_own_joins_the_mini_batch_before(n, batch_size):
    parts = mini_batches(n, batch_size, least=2)
    rows = [row for part in parts for row in range(n)[part]]
    assert rows == list(range(n))
    sizes = [part.stop - part.start for part in parts]
    assert min(sizes) >= 2
    plain = mini_batches(n, batch_size)
    assert parts == plain or sizes[-1] == batch_size + 1


def test_a_single_row_is_an_error_that_says_what_to_do():
    with pytest.raises(ValueError, match=r"n_samples=1 is too few.*at least 2 samples"):
        mini_batches(1, 32, least=2)
    with pytest.raises(ValueError, match=r"batch_size=1 is too small.*at least 2, or batch_norm=F"):
        mini_batches(10, 1, least=2)


def test_the_layer_that_asks_for_more_samples_is_named():
    layer = "Whitening(groups=4)"
    with pytest.raises(
        ValueError, match=r"n_samples=7 is too few for Whitening\(groups=4\), whose"
    ):
        mini_batches(7, 32, 8, layer)
    message = (
        "batch_size=5 is too small for Whitening(groups=4), whose mini-batches have at least 8 "
        "samples: use a batch_size of at least 8, or another layer."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        mini_batches(10, 5, 8, layer)


def test_a_network_asks_for_as_many_samples_as_the_layer_that_needs_most():
    plain = (Conv(2), Flatten(), Dense(3))
    assert Network(plain, (4, 1, 4)).minimum_batch_size == 1
    assert Network((BatchNorm(), *plain), (4, 1, 4)).minimum_batch_size == 2
    assert Network((), (4, 1, 4)).minimum_batch_size == 1


def test_micro_batches_of_a_mini_batch_of_two_samples_or_more_have_two_or_more():
    for n in range(2, 300):
        for multiply_adds in (1, 10**5, 10**9):
            assert min(len(part) for part in split(np.arange(n), multiply_adds)) >= 2
