import pytest
from sklearn.metrics import get_scorer, make_scorer, matthews_corrcoef

from skcnn._data.sklearn_compat import takes_sample_weight


def plain(estimator, X, y):
    return 0.0


def weighing(estimator, X, y, sample_weight=None):
    return 0.0


def anything(estimator, X, y, **keywords):
    return 0.0


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [
        (plain, False),
        (weighing, True),
        (anything, True),
        (get_scorer("f1_macro"), True),
        (get_scorer("neg_log_loss"), True),
        (make_scorer(matthews_corrcoef), True),
        (make_scorer(lambda y, p: 0.0), False),
        (dict.fromkeys, False),
    ],
)
def test_scorers_that_take_weights(scorer, expected):
    assert takes_sample_weight(scorer) is expected
