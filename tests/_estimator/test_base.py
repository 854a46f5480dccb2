"""What a fit does before its first step."""

from unittest import mock

import numpy as np
import pandas as pd
import pytest

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor
from skcnn._data import validate
from skcnn._estimator import class_targets
from skcnn.optimizers import SGD
from tests.support.reads import CountedArray

validate_data = validate.validate_data


class FirstStepError(Exception):
    """Raised by the first step of an optimizer."""


class StopsAtOnce(SGD):
    def step(self, state, parameters, gradient, learning_rate):
        raise FirstStepError


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, 2),  # is it finite? what are its mean and deviation?
        ({"standardize": False}, 1),
        ({"dtype": "float32"}, 3),  # does it fit?
    ],
)
@pytest.mark.parametrize("kind", [ScratchCNNClassifier, ScratchCNNRegressor])
def test_x_is_read_two_times_before_the_first_step(kind, parameters, expected, monkeypatch):
    counted = []

    def counting(estimator, X, **keywords):
        X = validate_data(estimator, X, **keywords)
        counted.append(CountedArray.of(X))
        counted[-1].reads.append(X.size if keywords["ensure_all_finite"] else 0)
        return counted[-1]

    monkeypatch.setattr(validate, "validate_data", counting)
    X = np.random.default_rng(0).standard_normal((5000, 64))
    model = kind(2, 3, solver=StopsAtOnce(), random_state=0, **parameters)
    with pytest.raises(FirstStepError):
        model.fit(X, np.arange(5000) % 3)
    (X,) = counted
    looked_at = 1000 * 64 + 2**15  # are these images? do some share a curve?
    batch = 32 * 64  # the first mini-batch, up to gathering it
    assert expected * X.size <= sum(X.reads) <= expected * X.size + looked_at + batch


def test_labels_are_encoded_once_in_a_fit(digits):
    X, y = digits
    words = np.array([f"digit {label}" for label in y])
    options = {"max_iter": 1, "early_stopping": True, "class_weight": "balanced"}
    with (
        mock.patch.object(np, "searchsorted", wraps=np.searchsorted) as searches,
        mock.patch.object(class_targets, "encode", side_effect=AssertionError),
    ):
        model = ScratchCNNClassifier(2, 3, random_state=0, **options).fit(X, words)
    assert not searches.called
    assert set(model.predict(X)) <= set(words)


def attributes_of(model):
    """Return all attributes but what scikit-learn's callbacks need during a fit."""
    return {name: value for name, value in vars(model).items() if "callback" not in name}


@pytest.mark.parametrize("kind", [ScratchCNNClassifier, ScratchCNNRegressor])
def test_nothing_changes_before_a_fit_has_ended(kind, digits):
    X, y = digits
    seen = []

    class Watching(SGD):
        def step(self, state, parameters, gradient, learning_rate):
            super().step(state, parameters, gradient, learning_rate)
            seen.append(attributes_of(model))

    model = kind(2, 3, solver=SGD(), max_iter=1, random_state=0)
    before = attributes_of(model)
    model.set_params(solver=Watching()).fit(X, y)
    assert all(attributes.keys() == before.keys() for attributes in seen)
    fitted = attributes_of(model)
    seen.clear()
    model.fit(X[:, :36], y)
    assert model.n_features_in_ == 36
    for attributes in seen:
        assert attributes.keys() == fitted.keys()
        assert all(attributes[name] is fitted[name] for name in fitted)


def test_a_new_fit_forgets_what_the_last_one_knew_besides(digits):
    X, y = digits
    model = ScratchCNNClassifier(2, 3, max_iter=1, early_stopping=True, random_state=0)
    model.fit(pd.DataFrame(X).add_prefix("pixel"), y)
    assert hasattr(model, "feature_names_in_")
    assert hasattr(model, "best_iter_")
    model.set_params(early_stopping=False).fit(X, y)
    assert not hasattr(model, "feature_names_in_")
    assert not hasattr(model, "best_iter_")


def test_what_an_earlier_fit_learned_is_not_shown_to_a_scorer(digits):
    X, y = digits
    seen = []

    def scorer(estimator, X, y):
        seen.append(sorted(vars(estimator)))
        return 1.0

    model = ScratchCNNClassifier(2, 3, max_iter=1, early_stopping=True, scoring=scorer)
    model.fit(X, y).fit(X, y)
    assert seen[0] == seen[1]
    assert "validation_scores_" not in seen[1]


def test_a_network_that_a_user_puts_in_is_gone_on_from(digits):
    X, y = digits
    model = ScratchCNNClassifier(2, 3, max_iter=1, warm_start=True, random_state=0).fit(X, y)
    other = ScratchCNNClassifier(2, 3, max_iter=1, random_state=1).fit(X, y)
    model.network_ = other.network_
    model.set_params(learning_rate=1e-30).fit(X, y)
    np.testing.assert_allclose(model.network_.parameters, other.network_.parameters)
    del model.network_
    assert model.fit(X, y).n_iter_ == 1  # afresh


def test_a_fit_needs_no_copy_by_pickling(digits):
    class Unpicklable(ScratchCNNClassifier):
        def __getstate__(self):
            raise TypeError("not to be copied")

    assert Unpicklable(2, 3, max_iter=1).fit(*digits).n_iter_ == 1
