from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from skcnn._data.batches import Images
from skcnn._data.samples import Samples
from skcnn._engine.threads import Team
from skcnn._training import epochs as training
from skcnn._training.epochs import TrainingSettings
from skcnn._training.gradient import RandomStreams
from skcnn._training.state import TrainingState
from skcnn._training.stopping import DivergenceError
from skcnn.layers import Conv, Dense, Dropout, Flatten, MaxPool, ReLU
from skcnn.losses import CrossEntropy
from skcnn.network import Network
from skcnn.optimizers import SGD, Adam
from skcnn.schedules import Schedule

N, FEATURES, CLASSES = 11, 6, 3


SOFTMAX_REGRESSION = (Flatten(), Dense(CLASSES))


CNN = (Conv(2, 3), MaxPool(2), ReLU(), Flatten(), Dropout(0.2), Dense(CLASSES))


def data(weighted=False, dtype=np.float64, n=N, image_shape=(FEATURES,)):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, int(np.prod(image_shape))))
    y = rng.integers(0, CLASSES, n)
    weights = None
    if weighted:
        weights = rng.uniform(0.2, 3, n)
        weights /= weights.mean()
    return X, y, Samples(Images(X, image_shape, None, np.dtype(dtype)), y, weights)


def network_of(layers, shape, dtype=np.float64):
    network = Network(layers, shape, dtype)
    network.initialize(np.random.default_rng(1))
    return network


def new_state(optimizer, seed=2):
    drawing = RandomStreams(np.random.SeedSequence(seed + 1))
    return TrainingState(optimizer, np.random.default_rng(seed), drawing)


def train(*arguments):
    return training.train(*arguments, Team(1))


def textbook_epochs(X, y, weights, w, b, orders, size, rate, alpha):
    """Softmax regression by stochastic gradient descent, batch by batch, from the formulas."""
    for order in orders:
        loss = correct = 0.0
        for first in range(0, len(X), size):
            rows = order[first : first + size]
            x, onehot, fraction = X[rows], np.eye(CLASSES)[y[rows]], weights[rows]
            z = x @ w + b
            losses = -log_softmax(z, axis=1)[np.arange(len(rows)), y[rows]]
            loss += (fraction * losses).sum()
            correct += fraction[z.argmax(axis=1) == y[rows]].sum()
            dz = (softmax(z, axis=1) - onehot) * fraction[:, None] / len(rows)
            w = w * (1 - rate * alpha) - rate * x.T @ dz
            b = b - rate * dz.sum(axis=0)
        yield loss / len(X), correct / len(X), w, b


@pytest.mark.parametrize("size", [1, 4, 11, 50])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0, 0.3])
@pytest.mark.parametrize("shuffle", [False, True])
def test_training_is_the_textbook_loop(shuffle, alpha, weighted, size):
    X, y, samples = data(weighted)
    network = network_of(SOFTMAX_REGRESSION, (1, FEATURES))
    w, b = (network.views()[1][name].copy() for name in ("weights", "bias"))
    rng = np.random.default_rng(2)
    orders = [rng.permutation(N) if shuffle else np.arange(N) for _ in range(6)]
    weights = np.ones(N) if samples.weights is None else samples.weights
    expected = textbook_epochs(X, y, weights, w, b, orders, size, 0.1, alpha)
    settings = TrainingSettings(size, 0.1, alpha, shuffle)
    epochs = train(network, CrossEntropy(), samples, settings, new_state(SGD(0)))
    for epoch, (loss, accuracy, w, b) in zip(islice(epochs, 6), expected, strict=True):
        assert epoch.loss == pytest.approx(loss, rel=1e-12)
        assert epoch.accuracy == pytest.approx(accuracy, rel=1e-12)
        assert epoch.learning_rate == 0.1
        assert epoch.seconds > 0
        np.testing.assert_allclose(network.views()[1]["weights"], w, rtol=1e-11)
        np.testing.assert_allclose(network.views()[1]["bias"], b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("optimizer", [SGD(0), SGD(), Adam()], ids=str)
def test_wide_dense_layers_take_shorter_steps_and_decay_as_others(optimizer):
    X, y, samples = data(image_shape=(4096,))
    network = network_of((Flatten(), Dense(CLASSES)), (1, 4096))
    before = network.views()[1]["weights"].copy()
    settings = TrainingSettings(50, 0.1, alpha=0.3, shuffle=False)
    next(train(network, CrossEntropy(), samples, settings, new_state(optimizer)))
    z = X @ before
    gradient = X.T @ (softmax(z, axis=1) - np.eye(CLASSES)[y]) / N
    first = {
        SGD(0): gradient,
        SGD(): 1.9 * gradient,
        Adam(): gradient / (np.abs(gradient) + 1e-8),
    }
    expected = before * (1 - 0.1 * 0.3) - 0.1 * first[optimizer] * 512 / 4096
    np.testing.assert_allclose(network.views()[1]["weights"], expected, rtol=1e-9, atol=1e-12)


def trained(n_epochs=3, seed=2, optimizer=None, dtype=np.float32):
    _, _, samples = data(dtype=dtype, image_shape=(6, 5))
    network = network_of(CNN, (6, 1, 5), dtype)
    epochs = train(
        network,
        CrossEntropy(),
        samples,
        TrainingSettings(4, 0.01),
        new_state(optimizer or Adam(), seed),
    )
    return network, list(islice(epochs, n_epochs))


def test_equal_generators_give_equal_bits():
    network, epochs = trained()
    again, same = trained()
    assert np.array_equal(network.parameters, again.parameters)
    assert [epoch[:3] for epoch in epochs] == [epoch[:3] for epoch in same]
    assert not np.array_equal(network.parameters, trained(seed=9)[0].parameters)


def test_float32_stays_float32():
    network, _ = trained()
    assert network.parameters.dtype == np.float32


def test_training_in_two_parts_is_training_in_one():
    expected, _ = trained(4)
    _, _, samples = data(image_shape=(6, 5), dtype=np.float32)
    network, state = network_of(CNN, (6, 1, 5), np.float32), new_state(Adam())
    for _ in range(2):
        list(islice(train(network, CrossEntropy(), samples, TrainingSettings(4, 0.01), state), 2))
    assert np.array_equal(network.parameters, expected.parameters)


def test_training_learns_what_can_be_learned():
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, 60)
    X = rng.normal(0, 0.3, (60, FEATURES))
    X[np.arange(60), y] += 2
    samples = Samples(Images(X, (FEATURES,), None, np.dtype(np.float64)), y)
    network = network_of(SOFTMAX_REGRESSION, (1, FEATURES))
    epochs = train(network, CrossEntropy(), samples, TrainingSettings(10, 0.5), new_state(SGD()))
    *_, last = islice(epochs, 30)
    assert last.accuracy == 1
    assert last.loss < 0.05


def test_weights_of_zero_are_left_out():
    X, y, _ = data()
    weights = np.ones(N)
    weights[4:] = 0
    runs = []
    for rows in (slice(None), slice(4)):
        fraction = weights[rows] * len(weights[rows]) / weights[rows].sum()
        samples = Samples(Images(X[rows], (FEATURES,), None, X.dtype), y[rows], fraction)
        network = network_of(SOFTMAX_REGRESSION, (1, FEATURES))
        epochs = train(
            network, CrossEntropy(), samples, TrainingSettings(N, 0.2), new_state(SGD(0))
        )
        runs.append((next(epochs).loss, network.parameters))
    assert runs[0][0] == pytest.approx(runs[1][0], rel=1e-12)
    np.testing.assert_allclose(runs[0][1], runs[1][1], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [1e20, np.finfo(np.float64).max])
def test_divergence_is_an_error_without_warnings(rate, dtype):
    _, _, samples = data(dtype=dtype)
    network = network_of((Flatten(), Dense(5), ReLU(), Dense(CLASSES)), (1, FEATURES), dtype)
    epochs = train(network, CrossEntropy(), samples, TrainingSettings(2, rate), new_state(SGD()))
    with pytest.raises(DivergenceError, match=r"no longer finite|overflow|has grown"):
        list(islice(epochs, 50))


def test_long_gradients_are_shortened():
    steps = {}
    for limit in (None, 1e6, 1e-3):
        network = network_of(SOFTMAX_REGRESSION, (1, FEATURES))
        before = network.parameters.copy()
        settings = TrainingSettings(N, 1.0, max_grad_norm=limit)
        next(train(network, CrossEntropy(), data()[2], settings, new_state(SGD(0))))
        steps[limit] = network.parameters - before
    assert np.array_equal(steps[None], steps[1e6])
    norm = np.linalg.norm(steps[None])
    assert norm > 1e-3
    np.testing.assert_allclose(steps[1e-3], steps[None] * (1e-3 / norm), rtol=1e-9, atol=1e-15)


def test_steps_are_counted_and_the_schedule_is_told_the_fraction():
    @dataclass(frozen=True)
    class Recorder(Schedule):
        def factor(self, state, step, fraction):
            state.setdefault("asked", []).append((step, fraction))
            return 1.0

    network, state = network_of(SOFTMAX_REGRESSION, (1, FEATURES)), new_state(SGD(0))
    state.schedule = Recorder()
    for n_epochs in (2, None):
        settings = TrainingSettings(6, 0.1, n_epochs=n_epochs)
        list(islice(train(network, CrossEntropy(), data()[2], settings, state), 2))
    fractions = [0, 3 / 11, 0.5, 0.5 + 3 / 11]
    expected = [*enumerate(fractions), *((step, None) for step in range(4, 8))]
    for got, wanted in zip(state.schedule_state["asked"], expected, strict=True):
        assert got == pytest.approx(wanted)
    assert state.steps == 8


def test_a_loss_without_correct_predictions_has_no_accuracy():
    class Silent(CrossEntropy):
        def correct(self, outputs, targets, weights):
            return None

    network = network_of(SOFTMAX_REGRESSION, (1, FEATURES))
    epoch = next(train(network, Silent(), data()[2], TrainingSettings(3, 0.1), new_state(SGD(0))))
    assert epoch.accuracy is None


def test_parameters_that_overflow_in_the_last_step_are_noticed():
    _, _, samples = data()
    network = network_of(SOFTMAX_REGRESSION, (1, FEATURES))
    epochs = train(network, CrossEntropy(), samples, TrainingSettings(N, np.inf), new_state(SGD(0)))
    with pytest.raises(DivergenceError):
        next(epochs)


def test_the_learning_rate_zero_moves_nothing():
    network = network_of(SOFTMAX_REGRESSION, (1, FEATURES))
    before = network.parameters.copy()
    next(train(network, CrossEntropy(), data()[2], TrainingSettings(3, 0.0), new_state(SGD(0))))
    assert np.array_equal(network.parameters, before)
