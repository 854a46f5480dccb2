from itertools import product

import numpy as np
import pytest

from skcnn._data.batches import Images
from skcnn._data.samples import Samples
from skcnn._engine.threads import Team
from skcnn._engine.workspace import Workspace
from skcnn._training.gradient import BatchGradient, RandomStreams, split
from skcnn.layers import BatchNorm, Conv, Dense, Flatten, ReLU
from skcnn.losses import CrossEntropy
from skcnn.network import Network
from skcnn.testing import check_layer
from tests.support.layers import channels_first
from tests.support.shapes import SHAPES


def random_network(shape, layer, dtype=np.float64):
    network = Network((layer,), shape, dtype)
    rng = np.random.default_rng(1)
    network.initialize(rng)
    network.parameters += rng.standard_normal(network.parameters.shape).astype(dtype)
    return network, network.views()[0]


def train_once(layer, views, x, workspace=None):
    y, cache = layer.forward(views, x, workspace or Workspace(), training=True)
    return y.copy(), cache


def test_gradients_are_finite_differences(global_random_seed):
    check_layer(BatchNorm(), (3, 2, 4), seed=global_random_seed)
    check_layer(BatchNorm(), (4, 3, 5), n_samples=2, directions=8, seed=global_random_seed)
    check_layer(BatchNorm(), (1,), n_samples=7, seed=global_random_seed)
    for layer, shape in product([BatchNorm(0.0, 0.1), BatchNorm(0.99, 2.0)], SHAPES):
        check_layer(layer, shape, directions=8, seed=global_random_seed)


@pytest.mark.parametrize(
    ("shape", "n"), [*((shape, 4) for shape in SHAPES), ((3, 2, 4), 1)], ids=str
)
def test_output_and_gradients_are_those_of_plain_loops(shape, n, global_random_seed):
    layer = BatchNorm(epsilon=0.3)
    network, views = random_network(shape, layer)
    rng = np.random.default_rng(global_random_seed)
    x, dy = rng.normal(3, 2, (*shape, n)), rng.standard_normal((*shape, n))
    workspace = Workspace()
    y, cache = train_once(layer, views, x, workspace)
    gradients = network.views(np.full_like(network.parameters, np.nan))[0]
    dx = layer.backward(views, gradients, dy.copy(), cache, workspace, need_dx=True)
    columns = (channels_first(part) for part in (x, y, dy, dx))
    for c, (x_c, y_c, dy_c, dx_c) in enumerate(zip(*columns, strict=True)):
        n, gamma = len(x_c), views["gamma"][c]
        mean = sum(x_c) / n
        s = np.sqrt(sum((v - mean) ** 2 for v in x_c) / n + 0.3)
        z = [(v - mean) / s for v in x_c]
        assert y_c == pytest.approx([gamma * v + views["beta"][c] for v in z], rel=1e-12)
        assert gradients["beta"][c] == pytest.approx(sum(dy_c), rel=1e-12)
        assert gradients["gamma"][c] == pytest.approx(np.dot(dy_c, z), rel=1e-12)
        # dz[j] / dx[i] = ([i = j] - 1 / n - z[i] z[j] / n) / s, the whole Jacobian
        for i in range(n):
            slopes = [((i == j) - 1 / n - z[i] * z[j] / n) / s for j in range(n)]
            expected = gamma * sum(d * slope for d, slope in zip(dy_c, slopes, strict=True))
            assert dx_c[i] == pytest.approx(expected, rel=1e-10, abs=1e-13)


def test_gamma_starts_at_one_and_beta_at_zero():
    network = Network((BatchNorm(),), (3, 2, 4))
    network.initialize(np.random.default_rng(0))
    views = network.views()[0]
    assert views["gamma"].tolist() == [1, 1]
    assert views["beta"].tolist() == [0, 0]
    assert views["mean"].tolist() == [0, 0]
    assert views["variance"].tolist() == [1, 1]
    assert network.decayed == slice(0, 0)  # weight decay spares both


@pytest.mark.parametrize("n_steps", [1, 7])
@pytest.mark.parametrize("shape", [(4,), (3, 2, 4)], ids=str)
def test_running_statistics_are_means_with_fading_weights(shape, n_steps, global_random_seed):
    layer = BatchNorm(0.8)
    _, views = random_network(shape, layer)
    batches = np.random.default_rng(global_random_seed).normal(5, 3, (n_steps, *shape, 9))
    for x in batches:
        train_once(layer, views, x)
    weights = 0.8 ** np.arange(n_steps)[::-1]
    columns = np.array([channels_first(x) for x in batches])
    mean = np.average(columns.mean(axis=2), axis=0, weights=weights)
    variance = np.average(columns.var(axis=2, ddof=1), axis=0, weights=weights)
    np.testing.assert_allclose(views["mean"], mean, rtol=1e-13)
    np.testing.assert_allclose(views["variance"], variance, rtol=1e-13)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inference_follows_the_formula_with_the_same_bits_for_one_sample_and_for_many(
    shape, dtype, global_random_seed
):
    layer = BatchNorm(0.5, 0.2)
    _, views = random_network(shape, layer, dtype)
    rng = np.random.default_rng(global_random_seed)
    for _ in range(3):
        train_once(layer, views, rng.normal(5, 3, (*shape, 6)).astype(dtype))
    x = rng.normal(5, 3, (*shape, 8)).astype(dtype)
    y = layer.forward(views, x, Workspace(), training=False)[0]
    gamma, beta, mean, variance = (views[k][:, None] for k in ("gamma", "beta", "mean", "variance"))
    expected = gamma * (channels_first(x) - mean) / np.sqrt(variance + 0.2) + beta
    tolerance = 50 * np.finfo(dtype).eps
    np.testing.assert_allclose(channels_first(y), expected, rtol=tolerance, atol=10 * tolerance)
    assert y.dtype == dtype
    for i in range(8):
        one = np.ascontiguousarray(x[..., [i]])
        alone = layer.forward(views, one, Workspace(), training=False)[0]
        assert np.array_equal(alone, y[..., [i]])


def test_a_constant_channel_gives_beta_and_no_gradient():
    layer = BatchNorm()
    network, views = random_network((3, 2, 4), layer)
    x, workspace = np.full((3, 2, 4, 5), 7.0), Workspace()
    y, cache = train_once(layer, views, x, workspace)
    assert np.array_equal(channels_first(y), np.repeat(views["beta"][:, None], 60, axis=1))
    gradients = network.views(np.empty_like(network.parameters))[0]
    dx = layer.backward(views, gradients, np.ones_like(x), cache, workspace, need_dx=True)
    assert gradients["gamma"].tolist() == [0, 0]
    np.testing.assert_allclose(dx, 0, atol=1e-11)


def test_a_large_mean_in_float32_costs_no_precision(global_random_seed):
    layer = BatchNorm()
    _, views = random_network((8, 2, 8), layer, np.float32)
    deviations = np.random.default_rng(global_random_seed).standard_normal((8, 2, 8, 16))
    x = (1000 + deviations).astype(np.float32)
    y = channels_first(train_once(layer, views, x)[0])
    exact = channels_first(x.astype(np.float64))
    exact = (exact - exact.mean(axis=1, keepdims=True)) / exact.std(axis=1, keepdims=True)
    exact = views["gamma"][:, None] * exact + views["beta"][:, None]
    np.testing.assert_allclose(y, exact, rtol=0, atol=2e-3)


@pytest.mark.parametrize("shape", [(4,), (3, 1), (1, 3, 1)], ids=str)
def test_one_row_of_one_pixel_is_an_error_in_training_only(shape):
    layer = BatchNorm()
    _, views = random_network(shape, layer)
    x = np.ones((*shape, 1))
    with pytest.raises(
        ValueError, match=r"BatchNorm\(\) cannot normalize a single sample.*at least 2 samples"
    ):
        layer.forward(views, x, Workspace(), training=True)
    assert np.isfinite(layer.forward(views, x, Workspace(), training=False)[0]).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("momentum", value) for value in (1, -0.1, "a", float("nan"))]
    + [("epsilon", value) for value in (0, float("inf"), None)],
)
def test_errors_name_the_parameter_its_value_and_the_fix(name, value):
    bounds = {"momentum": "of at least 0 and less than 1.", "epsilon": "greater than 0."}
    with pytest.raises(ValueError, match=f"{name}={value!r} must be a number {bounds[name]}"):
        BatchNorm(**{name: value}).output_shape((4,))


def steps_of(n_rows, n_threads, n_steps=2):
    """Run some steps on mini-batches of several micro-batches; return network and images."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n_rows, 28 * 28), dtype=np.uint8)
    layers = (Conv(16, 5, use_bias=False), BatchNorm(), ReLU(), Flatten(), Dense(3))
    network = Network(layers, (28, 1, 28), np.float64)
    network.initialize(rng)
    images = Images(X, (28, 28), None, network.dtype)
    streams = RandomStreams(np.random.SeedSequence(0))
    with Team(n_threads) as team:
        samples = Samples(images, np.arange(n_rows) % 3)
        step = BatchGradient(network, CrossEntropy(), samples, streams, team)
        for _ in range(n_steps):
            step.run(np.arange(n_rows))
    return network, images


def test_state_after_a_step_is_the_mean_over_micro_batches():
    n_rows = 90
    network, images = steps_of(n_rows, 1, n_steps=1)
    parts = split(np.arange(n_rows), network.multiply_adds)
    assert len(parts) > 1
    conv, views = network.layers[0], network.views()
    x = images.batch(np.arange(n_rows), Workspace())
    y = conv.forward(views[0], x, Workspace(), training=False)[0]
    of_micro_batches = [channels_first(np.ascontiguousarray(y[..., part])) for part in parts]
    fractions = [len(part) / n_rows for part in parts]
    pairs = zip(fractions, of_micro_batches, strict=True)
    variance = sum(fraction * part.var(axis=1, ddof=1) for fraction, part in pairs)
    np.testing.assert_allclose(views[1]["mean"], channels_first(y).mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(views[1]["variance"], variance, rtol=1e-12)


def test_threads_do_not_change_a_bit():
    one, other = (steps_of(90, n_threads)[0] for n_threads in (1, 2))
    assert one.state.tobytes() == other.state.tobytes()
