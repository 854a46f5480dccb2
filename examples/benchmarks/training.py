"""An epoch of training: skcnn, PyTorch, skorch and MLPClassifier."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier
from threadpoolctl import ThreadpoolController

from examples.benchmarks.data import CLASSES, fashion_mnist
from examples.benchmarks.networks import LEARNING_RATE, classifier
from examples.benchmarks.peers import has
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from examples.benchmarks.timing import Times, fastest, take_turns
from examples.benchmarks.torch_compile import compiled_side

EAGER, COMPILED = "PyTorch, ", "PyTorch compiled, channels_last"
REORDERED = "PyTorch with pooling before ReLU, channels_last"
COMPILED_CELL = (1, 128)  # compilation takes long: one number of threads and one batch size
Sides = dict[str, Callable[[], object]]


def run(settings: Settings) -> list[Table]:
    """Measure every network, number of threads and batch size."""
    X, y = fashion_mnist(settings.n_images)
    rows: list[Row] = []
    notes = [
        f"Median seconds of an epoch over {len(X):,} images of Fashion-MNIST, of "
        f"{settings.rounds} in which the sides took turns, {settings.short_rounds} for "
        f"{' and '.join(settings.short_networks)}. The spread holds the middle half of "
        f"the ratios of single rounds.",
        "The ratio is to the fastest of PyTorch's eager sides with layers in the usual order, "
        "ReLU before pooling.",
        "MLPClassifier trains another model, one hidden layer of 100 units.",
    ]
    for network in settings.networks:
        for threads in settings.threads:
            for batch_size in settings.batch_sizes:
                sides = _sides(network, threads, batch_size, X, y)
                limit = settings.compile_limit if (threads, batch_size) == COMPILED_CELL else 0
                compiled = compiled_side(network, batch_size, limit, notes, _trainer(X, y))
                if compiled:
                    sides[f"{COMPILED}, fused Adam"] = compiled
                short = network in settings.short_networks
                times = take_turns(sides, settings.short_rounds if short else settings.rounds)
                cell = {"network": network, "threads": threads, "batch": batch_size}
                rows += [{**cell, **row} for row in compare(times)]
                print(f"  {cell}: {rows[-len(times)]['over PyTorch']}", flush=True)
    return [Table("Training", rows, notes)]


def compare(times: dict[str, Times]) -> list[Row]:
    """Return a row a side, with the ratio to PyTorch's fastest eager side."""
    best = fastest(times, EAGER)
    rows = []
    for name, side in times.items():
        ratio, spread = side.over(times[best]) if best else (None, None)
        seconds = {"side": name, "seconds": side.median}
        rows.append({**seconds, "over PyTorch": ratio, "spread": spread})
    return rows


def _sides(network: str, threads: int, batch_size: int, X: np.ndarray, y: np.ndarray) -> Sides:
    clf = classifier(network, threads, batch_size=batch_size)
    sides: Sides = {"skcnn": lambda: clf.partial_fit(X, y, CLASSES)}
    if has("torch"):
        sides |= _torch_sides(network, threads, batch_size, _trainer(X, y))
    if has("torch", "skorch"):
        from examples.benchmarks.skorch_classifier import skorch_classifier

        net = skorch_classifier(network, batch_size=batch_size).initialize()
        sides["skorch"] = lambda: net.partial_fit(X, y)
    sides["MLPClassifier"] = _mlp(threads, batch_size, X, y)
    return sides


def _torch_sides(
    network: str, threads: int, batch_size: int, train: Callable[..., object]
) -> Sides:
    import torch

    from examples.benchmarks.torch_classifier import TorchClassifier
    from examples.benchmarks.torch_networks import FORMATS

    torch.set_num_threads(threads)
    sides: Sides = {}
    for memory_format in FORMATS:
        for fused in (False, True):
            name = f"{EAGER}{memory_format}{', fused Adam' if fused else ''}"
            clf = TorchClassifier(network, batch_size, memory_format, fused)
            sides[name] = partial(train, clf)
    clf = TorchClassifier(network, batch_size, "channels_last", fused=True, pool_first=True)
    return {**sides, f"{REORDERED}, fused Adam": partial(train, clf)}


def _trainer(X: np.ndarray, y: np.ndarray) -> Callable[..., object]:
    """Return what trains a TorchClassifier for an epoch."""

    def train(clf: Any) -> None:
        import torch

        clf.train_epoch(torch.from_numpy(X), torch.from_numpy(y))

    return train


def _mlp(threads: int, batch_size: int, X: np.ndarray, y: np.ndarray) -> Callable[[], Any]:
    mlp = MLPClassifier((100,), batch_size=batch_size, learning_rate_init=LEARNING_RATE)
    controller = ThreadpoolController()

    def epoch() -> None:
        with controller.limit(limits=threads, user_api="blas"):
            mlp.partial_fit(X, y, classes=CLASSES)

    return epoch
