import copy
import pickle

import joblib
import numpy as np
import pytest

from skcnn import ScratchCNNRegressor
from skcnn.layers import BatchNorm, Conv, Dense, Flatten
from skcnn.network import Network
from skcnn.weight_averaging import (
    AVERAGINGS,
    ExponentialMovingAverage,
    StochasticWeightAveraging,
    WeightAveraging,
)
from tests.support.memory import measures_memory, peak_of

NORMALIZED = {"batch_norm": True, "dropout": 0.1}


def make_network(dtype=np.float64):
    network = Network((Conv(2, 3), BatchNorm(), Flatten(), Dense(3)), (4, 1, 4), dtype)
    network.initialize(np.random.default_rng(0))
    return network


def path(network, n_steps, seed=0):
    """Move the network n times; yield the number of the step."""
    rng = np.random.default_rng(seed)
    for number in range(n_steps):
        network.parameters[:] = rng.standard_normal(network.parameters.size)
        network.state[:] = rng.uniform(1, 2, network.state.size)
        yield number


def assert_mean(network, seen, weights):
    """Assert that a network is the weighted mean of pairs of parameters and state."""
    for vector, vectors in zip(
        (network.parameters, network.state), zip(*seen, strict=True), strict=True
    ):
        expected = np.average(vectors, axis=0, weights=weights)
        np.testing.assert_allclose(vector, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_ema_is_the_mean_with_fading_weights(decay):
    averaging, network = ExponentialMovingAverage(decay), make_network()
    average, seen = averaging.start(network), []
    for number in path(network, 20):
        seen.append((network.parameters.copy(), network.state.copy()))
        averaging.after_step(average, network)
        averaging.after_epoch(average, network, 0.9)  # counts for nothing
        weights = decay ** np.arange(number + 1.0)[::-1]
        assert_mean(averaging.averaged(average, network), seen, weights)


@pytest.mark.parametrize(
    ("begin", "n_epochs", "counted"),
    [(0.75, 20, 5), (0.0, 4, 4), (0.5, 5, 3), (0.99, 3, 1), (0.75, 1, 1), (0.75, None, 6)],
)
def test_swa_is_the_plain_mean_of_the_last_epochs(begin, n_epochs, counted):
    averaging, network = StochasticWeightAveraging(begin), make_network()
    average, seen = averaging.start(network), []
    for number in path(network, n_epochs or 6):
        seen.append((network.parameters.copy(), network.state.copy()))
        averaging.after_step(average, network)  # counts for nothing
        fraction = None if n_epochs is None else (number + 1) / n_epochs
        averaging.after_epoch(average, network, fraction)
    assert average["weight"] == counted
    assert_mean(averaging.averaged(average, network), seen[-counted:], np.ones(counted))


@pytest.mark.parametrize("averaging", [ExponentialMovingAverage(), StochasticWeightAveraging(0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_trained_network_is_left_alone_and_the_dtype_stays(averaging, dtype):
    network = make_network(dtype)
    average = averaging.start(network)
    nothing = averaging.averaged(average, network)
    assert nothing is not network
    assert np.array_equal(nothing.parameters, network.parameters)
    assert np.array_equal(nothing.state, network.state)
    for _ in path(network, 3):
        before = network.copy()
        averaging.after_step(average, network)
        averaging.after_epoch(average, network, 1.0)
        result = averaging.averaged(average, network)
        assert np.shares_memory(result.views()[0]["weights"], result.parameters)
        result.parameters[:] = result.state[:] = 0
        assert np.array_equal(network.parameters, before.parameters)
        assert np.array_equal(network.state, before.state)
        assert result.dtype == result.state.dtype == dtype
        assert average["parameters"].dtype == average["state"].dtype == dtype


@pytest.mark.parametrize("averaging", [ExponentialMovingAverage(), StochasticWeightAveraging(0)])
def test_a_saved_average_goes_on_with_the_same_bits(averaging):
    results = []
    for saves in (False, True):
        network = make_network(np.float32)
        average = averaging.start(network)
        for _ in path(network, 6):
            averaging.after_step(average, network)
            averaging.after_epoch(average, network, 1.0)
            if saves:
                average = pickle.loads(pickle.dumps(average))
        results.append(averaging.averaged(average, network))
    assert results[0].parameters.tobytes() == results[1].parameters.tobytes()
    assert results[0].state.tobytes() == results[1].state.tobytes()


def test_average_of_noisy_steps_is_nearer_to_the_minimum():
    """Constant steps along noisy gradients jump around the minimum; their mean does not."""
    rng, network = np.random.default_rng(0), Network((Dense(5),), (1,), np.float64)
    averaging, minimum, distances = ExponentialMovingAverage(0.99), np.arange(10.0), []
    average = averaging.start(network)
    for _ in range(1000):
        network.parameters -= 0.05 * (network.parameters - minimum + 3 * rng.standard_normal(10))
        averaging.after_step(average, network)
        pair = (network, averaging.averaged(average, network))
        distances.append([np.linalg.norm(one.parameters - minimum) for one in pair])
    last, mean = np.mean(distances[500:], axis=0)
    assert mean < 0.6 * last


@measures_memory
def test_a_step_allocates_nothing_large():
    network = Network((Dense(300),), (4000,), np.float32)
    averaging = ExponentialMovingAverage()
    average = averaging.start(network)
    assert peak_of(lambda: averaging.after_step(average, network)) < 100_000


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, float("nan"), "a", None])
def test_bad_values_are_named(value):
    with pytest.raises(ValueError, match=r"decay=.* must be a number of at least 0 and less than"):
        ExponentialMovingAverage(value)
    with pytest.raises(ValueError, match=r"begin=.* must be a number of at least 0 and less than"):
        StochasticWeightAveraging(value)


def test_averagings_are_values():
    assert ExponentialMovingAverage() == copy.deepcopy(ExponentialMovingAverage())
    assert ExponentialMovingAverage(0.9) != ExponentialMovingAverage(0.99)
    assert WeightAveraging() != StochasticWeightAveraging()
    assert set(AVERAGINGS) == {"ema", "swa"}


# In the estimator: against averages of the networks that shorter fits end with


def networks_after(make, X, y, epochs, batch_size):
    """Parameters and state that plain training passes through."""
    networks = [make(max_iter=k, batch_size=batch_size).fit(X, y).network_ for k in epochs]
    return [(network.parameters, network.state) for network in networks]


@pytest.mark.parametrize("kind", [{}, NORMALIZED], ids=str)
def test_fitted_network_is_the_average_of_steps_or_of_epochs(make_classifier, digits, kind):
    X, y = digits[0].astype(float), digits[1]

    def make(**parameters):
        return make_classifier(**kind, **parameters)

    ema, fading = ExponentialMovingAverage(0.6), 0.6 ** np.arange(4)[::-1]
    swa = [
        (StochasticWeightAveraging(0.0), [1, 1, 1, 1]),
        (StochasticWeightAveraging(0.5), [0, 0, 1, 1]),
    ]
    for batch_size, cases in [(300, [(ema, fading), ("swa", [0, 0, 0, 1]), *swa]), (150, swa)]:
        seen = networks_after(make, X, y, range(1, 5), batch_size)
        for averaging, weights in cases:
            model = make(max_iter=4, weight_averaging=averaging, batch_size=batch_size).fit(X, y)
            if kind:  # its statistics are another matter, see below
                model.network_.state[:] = np.average([s for _, s in seen], axis=0, weights=weights)
            assert_mean(model.network_, seen, weights)


def test_what_does_not_matter_changes_no_bit(make_classifier, digits, assert_same_bits):
    X, y = digits
    plain, averaged = make_classifier().fit(X, y), make_classifier(weight_averaging="ema").fit(X, y)
    swa = make_classifier(weight_averaging="swa").fit(X, y)
    assert plain.loss_curve_ == averaged.loss_curve_ == swa.loss_curve_
    without_memory = make_classifier(weight_averaging=ExponentialMovingAverage(0.0)).fit(X, y)
    assert_same_bits(without_memory, plain, X)
    recorded = make_classifier(weight_averaging="ema", scoring="f1_macro")
    assert_same_bits(recorded.fit(X, y, X_val=X, y_val=y), averaged, X)
    one, two = (
        make_classifier(weight_averaging="ema", batch_size=150, n_jobs=n).fit(X, y) for n in (1, 2)
    )
    assert_same_bits(one, two, X)


@pytest.mark.parametrize(("solver", "kind"), [("sgd", {"dropout": 0.1}), ("adam", {})])
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


@pytest.mark.parametrize("averaging", ["ema", "swa"])
def test_a_stream_has_the_averaged_weights_of_a_fit_and_averaged_statistics(
    make_classifier, digits, averaging
):
    X, y = digits
    kind = {"weight_averaging": averaging, "batch_norm": True}
    model, statistics = make_classifier(**kind), []
    for _ in range(3):
        model.partial_fit(X, y, classes=np.unique(y))
        statistics.append(model._fitted.state.trained.state.copy())
    if averaging == "swa":
        expected = np.mean(statistics, axis=0)
        np.testing.assert_allclose(model.network_.state, expected, rtol=1e-5, atol=1e-5)
        averaging = StochasticWeightAveraging(0.0)
    fitted = make_classifier(max_iter=3, batch_norm=True, weight_averaging=averaging).fit(X, y)
    assert model.network_.parameters.tobytes() == fitted.network_.parameters.tobytes()
    assert not np.array_equal(model.network_.state, fitted.network_.state)
    assert model.set_params(warm_start=True).fit(X, y).score(X, y) > 0.1


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


def test_fitted_model_without_warm_start_is_as_small_as_without_averaging(make_classifier, digits):
    X, y = digits
    plain = len(pickle.dumps(make_classifier(n_filters=(8, 16)).fit(X, y)))
    averaged = make_classifier(n_filters=(8, 16), weight_averaging="ema").fit(X, y)
    assert len(pickle.dumps(averaged)) < plain + 500


# What is validated is the average


@pytest.mark.parametrize(
    ("scoring", "averaging"),
    [
        ("loss", "ema"),
        ("accuracy", StochasticWeightAveraging(0.2)),
        ("neg_log_loss", "ema"),
        ("loss", StochasticWeightAveraging(0.2)),
    ],
)
def test_scores_are_of_the_average_and_the_best_is_restored(
    make_classifier, digits, scoring, averaging
):
    X, y = digits
    kind = {"weight_averaging": averaging, "early_stopping": True, "scoring": scoring}
    model = make_classifier(max_iter=6, learning_rate=0.03, **kind)
    model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    p = model.predict_proba(X[200:])
    log_loss = -np.log(p[np.arange(100), y[200:]]).mean()
    expected = model.score(X[200:], y[200:]) if scoring == "accuracy" else -log_loss
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-5)
    best = model.history_[model.best_iter_ - 1]
    assert best["validation_loss"] == pytest.approx(log_loss, rel=1e-5)


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
def test_what_is_no_averaging_is_named(make_classifier, digits, bad):
    with pytest.raises(ValueError, match=r"'weight_averaging' parameter of ScratchCNNClassifier"):
        make_classifier(weight_averaging=bad).fit(*digits)
