"""A validation set in fit: what it may be, how it is scored, and what is recorded."""

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
from tests.support.estimators import (
    assert_same_bits,
    fitted_attributes,
    make_classifier,
    make_regressor,
)

ATTRIBUTES = {"validation_scores_", "best_validation_score_", "best_iter_"}
PLAIN_RECORD = {"loss", "accuracy", "learning_rate", "seconds"}


@pytest.fixture(scope="module")
def parts(digits):
    """Digits to train on and to validate with."""
    X, y = digits
    return X[:200], y[:200], X[200:], y[200:]


@pytest.fixture(scope="module")
def weight_val():
    return np.random.default_rng(0).uniform(0.1, 3, 100)


def fitted(model, parts, weight_val=None):
    X, y, X_val, y_val = parts
    return model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight_val)


def own_scorer(estimator, X, y):
    return estimator.score(X, y)


# What is recorded


def test_records_match_what_predictions_say(parts, weight_val):
    X_val, y_val = parts[2:]
    for given in (None, weight_val * (y_val != 1)):
        model = fitted(make_classifier(scoring="accuracy", max_iter=3), parts, given)
        for record in model.history_:
            assert set(record) == PLAIN_RECORD | {"validation_loss", "validation_score"}
        last = model.history_[-1]
        assert last["validation_score"] == pytest.approx(model.score(X_val, y_val, given))
        p = model.predict_proba(X_val).astype(float)
        p /= p.sum(axis=1, keepdims=True)
        expected = log_loss(y_val, p, sample_weight=given, labels=range(10))
        assert last["validation_loss"] == pytest.approx(expected, rel=1e-5)
        assert model.validation_scores_ == [r["validation_score"] for r in model.history_]
        assert all(type(score) is float for score in model.validation_scores_)


def test_the_score_is_the_negative_loss_by_default(parts):
    model = fitted(make_classifier(max_iter=3), parts)
    losses = [record["validation_loss"] for record in model.history_]
    assert model.validation_scores_ == [-loss for loss in losses]
    assert model.best_validation_score_ == -min(losses)


def test_validation_is_without_label_smoothing(parts):
    model = fitted(make_classifier(label_smoothing=0.3, dtype="float64"), parts)
    expected = log_loss(parts[3], model.predict_proba(parts[2]))
    assert model.history_[-1]["validation_loss"] == pytest.approx(expected)
    assert model.loss_ > 0.3  # training is with it


def test_attributes_are_there_only_with_a_validation_set(parts):
    model = make_classifier().fit(*parts[:2])
    assert not ATTRIBUTES & {*fitted_attributes(model)}
    fitted(model, parts)
    assert {*fitted_attributes(model)} >= ATTRIBUTES
    model.fit(*parts[:2])
    assert not ATTRIBUTES & {*fitted_attributes(model)}
    assert set(model.history_[0]) == PLAIN_RECORD


def test_epochs_without_a_validation_set_have_the_score_nan(parts):
    model = make_classifier(warm_start=True, scoring="accuracy").fit(*parts[:2])
    fitted(model, parts)
    assert np.isnan(model.validation_scores_).tolist() == [True, True, False, False]
    assert model.validation_scores_[model.best_iter_ - 1] == model.best_validation_score_


def test_a_saved_model_is_about_the_size_of_its_weights(parts):
    model = fitted(make_classifier(n_filters=(16, 32), early_stopping=True), parts)
    assert len(pickle.dumps(model)) < model.network_.parameters.nbytes + 10_000


def test_verbose_tells_of_validation(parts, capsys):
    fitted(make_classifier(verbose=1), parts)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Epoch 1: loss ")
    assert ", validation loss " in second
    assert ", validation score -" in second


# Scorers


@pytest.mark.parametrize(
    "scoring", ["accuracy", "balanced_accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"]
)
@pytest.mark.parametrize("weighted", [True, False])
def test_any_scorer_can_be_used(scoring, weighted, parts, weight_val):
    weight = weight_val if weighted else None
    model = fitted(make_classifier(scoring=scoring, early_stopping=True), parts, weight)
    best = get_scorer(scoring)(model, parts[2], parts[3], sample_weight=weight)
    assert model.best_validation_score_ == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(
    "scorer", [make_scorer(lambda y, p: (y == p).mean()), own_scorer], ids=["made", "own"]
)
def test_a_custom_scorer(scorer, parts):
    named, custom = (
        fitted(make_classifier(scoring=scoring, early_stopping=True, max_iter=4), parts)
        for scoring in ("accuracy", scorer)
    )
    assert custom.validation_scores_ == pytest.approx(named.validation_scores_)
    assert custom.network_.parameters.tobytes() == named.network_.parameters.tobytes()


def test_a_scorer_that_takes_no_weights_is_an_error_where_there_are_some(parts, weight_val):
    model = make_classifier(scoring=own_scorer)
    fitted(model, parts, np.full(100, 3.0))  # equal weights are none
    with pytest.raises(ValueError, match="does not take sample_weight"):
        fitted(model, parts, weight_val)

    def weighing(estimator, X, y, sample_weight=None):
        return estimator.score(X, y, sample_weight)

    model, expected = (
        fitted(make_classifier(scoring=scoring), parts, weight_val)
        for scoring in (weighing, "accuracy")
    )
    assert model.validation_scores_ == pytest.approx(expected.validation_scores_)


def test_a_scorer_that_fails_leaves_the_model_as_it_was(parts):
    model = fitted(make_classifier(), parts)
    before = pickle.dumps(model)

    def failing(estimator, X, y):
        raise RuntimeError("no score")

    for scorer, error, message in [
        (failing, RuntimeError, "no score"),
        (lambda estimator, X, y: np.nan, ValueError, "scoring gave nan"),
    ]:
        with pytest.raises(error, match=message):
            fitted(model.set_params(scoring=scorer), parts)
        assert pickle.dumps(model.set_params(scoring="loss")) == before


@pytest.mark.parametrize("scoring", ["f1", "roc_auc"])
def test_a_scorer_by_name_that_cannot_score_is_refused_before_the_first_step(scoring, parts):
    steps = []
    model = make_classifier(scoring=scoring, learning_rate_schedule=lambda step: steps.append(step))
    with pytest.raises(ValueError, match=rf"scoring='{scoring}' cannot score predictions of"):
        fitted(model, parts)
    assert not steps
    assert not fitted_attributes(model)


@pytest.mark.parametrize("scoring", ["accuracy_", "", None, 3])
def test_no_scoring_of_that_name(scoring, digits):
    with pytest.raises(ValueError, match="'scoring' parameter"):
        make_classifier(scoring=scoring).fit(*digits)


# What may be passed


def test_a_part_of_a_validation_set_is_a_clear_error(parts):
    X, y, X_val, y_val = parts
    for given, message in [
        ({"y_val": y_val}, "X_val is missing"),
        ({"X_val": X_val, "sample_weight_val": np.ones(100)}, "y_val is missing"),
        ({"sample_weight_val": np.ones(100)}, "sample_weight_val needs X_val"),
    ]:
        with pytest.raises(ValueError, match=message):
            make_classifier().fit(X, y, **given)


class NoStep(SGD):
    """No work is done before a bad validation set is noticed."""

    def step(self, *arguments):
        raise AssertionError("a step was taken")


# what becomes of X_val and y_val, or weights, and what the message has to say
BAD = {
    "narrow": (lambda X, y: (X[:, :63], y), "X has 63 features.*expecting 64"),
    "shape": (lambda X, y: (X.reshape(-1, 4, 16), y), r"shape \(4, 16\)"),
    "NaN": (lambda X, y: (np.where(X == 0, np.nan, X), y), "NaN"),
    "samples": (lambda X, y: (X[:-1], y), "inconsistent numbers of samples"),
    "none": (lambda X, y: (X[:0], y[:0]), "0 sample"),
    "class": (lambda X, y: (X, y + 1), r"y_val contains labels that are not in classes: \[10\]"),
    "type": (lambda X, y: (X, y.astype(str)), "y_val contains labels that are not in classes"),
    "columns": (lambda X, y: (X, np.eye(10)[y]), "y_val has shape"),
    "mixed": (lambda X, y: (X, [None, *y[1:]]), "y_val mixes"),
    "negative weights": (-np.ones(100), ""),
    "zero weights": (np.zeros(100), ""),
    "weights of NaN": (np.full(100, np.nan), ""),
    "too few weights": (np.ones(99), ""),
}


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("kind", BAD)
def test_a_validation_set_that_does_not_fit_is_a_clear_error(kind, early_stopping, parts):
    spoil, message = BAD[kind]
    X, y, *val = parts
    weight = None if callable(spoil) else spoil
    val = spoil(*val) if callable(spoil) else val
    model = make_classifier(early_stopping=early_stopping, solver=NoStep())
    pattern = rf"(?s)validation set .*does not fit: .*{message}"
    with pytest.raises(ValueError, match=f"{pattern}|{message}" if message else pattern):
        fitted(model, (X, y, *val), weight)
    assert not fitted_attributes(model)


def test_a_validation_set_of_other_outputs_is_refused(numbers):
    X, y = numbers
    model = make_regressor()
    with pytest.raises(ValueError, match=r"y_val has 1 output\(s\)"):
        model.fit(X, y, X_val=X, y_val=y[:, 0])
    assert not fitted_attributes(model)


def test_a_validation_set_of_too_large_numbers_is_named(parts):
    X, y, X_val, y_val = parts
    model = make_classifier(standardize=False, dtype="float32")
    with pytest.raises(ValueError, match=r"validation loss .* X_val holds much larger numbers"):
        fitted(model, (X / 16, y, np.full_like(X_val, 3e38), y_val))


def test_samples_of_zero_weight_are_not_looked_at(parts):
    X, y, X_val, y_val = parts
    weight = (np.arange(100) % 4 > 0) * np.linspace(1, 2, 100)
    kept = weight > 0
    odd = np.where(kept, y_val, 99)  # no class of those
    got = fitted(make_classifier(scoring="f1_macro"), (X, y, X_val, odd), weight)
    few = X, y, X_val[kept], y_val[kept]
    expected = fitted(make_classifier(scoring="f1_macro"), few, weight[kept])
    assert_same_bits(got, expected)
    for one, other in zip(got.history_, expected.history_, strict=True):
        assert one["validation_loss"] == other["validation_loss"]


def test_shapes_frames_and_types(parts):
    X, y, X_val, y_val = parts
    expected = fitted(make_classifier(), parts)
    shaped = make_classifier().fit(
        X.reshape(-1, 8, 8), y, X_val=X_val.reshape(-1, 8, 8, 1), y_val=list(y_val)
    )
    assert_same_bits(shaped, expected, X)
    names = [f"pixel {number}" for number in range(64)]
    frames = [pd.DataFrame(part, columns=names) for part in (X, X_val)]
    for scoring in ("loss", "f1_macro", own_scorer):
        model = make_classifier(scoring=scoring)
        model.fit(frames[0], y, X_val=frames[1], y_val=pd.Series(y_val))
        assert model.network_.parameters.tobytes() == expected.network_.parameters.tobytes()
        assert list(model.feature_names_in_) == names
    with pytest.raises(ValueError, match="feature names"):
        model.fit(frames[0], y, X_val=frames[1][names[::-1]], y_val=y_val)
    model = make_classifier(early_stopping=True, scoring="f1_macro").fit(frames[0], y)
    assert list(model.feature_names_in_) == names


# In company


def test_partial_fit_does_not_exist_with_early_stopping():
    for model in (make_classifier(early_stopping=True), make_regressor(early_stopping=True)):
        assert not hasattr(model, "partial_fit")
        with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as caught:
            model.partial_fit()
        assert "early_stopping=False" in str(caught.value.__cause__)
        assert hasattr(model.set_params(early_stopping=False), "partial_fit")


def test_an_unfitted_model_says_so(digits):
    with pytest.raises(NotFittedError):
        make_classifier(early_stopping=True).predict(digits[0])


def test_cross_validation(digits):
    model = make_classifier(early_stopping=True, max_iter=8, n_iter_no_change=2)
    assert cross_val_score(model, *digits, cv=3).min() > 0.5


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_a_pipeline_transforms_the_validation_set(parts):
    X, y, X_val, y_val = parts
    model = make_classifier(early_stopping=True, max_iter=3)
    model.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
    steps = [("scale", StandardScaler()), ("cnn", model)]
    weight = np.linspace(0, 2, len(y_val))
    pipeline = Pipeline(steps, transform_input=["X_val"])
    pipeline.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    scaler = StandardScaler().fit(X)
    scaled = scaler.transform(X), y, scaler.transform(X_val), y_val
    assert_same_bits(pipeline[-1], fitted(clone(model), scaled, weight))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", own_scorer])
def test_scorers_work_where_metadata_are_routed(scoring, parts, weight_val):
    weight = None if callable(scoring) else weight_val
    model = fitted(make_classifier(scoring=scoring), parts, weight)
    with config_context(enable_metadata_routing=False):
        expected = fitted(make_classifier(scoring=scoring), parts, weight)
    assert model.validation_scores_ == expected.validation_scores_


@pytest.mark.usefixtures("routing")
def test_a_search_passes_the_validation_set_on(parts):
    X, y, X_val, y_val = parts
    model = make_classifier(early_stopping=True).set_fit_request(X_val=True, y_val=True)
    search = GridSearchCV(model, {"learning_rate": [0.01, 0.02]}, cv=2)
    search.fit(X, y, X_val=X_val, y_val=y_val)
    assert len(search.best_estimator_.validation_scores_) == 2
