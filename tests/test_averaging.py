import copy
import pickle
import tracemalloc

import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.layers import BatchNorm, Conv, Dense, Flatten
from skcnn.losses import SquaredError
from skcnn.network import Network
from skcnn.weight_averaging import (
    AVERAGINGS,
    ExponentialMovingAverage,
    StochasticWeightAveraging,
    WeightAveraging,
)


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


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_ema_is_the_mean_with_fading_weights(decay):
    averaging, network = ExponentialMovingAverage(decay), make_network()
    average = averaging.start(network)
    seen = []
    for number in path(network, 20):
        seen.append((network.parameters.copy(), network.state.copy()))
        averaging.after_step(average, network)
        averaging.after_epoch(average, network, 0.9)  # counts for nothing
        weights = decay ** np.arange(number + 1.0)[::-1]
        result = averaging.averaged(average, network)
        for vector, vectors in zip(
            (result.parameters, result.state), zip(*seen, strict=True), strict=True
        ):
            expected = np.average(vectors, axis=0, weights=weights)
            np.testing.assert_allclose(vector, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("begin", "n_epochs", "counted"),
    [(0.75, 20, 5), (0.0, 4, 4), (0.5, 5, 3), (0.99, 3, 1), (0.75, 1, 1), (0.75, None, 6)],
)
def test_swa_is_the_plain_mean_of_the_last_epochs(begin, n_epochs, counted):
    averaging, network = StochasticWeightAveraging(begin), make_network()
    average = averaging.start(network)
    seen = []
    for number in path(network, n_epochs or 6):
        seen.append((network.parameters.copy(), network.state.copy()))
        averaging.after_step(average, network)  # counts for nothing
        fraction = None if n_epochs is None else (number + 1) / n_epochs
        averaging.after_epoch(average, network, fraction)
    assert average["weight"] == counted
    result = averaging.averaged(average, network)
    for vector, vectors in zip(
        (result.parameters, result.state), zip(*seen, strict=True), strict=True
    ):
        expected = np.mean(vectors[-counted:], axis=0)
        np.testing.assert_allclose(vector, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", AVERAGINGS.values())
def test_an_average_of_nothing_is_the_network(kind):
    network = make_network()
    result = kind().averaged(kind().start(network), network)
    assert result is not network
    assert np.array_equal(result.parameters, network.parameters)
    assert np.array_equal(result.state, network.state)


@pytest.mark.parametrize("averaging", [ExponentialMovingAverage(), StochasticWeightAveraging(0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_trained_network_is_left_alone_and_the_dtype_stays(averaging, dtype):
    network = make_network(dtype)
    average = averaging.start(network)
    for _ in path(network, 3):
        before = network.copy()
        averaging.after_step(average, network)
        averaging.after_epoch(average, network, 1.0)
        result = averaging.averaged(average, network)
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


def test_averaged_views_belong_to_the_average():
    averaging, network = ExponentialMovingAverage(), make_network()
    average = averaging.start(network)
    averaging.after_step(average, network)
    result = averaging.averaged(average, network)
    views = result.views()
    assert np.shares_memory(views[0]["weights"], result.parameters)
    assert views[1]["variance"].tolist() == [1, 1]


def test_the_average_of_noisy_steps_is_nearer_to_the_minimum():
    """Constant steps along noisy gradients jump around the minimum; their mean does not."""
    rng = np.random.default_rng(0)
    network = Network((Dense(1, "zeros"),), (5,), np.float64)
    network.initialize(rng)
    wanted = np.arange(5.0)
    averaging = ExponentialMovingAverage(0.99)
    average, distances = averaging.start(network), []
    gradient = np.empty_like(network.parameters)
    for _ in range(2000):
        x = rng.standard_normal((5, 4))
        targets = wanted @ x + 3 * rng.standard_normal(4)
        workspaces = network.workspaces()
        outputs, caches = network.forward(x, workspaces, training=True)
        _, dy = SquaredError().value_and_gradient(outputs, targets, 1 / 4, Workspace())
        network.backward(dy, caches, network.views(gradient), workspaces)
        network.parameters -= 0.05 * gradient
        averaging.after_step(average, network)
        means = averaging.averaged(average, network)
        distances.append(
            [np.linalg.norm(net.views()[0]["weights"][:, 0] - wanted) for net in (network, means)]
        )
    last, mean = np.mean(distances[500:], axis=0)
    assert mean < 0.6 * last


def test_a_step_allocates_nothing_large():
    network = Network((Dense(300),), (4000,), np.float32)
    averaging = ExponentialMovingAverage()
    average = averaging.start(network)
    tracemalloc.start()
    try:
        averaging.after_step(average, network)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


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
