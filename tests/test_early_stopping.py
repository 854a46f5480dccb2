import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skcnn.optimizers import SGD
from skcnn.schedules import Plateau

ATTRIBUTES = ("validation_scores_", "best_validation_score_", "best_iter_")


@pytest.fixture
def parts(digits):
    """Digits to train on and to validate with."""
    X, y = digits
    return X[:200], y[:200], X[200:], y[200:]


def fitted(model, parts, weight=None, weight_val=None):
    X, y, X_val, y_val = parts
    return model.fit(X, y, weight, X_val=X_val, y_val=y_val, sample_weight_val=weight_val)


def given_scores(scores):
    """A scorer that gives these, whatever the model."""
    remaining = iter(scores)
    return lambda estimator, X, y: next(remaining)


# When to stop, and what is kept


@pytest.mark.parametrize(
    ("scores", "n_iter_no_change", "tol", "n_iter", "best"),
    [
        ([1, 2, 3, 4, 5], 1, None, 5, 5),
        ([1, 1, 1, 1, 1], 1, None, 2, 1),
        ([1, 2, 2, 2, 2], 2, None, 4, 2),
        ([5, 4, 4.5, 4.9, 9], 3, None, 4, 1),
        ([5, 4, 4.5, 9, 3], 3, None, 5, 4),
        ([1, 1.5, 2.0, 3, 4], 2, 1.0, 3, 3),  # better, but not by more than tol
        ([1, 2, 3, 4, 5], 1, 1.0, 2, 2),
        ([-1, 0, -5, -5, -5], 2, 0.0, 4, 2),
        ([-np.inf, -np.inf, 1, 0, 0], 3, None, 5, 3),
    ],
)
def test_it_stops_exactly_then_and_restores_the_best(
    scores, n_iter_no_change, tol, n_iter, best, parts, make_classifier
):
    kind = {"max_iter": 5, "n_iter_no_change": n_iter_no_change, "tol": tol}
    model = make_classifier(**kind, early_stopping=True, scoring=given_scores(scores))
    fitted(model, parts)
    assert model.n_iter_ == len(model.history_) == len(model.loss_curve_) == n_iter
    assert model.validation_scores_ == scores[:n_iter]
    assert model.best_validation_score_ == max(scores[:n_iter]) == scores[best - 1]
    assert model.best_iter_ == best
    expected = make_classifier(max_iter=best).fit(*parts[:2])
    assert model.network_.parameters.tobytes() == expected.network_.parameters.tobytes()
    assert model.loss_ == model.loss_curve_[-1] == model.history_[-1]["loss"]


def test_the_first_of_equal_scores_is_the_best(parts, make_classifier):
    model = make_classifier(early_stopping=True, max_iter=3, scoring=given_scores([1, 1, 1]))
    assert fitted(model, parts).best_iter_ == 1


def test_tol_without_early_stopping_is_about_the_training_loss(parts, make_classifier):
    model = make_classifier(max_iter=6, tol=100.0, n_iter_no_change=2)
    fitted(model, parts)
    assert model.n_iter_ == 3
    assert len(model.validation_scores_) == 3


@pytest.mark.parametrize("early_stopping", [True, False])
def test_the_validation_set_does_not_change_the_training(
    early_stopping, parts, make_classifier, assert_same_bits
):
    kind = {"max_iter": 4, "dropout": 0.3, "learning_rate_schedule": "cosine"}
    model = make_classifier(**kind, early_stopping=early_stopping, scoring="accuracy")
    fitted(model, parts)
    plain = make_classifier(**kind).fit(*parts[:2])
    assert model.loss_curve_ == plain.loss_curve_
    if not early_stopping:
        assert_same_bits(model, plain, parts[2])
        expected = make_classifier(**kind).fit(*parts[:2]).partial_fit(*parts[:2])
        assert_same_bits(model.partial_fit(*parts[:2]), expected, parts[2])


def test_records_match_what_predictions_say(parts, make_classifier):
    X_val, y_val = parts[2:]
    weight = np.random.default_rng(0).uniform(0, 3, len(y_val)) * (y_val != 1)
    for given in (None, weight):
        model = fitted(make_classifier(scoring="accuracy", max_iter=3), parts, weight_val=given)
        assert [set(record) for record in model.history_] == [
            {
                "loss",
                "accuracy",
                "learning_rate",
                "seconds",
                "validation_loss",
                "validation_score",
            }
        ] * 3
        last = model.history_[-1]
        assert last["validation_score"] == pytest.approx(model.score(X_val, y_val, given))
        p = model.predict_proba(X_val).astype(float)
        p /= p.sum(axis=1, keepdims=True)
        assert last["validation_loss"] == pytest.approx(
            log_loss(y_val, p, sample_weight=given, labels=range(10)), rel=1e-5
        )
        scores = [record["validation_score"] for record in model.history_]
        assert model.validation_scores_ == scores
        assert all(type(score) is float for score in scores)


def test_the_score_is_the_negative_loss_by_default(parts, make_classifier):
    model = fitted(make_classifier(max_iter=3), parts)
    losses = [record["validation_loss"] for record in model.history_]
    assert model.validation_scores_ == [-loss for loss in losses]
    assert model.best_validation_score_ == -min(losses)


SCORERS = ["accuracy", "balanced_accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"]


@pytest.mark.parametrize("scoring", SCORERS)
@pytest.mark.parametrize("weighted", [True, False])
def test_any_scorer_can_be_used(scoring, weighted, parts, make_classifier):
    weight = np.random.default_rng(0).uniform(0.1, 3, 100) if weighted else None
    model = fitted(
        make_classifier(scoring=scoring, max_iter=2, early_stopping=True), parts, weight_val=weight
    )
    best = get_scorer(scoring)(model, parts[2], parts[3], sample_weight=weight)
    assert model.best_validation_score_ == pytest.approx(best, rel=1e-6)


def test_a_scorer_of_ones_own(parts, make_classifier):
    scorer = make_scorer(lambda y, p: (y == p).mean())
    named = fitted(make_classifier(scoring="accuracy", early_stopping=True, max_iter=4), parts)
    own = fitted(make_classifier(scoring=scorer, early_stopping=True, max_iter=4), parts)
    assert own.validation_scores_ == pytest.approx(named.validation_scores_)
    assert own.network_.parameters.tobytes() == named.network_.parameters.tobytes()


def test_a_scorer_that_takes_no_weights_is_an_error_where_there_are_some(parts, make_classifier):
    def scorer(estimator, X, y):
        return estimator.score(X, y)

    model = make_classifier(scoring=scorer)
    fitted(model, parts, weight_val=np.full(100, 3.0))  # equal weights are none
    weight = np.arange(100.0)
    with pytest.raises(ValueError, match="does not take sample_weight"):
        fitted(model, parts, weight_val=weight)

    def weighing(estimator, X, y, sample_weight=None):
        return estimator.score(X, y, sample_weight)

    model = fitted(make_classifier(scoring=weighing), parts, weight_val=weight)
    expected = fitted(make_classifier(scoring="accuracy"), parts, weight_val=weight)
    assert model.validation_scores_ == pytest.approx(expected.validation_scores_)


def test_a_scorer_that_fails_leaves_the_model_as_it_was(parts, make_classifier):
    model = fitted(make_classifier(), parts)
    before = pickle.dumps(model)

    def scorer(estimator, X, y):
        raise RuntimeError("no score")

    with pytest.raises(RuntimeError, match="no score"):
        fitted(model.set_params(scoring=scorer), parts)
    assert pickle.dumps(model.set_params(scoring="loss")) == before
    with pytest.raises(ValueError, match="scoring gave nan"):
        fitted(model.set_params(scoring=given_scores([np.nan])), parts)
    assert pickle.dumps(model.set_params(scoring="loss")) == before


@pytest.mark.parametrize("scoring", ["accuracy_", "", None, 3, ["accuracy"]])
def test_no_scoring_of_that_name(scoring, digits, make_classifier):
    with pytest.raises(ValueError, match="'scoring' parameter"):
        make_classifier(scoring=scoring).fit(*digits)


# The split


def test_a_tenth_is_held_out_stratified(digits, make_classifier):
    held_out = []

    def scorer(estimator, X, y):
        held_out.append((X, y))
        return 0.0

    X, y = digits
    names = np.array([f"number {label}" for label in y])
    make_classifier(early_stopping=True, scoring=scorer, max_iter=2).fit(X, names)
    (X_val, y_val), again = held_out
    assert len(y_val) == 30
    assert set(y_val) == set(names)
    assert np.array_equal(again[0], X_val)
    assert {row.tobytes() for row in X_val} <= {row.tobytes() for row in X}


def test_training_sees_the_rest_only(digits, make_classifier):
    X, y = digits
    held_out = []

    def scorer(estimator, X_val, y_val):
        held_out.append(X_val)
        return -len(held_out)

    kind = {"standardize": True, "n_iter_no_change": 9, "max_iter": 2}
    model = make_classifier(**kind, early_stopping=True, scoring=scorer).fit(X, y)
    out = {row.tobytes() for row in held_out[0]}
    kept = np.array([row.tobytes() not in out for row in X])
    assert kept.sum() == 270
    expected = make_classifier(**kind).fit(X[kept], y[kept])
    assert model.loss_curve_ == expected.loss_curve_
    assert np.array_equal(model._fitted.standardizer.mean, expected._fitted.standardizer.mean)


def test_the_split_comes_from_random_state(digits, make_classifier, assert_same_bits):
    kind = {"early_stopping": True, "validation_fraction": 0.3}
    one, same, other = (
        make_classifier(**kind, random_state=seed).fit(*digits) for seed in (0, 0, 1)
    )
    assert_same_bits(one, same, digits[0])
    assert one.validation_scores_ == same.validation_scores_
    assert one.validation_scores_ != other.validation_scores_


def test_zero_weight_is_removal_with_a_split_too(digits, make_classifier, assert_same_bits):
    X, y = digits
    weight = np.random.default_rng(0).uniform(0.1, 3, 300) * (np.arange(300) % 3 > 0)
    kept = weight > 0
    kind = {"early_stopping": True, "class_weight": "balanced", "max_iter": 3}
    got = make_classifier(**kind).fit(X, y, weight)
    expected = make_classifier(**kind).fit(X[kept], y[kept], weight[kept])
    assert_same_bits(got, expected, X)
    assert got.validation_scores_ == expected.validation_scores_
    ones = make_classifier(early_stopping=True).fit(X, y, np.ones(300))
    assert_same_bits(ones, make_classifier(early_stopping=True).fit(X, y), X)


def test_a_split_parts_repeated_rows_otherwise_than_weighted_ones(digits, make_classifier):
    """Why check_sample_weight_equivalence_on_dense_data cannot hold with early_stopping.

    A repeated row may stand on both sides of the split, and there are more rows to draw from. With
    rows of one's own to validate on, repetition is weight: test_integer_weight_is_repetition.
    """
    X, y = digits
    times = np.random.default_rng(0).integers(1, 4, len(y))
    held_out = []

    def scorer(estimator, X, y, sample_weight=None):
        held_out.append({row.tobytes() for row in X})
        return 0.0

    model = make_classifier(early_stopping=True, scoring=scorer, max_iter=1)
    model.fit(X, y, times)
    model.fit(X.repeat(times, axis=0), y.repeat(times))
    assert held_out[0] != held_out[1]


def test_singleton_classes_are_learned(digits, make_classifier):
    X, y = digits
    y = np.where(np.arange(300) == 7, 77, y)
    model = make_classifier(early_stopping=True, validation_fraction=0.5).fit(X, y)
    assert 77 in model.classes_


@pytest.mark.parametrize("y", [[0], [0, 1], [3, 1, 2]])
def test_too_few_rows_is_a_clear_error(y, digits, make_classifier):
    model = make_classifier(early_stopping=True)
    with pytest.raises(ValueError, match="Too few rows for early_stopping"):
        model.fit(digits[0][: len(y)], y)
    assert not [name for name in vars(model) if name.endswith("_")]


# What may be passed


def drop(parts, *names):
    X, y, X_val, y_val = parts
    given = {"X_val": X_val, "y_val": y_val, "sample_weight_val": np.ones(100)}
    return X, y, {name: value for name, value in given.items() if name not in names}


def test_a_part_of_a_validation_set_is_a_clear_error(parts, make_classifier):
    for names, message in [
        (("X_val", "sample_weight_val"), "X_val is missing"),
        (("y_val",), "y_val is missing"),
        (("X_val", "y_val"), "sample_weight_val needs X_val"),
    ]:
        X, y, given = drop(parts, *names)
        with pytest.raises(ValueError, match=message):
            make_classifier().fit(X, y, **given)


BAD = {
    "narrow": (lambda X, y: (X[:, :63], y), "X has 63 features.*expecting 64"),
    "shape": (lambda X, y: (X.reshape(-1, 4, 16), y), r"shape \(4, 16\)"),
    "NaN": (lambda X, y: (np.where(X == 0, np.nan, X), y), "NaN"),
    "rows": (lambda X, y: (X[:-1], y), "inconsistent numbers of samples"),
    "none": (lambda X, y: (X[:0], y[:0]), "0 sample"),
    "class": (lambda X, y: (X, y + 1), r"y_val contains labels that are not in classes: \[10\]"),
    "type": (lambda X, y: (X, y.astype(str)), "y_val contains labels that are not in classes"),
    "columns": (lambda X, y: (X, np.eye(10)[y]), "y_val has shape"),
    "mixed": (lambda X, y: (X, [None, *y[1:]]), "y_val mixes"),
}


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("kind", BAD)
def test_a_validation_set_that_does_not_fit_is_a_clear_error(
    kind, early_stopping, parts, make_classifier
):
    spoil, message = BAD[kind]
    X, y, X_val, y_val = parts
    model = make_classifier(early_stopping=early_stopping, solver=NoStep())
    X_val, y_val = spoil(X_val, y_val)
    with pytest.raises(
        ValueError, match=rf"(?s)validation set .*does not fit: .*{message}|{message}"
    ):
        model.fit(X, y, X_val=X_val, y_val=y_val)
    assert not [name for name in vars(model) if name.endswith("_")]


class NoStep(SGD):
    """No work is done before a bad validation set is noticed."""

    def step(self, *arguments):
        raise AssertionError("a step was taken")


@pytest.mark.parametrize(
    "weight", [-np.ones(100), np.zeros(100), np.full(100, np.nan), np.ones(99)]
)
def test_bad_weights_of_the_validation_set(weight, parts, make_classifier):
    model = make_classifier()
    with pytest.raises(ValueError, match=r"validation set.*does not fit"):
        fitted(model, parts, weight_val=weight)
    assert not hasattr(model, "network_")


def test_rows_of_zero_weight_are_not_looked_at(parts, make_classifier):
    X, y, X_val, y_val = parts
    weight = (np.arange(100) % 4 > 0) * np.linspace(1, 2, 100)
    kept = weight > 0
    odd = np.where(kept, y_val, 99)  # no class of those
    got = fitted(make_classifier(scoring="f1_macro"), (X, y, X_val, odd), weight_val=weight)
    expected = fitted(
        make_classifier(scoring="f1_macro"),
        (X, y, X_val[kept], y_val[kept]),
        weight_val=weight[kept],
    )
    assert got.validation_scores_ == expected.validation_scores_
    assert [r["validation_loss"] for r in got.history_] == [
        r["validation_loss"] for r in expected.history_
    ]


def test_shapes_frames_and_types(parts, make_classifier, assert_same_bits):
    X, y, X_val, y_val = parts
    expected = fitted(make_classifier(), parts)
    shaped = make_classifier().fit(
        X.reshape(-1, 8, 8), y, X_val=X_val.reshape(-1, 8, 8, 1), y_val=list(y_val)
    )
    assert_same_bits(shaped, expected, X)
    assert shaped.validation_scores_ == expected.validation_scores_
    names = [f"pixel {number}" for number in range(64)]
    frames = [pd.DataFrame(part, columns=names) for part in (X, X_val)]
    for scoring in ("loss", "f1_macro", lambda model, X, y: model.score(X, y)):
        model = make_classifier(scoring=scoring)
        model.fit(frames[0], y, X_val=frames[1], y_val=pd.Series(y_val))
        assert_same_bits(model, expected)
        assert list(model.feature_names_in_) == names
    with pytest.raises(ValueError, match="feature names"):
        model.fit(frames[0], y, X_val=frames[1][names[::-1]], y_val=y_val)
    model = make_classifier(early_stopping=True, scoring="f1_macro").fit(frames[0], y)
    assert list(model.feature_names_in_) == names


def test_the_data_is_not_changed(parts, make_classifier):
    parts = [part.copy() for part in parts]
    before = [part.tobytes() for part in parts]
    fitted(make_classifier(early_stopping=True), parts)
    assert [part.tobytes() for part in parts] == before


# In company


def test_attributes_are_there_only_with_a_validation_set(parts, make_classifier):
    model = make_classifier().fit(*parts[:2])
    assert not any(hasattr(model, name) for name in ATTRIBUTES)
    fitted(model, parts)
    assert all(hasattr(model, name) for name in ATTRIBUTES)
    model.fit(*parts[:2])
    assert not any(hasattr(model, name) for name in ATTRIBUTES)
    assert set(model.history_[0]) == {"loss", "accuracy", "learning_rate", "seconds"}


def test_a_saved_model_is_about_the_size_of_its_weights(parts, make_classifier):
    kind = {"n_filters": (16, 32), "early_stopping": True}
    model = fitted(make_classifier(**kind), parts)
    assert len(pickle.dumps(model)) < model.network_.parameters.nbytes + 10_000


def test_verbose_tells_of_validation(parts, make_classifier, capsys):
    fitted(make_classifier(verbose=1), parts)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Epoch 1: loss ")
    assert ", validation loss " in second
    assert ", validation score -" in second


def test_ctrl_c_keeps_the_best_of_the_finished_epochs(parts, make_classifier):
    scores = iter([1.0, 3.0, 2.0])

    def scorer(estimator, X, y):
        try:
            return next(scores)
        except StopIteration:
            raise KeyboardInterrupt from None

    model = make_classifier(early_stopping=True, scoring=scorer, max_iter=9)
    with pytest.raises(KeyboardInterrupt):
        fitted(model, parts)
    assert (model.n_iter_, model.best_iter_) == (3, 2)
    expected = make_classifier(max_iter=2).fit(*parts[:2])
    assert model.network_.parameters.tobytes() == expected.network_.parameters.tobytes()


def test_any_number_of_threads_gives_the_same_bits(parts, make_classifier, assert_same_bits):
    kind = {"early_stopping": True, "batch_size": 128, "scoring": "accuracy", "max_iter": 3}
    one, two = (fitted(make_classifier(**kind, n_jobs=n), parts) for n in (1, 2))
    assert_same_bits(one, two, parts[0])
    assert one.validation_scores_ == two.validation_scores_


def test_plateau_and_early_stopping_go_together(parts, make_classifier):
    model = make_classifier(
        early_stopping=True,
        learning_rate_schedule=Plateau(0.5, patience=1),
        scoring=given_scores([1, 0, 2, 0, 0, 0]),
        n_iter_no_change=3,
        max_iter=9,
    )
    fitted(model, parts)
    rates = [record["learning_rate"] for record in model.history_]
    assert rates == [0.01, 0.01, 0.005, 0.005, 0.0025, 0.00125]


def test_partial_fit_does_not_exist(digits, make_classifier):
    model = make_classifier(early_stopping=True)
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as caught:
        model.partial_fit  # noqa: B018
    assert "early_stopping=False" in str(caught.value.__cause__)
    assert hasattr(model.set_params(early_stopping=False), "partial_fit")


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_a_pipeline_transforms_the_validation_set(parts, make_classifier):
    X, y, X_val, y_val = parts
    model = make_classifier(early_stopping=True, max_iter=3)
    model.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
    scaler = StandardScaler()
    pipeline = Pipeline([("scale", scaler), ("cnn", model)], transform_input=["X_val"])
    weight = np.linspace(0, 2, len(y_val))
    pipeline.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    fresh = StandardScaler().fit(X)
    expected = clone(model).fit(
        fresh.transform(X),
        y,
        X_val=fresh.transform(X_val),
        y_val=y_val,
        sample_weight_val=weight,
    )
    assert pipeline[-1].validation_scores_ == expected.validation_scores_
    assert pipeline[-1].network_.parameters.tobytes() == expected.network_.parameters.tobytes()


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", lambda m, X, y: m.score(X, y)])
def test_scorers_work_where_metadata_are_routed(scoring, parts, make_classifier):
    weight = None if callable(scoring) else np.linspace(0, 2, 100)
    model = fitted(make_classifier(scoring=scoring), parts, weight_val=weight)
    with config_context(enable_metadata_routing=False):
        expected = fitted(make_classifier(scoring=scoring), parts, weight_val=weight)
    assert model.validation_scores_ == expected.validation_scores_


@pytest.mark.usefixtures("routing")
def test_a_search_passes_the_validation_set_on(parts, make_classifier):
    X, y, X_val, y_val = parts
    model = make_classifier(early_stopping=True).set_fit_request(X_val=True, y_val=True)
    search = GridSearchCV(model, {"learning_rate": [0.01, 0.02]}, cv=2)
    search.fit(X, y, X_val=X_val, y_val=y_val)
    assert len(search.best_estimator_.validation_scores_) == 2


def test_cross_validation(digits, make_classifier):
    model = make_classifier(early_stopping=True, max_iter=8, n_iter_no_change=2)
    assert cross_val_score(model, *digits, cv=3).min() > 0.5


def test_an_unfitted_model_says_so(digits, make_classifier):
    with pytest.raises(NotFittedError):
        make_classifier(early_stopping=True).predict(digits[0])


# What cannot be scored


@pytest.mark.parametrize("scoring", ["f1", "roc_auc"])
def test_a_scorer_by_name_that_cannot_score_is_refused_before_the_first_step(
    scoring, parts, make_classifier
):
    steps = []
    model = make_classifier(scoring=scoring, learning_rate_schedule=lambda step: steps.append(step))
    with pytest.raises(ValueError, match=rf"scoring='{scoring}' cannot score this validation set"):
        fitted(model, parts)
    assert not steps
    assert not hasattr(model, "network_")


def test_validation_is_without_label_smoothing(parts, make_classifier):
    model = fitted(make_classifier(label_smoothing=0.3, dtype="float64"), parts)
    expected = log_loss(parts[3], model.predict_proba(parts[2]))
    assert model.history_[-1]["validation_loss"] == pytest.approx(expected)
    assert model.loss_ > 0.3  # training is with it


def test_a_validation_set_of_too_large_numbers_is_named(parts, make_classifier):
    X, y, X_val, y_val = parts
    model = make_classifier(standardize=False, dtype="float32")
    with pytest.raises(ValueError, match=r"validation loss .* X_val holds much larger numbers"):
        fitted(model, (X / 16, y, np.full_like(X_val, 3e38), y_val))


def test_epochs_without_a_validation_set_have_the_score_nan(parts, make_classifier):
    model = make_classifier(warm_start=True, scoring="accuracy")
    model.fit(*parts[:2])
    fitted(model, parts)
    assert np.isnan(model.validation_scores_).tolist() == [True, True, False, False]
    assert model.validation_scores_[model.best_iter_ - 1] == model.best_validation_score_
