"""What follows from the estimator's parameters alone."""

import pytest

from skcnn._estimator.parameters import resolve_batch_size


@pytest.mark.parametrize(
    ("n", "size"),
    [
        (1, 32),  # all samples at once
        (32, 32),
        (33, 8),
        (400, 8),
        (1000, 20),
        (1600, 32),
        (5000, 32),
        (16_499, 32),
        (20_000, 40),
        (60_000, 120),
        (10**6, 128),
    ],
)
def test_auto_batch_size(n, size):
    assert resolve_batch_size("auto", n) == size
    assert resolve_batch_size(7, n) == 7
