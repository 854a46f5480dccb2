import pytest

from skcnn._training.stopping import Patience


@pytest.mark.parametrize(
    ("tol", "patience", "losses", "expected"),
    [
        (None, 1, [1, 1, 1, 2], [False] * 4),
        (0.0, 1, [1, 1], [False, True]),
        (0.0, 2, [1.0, 0.9, 0.9, 0.9], [False, False, False, True]),
        (0.5, 2, [4, 3.5, 3.0], [False, False, True]),
        (0.5, 2, [4, 3.4, 3.4, 2.8, 2.8, 2.8], [False, False, False, False, False, True]),
        (0.25, 2, [1.0, 2.0, 0.5, 0.5, 0.5], [False, False, False, False, True]),
        (0.125, 3, [1, 2, 2, 2], [False, False, False, True]),
    ],
)
def test_patience_ends_exactly_then(tol, patience, losses, expected):
    count = Patience(tol, patience)
    assert [count.is_over(loss) for loss in losses] == expected


def test_patience_compares_with_the_best_not_with_the_last():
    count = Patience(0.0, 2)
    assert [count.is_over(loss) for loss in (1.0, 3.0, 2.0)] == [False, False, True]
    assert count.best == 1.0
