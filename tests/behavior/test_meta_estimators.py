"""Estimators inside the pipelines, searches and ensembles of scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # makes HalvingGridSearchCV importable
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from skcnn.augmentation import Shift
from skcnn.layers import ReLU, Tanh
from skcnn.optimizers import SGD, Adam
from skcnn.schedules import Cosine, Plateau
from skcnn.weight_averaging import ExponentialMovingAverage
from tests.support.estimators import assert_same_bits, make_classifier

SHAPES = [(64,), (8, 8), (8, 8, 1), (4, 4, 4), (4, 4, 2, 2)]


@pytest.fixture
def learner():
    """A classifier that learns a few digits well."""
    return make_classifier(n_filters=4, max_iter=8, learning_rate=0.03, batch_size=20)


@pytest.mark.thread_unsafe(reason="fits a scaler that threads would share")
@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), "passthrough", FunctionTransformer(np.sqrt)]
)
def test_pipeline(scaler, digits, learner):
    X, y = digits
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    pipeline = Pipeline([("scale", scaler), ("cnn", learner)]).fit(X_train, y_train)
    assert pipeline.score(X_test, y_test) > 0.8
    assert pipeline.predict_proba(X_test).shape == (len(X_test), 10)
    assert pipeline.classes_.tolist() == list(range(10))


def test_pipeline_with_passthrough_is_the_classifier_itself(digits, learner):
    pipeline = make_pipeline("passthrough", clone(learner)).fit(*digits)
    assert_same_bits(pipeline[-1], learner.fit(*digits), digits[0])


def test_standardizing_twice_changes_little(digits, learner):
    # a scaler per pixel is another thing than one per channel, but both learn
    X, y = digits
    scores = cross_val_score(make_pipeline(StandardScaler(), learner), X, y, cv=2)
    assert scores.min() > 0.7


@pytest.mark.slow
def test_grid_search_with_two_workers_equals_one(digits, learner):
    X, y = digits
    pipeline = Pipeline([("scale", MinMaxScaler()), ("cnn", learner.set_params(max_iter=4))])
    grid = {"cnn__filter_size": [3, ((3, 5),)], "cnn__learning_rate": [0.003, 0.03]}
    searches = [GridSearchCV(pipeline, grid, cv=2, n_jobs=jobs).fit(X, y) for jobs in (1, 2)]
    serial, parallel = (search.cv_results_ for search in searches)
    np.testing.assert_array_equal(serial["mean_test_score"], parallel["mean_test_score"])
    assert searches[0].best_params_ == searches[1].best_params_
    assert searches[1].best_score_ > 0.6
    assert searches[1].predict(X).shape == y.shape


def test_grid_search_over_instances(digits):
    solvers = [SGD(momentum=0.0), SGD(momentum=0.9), Adam(beta_1=0.8), "adam"]
    grid = {"solver": solvers, "activation": ["relu", Tanh()]}
    search = GridSearchCV(make_classifier(max_iter=1), grid, cv=2).fit(*digits)
    assert search.best_params_["solver"] in solvers
    assert len(search.cv_results_["params"]) == 8
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()
    assert search.best_estimator_.solver == search.best_params_["solver"]


def test_grid_search_over_numbers_of_blocks(digits):
    grid = {"n_filters": [2, (2, 3), [4]], "hidden_layer_sizes": [(), (5,)]}
    search = GridSearchCV(make_classifier(max_iter=1), grid, cv=2).fit(*digits)
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_randomized_search(digits):
    distributions = {"learning_rate": loguniform(1e-3, 1e-1), "n_filters": [2, 3, (2, 2)]}
    search = RandomizedSearchCV(make_classifier(), distributions, n_iter=4, cv=2, random_state=0)
    assert search.fit(*digits).best_score_ > 0.2
    again = clone(search).fit(*digits)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], again.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("resource", ["n_samples", "max_iter"])
def test_halving_search(resource, digits):
    limits = {"max_resources": 4, "min_resources": 1} if resource == "max_iter" else {}
    search = HalvingGridSearchCV(
        make_classifier(max_iter=1),
        {"learning_rate": [1e-4, 1e-3, 1e-2, 3e-2]},
        factor=2,
        cv=2,
        resource=resource,
        random_state=0,
        **limits,
    ).fit(*digits)
    assert search.n_iterations_ >= 2
    assert search.best_params_["learning_rate"] > 1e-4


@pytest.mark.slow
def test_cross_validation_agrees_with_itself(digits, learner):
    X, y = digits
    scores = cross_val_score(learner, X, y, cv=3)
    assert scores.min() > 0.7
    np.testing.assert_array_equal(scores, cross_val_score(learner, X, y, cv=3))
    predicted = cross_val_predict(learner, X, y, cv=3)
    assert predicted.dtype == y.dtype
    assert np.mean(predicted == y) == pytest.approx(scores.mean(), abs=1e-12)
    p = cross_val_predict(learner, X, y, cv=3, method="predict_proba")
    np.testing.assert_array_equal(p.argmax(axis=1), predicted)
    for method in ("decision_function", "predict_log_proba"):
        assert cross_val_predict(learner, X, y, cv=3, method=method).shape == (300, 10)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc_ovr", "balanced_accuracy"])
def test_scorers(scoring, digits):
    scores = cross_val_score(make_classifier(), *digits, cv=2, scoring=scoring)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("exploit", [False, True])
def test_learning_curve(exploit, digits):
    sizes, train_scores, test_scores = learning_curve(
        make_classifier(max_iter=6),
        *digits,
        train_sizes=[60, 150],
        cv=2,
        shuffle=True,
        random_state=0,
        exploit_incremental_learning=exploit,
    )
    assert sizes.tolist() == [60, 150]
    assert train_scores.shape == test_scores.shape == (2, 2)
    assert np.isfinite(test_scores).all()
    if not exploit:  # which is two epochs and no more
        assert test_scores[1].mean() > 0.2


@pytest.mark.slow
def test_permutation_test(digits, learner):
    score, permuted, _ = permutation_test_score(
        learner, *digits, cv=2, n_permutations=2, random_state=0
    )
    assert score > 0.7 > 0.3 > permuted.max()


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES[1:])
def test_shaped_x_gives_the_scores_of_flat_x(shape, digits):
    X, y = digits
    shaped = X.reshape(-1, *shape)
    flat = make_classifier(image_shape=shape)
    expected = cross_val_score(flat, X, y, cv=2)
    np.testing.assert_array_equal(cross_val_score(make_classifier(), shaped, y, cv=2), expected)
    np.testing.assert_array_equal(cross_val_score(flat, shaped, y, cv=2), expected)
    np.testing.assert_array_equal(
        cross_val_predict(make_classifier(), shaped, y, cv=2, method="predict_proba"),
        cross_val_predict(flat, X, y, cv=2, method="predict_proba"),
    )


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(8, 8), (4, 4, 4)])
def test_shaped_x_goes_through_searches_and_pipelines(shape, digits):
    X, y = digits
    shaped = X.reshape(-1, *shape)
    grid = {"cnn__filter_size": [3, 2]}
    scores = []
    for form in (X, shaped):
        for scaler in ("passthrough", FunctionTransformer(lambda part: part / 16)):
            cnn = make_classifier(image_shape=shape)
            pipeline = Pipeline([("scale", scaler), ("cnn", cnn)])
            search = GridSearchCV(pipeline, grid, cv=2).fit(form, y)
            scores.append(search.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(scores[0], scores[2])
    np.testing.assert_array_equal(scores[1], scores[3])
    halving = HalvingGridSearchCV(make_classifier(), {"filter_size": [3, 2]}, cv=2, random_state=0)
    assert halving.fit(shaped, y).predict(shaped).shape == y.shape
    random = RandomizedSearchCV(
        make_classifier(), {"filter_size": [3, 2]}, n_iter=2, cv=2, random_state=0
    )
    assert random.fit(shaped, y).predict(shaped).shape == y.shape


def make_member(**parameters):
    return make_classifier(**{"max_iter": 5, "learning_rate": 0.03} | parameters)


MEMBERS = [("one", make_member(random_state=1)), ("two", make_member(random_state=2))]
ENSEMBLES = {  # the meta-estimators that only pass X on
    "soft voting": VotingClassifier(MEMBERS, voting="soft"),
    "hard voting": VotingClassifier(MEMBERS, voting="hard"),
    "stacking": StackingClassifier(MEMBERS, LogisticRegression(max_iter=1000), cv=2),
    "one versus rest": OneVsRestClassifier(make_member()),
    "calibration": CalibratedClassifierCV(make_member(), cv=2),
    "calibration, isotonic": CalibratedClassifierCV(make_member(), cv=2, method="isotonic"),
    "calibration, ensemble=False": CalibratedClassifierCV(make_member(), cv=2, ensemble=False),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENSEMBLES)
@pytest.mark.parametrize("shape", [(64,), (8, 8, 1)], ids=str)
def test_ensembles(name, shape, digits):
    X, y = digits[0].reshape(-1, *shape), digits[1].astype(str)
    ensemble = clone(ENSEMBLES[name]).fit(X[:200], y[:200])
    assert ensemble.classes_.tolist() == [str(digit) for digit in range(10)]
    assert ensemble.score(X[200:], y[200:]) > 0.6
    if name != "hard voting":
        np.testing.assert_allclose(ensemble.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


def test_soft_voting_averages_probabilities(digits):
    X, y = digits
    members = [(str(seed), make_classifier(random_state=seed)) for seed in range(3)]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    expected = np.mean([clone(member).fit(X, y).predict_proba(X) for _, member in members], axis=0)
    np.testing.assert_allclose(voting.predict_proba(X), expected, rtol=1e-5)


@pytest.mark.slow
def test_bagging(digits, learner):
    X, y = digits
    bagging = BaggingClassifier(learner, n_estimators=3, random_state=0).fit(X[:200], y[:200])
    assert bagging.score(X[200:], y[200:]) > 0.7
    ordered = clone(learner).set_params(global_pooling=None)  # half of the columns is a signal
    some = BaggingClassifier(ordered, n_estimators=3, max_features=0.5, random_state=0)
    assert some.fit(X[:200], y[:200]).score(X[:200], y[:200]) > 0.5
    weighted = BaggingClassifier(learner, n_estimators=2, random_state=0)
    assert weighted.fit(X, y, sample_weight=np.arange(300)).score(X, y) > 0.7


@pytest.mark.slow
def test_one_versus_one_and_thresholds(digits, learner):
    X, y = digits
    few = y < 3
    assert OneVsOneClassifier(learner).fit(X[few], y[few]).score(X[few], y[few]) > 0.9
    two = y < 2
    fixed = FixedThresholdClassifier(learner, threshold=0.3, response_method="predict_proba")
    assert fixed.fit(X[two], y[two]).score(X[two], y[two]) > 0.9


@pytest.mark.slow
def test_one_versus_rest_trains_in_parts(digits):
    X, y = digits
    model = OneVsRestClassifier(make_classifier(learning_rate=0.03))
    for _ in range(6):
        model.partial_fit(X, y, classes=np.arange(10))
    assert model.score(X, y) > 0.6


def test_a_column_transformer_keeps_the_frame(digits, learner):
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"pixel {j}" for j in range(64)]).assign(other=1.0)
    pixels = ColumnTransformer([("pixels", "passthrough", [f"pixel {j}" for j in range(64)])])
    pipeline = make_pipeline(pixels.set_output(transform="pandas"), learner)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pipeline.fit(frame, y).score(frame, y) > 0.8
    assert learner.__class__ is pipeline[-1].__class__
    assert len(pipeline[-1].feature_names_in_) == 64


# Metadata routing


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_sample_weight_can_be_requested_everywhere():
    model = make_classifier()
    assert model.set_fit_request(sample_weight=True) is model
    model.set_partial_fit_request(sample_weight=True, classes=True)
    model.set_score_request(sample_weight=True)
    requests = model.get_metadata_routing()
    names = ("X_val", "y_val", "sample_weight_val", "groups", "init_from")
    not_asked = dict.fromkeys(names)
    assert requests.fit.requests == {"sample_weight": True} | not_asked
    assert requests.partial_fit.requests == {"sample_weight": True, "classes": True}
    assert requests.score.requests == {"sample_weight": True}
    assert clone(model).get_metadata_routing().fit.requests == requests.fit.requests


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("shape", [(64,), (8, 8)])
def test_routed_weights_of_zero_are_rows_left_out(shape, digits):
    X, y = digits
    X = X.reshape(-1, *shape)
    weight = (np.arange(len(y)) % 3 > 0).astype(float)
    model = make_classifier().set_fit_request(sample_weight=True)
    model.set_score_request(sample_weight=True)
    cv = StratifiedKFold(2)
    got = cross_validate(model, X, y, cv=cv, params={"sample_weight": weight})["test_score"]
    expected = []
    for train, test in cv.split(X.reshape(len(X), -1), y):
        train, test = (part[weight[part] > 0] for part in (train, test))
        expected.append(make_classifier().fit(X[train], y[train]).score(X[test], y[test]))
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_through_pipelines_and_searches(digits):
    X, y = digits
    weight = np.random.default_rng(0).uniform(size=len(y))
    model = make_classifier().set_fit_request(sample_weight=True)
    model.set_score_request(sample_weight=True)
    pipeline = make_pipeline(MinMaxScaler(), model).fit(X, y, sample_weight=weight)
    by_hand = make_classifier().fit(MinMaxScaler().fit_transform(X), y, sample_weight=weight)
    assert_same_bits(pipeline[-1], by_hand)
    scoring = get_scorer("accuracy").set_score_request(sample_weight=True)
    search = GridSearchCV(make_pipeline(MinMaxScaler(), model), {}, cv=2, scoring=scoring)
    search.fit(X, y, sample_weight=weight)
    assert_same_bits(search.best_estimator_[-1], by_hand)


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_to_partial_fit(digits):
    X, y = digits
    weight = np.random.default_rng(0).uniform(size=len(y))
    model = make_classifier().set_partial_fit_request(sample_weight=True)
    model.set_fit_request(sample_weight=True)
    wrapper = OneVsRestClassifier(model)
    wrapper.partial_fit(X, y, classes=np.arange(10), sample_weight=weight)
    by_hand = make_classifier().partial_fit(
        X, (y == 4).astype(int), classes=[0, 1], sample_weight=weight
    )
    assert_same_bits(wrapper.estimators_[4], by_hand, X)


@pytest.mark.usefixtures("routing")
def test_weights_that_nobody_asked_for_are_scikit_learns_error(digits):
    with pytest.raises(ValueError, match="not explicitly set as requested"):
        cross_validate(make_classifier(), *digits, cv=2, params={"sample_weight": np.ones(300)})


# Parameters of the objects that parameters hold

INNER = {
    "solver__momentum": (SGD(0.9), SGD(0.5)),
    "learning_rate_schedule__warm_up": (Cosine(), Cosine(0.2)),
    "augment__max_shift": (Shift(1), Shift(2)),
    "weight_averaging__decay": (ExponentialMovingAverage(), ExponentialMovingAverage(0.5)),
}


@pytest.mark.parametrize("name", INNER)
def test_inner_parameters_are_named_and_set_without_a_change_to_what_was_given(name):
    outer, _, inner = name.partition("__")
    given, wanted = INNER[name]
    before = repr(given)
    model = make_classifier(**{outer: given})
    assert model.get_params()[name] == getattr(given, inner)
    assert name not in model.get_params(deep=False)
    assert model.set_params(**{name: getattr(wanted, inner)}) is model
    assert getattr(model, outer) == wanted
    assert repr(given) == before
    assert repr(clone(model)) == repr(model)


def test_a_search_varies_inner_parameters_by_name(digits):
    solver = SGD(0.9)
    pipeline = make_pipeline(MinMaxScaler(), make_classifier(solver=solver, max_iter=1))
    grid = {
        "scratchcnnclassifier__solver__momentum": [0.0, 0.5, 0.9],
        "scratchcnnclassifier__solver__nesterov": [False],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(*digits)
    assert len(set(search.cv_results_["mean_test_score"])) > 1
    best = search.best_estimator_[-1].solver
    assert best == SGD(search.best_params_["scratchcnnclassifier__solver__momentum"], False)
    assert solver == SGD(0.9)


def test_an_object_and_its_parameter_may_be_set_at_once():
    model = make_classifier().set_params(solver=SGD(0.1), solver__nesterov=False, max_iter=9)
    assert (model.solver, model.max_iter) == (SGD(0.1, False), 9)
    model.set_params(learning_rate_schedule__patience=5, learning_rate_schedule=Plateau())
    assert model.learning_rate_schedule == Plateau(patience=5)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"solver__momentum": 0.5}, r"solver__momentum cannot .* solver='adam' .*solver=Adam\(\)"),
        ({"solver": "sgd", "solver__momentum": 0.5}, r"solver=SGD\(\)"),
        ({"activation__slope": 1}, r"activation=ReLU\(\)"),
        ({"weight_averaging__decay": 1}, r"weight_averaging=None has no parameters"),
        ({"augment": [Shift(1)], "augment__max_shift": 1}, r"Compose.* named \['max_shift'\]"),
        ({"augment": None, "augment__max_shift": 1}, r"augment=None has no parameters"),
        ({"solver": SGD, "solver__momentum": 0.5}, r"solver=<class .*> has no parameters"),
        ({"solver": SGD(), "solver__speed": 0.5}, r"SGD.* has no parameters named \['speed'\]"),
        ({"solver": SGD(), "solver__momentum": 2}, "momentum=2 must be"),
        ({"nothing__momentum": 0.5}, "Invalid parameter 'nothing'"),
    ],
    ids=str,
)
def test_inner_parameters_that_there_are_not_change_nothing(params, message):
    model = make_classifier()
    before = repr(model)
    with pytest.raises(ValueError, match=message):
        model.set_params(**params)
    assert repr(model) == before


def test_the_diagram_shows_an_estimator_with_objects_as_parameters():
    model = make_classifier(solver=SGD(0.25), activation=ReLU(), augment=Shift(1))
    assert "SGD(momentum=0.25" in model._repr_html_()
