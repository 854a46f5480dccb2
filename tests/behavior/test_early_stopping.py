"""When training stops, by the training loss or by a validation score, and what it keeps."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score

from skcnn.schedules import Plateau
from tests.support.estimators import assert_same_bits, make_classifier, make_regressor


@pytest.fixture(scope="module")
def parts(digits):
    """Digits to train on and to validate with."""
    X, y = digits
    return X[:200], y[:200], {"X_val": X[200:], "y_val": y[200:]}


def given_scores(scores):
    """A scorer that gives these, whatever the model, and is then interrupted."""
    remaining = iter(scores)

    def scorer(estimator, X, y):
        try:
            return next(remaining)
        except StopIteration:
            raise KeyboardInterrupt from None

    return scorer


# By the training loss


@pytest.mark.parametrize("n_iter_no_change", [1, 2, 3])
@pytest.mark.parametrize("tol", [0.0, 0.01, 0.1])
def test_stops_after_exactly_n_iter_no_change_epochs_without_progress(
    tol, n_iter_no_change, digits, whole, global_random_seed
):
    best, stale, expected = np.inf, 0, 40
    for epoch, loss in enumerate(whole, start=1):
        stale = 0 if loss < best - tol else stale + 1
        best = min(best, loss)
        if stale == n_iter_no_change:
            expected = epoch
            break
    kind = {
        "batch_size": 20,
        "learning_rate": 0.05,
        "max_iter": 40,
        "random_state": global_random_seed,
    }
    model = make_classifier(**kind, tol=tol, n_iter_no_change=n_iter_no_change)
    model.fit(digits[0][:40], digits[1][:40])
    assert model.n_iter_ == expected
    assert model.loss_curve_ == whole[:expected]


@pytest.fixture(scope="module")
def whole(digits, global_random_seed):
    """The losses of forty epochs without stopping."""
    model = make_classifier(
        batch_size=20, learning_rate=0.05, max_iter=40, random_state=global_random_seed
    )
    return model.fit(digits[0][:40], digits[1][:40]).loss_curve_


def test_a_huge_tol_stops_after_1_and_n_iter_no_change_epochs(digits):
    for patience in (1, 4):
        model = make_classifier(max_iter=20, tol=1e9, n_iter_no_change=patience).fit(*digits)
        assert model.n_iter_ == 1 + patience


def test_without_tol_all_epochs_are_run(digits):
    model = make_classifier(max_iter=12, learning_rate=1e-300, n_iter_no_change=1)
    with pytest.warns(ConvergenceWarning, match="learned nothing"):
        model.fit(*digits)
    assert model.n_iter_ == 12


def test_tol_without_early_stopping_is_about_the_training_loss(parts):
    X, y, val = parts
    model = make_classifier(max_iter=6, tol=100.0, n_iter_no_change=2).fit(X, y, **val)
    assert model.n_iter_ == len(model.validation_scores_) == 3


def test_infinite_patience_runs_all_epochs_and_keeps_the_best(parts):
    X, y, val = parts
    kind = {"max_iter": 6, "tol": 100.0, "n_iter_no_change": np.inf}
    assert make_classifier(**kind).fit(X, y).n_iter_ == 6
    model = make_classifier(**kind, early_stopping=True).fit(X, y, **val)
    assert model.n_iter_ == len(model.validation_scores_) == 6
    assert model.best_iter_ == 1 + np.argmax(model.validation_scores_)
    with pytest.raises(ValueError, match="'n_iter_no_change' parameter"):
        make_classifier(n_iter_no_change=2.5).fit(X, y)


# By a validation score


@pytest.mark.parametrize(
    ("scores", "n_iter_no_change", "tol", "n_iter", "best"),
    [
        ([1, 2, 3, 4, 5], 1, None, 5, 5),
        # of equal scores the lowest validation loss is the best, and no progress
        ([1, 1, 1, 1, 1], 1, None, 2, 2),
        ([1, 2, 2, 2, 2], 2, None, 4, 4),
        ([5, 4, 4.5, 4.9, 9], 3, None, 4, 1),
        ([5, 4, 4.5, 9, 3], 3, None, 5, 4),
        ([1, 1.5, 2.0, 3, 4], 2, 1.0, 3, 3),  # better, but not by more than tol
        ([1, 2, 3, 4, 5], 1, 1.0, 2, 2),
        ([-1, 0, -5, -5, -5], 2, 0.0, 4, 2),
        ([-np.inf, -np.inf, 1, 0, 0], 3, None, 5, 3),
    ],
    ids=str,
)
def test_it_stops_exactly_then_and_restores_the_best(
    scores, n_iter_no_change, tol, n_iter, best, parts, after
):
    X, y, val = parts
    kind = {"max_iter": 5, "n_iter_no_change": n_iter_no_change, "tol": tol}
    model = make_classifier(**kind, early_stopping=True, scoring=given_scores(scores))
    model.fit(X, y, **val)
    assert model.n_iter_ == len(model.history_) == len(model.loss_curve_) == n_iter
    assert model.validation_scores_ == scores[:n_iter]
    assert model.best_validation_score_ == max(scores[:n_iter]) == scores[best - 1]
    assert model.best_iter_ == best
    losses = [record["validation_loss"] for record in model.history_]
    assert best == 1 + max(range(n_iter), key=lambda k: (scores[k], -losses[k]))
    assert model.network_.parameters.tobytes() == after[best].network_.parameters.tobytes()
    assert model.loss_ == model.loss_curve_[-1] == model.history_[-1]["loss"]


@pytest.fixture(scope="module")
def after(parts):
    """Models after so many epochs."""
    return {n: make_classifier(max_iter=n).fit(*parts[:2]) for n in range(1, 6)}


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision"])
def test_a_score_that_is_saturated_from_the_first_epochs_keeps_the_lowest_loss(scoring, digits):
    X, y = digits[0], (digits[1] == 0).astype(int)
    kind = {"early_stopping": True, "scoring": scoring, "max_iter": 15, "n_iter_no_change": 5}
    model = make_classifier(**kind).fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    losses = np.array([record["validation_loss"] for record in model.history_])
    best = np.flatnonzero(np.array(model.validation_scores_) == model.best_validation_score_)
    assert model.n_iter_ == 1 + best[0] + 5
    assert len(best) > 1
    assert model.best_iter_ - 1 == best[np.argmin(losses[best])] > best[0]
    assert np.log(model.predict_proba(X[200:])[np.arange(len(y) - 200), y[200:]]).mean() == (
        pytest.approx(-losses[model.best_iter_ - 1], rel=1e-5)
    )


def test_an_interrupt_keeps_the_best_of_the_finished_epochs(parts, after):
    X, y, val = parts
    scorer = given_scores([1.0, 3.0, 2.0])
    model = make_classifier(early_stopping=True, scoring=scorer, max_iter=9)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y, **val)
    assert (model.n_iter_, model.best_iter_) == (3, 2)
    assert model.network_.parameters.tobytes() == after[2].network_.parameters.tobytes()


@pytest.mark.parametrize("early_stopping", [True, False])
def test_the_validation_set_does_not_change_the_training(early_stopping, parts):
    X, y, val = parts
    kind = {"max_iter": 4, "dropout": 0.3, "learning_rate_schedule": "cosine"}
    model = make_classifier(**kind, early_stopping=early_stopping, scoring="accuracy")
    model.fit(X, y, **val)
    plain = make_classifier(**kind).fit(X, y)
    assert model.loss_curve_ == plain.loss_curve_
    if not early_stopping:
        assert np.array_equal(model.predict_proba(X), plain.predict_proba(X))
        assert np.array_equal(
            model.partial_fit(X, y).predict_proba(X), plain.partial_fit(X, y).predict_proba(X)
        )


def test_any_number_of_threads_gives_the_same_bits(parts):
    X, y, val = parts
    kind = {"early_stopping": True, "batch_size": 128, "scoring": "accuracy", "max_iter": 3}
    one, two = (make_classifier(**kind, n_jobs=n).fit(X, y, **val) for n in (1, 2))
    assert_same_bits(one, two, X)


def test_plateau_and_early_stopping_go_together(parts):
    X, y, val = parts
    model = make_classifier(
        early_stopping=True,
        learning_rate_schedule=Plateau(0.5, patience=1),
        scoring=given_scores([1, 0, 2, 0, 0, 0]),
        n_iter_no_change=3,
        max_iter=9,
    ).fit(X, y, **val)
    rates = [record["learning_rate"] for record in model.history_]
    assert rates == [0.01, 0.01, 0.005, 0.005, 0.0025, 0.00125]


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error", "loss"])
def test_the_best_epoch_of_a_regressor_is_restored(scoring, numbers):
    X, y = numbers
    kind = {"scoring": scoring, "max_iter": 30, "learning_rate": 0.05, "n_iter_no_change": 3}
    model = make_regressor(early_stopping=True, **kind)
    model.fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    scores = model.validation_scores_
    assert model.best_validation_score_ == max(scores) == scores[model.best_iter_ - 1]
    assert model.n_iter_ == model.best_iter_ + 3 < 30
    predicted = model.predict(X[80:])
    expected = {
        "r2": r2_score(y[80:], predicted),
        "neg_mean_absolute_error": -np.abs(predicted - y[80:]).mean(),
        "loss": -(((predicted - y[80:]) / y[:80].std(axis=0)) ** 2).mean() / 2,
    }[scoring]
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-6)
