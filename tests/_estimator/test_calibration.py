"""One temperature for all logits, against a grid of them."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss

from tests.support.estimators import make_classifier, make_regressor, unchanged


@pytest.fixture(scope="module")
def parts(digits):
    X, y = digits
    return X[:200], y[:200], {"X_val": X[200:], "y_val": y[200:]}


@pytest.fixture(scope="module")
def sure():
    """A network that is trained until it is too sure."""
    return make_classifier(n_filters=16, max_iter=60, calibrate=True)


def loss_of(model, temperature, X, y, weights=None):
    logits = model._outputs(X).astype(float) / temperature
    logits -= logits.max(axis=0)
    p = np.exp(logits) / np.exp(logits).sum(axis=0)
    return log_loss(y, p.T, sample_weight=weights, labels=model.classes_)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_is_the_best_of_a_grid(weighted, parts, sure):
    X, y, held_out = parts
    weights = np.random.default_rng(0).uniform(0.2, 3, 100) if weighted else None
    model = clone(sure).fit(X, y, **held_out, sample_weight_val=weights)
    grid = np.geomspace(0.06, 19, 4000)
    losses = [loss_of(model, t, *held_out.values(), weights) for t in grid]
    assert model.temperature_ == pytest.approx(grid[np.argmin(losses)], rel=2e-3)
    assert min(losses) < loss_of(model, 1.0, *held_out.values(), weights)


def test_probabilities_change_and_predictions_do_not(parts, sure):
    X, y, held_out = parts
    plain = clone(sure).set_params(calibrate=False).fit(X, y, **held_out)
    model = clone(sure).fit(X, y, **held_out)
    X_val = held_out["X_val"]
    assert model.temperature_ > 1
    assert not hasattr(plain, "temperature_")
    assert np.array_equal(model.network_.parameters, plain.network_.parameters)
    assert np.array_equal(model.predict(X_val), plain.predict(X_val))
    expected = plain.decision_function(X_val) / model.temperature_
    np.testing.assert_allclose(model.decision_function(X_val), expected, rtol=1e-5)
    np.testing.assert_allclose(
        np.exp(model.predict_log_proba(X_val)), model.predict_proba(X_val), atol=1e-6
    )
    assert model.validation_scores_ == plain.validation_scores_


def test_it_goes_with_early_stopping_copies_and_warm_starts(digits):
    X, y = digits
    model = make_classifier(early_stopping=True, calibrate=True, warm_start=True).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict_proba(X), model.predict_proba(X))
    first = model.temperature_
    model.fit(X, y)
    assert model.temperature_ != first
    model.set_params(calibrate=False).fit(X, y)
    assert not hasattr(model, "temperature_")


def test_several_labels_are_calibrated(digits):
    X, y = digits
    labels = np.c_[y % 2, y > 4]
    model = make_classifier(calibrate=True, max_iter=40, n_filters=8)
    model.fit(X[:200], labels[:200], X_val=X[200:], y_val=labels[200:])
    assert model.temperature_ > 1


def test_without_a_wrong_prediction_the_temperature_is_small(digits):
    X, y = digits
    model = make_classifier(calibrate=True, max_iter=80, n_filters=16)
    model.fit(X, y, X_val=X[:20], y_val=y[:20])
    assert 1 / 20 <= model.temperature_ < 0.5
    assert np.isfinite(model.predict_log_proba(X)).all()


def test_without_held_out_samples_it_is_an_error_before_any_step(digits):
    model = make_classifier(calibrate=True)
    with (
        unchanged(model),
        pytest.raises(ValueError, match=r"calibrate=True needs"),
    ):
        model.fit(*digits)
    assert not hasattr(model, "partial_fit")
    assert "calibrate" not in make_regressor().get_params()
