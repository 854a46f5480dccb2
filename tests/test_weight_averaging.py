"""weight_averaging, against averages of the networks that shorter fits end with."""

import pickle

import joblib
import numpy as np
import pytest

from skcnn import ScratchCNNRegressor
from skcnn.weight_averaging import ExponentialMovingAverage, StochasticWeightAveraging

NORMALISED = {"batch_norm": True, "dropout": 0.1}


def parameters_after(make, X, y, epochs):
    """Parameters and states that plain training passes through."""
    networks = [make(max_iter=k).fit(X, y).network_ for k in epochs]
    return [np.array([getattr(net, name) for net in networks]) for name in ("parameters", "state")]


@pytest.mark.parametrize("kind", [{}, NORMALISED], ids=str)
def test_ema_is_the_fading_mean_over_steps(make_classifier, digits, kind):
    X, y = digits[0].astype(float), digits[1]

    def make(**parameters):
        return make_classifier(batch_size=300, **kind, **parameters)  # a step an epoch

    averaging = ExponentialMovingAverage(0.6)
    model = make(max_iter=4, weight_averaging=averaging).fit(X, y)
    expected = parameters_after(make, X, y, range(1, 5))
    weights = 0.6 ** np.arange(4)[::-1]
    for name, vectors in zip(("parameters", "state"), expected, strict=True):
        mean = np.average(vectors, axis=0, weights=weights)
        np.testing.assert_allclose(getattr(model.network_, name), mean, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", [{}, NORMALISED], ids=str)
@pytest.mark.parametrize(
    ("averaging", "counted"),
    [("swa", [4]), (StochasticWeightAveraging(0.0), [1, 2, 3, 4]),
     (StochasticWeightAveraging(0.5), [3, 4])],
)  # fmt: skip
def test_swa_is_the_mean_over_the_last_epochs(make_classifier, digits, averaging, counted, kind):
    X, y = digits[0].astype(float), digits[1]

    def make(**parameters):
        return make_classifier(**kind, **parameters)

    model = make(max_iter=4, weight_averaging=averaging).fit(X, y)
    expected = parameters_after(make, X, y, counted)
    for name, vectors in zip(("parameters", "state"), expected, strict=True):
        mean = vectors.mean(axis=0)
        np.testing.assert_allclose(getattr(model.network_, name), mean, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("averaging", ["ema", "swa"])
def test_training_itself_does_not_change(make_classifier, digits, averaging):
    X, y = digits
    plain = make_classifier(max_iter=3).fit(X, y)
    averaged = make_classifier(max_iter=3, weight_averaging=averaging).fit(X, y)
    assert averaged.loss_curve_ == plain.loss_curve_


def test_without_memory_it_is_the_last_network(make_classifier, digits, assert_same_bits):
    X, y = digits
    model = make_classifier(weight_averaging=ExponentialMovingAverage(0.0)).fit(X, y)
    assert_same_bits(model, make_classifier().fit(X, y), X)


def test_threads_change_no_bit(make_classifier, digits, assert_same_bits):
    X, y = digits
    one, two = (
        make_classifier(weight_averaging="ema", batch_size=150, n_jobs=n).fit(X, y) for n in (1, 2)
    )
    assert_same_bits(one, two, X)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("kind", [{}, NORMALISED], ids=str)
def test_k_epochs_and_then_m_are_k_plus_m(
    make_classifier, digits, assert_same_bits, tmp_path, solver, kind
):
    X, y = digits
    kind = {"weight_averaging": "ema", "solver": solver, **kind}
    straight = make_classifier(max_iter=5, **kind).fit(X, y)
    model = make_classifier(max_iter=2, warm_start=True, **kind).fit(X, y)
    model = pickle.loads(pickle.dumps(model)).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    model = joblib.load(tmp_path / "model.joblib", mmap_mode="r").partial_fit(X, y)
    assert model.n_iter_ == 5
    assert_same_bits(model, straight, X)
    by_epoch = make_classifier(**kind)
    for _ in range(5):
        by_epoch.partial_fit(X, y, classes=np.unique(y))
    assert_same_bits(by_epoch, straight, X)


def test_a_warm_start_with_swa_forgets_the_earlier_call(make_classifier, digits):
    X, y = digits[0].astype(float), digits[1]
    kind = {"weight_averaging": StochasticWeightAveraging(0.5), "warm_start": True}
    model = make_classifier(max_iter=2, **kind).fit(X, y).fit(X, y)
    plain = make_classifier(max_iter=4).fit(X, y)
    np.testing.assert_allclose(model.network_.parameters, plain.network_.parameters, rtol=1e-12)


def test_it_may_be_switched_on_and_off(make_classifier, digits, assert_same_bits):
    X, y = digits
    kind = {"weight_averaging": "ema", "warm_start": True}
    model = make_classifier(**kind).fit(X, y)
    shown = model.network_.parameters.copy()
    other = pickle.loads(pickle.dumps(model))
    model.set_params(weight_averaging=None, learning_rate=1e-30).fit(X, y)
    np.testing.assert_allclose(model.network_.parameters, shown, rtol=1e-5)
    assert other.set_params(weight_averaging="swa").fit(X, y).n_iter_ == 4


def test_what_fit_keeps_is_small_without_warm_start(make_classifier, digits):
    X, y = digits
    plain = len(pickle.dumps(make_classifier(n_filters=(8, 16)).fit(X, y)))
    averaged = make_classifier(n_filters=(8, 16), weight_averaging="ema").fit(X, y)
    assert len(pickle.dumps(averaged)) < plain + 500


# What is validated is the average


@pytest.mark.parametrize("scoring", ["loss", "accuracy", "neg_log_loss"])
@pytest.mark.parametrize("averaging", ["ema", StochasticWeightAveraging(0.2)])
def test_scores_are_of_the_average_and_the_best_is_restored(
    make_classifier, digits, scoring, averaging
):
    X, y = digits
    kind = {"weight_averaging": averaging, "early_stopping": True, "scoring": scoring}
    model = make_classifier(max_iter=8, learning_rate=0.03, **kind)
    model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    p = model.predict_proba(X[200:])
    log_loss = -np.log(p[np.arange(100), y[200:]]).mean()
    expected = model.score(X[200:], y[200:]) if scoring == "accuracy" else -log_loss
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-5)
    best = model.history_[model.best_iter_ - 1]
    assert best["validation_loss"] == pytest.approx(log_loss, rel=1e-5)


def test_a_recorded_validation_set_changes_nothing(make_classifier, digits, assert_same_bits):
    X, y = digits
    kind = {"weight_averaging": "ema", "scoring": "f1_macro"}
    recorded = make_classifier(**kind).fit(X, y, X_val=X, y_val=y)
    assert_same_bits(recorded, make_classifier(**kind).fit(X, y), X)


def test_an_interrupt_leaves_the_average(make_classifier, digits, assert_same_bits):
    X, y = digits
    scores = [1.0, 1.0]

    def scoring(model, X, y):
        if not scores:
            raise KeyboardInterrupt
        return scores.pop()

    model = make_classifier(max_iter=5, weight_averaging="ema", scoring=scoring)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y, X_val=X, y_val=y)
    assert_same_bits(model, make_classifier(max_iter=2, weight_averaging="ema").fit(X, y), X)


def test_the_regressor_averages_too(digits):
    X, y = digits
    kind = {"n_filters": 2, "max_iter": 3, "random_state": 0, "learning_rate_schedule": "constant"}
    plain = ScratchCNNRegressor(**kind).fit(X, y)
    model = ScratchCNNRegressor(weight_averaging="ema", **kind).fit(X, y)
    assert model.loss_curve_ == plain.loss_curve_
    assert not np.array_equal(model.predict(X), plain.predict(X))


@pytest.mark.parametrize("bad", ["polyak", 0.9, ExponentialMovingAverage])
def test_bad_values_are_named(make_classifier, digits, bad):
    with pytest.raises(ValueError, match=r"'weight_averaging' parameter of ScratchCNNClassifier"):
        make_classifier(weight_averaging=bad).fit(*digits)
