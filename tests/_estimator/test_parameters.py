"""What follows from the estimator's parameters alone."""

import pytest

from skcnn import ScratchCNNClassifier


@pytest.mark.parametrize(
    ("n", "size"),
    [
        (1, 32),  # all rows at once
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
    assert ScratchCNNClassifier()._batch_size(n) == size
    assert ScratchCNNClassifier(batch_size=7)._batch_size(n) == 7
