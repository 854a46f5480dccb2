import numpy as np
import pytest
from sklearn.metrics import get_scorer

from skcnn._estimator.scorings import deciding_scoring, each_scoring
from tests.support.estimators import assert_same_bits, make_classifier, make_regressor


def mine(estimator, X, y):
    return float(np.mean(estimator.predict(X) == y))


def test_one_scoring_is_the_score():
    assert each_scoring("f1") == {"score": "f1"}
    assert each_scoring(mine) == {"score": mine}
    assert deciding_scoring("f1") == deciding_scoring(["f1", "r2"]) == "f1"
    assert deciding_scoring({"my own": mine, "loss": "loss"}) is mine


@pytest.mark.parametrize(
    ("scoring", "words"),
    [
        ([], "is empty"),
        ({}, "is empty"),
        (["accuracy", "best"], r"scoring\['best'\]='best' is no scorer"),
        (["accuracy", mine], "Give a dict of names and functions"),
        ({"a": 3}, r"scoring\['a'\]=3 is no scorer"),
        ({"score": "accuracy"}, "names are strings other than"),
        ({"loss": "accuracy"}, "names are strings other than"),
        ({3: "accuracy"}, "scoring has the name 3"),
    ],
)
def test_what_is_no_scorer_or_no_name_is_named(scoring, words, digits):
    with pytest.raises(ValueError, match=words):
        make_classifier(scoring=scoring).fit(*digits, X_val=digits[0], y_val=digits[1])


def test_all_scores_are_recorded_and_the_first_decides(digits):
    X, y = digits
    held_out = {"X_val": X[:100], "y_val": y[:100]}
    scoring = ["f1_macro", "accuracy", "loss", "neg_log_loss"]
    model = make_classifier(scoring=scoring, early_stopping=True, max_iter=6).fit(X, y, **held_out)
    one = make_classifier(scoring="f1_macro", early_stopping=True, max_iter=6).fit(X, y, **held_out)
    assert_same_bits(model, one, X)
    record = model.history_[model.best_iter_ - 1]
    assert record["validation_score"] == record["validation_f1_macro"]
    for name in ("f1_macro", "accuracy", "neg_log_loss"):
        expected = get_scorer(name)(model, X[:100], y[:100])
        assert record[f"validation_{name}"] == pytest.approx(expected, rel=1e-6)
    assert "validation_loss" in record
    assert set(one.history_[0]) == set(record) - {f"validation_{name}" for name in scoring} | {
        "validation_loss"
    }


def test_a_dict_gives_names(numbers):
    X, y = numbers
    scoring = {"explained": "r2", "mine": lambda estimator, X, y: 1.0}
    model = make_regressor(scoring=scoring).fit(X, y, X_val=X, y_val=y)
    assert model.history_[-1]["validation_mine"] == 1
    assert model.history_[-1]["validation_explained"] == pytest.approx(model.score(X, y))
