import copy
import pickle

import numpy as np
import pytest

from skcnn.layers import Bias, Conv, Dense, Flatten
from skcnn.network import Network
from skcnn.optimizers import OPTIMIZERS, SGD, Adam, Optimizer, clip, decay
from skcnn.testing import check_optimizer


def gradients(n_steps, n=7, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(n) * 10.0 ** rng.integers(-3, 3, n) for _ in range(n_steps)]


def run(optimizer, steps, rate, start, dtype=np.float64):
    parameters = start.astype(dtype)
    state = optimizer.start(parameters)
    for gradient in steps:
        optimizer.step(state, parameters, gradient.astype(dtype), rate)
    return parameters


def textbook_sgd(steps, rate, p, momentum, nesterov):
    v = np.zeros_like(p)
    for g in steps:
        v = momentum * v - rate * g
        p = p + (momentum * v - rate * g if nesterov else v)
    return p


def textbook_adam(steps, rate, p, beta_1, beta_2, epsilon):
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(steps, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        corrected_m, corrected_v = m / (1 - beta_1**t), v / (1 - beta_2**t)
        p = p - rate * corrected_m / (np.sqrt(corrected_v) + epsilon)
    return p


START = np.linspace(-1, 2, 7)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0, 0.5, 0.9, 0.99])
def test_sgd_is_the_textbook_rule(momentum, nesterov, global_random_seed):
    steps = gradients(200, seed=global_random_seed)
    expected = textbook_sgd(steps, 0.01, START, momentum, nesterov)
    if momentum == 0:  # plain gradient descent, Nesterov's or not
        np.testing.assert_allclose(expected, START - 0.01 * np.sum(steps, axis=0), rtol=1e-12)
    result = run(SGD(momentum, nesterov), steps, 0.01, START)
    np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("epsilon", [1e-8, 1e-2])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9), (0, 0.99), (0.9, 0), (0, 0)])
def test_adam_is_the_textbook_rule(betas, epsilon, global_random_seed):
    steps = gradients(200, seed=global_random_seed)
    expected = textbook_adam(steps, 0.01, START, *betas, epsilon)
    np.testing.assert_allclose(run(Adam(*betas, epsilon), steps, 0.01, START), expected, rtol=1e-12)


def test_first_step_of_adam_is_the_learning_rate_whatever_the_scale_but_zero():
    moved = run(Adam(), [np.array([1e-3, -1.0, 1e3])], 0.01, np.zeros(3))
    np.testing.assert_allclose(moved, [-0.01, 0.01, -0.01], rtol=1e-4)
    assert np.array_equal(run(Adam(), [np.zeros(7)] * 5, 0.1, START), START)


ALL = [SGD(0), SGD(0.9, nesterov=False), SGD(), Adam()]


@pytest.mark.parametrize("optimizer", ALL, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_are_in_place_keep_the_dtype_and_pass_the_public_check(optimizer, dtype):
    check_optimizer(optimizer)
    parameters = START.astype(dtype)
    view, state = parameters[2:4], optimizer.start(parameters)
    optimizer.step(state, parameters, np.ones(7, dtype), np.float64(0.1))
    assert parameters.dtype == dtype
    assert (view != START[2:4].astype(dtype)).all()
    arrays = [part for part in state.values() if isinstance(part, np.ndarray)]
    assert all(part.dtype == dtype for part in arrays)
    assert not any(np.shares_memory(part, parameters) for part in arrays)


@pytest.mark.parametrize("optimizer", ALL, ids=str)
def test_a_saved_state_goes_on_bit_for_bit(optimizer):
    steps = gradients(20)
    for save in (copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))):
        parameters = START.copy()
        state = optimizer.start(parameters)
        for number, gradient in enumerate(steps):
            state = save(state) if number == 10 else state
            optimizer.step(state, parameters, gradient.copy(), 0.01)
        assert np.array_equal(parameters, run(optimizer, steps, 0.01, START))


def test_decay_spares_biases():
    network = Network((Conv(2, 3), Bias(), Flatten(), Dense(3)), (4, 1, 4), np.float64)
    network.parameters[:] = 1
    decay(network.parameters[network.decayed], 0.1, 0.5)
    for views in network.views():
        for name, value in views.items():
            assert (value == (0.95 if name == "weights" else 1)).all()


@pytest.mark.parametrize(
    ("kind", "name", "values", "bounds"),
    [
        (SGD, "momentum", (1, -0.1, float("nan"), "fast"), "of at least 0 and less than 1"),
        (Adam, "beta_1", (1.0, None), "of at least 0 and less than 1"),
        (Adam, "beta_2", (-1,), "of at least 0 and less than 1"),
        (Adam, "epsilon", (0, "1"), "greater than 0"),
    ],
)
def test_bad_hyper_parameters_are_named(kind, name, values, bounds):
    for value in values:
        with pytest.raises(ValueError, match=f"{name}={value!r} must be a number {bounds}"):
            kind(**{name: value})


def test_optimizers_are_values():
    assert SGD(0.5) == SGD(0.5) != SGD(0.6)
    assert {Adam(), Adam()} == {Adam()}
    assert {name: make() for name, make in OPTIMIZERS.items()} == {"adam": Adam(), "sgd": SGD()}


def test_base_optimizer_asks_for_a_step():
    assert Optimizer().start(START) == {}
    with pytest.raises(NotImplementedError, match="Optimizer must define `step`"):
        Optimizer().step({}, START, START, 0.1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [0, 1e-30, 0.5, 2.0, 3.0, 1e30])
def test_clip_shortens_to_the_norm_and_keeps_the_direction(length, dtype):
    rng = np.random.default_rng(0)
    direction = rng.normal(size=1000)
    direction /= np.linalg.norm(direction)
    gradient = (direction * length).astype(dtype)
    before = gradient.copy()
    clip(gradient, 2.5)
    assert gradient.dtype == dtype
    if length <= 2.5:
        assert np.array_equal(gradient, before)
    else:
        np.testing.assert_allclose(
            gradient, 2.5 * direction, rtol=1e-5 if dtype == np.float32 else 1e-12
        )


@pytest.mark.parametrize("value", ["no", 0, None])
def test_nesterov_is_true_or_false(value):
    with pytest.raises(ValueError, match=f"nesterov={value!r} must be True or False"):
        SGD(nesterov=value)
