"""ScratchCNNRegressor: what it learns, and in which units; tests/behavior has the rest."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skcnn import ScratchCNNRegressor
from skcnn.layers import Flatten
from skcnn.losses import Quantile
from skcnn.optimizers import SGD
from tests.support.estimators import make_regressor


def make_linear(**parameters):
    """A regressor without blocks, trained by plain descent."""
    plain = {"solver": SGD(momentum=0.0), "learning_rate": 0.3, "max_iter": 1000}
    return make_regressor(**{"layers": [Flatten()], "batch_size": 1000} | plain | parameters)


# What is learned


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns", [0, slice(0, 1), slice(0, 2)])
def test_a_single_layer_is_linear_regression(weighted, columns):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 5))
    y = (X @ rng.normal(0, [3, 50], (5, 2)) + rng.normal([4, -200], [1, 20], (60, 2)))[:, columns]
    weights = rng.uniform(0, 3, 60) if weighted else None
    expected = LinearRegression().fit(X, y, weights).predict(X)
    predicted = make_linear().fit(X, y, weights).predict(X)
    assert predicted.shape == expected.shape
    np.testing.assert_allclose(predicted, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("weights", "medians"),
    [(None, [3, 5]), ([1, 1, 1, 1, 1.5], [3, 5]), ([1, 1, 1, 1, 5], [1000, 7])],
    ids=str,
)
def test_the_absolute_error_leads_to_medians(weights, medians):
    y = np.array([[1.0, 0], [2, 0], [3, 5], [4, 6], [1000, 7]])
    deviation = np.sqrt(np.cov(y.T, aweights=weights, ddof=0).diagonal())
    model = make_linear(
        loss="absolute_error", learning_rate_schedule=lambda step: 20 / (step + 20), max_iter=2000
    )
    with pytest.warns(ConvergenceWarning, match="no better than .* the weighted median"):
        model.fit(np.zeros((5, 4)), y, weights)  # from which there is nothing else to learn
    predicted = model.predict(np.zeros((1, 4)))
    assert (np.abs(predicted - [medians]) < 0.02 * deviation).all()


def test_the_default_network_finds_what_is_local(numbers):
    X, y = numbers
    model = ScratchCNNRegressor(max_iter=60, random_state=0).fit(X[:100], y[:100])
    assert model.score(X[:100], y[:100]) > 0.95
    assert r2_score(y[100:, 0], model.predict(X[100:])[:, 0]) > 0.8


def test_losses_are_of_standardized_targets(numbers):
    X, y = numbers
    weights = np.random.default_rng(0).integers(1, 4, len(y))
    mean = np.average(y, axis=0, weights=weights)
    deviation = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=weights))
    model = make_linear(max_iter=3).fit(X, y, weights, X_val=X[:20], y_val=y[:20])
    # the network starts at zero, so at the mean
    assert model.loss_curve_[0] == pytest.approx(0.5, rel=1e-12)
    errors = (model.predict(X[:20]) - y[:20]) / deviation
    assert model.history_[-1]["validation_loss"] == pytest.approx((errors**2).mean() / 2, rel=1e-9)
    assert model.validation_scores_[-1] == -model.history_[-1]["validation_loss"]
    keys = "loss", "learning_rate", "seconds", "validation_loss", "validation_score"
    assert {*model.history_[0]} == {*keys}


@pytest.mark.parametrize(("factor", "shift"), [(4.0, 0.0), (-1.0, 0.0), (1e-30, 0.0), (7.0, 1e6)])
def test_units_do_not_matter(factor, shift, numbers):
    X, y = numbers
    plain = make_regressor().fit(X, y).predict(X)
    moved = make_regressor().fit(X, factor * y + shift).predict(X)
    if factor == 4 and not shift:
        assert np.array_equal(moved, 4 * plain)
    elif factor > 0:
        np.testing.assert_allclose((moved - shift) / factor, plain, rtol=1e-6, atol=1e-6)
    assert r2_score(factor * y + shift, moved) > 0


def test_targets_far_from_zero_are_exact_with_float32(numbers):
    X, y = numbers
    far = 1e9 + y[:, 0]
    model = make_regressor(max_iter=20).fit(X.astype(np.float32), far)
    assert model.network_.dtype == np.float32
    predicted = model.predict(X.astype(np.float32))
    assert predicted.dtype == np.float64
    assert r2_score(far, predicted) > 0.5


def test_constant_targets_are_predicted_exactly(numbers):
    X, y = numbers
    constant = np.column_stack([np.full(len(X), 0.1), y[:, 1]])
    predicted = make_regressor(max_iter=1).fit(X, np.full(len(X), 0.1)).predict(X)
    assert (predicted == 0.1).all()
    assert np.isfinite(make_regressor().fit(X, constant).predict(X)).all()


@pytest.mark.parametrize("shape", [(120,), (120, 1), (120, 2)])
def test_predictions_have_the_form_of_y(shape, numbers):
    X, y = numbers
    y = y[:, : shape[1]] if len(shape) == 2 else y[:, 0]
    model = make_regressor().fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.predict(X[:3]).shape == (3, *shape[1:])
    assert model.n_outputs_ == (1 if len(shape) == 1 else shape[1])


# In company


def test_in_searches_and_around_each_output(numbers):
    X, y = numbers
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), make_regressor()),
        {"scratchcnnregressor__loss": ["squared_error", "absolute_error"]},
        cv=2,
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert MultiOutputRegressor(make_regressor()).fit(X, y).predict(X).shape == y.shape


def test_the_score_is_r2_and_a_clone_is_not_fitted(regressor, numbers):
    X, y = numbers
    weights = np.arange(len(y)) % 3
    expected = r2_score(y, regressor.predict(X), sample_weight=weights)
    assert regressor.score(X, y, weights) == pytest.approx(expected)
    assert not hasattr(clone(regressor), "network_")


@pytest.mark.parametrize("loss", ["squared_error", Quantile((0.1, 0.9)), Quantile(0.5)])
def test_a_score_asks_for_as_many_columns_as_there_were(loss, numbers):
    X, y = numbers
    y = y[:, 0]
    columns = np.column_stack([y, y, y])
    model = make_regressor(loss=loss, max_iter=1).fit(X, columns)
    for other in (y, columns[:, :1], columns[:, :2]):
        with pytest.raises(ValueError, match=r"y has [12] output\(s\), but .* has 3\."):
            model.score(X, other)
    one = make_regressor(loss=loss, max_iter=1).fit(X, y)
    assert one.score(X, y[:, None]) == one.score(X, y)
    column = make_regressor(loss=loss, max_iter=1).fit(X, y[:, None])
    assert column.score(X, y) == column.score(X, y[:, None])


def test_verbose_tells_no_accuracy(numbers, capsys):
    X, y = numbers
    make_regressor(verbose=1, max_iter=1).fit(X, y)
    printed = capsys.readouterr().out
    assert printed.startswith("Epoch 1: loss ")
    assert "accuracy" not in printed
