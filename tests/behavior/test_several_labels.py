"""Several labels a sample: y is a matrix of 0 and 1, as MLPClassifier takes it."""

import pickle

import numpy as np
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.utils import get_tags

from skcnn.augmentation import Mixup
from skcnn.layers import Flatten
from tests.support.estimators import (
    SMOOTH,
    assert_same_bits,
    few_iterations,
    make_classifier,
    records,
    unchanged,
)


@pytest.fixture(scope="module")
def labels(digits):
    """Which of some properties each digit has."""
    _, y = digits
    return np.c_[y % 2 == 0, y > 4, np.isin(y, (0, 6, 8, 9)), y == 1].astype(int)


@pytest.fixture(scope="module")
def model(digits, labels):
    return make_classifier(max_iter=30).fit(digits[0], labels)


def test_it_learns_and_predicts_as_mlp_classifier_does(model, digits, labels):
    X = digits[0]
    assert model.score(X, labels) > 0.85
    predicted, p = model.predict(X), model.predict_proba(X)
    peer = MLPClassifier(solver="lbfgs", max_iter=1000, tol=1e9).fit(X.reshape(len(X), -1), labels)
    assert predicted.shape == labels.shape
    assert predicted.dtype == peer.predict(X.reshape(len(X), -1)).dtype
    assert np.array_equal(model.classes_, peer.classes_)
    assert get_tags(model).classifier_tags.multi_label
    np.testing.assert_allclose(p, expit(model.decision_function(X)), rtol=1e-5)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-4, atol=1e-7)
    assert np.array_equal(predicted, p > 0.5)
    assert model.score(X, labels) == accuracy_score(labels, predicted)
    assert 0.8 < model.history_[-1]["accuracy"] <= 1


def test_a_gradient_step_is_that_of_mlp_classifier(digits, labels):
    """A dense network from zero weights: one step of plain descent is known in closed form."""
    X = digits[0].reshape(len(labels), -1).astype(float)
    model = make_classifier(
        layers=[Flatten()], solver="sgd", learning_rate=0.5, max_iter=1, batch_size=300,
        dtype="float64", standardize=False,
    )  # fmt: skip
    model.fit(X, labels)
    weights = model.network_.parameters[: 64 * 4].reshape(64, 4)
    expected = 0.5 * X.T @ (labels - 0.5) / len(X)
    np.testing.assert_allclose(weights, (1 + 0.9) * expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("form", [list, "float64", "bool"])
def test_the_form_of_y_changes_no_bit(form, model, digits, labels):
    y = labels.tolist() if form is list else labels.astype(form)
    assert_same_bits(make_classifier(max_iter=30).fit(digits[0], y), model, digits[0])


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_threads_change_no_bit(n_jobs, model, digits, labels):
    other = make_classifier(max_iter=30, n_jobs=n_jobs).fit(digits[0], labels)
    assert_same_bits(other, model, digits[0])


def test_weights_count_as_repeated_samples(digits, labels):
    X = digits[0].astype(float)
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 3, len(X))
    kept = weights > 0
    model = make_classifier(batch_size=1000, dtype="float64", **SMOOTH)
    weighted = clone(model).fit(X, labels, sample_weight=weights)
    repeated = clone(model).fit(X.repeat(weights, axis=0), labels.repeat(weights, axis=0))
    np.testing.assert_allclose(
        weighted.decision_function(X), repeated.decision_function(X), rtol=1e-6, atol=1e-9
    )
    removed = clone(model).fit(X[kept], labels[kept], sample_weight=weights[kept])
    assert_same_bits(weighted, removed, X)
    plain, ones = clone(model).fit(X, labels), clone(model).fit(X, labels, np.full(len(X), 2.0))
    assert_same_bits(plain, ones, X)


def test_calls_go_on_and_models_are_saved(digits, labels):
    X = digits[0]
    at_once = make_classifier(max_iter=3).fit(X, labels)
    warm = make_classifier(max_iter=1, warm_start=True).fit(X, labels)
    warm = pickle.loads(pickle.dumps(warm)).fit(X, labels).fit(X, labels)
    streamed = make_classifier().partial_fit(X, labels, classes=range(4))
    streamed.partial_fit(X, labels).partial_fit(X, labels)
    for other in (warm, streamed):
        assert np.array_equal(at_once.predict_proba(X), other.predict_proba(X))


@pytest.mark.filterwarnings("ignore:F-score is ill-defined")  # of samples without a label
@pytest.mark.parametrize("scoring", ["loss", "accuracy", "f1_samples", "f1_macro", "roc_auc"])
def test_scores_of_several_labels_stop_early(scoring, digits, labels):
    X = digits[0]
    model = make_classifier(early_stopping=True, scoring=scoring, validation_fraction=0.3)
    model.fit(X, labels)
    own = make_classifier(scoring=scoring).fit(X, labels, X_val=X[:99], y_val=labels[:99])
    if scoring != "loss":
        expected = get_scorer(scoring)(own, X[:99], labels[:99])
        assert own.validation_scores_[-1] == pytest.approx(expected, rel=1e-6)


@few_iterations
@pytest.mark.parametrize(
    "options",
    [
        {"label_smoothing": 0.1},
        {"augment": Mixup()},
        {"class_weight": "balanced"},
        {"class_weight": [{1: 2.0}] * 4},
        {"solver": "lbfgs", "batch_size": "auto", "max_iter": 100, "alpha": 1e-4},
        {"batch_norm": True, "dropout": 0.1},
        {"dtype": "float32"},
    ],
    ids=str,
)
def test_options_go_with_several_labels(options, digits, labels):
    model = make_classifier(**{"max_iter": 20, **options}).fit(digits[0], labels)
    assert model.score(digits[0], labels) > 0.6


def test_searches_and_cross_validation(digits, labels):
    X = digits[0].reshape(len(labels), -1)
    assert (cross_val_score(make_classifier(max_iter=9), X, labels, cv=3) > 0.2).all()
    search = GridSearchCV(make_classifier(), {"filter_size": [1, 3]}, cv=2).fit(X, labels)
    assert search.predict(X).shape == labels.shape


def test_learning_nothing_is_told(digits, labels):
    with pytest.warns(UserWarning, match="learned nothing.*frequencies of the labels"):
        make_classifier(max_iter=6, learning_rate=1e-12).fit(digits[0], labels)


def test_one_hot_y_is_fitted_with_a_hint(digits):
    X, y = digits
    with pytest.warns(UserWarning, match=r"one-hot encoded.*pass y\.argmax\(axis=1\)") as caught:
        model = make_classifier().fit(X, np.eye(10)[y])
    assert caught[0].filename == __file__
    assert model.predict(X).shape == (300, 10)


def test_kinds_of_y_do_not_mix(digits, labels):
    X, y = digits
    for first, second in [(labels, y), (y, labels), (labels, labels[:, :2])]:
        model = make_classifier(warm_start=True).fit(X, first)
        before = records(model)
        for call in (model.fit, model.partial_fit):
            with unchanged(model), pytest.raises(ValueError, match="first call"):
                call(X, second)
        assert records(model) == before
    with pytest.raises(ValueError, match=r"y_val has shape .* one label a sample"):
        make_classifier().fit(X, y, X_val=X, y_val=labels)
    with pytest.raises(ValueError, match="a matrix of 0 and 1 and nothing else"):
        make_classifier().fit(X, 2 * labels)
