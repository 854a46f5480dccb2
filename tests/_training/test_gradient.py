"""How much work a training step does, counted rather than timed."""

import tracemalloc
from dataclasses import dataclass, replace
from typing import ClassVar
from unittest import mock

import numpy as np
import pytest
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from skcnn import ScratchCNNClassifier
from skcnn._data.batches import Images
from skcnn._data.samples import Samples
from skcnn._engine.threads import Team
from skcnn._engine.workspace import Workspace
from skcnn._training import gradient
from skcnn._training.gradient import MICRO_BATCH_SAMPLES, BatchGradient, RandomStreams, split
from skcnn.augmentation import CutMix, Mixup, Shift
from skcnn.augmentation.compose import augment_and_mix
from skcnn.layers import BatchNorm, Conv, Dense, Dropout, Flatten, Layer, ReLU
from skcnn.losses import CrossEntropy
from skcnn.network import Network
from skcnn.optimizers import SGD, Adam
from tests.support.estimators import few_iterations
from tests.support.memory import measures_memory
from tests.support.parts import (
    BUFFER_NAMES,
    NamedActivation,
    NamedAugmentation,
    NamedLayer,
    NamedLoss,
)

LENET = {"n_filters": (16, 32), "filter_size": 5, "hidden_layer_sizes": 128}
KERAS = {"n_filters": (32, 64), "filter_size": 3, "padding": "valid"}
WIDE = {"n_filters": (64, 64), "filter_size": 5}
FEW = {"n_filters": 1, "filter_size": 6, "padding": "valid"}
peaks, ends = [], []


@dataclass(frozen=True)
class AllocationRecorder(Adam):
    """Notes how far allocated memory rose above what it was after the step before."""

    def step(self, state, parameters, gradient, learning_rate):
        super().step(state, parameters, gradient, learning_rate)
        current, peak = tracemalloc.get_traced_memory()
        peaks.append(peak - ends[-1] if ends else peak)
        ends.append(current)
        tracemalloc.reset_peak()


@dataclass(frozen=True)
class NeedsForty(Layer):
    """Notes how many samples it is trained on."""

    minimum_batch_size: ClassVar[int] = 40
    seen: ClassVar[list] = []

    def forward(self, parameters, x, workspace, *, training):
        if training:
            self.seen.append(x.shape[-1])
        return x, None

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        return dy if need_dx else None


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (300, 784), dtype=np.uint8), np.arange(300) % 10


@measures_memory
@pytest.mark.parametrize("network", [LENET, KERAS, LENET | {"dropout": 0.3}, WIDE, FEW])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_no_step_after_the_first_epoch_allocates_a_large_array(network, n_jobs, images):
    check_allocations(network, n_jobs, images)


@measures_memory
def test_gathering_from_columns_allocates_no_large_array():
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((300, 64 * 64 * 3), np.float32))
    small = {"n_filters": 1, "stride": 4, "image_shape": (64, 64, 3)}
    check_allocations(small, 1, (X, np.arange(300) % 10))


def check_allocations(network, n_jobs, images):
    """Assert that no step but the first of an epoch allocates a megabyte."""
    model = ScratchCNNClassifier(
        solver=AllocationRecorder(), batch_size=128, max_iter=3, n_jobs=n_jobs, **network
    )
    peaks.clear()
    ends.clear()
    tracemalloc.start()
    try:
        model.fit(*images)
    finally:
        tracemalloc.stop()
    steps = len(peaks) // 3
    assert steps == 3  # the last of 44 samples
    # the first step of an epoch follows a snapshot of the weights
    later = [peak for number, peak in enumerate(peaks[steps:]) if number % steps]
    assert max(later) < 1_000_000


def gradient_with(name, augmented):
    """The gradient of a mini-batch where all custom parts ask for a buffer of this name."""
    rng = np.random.default_rng(0)
    # the first layer with weights keeps its input for the backward pass
    layers = (Flatten(), Dense(5), NamedActivation(name), NamedLayer(name), Dense(2))
    network = Network(layers, (4, 1, 4), np.float64)
    network.initialize(rng)
    images = Images(rng.standard_normal((150, 16)), (4, 4), None, network.dtype)
    augment = [NamedAugmentation(name), Shift(1), NamedAugmentation(name)]
    targets = rng.standard_normal((150, 2))
    samples = Samples(images, targets, None, augment if augmented else None)
    streams = RandomStreams(np.random.SeedSequence(0))
    with Team(1) as team:
        step = BatchGradient(network, NamedLoss(name), samples, streams, team)
        results = [step.run(rows) for rows in (np.arange(150), np.arange(20, 90))]
    return results, step.gradient.tobytes()


@pytest.mark.parametrize("augmented", [False, True])
@pytest.mark.parametrize("name", BUFFER_NAMES)
def test_a_custom_part_may_give_its_buffers_any_name(name, augmented):
    assert gradient_with(name, augmented) == gradient_with("a name of its own", augmented)


@pytest.mark.parametrize("least", [1, 2, 7, 32, 40, 64, 100])
def test_no_micro_batch_is_smaller_than_the_network_can_train_on(least):
    for n in range(least, 700):
        parts = split(np.arange(n), 10**9, least)
        sizes = [len(part) for part in parts]
        assert np.array_equal(np.concatenate(parts), np.arange(n))
        assert min(sizes) >= least
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == 1 or len(sizes) % 2 == 0
        if 2 * least <= MICRO_BATCH_SAMPLES:  # as if there were no minimum
            assert len(sizes) == len(split(np.arange(n), 10**9))


@pytest.mark.thread_unsafe(reason="a layer notes in its class what it sees")
@few_iterations
@pytest.mark.parametrize("training", [{"batch_size": 65}, {"solver": "lbfgs"}])
def test_a_custom_layer_sees_no_fewer_samples_than_it_asks_for(training):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((1055, 64)), np.arange(1055) % 2
    NeedsForty.seen.clear()
    layers = [Conv(64, 5), NeedsForty(), Flatten()]
    ScratchCNNClassifier(layers=layers, max_iter=1, **training).fit(X, y)
    assert min(NeedsForty.seen) >= 40


def network_and_samples(n):
    layers = (Conv(8, 5), ReLU(), BatchNorm(), Dropout(0.2), Flatten(), Dense(64), Dense(3))
    network = Network(layers, (14, 1, 14), np.float32)
    network.initialize(np.random.default_rng(0))
    X = np.random.default_rng(1).standard_normal((n, 196), np.float32)
    return network, Samples(Images(X, (14, 14), None, network.dtype), np.arange(n) % 3)


def memory_after_steps(n, n_threads=1):
    """Megabytes that are held after three steps of n samples, and how many a gradient takes."""
    network, samples = network_and_samples(n)
    streams, rows = RandomStreams(np.random.SeedSequence(0)), np.arange(n)
    tracemalloc.start()
    try:
        with Team(n_threads) as team:
            step = BatchGradient(network, CrossEntropy(), samples, streams, team)
            for _ in range(3):
                step.run(rows)
            held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held / 1e6, network.parameters.nbytes / 1e6


@measures_memory
def test_micro_batches_that_differ_by_one_share_their_memory():
    even, _ = memory_after_steps(2 * 42)
    odd, _ = memory_after_steps(42 + 43)
    assert odd < 1.08 * even


@measures_memory
@pytest.mark.parametrize(("n_threads", "kept"), [(1, 2), (2, 5)])
def test_a_large_mini_batch_keeps_few_gradients(n_threads, kept):
    one, gradient = memory_after_steps(64)
    many, _ = memory_after_steps(4096, n_threads)
    assert gradient > 0.4
    # scratch memory of each thread, and gradients; a generator for each of 64 micro-batches
    assert many < n_threads * (one - gradient) + kept * gradient + 0.3


def test_gradients_and_state_are_added_in_one_order(monkeypatch):
    monkeypatch.setattr(gradient, "SHARED_MULTIPLY_ADDS", 0)
    rows = [np.arange(700), np.arange(100, 150), np.arange(300, 700)]
    seen = set()
    for n_threads, rounds in [(1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (2, 100)]:
        monkeypatch.setattr(gradient, "ROUNDS", rounds)
        network, samples = network_and_samples(700)
        streams = RandomStreams(np.random.SeedSequence(0))
        bits = b""
        with threadpool_limits(1, user_api="blas"), Team(n_threads) as team:  # as in a fit
            step = BatchGradient(network, CrossEntropy(), samples, streams, team)
            for part in rows:
                results = step.run(part)
                bits += step.gradient.tobytes() + network.state.tobytes() + str(results).encode()
        seen.add(bits)
    assert len(seen) == 1


def products_of_a_step(parameters, image_shape=(28, 28), n=32):
    """Count matrix products with weights in one step of one micro-batch."""
    X = np.random.default_rng(0).integers(0, 256, (n, *image_shape), dtype=np.uint8)
    y = np.arange(n) % 10
    model = ScratchCNNClassifier(max_iter=1, **parameters).fit(X, y)
    network = model.network_
    assert isinstance(network, Network)
    images = Images(X.reshape(n, -1), image_shape, None, network.dtype)
    streams = RandomStreams(np.random.SeedSequence(0))
    with Team(1) as team:
        step = BatchGradient(network, CrossEntropy(), Samples(images, y), streams, team)
        with mock.patch.object(np, "matmul", wraps=np.matmul) as matmul:
            step.run(np.arange(n))
    return matmul.call_count


def test_minimal_filtering_takes_two_or_three_products_more_for_each_direction():
    # forward and weights of the first; of the second as well, and its input, whose edges take
    # 2 + 1 + 2 products
    convolutions = 2 + 2 + (2 + 1 + 2)
    # of the second: images, weights and outputs; gradients of outputs and weights; of images
    transformations = 3 + 2 + 1
    output = 3
    assert products_of_a_step(KERAS) == convolutions + transformations + output


def test_same_convolutions_take_a_product_more_for_each_row_at_the_edge():
    # 5 x 5: two rows at either edge have windows of their own
    convolutions = 2 * 5 + 2 * 5 + 5
    transformations = 3 + 2 + 1  # as above
    dense = 2 * 3
    assert products_of_a_step(LENET) == convolutions + transformations + dense


def test_outputs_computed_together_take_one_product_for_all():
    assert products_of_a_step(FEW) == 2 + 3  # forward and weights, and the dense layer's
    # two filters leave rows alone: one at either edge has a window of its own
    assert products_of_a_step({"n_filters": 2, "filter_size": 3}) == 2 * 3 + 3


def test_the_first_layer_computes_no_gradient_for_the_images():
    one_block = {"n_filters": 4, "filter_size": 3, "padding": "valid"}
    assert products_of_a_step(one_block) == 2 + 3


@measures_memory
def test_training_on_mapped_8_bit_images_reads_them_batch_by_batch(tmp_path):
    n = 60_000
    mapped = np.memmap(tmp_path / "images", np.uint8, "w+", shape=(n, 784))
    mapped[:, ::7] = (np.arange(n) % 251)[:, None]
    mapped.flush()
    X = np.memmap(tmp_path / "images", np.uint8, "r", shape=(n, 784))
    y = np.arange(n) % 2
    model = ScratchCNNClassifier(
        n_filters=1, stride=4, batch_size=500, max_iter=1, solver=SGD(), random_state=0
    )
    tracemalloc.start()
    try:
        model.fit(X, y)
        model.predict(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 25_000_000  # a float copy would take 188 MB, one of bytes 47 MB


@pytest.mark.parametrize("weighted", [False, True])
def test_targets_are_mixed_in_the_shares_of_their_images(weighted):
    weights = np.linspace(0.5, 1.5, 40) if weighted else None
    network, samples = network_and_samples(40)
    samples = replace(samples, weights=weights, augment=[Mixup(1.0), CutMix()])
    seed = np.random.SeedSequence(0)
    with Team(1) as team:
        step = BatchGradient(network, CrossEntropy(), samples, RandomStreams(seed), team)
        loss, _ = step.run(np.arange(40))
    x = samples.images.batch(np.arange(40), Workspace())
    rng = RandomStreams(np.random.SeedSequence(0))[0]
    x, mixtures = augment_and_mix(x, samples.augment, rng, Workspace(), 0.0, weights)
    targets, workspaces = np.eye(3)[samples.targets], network.workspaces()
    for partners, shares in mixtures:
        targets = shares[:, None] * targets + (1 - shares[:, None]) * targets[partners]
    for workspace in workspaces:
        workspace.rng = rng
    outputs, _ = network.forward(x, workspaces, training=True)
    losses = -(targets.T * log_softmax(outputs.astype(float), axis=0)).sum(axis=0)
    assert loss == pytest.approx(np.sum(losses * (1 if weights is None else weights)), rel=1e-5)
