"""Early stopping without a validation set holds out a part of the samples."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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


GROUPS = np.arange(300) // 10  # digits come in the order 0 to 9, again and again


@pytest.mark.parametrize(
    "splitter",
    [GroupShuffleSplit(test_size=0.2), GroupKFold(5), LeaveOneGroupOut()],
    ids=lambda splitter: type(splitter).__name__,
)
def test_a_group_is_held_out_as_a_whole(splitter, digits, look):
    X, y = digits
    held_out, scorer = look
    options = {"early_stopping": True, "scoring": scorer, "validation_fraction": splitter}
    make_classifier(max_iter=1, **options).fit(X, y, groups=[f"person {g}" for g in GROUPS])
    out = as_set(held_out[0][0])
    is_out = np.array([row.tobytes() in out for row in X])
    assert 0 < is_out.sum() < 300
    for group in range(30):
        assert len(set(is_out[group == GROUPS])) == 1


@pytest.mark.parametrize("make", [make_classifier, make_regressor])
def test_a_splitter_says_which_samples_are_held_out(make, digits, look):
    X, y = digits
    held_out, scorer = look
    fold = np.where(np.random.default_rng(0).random(300) < 0.2, 0, -1)
    options = {"early_stopping": True, "scoring": scorer, "max_iter": 1}
    model = make(validation_fraction=PredefinedSplit(fold), **options).fit(X, y)
    assert np.array_equal(held_out[0][0], X[fold == 0].reshape(len(held_out[0][1]), -1))
    assert np.array_equal(held_out[0][1], y[fold == 0])
    expected = make(max_iter=1).fit(X[fold < 0], y[fold < 0])
    assert np.array_equal(model.predict(X), expected.predict(X))


def test_the_split_of_a_splitter_comes_from_random_state_unless_it_has_its_own(digits):
    X, y = digits

    def scores(seed, splitter):
        options = {"early_stopping": True, "validation_fraction": splitter, "random_state": seed}
        return make_classifier(**options).fit(X, y).validation_scores_

    drawn, own = ShuffleSplit(test_size=0.3), ShuffleSplit(test_size=0.3, random_state=5)
    assert scores(0, drawn) == scores(0, drawn) != scores(1, drawn)
    assert drawn.random_state is None
    generator = ShuffleSplit(test_size=0.3, random_state=np.random.RandomState(3))
    assert scores(0, generator) == scores(0, generator)
    options = {"early_stopping": True, "validation_fraction": own, "max_iter": 1}
    one, other = (make_classifier(random_state=seed, **options).fit(X, y) for seed in (0, 1))
    assert one.validation_scores_ != other.validation_scores_  # of other weights


def test_zero_weight_is_removal_for_groups_too(digits):
    X, y = digits
    weight = np.arange(300) % 3 > 0
    options = {"early_stopping": True, "validation_fraction": GroupShuffleSplit(test_size=0.2)}
    one = make_classifier(**options).fit(X, y, sample_weight=weight, groups=GROUPS)
    other = make_classifier(**options).fit(X[weight], y[weight], groups=GROUPS[weight])
    assert_same_bits(one, other, X)


class Overlapping(KFold):
    def split(self, X, y=None, groups=None):
        yield np.arange(10), np.arange(9, 20)


class Empty(KFold):
    def split(self, X, y=None, groups=None):
        yield np.arange(10), []


class Nothing(KFold):
    def split(self, X, y=None, groups=None):
        return iter(())


class Outside(KFold):
    def split(self, X, y=None, groups=None):
        yield np.arange(200), [300]


@pytest.mark.parametrize(
    ("splitter", "words"),
    [
        (Overlapping(), "puts the same samples in both parts"),
        (Empty(), "leaves no samples to hold out"),
        (Nothing(), "it makes none"),
        (Outside(), "cannot split 300 samples: index 300 is out of bounds"),
        (GroupShuffleSplit(), r"'groups' parameter should not be None.*It may need groups"),
        (StratifiedKFold(400), "cannot split 300 samples"),
        ([([0, 1], [2])], "'validation_fraction' parameter"),
        (KFold, "validation_fraction=<class .* is a class"),
    ],
    ids=str,
)
def test_a_splitter_that_cannot_split_is_named(splitter, words, digits):
    model = make_classifier(early_stopping=True, validation_fraction=splitter)
    with pytest.raises(ValueError, match=words):
        model.fit(*digits)
    assert not fitted_attributes(model)


def test_groups_that_do_not_fit_are_named(digits):
    X, y = digits
    model = make_classifier(early_stopping=True)
    with pytest.raises(ValueError, match=r"validation_fraction=0\.1 would part them\. Set a split"):
        model.fit(X, y, groups=GROUPS)
    model.set_params(validation_fraction=GroupShuffleSplit(test_size=0.2))
    for groups in (GROUPS[:-1], GROUPS[:, None], 3, "a"):
        with pytest.raises(ValueError, match="groups"):
            model.fit(X, y, groups=groups)
    assert not fitted_attributes(model)


def test_groups_change_nothing_where_nothing_is_held_out(digits):
    X, y = digits
    plain = make_classifier().fit(X, y)
    assert_same_bits(make_classifier().fit(X, y, groups=GROUPS), plain, X)
    held_out = {"X_val": X[:50], "y_val": y[:50]}
    model = make_classifier(early_stopping=True, validation_fraction=GroupShuffleSplit())
    one = clone(model).fit(X, y, **held_out)
    assert_same_bits(one, clone(model).fit(X, y, **held_out, groups=GROUPS), X)


def test_groups_are_routed(digits):
    X, y = digits
    splitter = GroupShuffleSplit(test_size=0.4)
    model = make_classifier(early_stopping=True, validation_fraction=splitter, max_iter=2)
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(groups=True)
        pipeline = make_pipeline(StandardScaler(), model)
        scores = cross_val_score(
            pipeline, X.reshape(300, -1), y, cv=GroupKFold(3), params={"groups": GROUPS},
            error_score="raise",
        )  # fmt: skip
    assert len(scores) == 3
