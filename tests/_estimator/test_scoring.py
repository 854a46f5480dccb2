"""How scorers are asked about a network during training."""

import itertools
import re
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import (
    f1_score,
    get_scorer_names,
    make_scorer,
    matthews_corrcoef,
    roc_auc_score,
)

from skcnn import ScratchCNNClassifier
from skcnn._data.samples import Data
from skcnn._estimator.scoring import _ask, validation_score, warning_once
from tests.support.estimators import make_classifier, make_regressor, unchanged


@pytest.fixture(scope="module")
def model(digits):
    return ScratchCNNClassifier(2, 3, max_iter=1, random_state=0).fit(*digits)


def held_out(digits, n=100, weights=None):
    X, y = digits
    data = Data(X, None, X.dtype, y).take(np.arange(n))
    return data if weights is None else data.weighted_by(weights, "weights")


@pytest.mark.parametrize("scoring", ["loss", "accuracy"])
def test_what_needs_no_scorer_is_named(model, digits, scoring):
    assert validation_score(model, scoring, model._fitted, held_out(digits)) == scoring


def test_a_scorer_of_scikit_learn_scores_the_network_that_it_is_given(model, digits):
    score = validation_score(model, "matthews_corrcoef", model._fitted, held_out(digits))
    X, y = digits[0][:100], digits[1][:100]
    assert score(model.network_) == matthews_corrcoef(y, model.predict(X))
    untrained = model.network_.copy()
    untrained.parameters[:] = 0
    assert score(untrained) == 0


def test_a_function_gets_the_estimator_as_fitted_flat_x_labels_and_weights(model, digits):
    given = []

    def scorer(estimator, X, y, sample_weight=None):
        given.append((estimator, X, y, sample_weight))
        return 1.5

    weights = np.linspace(1, 2, 100)
    score = validation_score(model, scorer, model._fitted, held_out(digits, weights=weights))
    assert given == []  # it may count its calls
    assert score(model.network_) == 1.5
    ((estimator, X, y, sample_weight),) = given
    assert estimator is not model
    assert np.array_equal(estimator.predict(X), model.predict(X))
    assert np.array_equal(y, digits[1][:100])
    np.testing.assert_allclose(sample_weight, weights / weights.mean())


def warning_scorer(estimator, X, y):
    """Warn three times, twice of the same and once of each call."""
    for message in ("ill-defined", "ill-defined", f"call {next(CALLS)}"):
        warnings.warn(message, RuntimeWarning, stacklevel=1)
    return 0.5


CALLS = itertools.count()


def test_each_distinct_warning_of_a_scorer_is_shown_once_a_fit(digits):
    model = make_classifier(scoring=warning_scorer, early_stopping=True, max_iter=4)
    for _ in range(2):
        with pytest.warns(RuntimeWarning) as shown:
            model.fit(*digits)
        messages = [str(warning.message) for warning in shown]
        assert [message[:4] for message in messages] == ["ill-", *4 * ["call"]]
        assert {warning.filename for warning in shown} == {__file__}


def test_a_warning_of_scikit_learn_is_shown_once_a_fit(digits):
    model = make_classifier(scoring="precision_macro", early_stopping=True, learning_rate=1e-4)
    with pytest.warns(UndefinedMetricWarning, match="Precision is ill-defined") as shown:
        model.set_params(max_iter=4).fit(*digits)
    assert len(shown) == 1


@pytest.mark.parametrize("action", ["error", "ignore"])
def test_what_is_done_with_warnings_of_a_scorer_is_left_to_filters(action, digits):
    model = make_classifier(scoring=warning_scorer, early_stopping=True, max_iter=4)
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        if action == "ignore":
            assert model.fit(*digits).n_iter_ == 4
        else:
            with unchanged(model), pytest.raises(RuntimeWarning, match="ill-defined"):
                model.fit(*digits)


def test_warnings_before_an_error_of_a_scorer_are_shown(digits):
    def failing(estimator, X, y):
        warnings.warn("soon", RuntimeWarning, stacklevel=1)
        raise KeyError("gone")

    model = make_classifier(scoring=failing, early_stopping=True)
    with pytest.warns(RuntimeWarning, match="soon"), pytest.raises(KeyError):
        model.fit(*digits)


def test_a_scorer_that_takes_no_weights_is_refused_where_weights_differ(model, digits):
    weighted = held_out(digits, weights=np.linspace(1, 2, 100))
    with pytest.raises(ValueError, match="does not take sample_weight"):
        validation_score(model, lambda estimator, X, y: 0.0, model._fitted, weighted)


def test_a_scorer_that_cannot_score_is_refused_before_training(model, digits):
    with pytest.raises(ValueError, match=r"scoring='neg_log_loss' cannot score .*X_val"):
        validation_score(model, "neg_log_loss", model._fitted, held_out(digits, n=3))


@pytest.fixture(scope="module")
def regressor(numbers):
    return make_regressor(max_iter=1).fit(numbers[0], np.abs(numbers[1][:, 0]))


def test_a_regressor_is_asked_by_scorers_for_regression_only(regressor, numbers):
    X, y = numbers[0][:50], np.abs(numbers[1][:50, 0])
    data = Data(X, None, X.dtype, y)
    refusals = {}
    for name in set(get_scorer_names()) - {"accuracy"}:
        try:
            validation_score(regressor, name, regressor._fitted, data)
        except ValueError as error:
            refusals[name] = str(error)
    for message in refusals.values():
        assert re.search("ScratchCNNRegressor.*for regression, such as 'loss' or 'r2'", message)
        assert not re.search("classes|accuracy", message.split("Choose")[1])
    suitable = set(get_scorer_names()) - {"accuracy"} - set(refusals)
    assert {"r2", "neg_mean_squared_error", "explained_variance", "neg_max_error"} <= suitable
    assert all(re.search("error|r2|variance|deviance|absolute", name) for name in suitable)


def test_a_scorer_made_of_a_function_is_asked_too(regressor, numbers):
    scorer = make_scorer(roc_auc_score, response_method="predict_proba")
    data = Data(numbers[0], None, numbers[0].dtype, numbers[1][:, 0])
    with pytest.raises(ValueError, match=r"ScratchCNNRegressor.*predict_proba"):
        validation_score(regressor, scorer, regressor._fitted, data)


@pytest.mark.parametrize("scoring", ["r2", "d2_absolute_error_score", "explained_variance"])
def test_one_number_is_too_few_for_a_score_of_explained_variance(scoring, regressor, numbers):
    one = Data(numbers[0][:1], None, numbers[0].dtype, numbers[1][:1, 0])
    with pytest.raises(ValueError, match=f"scoring='{scoring}' cannot score.*another X_val"):
        validation_score(regressor, scoring, regressor._fitted, one)


@pytest.mark.parametrize(
    "scoring", ["f1", "precision", "recall", "jaccard", "roc_auc", "average_precision"]
)
def test_a_score_that_is_the_same_for_right_and_wrong_predictions_is_refused(scoring, digits):
    X, y = digits[0][:100], (digits[1][:100] == 3).astype(int)
    model = make_classifier(max_iter=1).fit(X, y)
    validation_score(model, scoring, model._fitted, Data(X, None, X.dtype, y))
    without = Data(X, None, X.dtype, y).take(np.flatnonzero(y == 0))
    with pytest.raises(ValueError, match=f"scoring='{scoring}' cannot score.*has all classes"):
        validation_score(model, scoring, model._fitted, without)


def test_scorers_by_name_fit_a_classifier_of_one_class(digits):
    X, y = digits[0][:20], np.zeros(20, dtype=int)
    model = make_classifier(max_iter=1).fit(X, y)
    score = validation_score(model, "f1_macro", model._fitted, Data(X, None, X.dtype, y))
    assert score(model.network_) == 1


def test_outputs_of_the_network_count_again_once_examples_were_scored(model, digits):
    score = validation_score(model, "balanced_accuracy", model._fitted, held_out(digits))
    assert score(model.network_) < 1


@pytest.mark.thread_unsafe(reason="is about the filters of warnings, which are the process's")
@pytest.mark.parametrize("strict", [False, True])
def test_scorers_that_are_asked_in_several_threads_leave_no_filter_of_warnings_behind(strict):
    a_inside, b_inside, a_outside = threading.Event(), threading.Event(), threading.Event()

    def of_a():
        a_inside.set()
        assert b_inside.wait(10)
        warnings.warn("only here", UserWarning, stacklevel=1)
        return 1.0

    def of_b():
        b_inside.set()
        assert a_outside.wait(10)
        return 2.0

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        n_filters = len(warnings.filters)
        with ThreadPoolExecutor(2) as pool:
            a = pool.submit(_ask, of_a, strict=strict)
            assert a_inside.wait(10)
            b = pool.submit(_ask, of_b, strict=strict)
            assert b_inside.wait(10)
            warnings.warn("while they are asked", UserWarning, stacklevel=1)
            value, reason = a.result(10)
            assert reason == ("only here" if strict else "")
            assert strict or value == 1
            a_outside.set()
            assert b.result(10) == (2, "")
        warnings.warn("afterwards", UserWarning, stacklevel=1)
        assert _ask(lambda: 3.0, strict=strict) == (3, "")
        assert len(warnings.filters) == n_filters
    assert [str(each.message) for each in told] == ["while they are asked", "afterwards"]


@pytest.mark.thread_unsafe(reason="is about the filters of warnings, which are the process's")
def test_scores_of_several_threads_leave_warnings_as_they_were():
    a_inside, b_inside, a_outside = threading.Event(), threading.Event(), threading.Event()

    def of_a(network):
        a_inside.set()
        assert b_inside.wait(10)
        return 1.0

    def of_b(network):
        b_inside.set()
        assert a_outside.wait(10)
        return 2.0

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(2) as pool:
            a = pool.submit(warning_once(of_a), None)
            assert a_inside.wait(10)
            b = pool.submit(warning_once(of_b), None)
            warnings.warn("while they score", UserWarning, stacklevel=1)
            assert a.result(10) == 1
            a_outside.set()
            assert b.result(10) == 2
        for _ in range(2):
            warnings.warn("afterwards", UserWarning, stacklevel=1)
    assert [str(each.message) for each in told] == ["while they score", *["afterwards"] * 2]


def test_a_score_that_ends_training_names_the_parameter(digits):
    """Predictions that are not positive come with training; the first are the mean."""
    X, y = digits
    y = np.where(y == 3, 50, 0.01)
    model = make_regressor(scoring="neg_mean_gamma_deviance", early_stopping=True, max_iter=20)
    says = "scoring='neg_mean_gamma_deviance' cannot score .*strictly positive.* 'loss' or 'r2'"
    with pytest.raises(ValueError, match=says):
        model.fit(X, y)
    assert not hasattr(model, "network_")


@pytest.mark.parametrize("scoring", ["f1", make_scorer(f1_score)], ids=str)
def test_scorers_of_the_same_metric_are_alike(scoring, digits):
    X, y = digits[0][:100], (digits[1][:100] == 3).astype(int)
    model = make_classifier(max_iter=1).fit(X, y)
    without = Data(X, None, X.dtype, y).take(np.flatnonzero(y == 0))
    with pytest.raises(ValueError, match=r"cannot score.*has all classes"):
        validation_score(model, scoring, model._fitted, without)


@pytest.mark.parametrize(
    ("scoring", "labels"), [("f1", np.arange(10)), ("f1", np.array(["a", "b"]))], ids=str
)
def test_more_classes_are_no_remedy_where_all_are_there(scoring, labels, digits):
    X, y = digits[0], labels[digits[1] % len(labels)]
    model = make_classifier(max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match=r"such as .loss. or .accuracy.\.$"):
        validation_score(model, scoring, model._fitted, Data(X, None, X.dtype, y))


@pytest.mark.parametrize("scoring", ["accuracy", "f1", "adjusted_rand_score", "roc_auc"])
def test_a_regressor_knows_scorers_of_numbers_only(scoring, numbers):
    with pytest.raises(ValueError, match=r"'scoring' parameter .* must be") as caught:
        make_regressor(scoring=scoring).fit(*numbers)
    assert "'r2'" in str(caught.value)
    assert "f1_macro" not in str(caught.value)
