import numpy as np
import pytest

from skcnn._training.stopping import DivergenceError, Patience, check_epoch

PARAMETER = "a parameter is NaN, infinite or about to overflow"
STATISTIC = "a running statistic of batch normalization is NaN or infinite"


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


def test_no_patience_is_used_before_the_first_epoch():
    count = Patience(0.0, 2)
    assert [count.is_over(loss) for loss in (np.inf, np.inf)] == [False, True]


def test_patience_compares_with_the_best_not_with_the_last():
    count = Patience(0.0, 2)
    assert [count.is_over(loss) for loss in (1.0, 3.0, 2.0)] == [False, False, True]
    assert count.best == 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_epoch_that_training_comes_back_from_is_no_divergence(dtype):
    large = np.array([-1e9, 1e9], dtype)
    check_epoch(1e8, large, large * 1e20)
    check_epoch(0.0, large[:0], large[:0])


@pytest.mark.parametrize(
    ("loss", "parameter", "statistic", "message"),
    [
        (1.0, np.nan, 0.0, PARAMETER),
        (1.0, np.inf, 0.0, PARAMETER),
        (1.0, -1e30, 0.0, PARAMETER),
        (1.0, 0.0, np.nan, STATISTIC),
        (1.0, 0.0, np.inf, STATISTIC),
        (5e78, 0.0, 0.0, "the loss has grown to 5e+78"),
        (2e9, 0.0, 0.0, "the loss has grown to 2e+09"),
        (np.nan, 0.0, 0.0, "the loss has grown to nan"),
    ],
)
def test_divergence_is_in_the_loss_the_parameters_or_the_state(loss, parameter, statistic, message):
    parameters, state = np.array([0, parameter], np.float32), np.array([statistic, 1], np.float32)
    with pytest.raises(DivergenceError) as caught:
        check_epoch(loss, parameters, state)
    assert str(caught.value) == message


def test_limits_themselves_are_divergence():
    limit = np.array([np.finfo(np.float64).max ** 0.25])
    check_epoch(np.nextafter(1e9, 0), np.nextafter(limit, 0), limit)
    with pytest.raises(DivergenceError, match="parameter"):
        check_epoch(1.0, limit, limit)
    with pytest.raises(DivergenceError, match=r"1e\+09"):
        check_epoch(1e9, limit / 2, limit)
