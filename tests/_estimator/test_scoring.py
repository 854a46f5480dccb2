"""How scorers are asked about a network during training."""

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from skcnn import ScratchCNNClassifier
from skcnn._data.samples import Data
from skcnn._estimator.scoring import validation_score


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


def test_a_scorer_that_takes_no_weights_is_refused_where_weights_differ(model, digits):
    weighted = held_out(digits, weights=np.linspace(1, 2, 100))
    with pytest.raises(ValueError, match="does not take sample_weight"):
        validation_score(model, lambda estimator, X, y: 0.0, model._fitted, weighted)


def test_a_scorer_that_cannot_score_is_refused_before_training(model, digits):
    with pytest.raises(ValueError, match=r"scoring='neg_log_loss' cannot score this .*X_val"):
        validation_score(model, "neg_log_loss", model._fitted, held_out(digits, n=3))
