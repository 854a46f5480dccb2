"""Early stopping without a validation set holds out a part of the samples."""

import numpy as np
import pytest

from tests.support.estimators import (
    assert_same_bits,
    fitted_attributes,
    make_classifier,
    make_regressor,
)


@pytest.fixture
def look():
    """A list of the validation sets that were scored, and the scorer that fills it."""
    held_out = []

    def scorer(estimator, X, y, sample_weight=None):
        held_out.append((X, y))
        return -len(held_out)

    return held_out, scorer


def as_set(X):
    return {row.tobytes() for row in X}


def test_a_tenth_is_held_out_stratified(digits, look):
    X, y = digits
    held_out, scorer = look
    names = np.array([f"number {label}" for label in y])
    make_classifier(early_stopping=True, scoring=scorer, max_iter=2).fit(X, names)
    (X_val, y_val), again = held_out
    assert len(y_val) == 30
    assert set(y_val) == set(names)
    assert np.array_equal(again[0], X_val)
    assert as_set(X_val) <= as_set(X)


def test_nothing_is_learned_from_what_is_held_out(digits, look):
    """Neither by training nor of the mean and the deviation of X."""
    X, y = digits
    held_out, scorer = look
    model = make_classifier(n_iter_no_change=9, early_stopping=True, scoring=scorer).fit(X, y)
    out = as_set(held_out[0][0])
    kept = np.array([row.tobytes() not in out for row in X])
    assert kept.sum() == 270
    expected = make_classifier(max_iter=1).fit(X[kept], y[kept])  # the first score is the best
    assert model.loss_curve_[:1] == expected.loss_curve_
    assert np.array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_nothing_is_learned_from_targets_that_are_held_out(numbers, look):
    X, y = numbers
    held_out, scorer = look
    kind = {"max_iter": 1, "validation_fraction": 0.25}
    model = make_regressor(**kind, early_stopping=True, scoring=scorer).fit(X, y[:, 0])
    out = as_set(held_out[0][0])
    kept = np.array([row.tobytes() not in out for row in X])
    assert kept.sum() == 90
    expected = make_regressor(**kind).fit(X[kept], y[kept, 0])
    assert np.array_equal(model.predict(X), expected.predict(X))


def test_the_split_comes_from_random_state(digits):
    one, same, other = (
        make_classifier(early_stopping=True, validation_fraction=0.3, random_state=seed).fit(
            *digits
        )
        for seed in (0, 0, 1)
    )
    assert_same_bits(one, same, digits[0])
    assert one.validation_scores_ != other.validation_scores_


def test_zero_weight_is_removal_with_a_split_too(digits):
    X, y = digits
    weight = np.random.default_rng(0).uniform(0.1, 3, 300) * (np.arange(300) % 3 > 0)
    kept = weight > 0
    kind = {"early_stopping": True, "class_weight": "balanced", "max_iter": 3}
    got = make_classifier(**kind).fit(X, y, weight)
    assert_same_bits(got, make_classifier(**kind).fit(X[kept], y[kept], weight[kept]), X)
    ones = make_classifier(early_stopping=True).fit(X, y, np.ones(300))
    assert_same_bits(ones, make_classifier(early_stopping=True).fit(X, y), X)


def test_a_split_parts_repeated_samples_otherwise_than_weighted_ones(digits, look):
    """Why check_sample_weight_equivalence_on_dense_data cannot hold with early_stopping.

    A repeated sample may be on both sides of the split, and there are more samples to draw from.
    With a validation set that is passed, repetition is weight: test_integer_weight_is_repetition.
    """
    X, y = digits
    held_out, scorer = look
    times = np.random.default_rng(0).integers(1, 4, len(y))
    model = make_classifier(early_stopping=True, scoring=scorer, max_iter=1)
    model.fit(X, y, times)
    model.fit(X.repeat(times, axis=0), y.repeat(times))
    assert as_set(held_out[0][0]) != as_set(held_out[1][0])


def test_a_class_of_one_sample_is_learned(digits):
    y = np.where(np.arange(300) == 7, 77, digits[1])
    model = make_classifier(early_stopping=True, validation_fraction=0.5)
    with pytest.warns(UserWarning, match=r"none of the classes \[77\]") as warned:
        model.fit(digits[0], y)
    assert 77 in model.classes_
    assert [warning.filename for warning in warned] == [__file__]


@pytest.mark.parametrize("n_rare", [2, 3, 4])
def test_a_rare_class_is_in_both_parts(n_rare, digits, look):
    X, y = digits
    held_out, scorer = look
    y = (y == 0).astype(int)
    rows = np.r_[np.flatnonzero(y)[:n_rare], np.flatnonzero(y == 0)]
    model = make_classifier(early_stopping=True, scoring=scorer, max_iter=1)
    model.fit(X[rows], y[rows])
    assert len(held_out[0][1]) == np.ceil(len(rows) / 10)
    assert held_out[0][1].sum() == 1


def test_classes_without_room_in_the_validation_set_are_named(digits):
    X = digits[0]
    names = np.array([f"no{label}" for label in np.arange(60) // 2])
    with pytest.warns(
        UserWarning, match=r"6 of 60 samples.*'no.* and 14 more.*validation_fraction"
    ):
        make_classifier(early_stopping=True, max_iter=1).fit(X[:60], names)


@pytest.mark.parametrize(
    "scoring", ["f1", "roc_auc", "average_precision", "neg_log_loss", "recall"]
)
def test_a_scorer_that_needs_the_missing_class_is_refused_before_the_first_step(scoring, digits):
    X, y = digits
    steps = []
    y = (np.arange(len(y)) == 5).astype(int)  # one sample, which stays in training
    model = make_classifier(
        early_stopping=True, scoring=scoring, learning_rate_schedule=lambda step: steps.append(step)
    )
    with (
        pytest.warns(UserWarning, match=r"none of the classes \[1\]"),
        pytest.raises(ValueError, match=rf"scoring='{scoring}' cannot score.*has all classes"),
    ):
        model.fit(X, y)
    assert not steps
    assert not fitted_attributes(model)


@pytest.mark.parametrize("y", [[0], [0, 1], [3, 1, 2]], ids=str)
def test_too_few_samples_are_a_clear_error(y, digits):
    model = make_classifier(early_stopping=True)
    with pytest.raises(ValueError, match="Too few samples for early_stopping"):
        model.fit(digits[0][: len(y)], y)
    assert not fitted_attributes(model)
