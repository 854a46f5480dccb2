"""Losses of the regressor, losses of users, and missing targets, seen from the estimators."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.model_selection import GridSearchCV

from skcnn.layers import Flatten
from skcnn.losses import CrossEntropy, Huber, Loss, Poisson, Quantile
from tests.support.estimators import (
    SMOOTH,
    assert_same_bits,
    few_iterations,
    make_classifier,
    make_regressor,
    unchanged,
)

NAMES = ["huber", "log_cosh", "quantile", "poisson"]
EVERY = [*NAMES, Quantile((0.1, 0.5, 0.9)), Huber(0.5)]
every_loss = pytest.mark.parametrize("loss", EVERY, ids=str)


@pytest.fixture(scope="module")
def counts(digits):
    """How dark digits are on the right, as counts."""
    X, _ = digits
    light = X.reshape(-1, 8, 8)[:, :, 4:].mean(axis=(1, 2))
    return np.random.default_rng(0).poisson(light)


@every_loss
def test_each_loss_learns(loss, digits, counts):
    X = digits[0]
    model = make_regressor(loss=loss, max_iter=30).fit(X, counts)
    assert model.score(X, counts) > 0.2
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@few_iterations
@every_loss
def test_each_loss_falls_with_lbfgs(loss, digits, counts):
    X = digits[0]
    model = make_regressor(loss=loss, solver="lbfgs", batch_size="auto", max_iter=15)
    curve = model.fit(X, counts).loss_curve_
    assert (np.diff(curve) <= 0).all()
    assert curve[-1] < 0.9 * curve[0]


@every_loss
@pytest.mark.parametrize("n_jobs", [2, 3])
def test_threads_change_no_bit(loss, n_jobs, digits, counts):
    X = digits[0]
    one, other = (make_regressor(loss=loss, n_jobs=n).fit(X, counts) for n in (1, n_jobs))
    assert_same_bits(one, other, X)


@pytest.mark.parametrize("loss", ["log_cosh", "poisson", Huber(5)], ids=str)
def test_weights_count_as_repeated_samples(loss, digits, counts):
    """With losses whose slope has no jumps, to which rounding would matter."""
    X = digits[0].astype(float)
    weights = np.random.default_rng(0).integers(0, 3, len(X))
    kept = weights > 0
    model = make_regressor(loss=loss, batch_size=1000, dtype="float64", **SMOOTH)
    weighted = clone(model).fit(X, counts, sample_weight=weights)
    repeated = clone(model).fit(X.repeat(weights, axis=0), counts.repeat(weights))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-6, atol=1e-9)
    removed = clone(model).fit(X[kept], counts[kept], sample_weight=weights[kept])
    assert_same_bits(weighted, removed, X)


@every_loss
def test_calls_go_on_and_models_are_saved(loss, digits, counts):
    X = digits[0]
    at_once = make_regressor(loss=loss, max_iter=2).fit(X, counts)
    warm = make_regressor(loss=loss, max_iter=1, warm_start=True).fit(X, counts)
    warm = pickle.loads(pickle.dumps(warm)).fit(X, counts)
    assert np.array_equal(at_once.predict(X), warm.predict(X))
    streamed = make_regressor(loss=loss).partial_fit(X, counts).partial_fit(X, counts)
    assert np.array_equal(at_once.predict(X), streamed.predict(X))


@few_iterations
def test_a_linear_network_with_poisson_is_the_poisson_regressor(digits, counts):
    X = digits[0].reshape(len(counts), -1)[:, 10:22].astype(float) / 16
    model = make_regressor(
        layers=[Flatten()], loss="poisson", solver="lbfgs", batch_size="auto", max_iter=3000,
        tol=None, dtype="float64", standardize=False, image_shape=12, alpha=1e-3,
    ).fit(X, counts)  # fmt: skip
    # ours is the loss of y divided by its mean, whose deviance is smaller by that factor
    peer = PoissonRegressor(alpha=1e-3 * counts.mean(), max_iter=5000, tol=1e-12).fit(X, counts)
    np.testing.assert_allclose(model.predict(X), peer.predict(X), rtol=1e-4)


def test_poisson_predicts_positive_numbers_and_refuses_negative_ones(digits, counts):
    X = digits[0]
    model = make_regressor(loss="poisson").fit(X, counts)
    assert (model.predict(X) > 0).all()
    for y, name, more in [
        (counts - 1, "y", {}),
        (counts, "y_val", {"X_val": X, "y_val": counts - 1.0}),
    ]:
        with unchanged(model), pytest.raises(ValueError, match=f"{name} holds -1, .* at least 0"):
            model.fit(X, y, **more)
    with pytest.raises(ValueError, match=r"y is 0 in every sample of column 1"):
        model.fit(X, np.c_[counts, 0 * counts])


def test_quantiles_hold_their_share_of_the_samples(digits):
    X = digits[0]
    y = np.random.default_rng(0).gumbel(size=len(X))
    model = make_regressor(loss=Quantile((0.1, 0.5, 0.9)), max_iter=40).fit(X, y)
    predicted = model.predict(X)
    assert predicted.shape == (300, 3)
    np.testing.assert_allclose((y[:, None] <= predicted).mean(axis=0), (0.1, 0.5, 0.9), atol=0.1)
    expected = [d2_pinball_score(y, predicted[:, k], alpha=(0.1, 0.5, 0.9)[k]) for k in range(3)]
    assert model.score(X, y) == pytest.approx(np.mean(expected))
    assert model.n_outputs_ == 1
    two = make_regressor(loss=Quantile((0.2, 0.8))).fit(X, np.c_[y, 5 * y - 3])
    assert two.predict(X).shape == (300, 2, 2)
    assert make_regressor(loss=Quantile((0.2,))).fit(X, y).predict(X).shape == (300, 1)
    assert make_regressor(loss=Quantile(0.2)).fit(X, y).predict(X).shape == (300,)


def test_parameters_of_losses_are_searched(digits, counts):
    X = digits[0].reshape(len(counts), -1)
    search = GridSearchCV(make_regressor(loss=Huber()), {"loss__delta": [0.5, 2.0]}, cv=2)
    assert search.fit(X, counts).best_estimator_.loss in (Huber(0.5), Huber(2.0))
    with pytest.raises(ValueError, match=r"loss__delta cannot be set.*loss=Huber\(\)"):
        make_regressor(loss="huber").set_params(loss__delta=2)


def test_a_loss_of_other_outputs_cannot_go_on(digits, counts):
    X = digits[0]
    for first, second in [("huber", "poisson"), ("huber", Quantile((0.2, 0.5)))]:
        model = make_regressor(loss=first, warm_start=True).fit(X, counts)
        with pytest.raises(ValueError, match="other outputs than that of the first fit"):
            model.set_params(loss=second).fit(X, counts)
    model = make_regressor(warm_start=True).fit(X, counts)
    model.set_params(loss="huber").fit(X, counts)


# Missing targets


@pytest.fixture(scope="module")
def holes(numbers):
    """Targets of which a third is missing, a sample at random whole."""
    _, y = numbers
    missing = np.random.default_rng(0).random(y.shape) < 0.3
    missing[7] = True
    return np.where(missing, np.nan, y)


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", *NAMES[:3], Quantile((0.2, 0.8))]
)
def test_missing_entries_count_for_nothing(loss, numbers, holes):
    X, _ = numbers
    model = make_regressor(nan_targets="ignore", loss=loss, max_iter=4).fit(X, holes)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(model.loss_curve_).all()
    filled = model._fitted.targets
    present = ~np.isnan(holes)
    for column, kept, mean in zip(holes.T, present.T, filled.scale.mean, strict=True):
        assert mean == pytest.approx(column[kept].mean())
    whole = clone(model).fit(X, np.nan_to_num(holes))
    same = make_regressor(loss=loss, max_iter=4).fit(X, np.nan_to_num(holes))
    assert_same_bits(whole, same, X)


def test_columns_are_learned_as_if_alone_but_for_their_share(numbers, holes):
    """One column without holes and one that is missing everywhere but once."""
    X, y = numbers
    alone = np.full((len(X), 2), np.nan)
    alone[:, 0] = y[:, 0]
    alone[:2, 1] = (1, 2)
    model = make_regressor(nan_targets="ignore", max_iter=30).fit(X, alone)
    assert r2_score(y[:, 0], model.predict(X)[:, 0]) > 0.5


def test_scores_are_those_of_the_entries_that_are_there(numbers, holes):
    X, _ = numbers
    model = make_regressor(nan_targets="ignore", max_iter=9).fit(X, holes)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(X))
    predicted, present = model.predict(X), ~np.isnan(holes)
    for w in (None, weights):
        expected = [
            r2_score(y[kept], p[kept], sample_weight=None if w is None else w[kept])
            for y, p, kept in zip(holes.T, predicted.T, present.T, strict=True)
        ]
        assert model.score(X, holes, w) == pytest.approx(np.mean(expected))


def test_missing_entries_may_be_held_out_and_weighted(numbers, holes):
    X, _ = numbers
    model = make_regressor(nan_targets="ignore", early_stopping=True, validation_fraction=0.3)
    weights = np.random.default_rng(1).integers(0, 3, len(X))
    kept = weights > 0
    one = clone(model).fit(X, holes, sample_weight=weights)
    other = clone(model).fit(X[kept], holes[kept], sample_weight=weights[kept])
    assert_same_bits(one, other, X)
    assert np.isfinite(one.validation_scores_).all()


def test_missing_entries_are_an_error_that_names_the_way_out(numbers, holes):
    X, _ = numbers
    with pytest.raises(ValueError, match=r"Input y contains NaN.*nan_targets='ignore'"):
        make_regressor().fit(X, holes)
    infinite = np.where(np.isnan(holes), np.inf, holes)
    with pytest.raises(ValueError, match="y contains infinity"):
        make_regressor(nan_targets="ignore").fit(X, infinite)
    empty = holes.copy()
    empty[:, 1] = np.nan
    with pytest.raises(ValueError, match="y has no number in column 1"):
        make_regressor(nan_targets="ignore").fit(X, empty)
    with pytest.raises(ValueError, match=r"scoring='r2' cannot score.*contains NaN"):
        make_regressor(nan_targets="ignore", scoring="r2").fit(X, holes, X_val=X, y_val=holes)


# Losses of users


@dataclass(frozen=True)
class Focal(CrossEntropy):
    """Lin, Goyal, Girshick, He, Dollar. Focal Loss for Dense Object Detection. ICCV 2017."""

    gamma: float = 2.0

    def value_and_gradient(self, outputs, targets, weights, workspace):
        p, own = self.predict(outputs), (targets, np.arange(len(targets)))
        right, rest = p[own], 1 - p[own]
        losses = -(rest**self.gamma) * np.log(right)
        slope = self.gamma * rest ** (self.gamma - 1) * right * np.log(right) - rest**self.gamma
        gradient = -p * slope
        gradient[own] += slope
        return float(np.sum(losses * weights)), gradient * weights


def test_a_loss_of_users_is_minimized(digits):
    X, y = digits
    model = make_classifier(loss=Focal(), max_iter=20).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.history_[-1]["accuracy"] > 0.9
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    plain = make_classifier(loss=Focal(gamma=0.0), dtype="float64", **SMOOTH).fit(X, y)
    expected = make_classifier(dtype="float64", **SMOOTH).fit(X, y)
    np.testing.assert_allclose(plain.predict_proba(X), expected.predict_proba(X), rtol=1e-9)


class Transposed(Loss):
    def value_and_gradient(self, outputs, targets, weights, workspace):
        return 1.0, outputs.T


@pytest.mark.parametrize("make", [make_classifier, make_regressor])
def test_what_a_loss_must_not_be_is_named(make, digits):
    X, y = digits
    for loss, words in [
        (Huber, "'loss' parameter"),
        ("hubert", "'loss' parameter"),
        (Transposed(), r"returned a gradient of shape \(32, 10?\) for outputs of shape"),
    ]:
        model = make(loss=loss)
        with unchanged(model), pytest.raises(ValueError, match=words):
            model.fit(X, y)
    with pytest.raises(ValueError, match=r"label_smoothing=0\.1 is for loss='cross_entropy'"):
        make_classifier(loss=Focal(), label_smoothing=0.1).fit(X, y)
    assert Poisson().is_positive
