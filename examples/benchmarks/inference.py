"""Prediction of many images: from a float32 array to an array of probabilities."""

from collections.abc import Callable

import numpy as np
from sklearn.neural_network import MLPClassifier
from threadpoolctl import ThreadpoolController

from examples.benchmarks.data import CLASSES, fashion_mnist
from examples.benchmarks.networks import classifier
from examples.benchmarks.peers import has
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from examples.benchmarks.timing import take_turns
from examples.benchmarks.torch_compile import compiled_side
from examples.benchmarks.training import COMPILED, EAGER, REORDERED, compare

Sides = dict[str, Callable[[], object]]
CHUNK = 250


def run(settings: Settings) -> list[Table]:
    """Measure every network and number of threads."""
    X, y = fashion_mnist(settings.n_images)
    rows: list[Row] = []
    notes = [
        f"Median seconds of predict_proba of {len(X):,} images, of {3 * settings.rounds} in which "
        f"the sides took turns. PyTorch predicts all at once or in chunks of {CHUNK}.",
        "MLPClassifier is another model, one hidden layer of 100 units.",
    ]
    for network in settings.networks:
        for threads in settings.threads:
            sides = _sides(network, threads, X, y)
            compiled = compiled_side(
                network,
                CHUNK,
                settings.compile_limit if threads == 1 else 0,
                notes,
                lambda clf: clf.predict_proba(X, CHUNK),
            )
            if compiled:
                sides[f"{COMPILED}, chunks"] = compiled
            times = take_turns(sides, 3 * settings.rounds)
            cell = {"network": network, "threads": threads}
            rows += [{**cell, **row} for row in compare(times)]
            print(f"  {cell}: {rows[-len(times)]['over PyTorch']}", flush=True)
    return [Table("Inference", rows, notes)]


def _sides(network: str, threads: int, X: np.ndarray, y: np.ndarray) -> Sides:
    few = X[:100], y[:100]
    clf = classifier(network, threads).partial_fit(*few, CLASSES)
    sides: Sides = {"skcnn": lambda: clf.predict_proba(X)}
    if has("torch"):
        sides |= _torch_sides(network, threads, X)
    if has("torch", "skorch"):
        from examples.benchmarks.skorch_classifier import skorch_classifier

        net = skorch_classifier(network).partial_fit(*few)
        sides["skorch"] = lambda: net.predict_proba(X)
    mlp, controller = (
        MLPClassifier((100,)).partial_fit(*few, classes=CLASSES),
        ThreadpoolController(),
    )

    def predict_mlp() -> None:
        with controller.limit(limits=threads, user_api="blas"):
            mlp.predict_proba(X)

    sides["MLPClassifier"] = predict_mlp
    return sides


def _torch_sides(network: str, threads: int, X: np.ndarray) -> Sides:
    import torch

    from examples.benchmarks.torch_classifier import TorchClassifier
    from examples.benchmarks.torch_networks import FORMATS

    torch.set_num_threads(threads)

    def side(
        memory_format: str, chunk: int | None, pool_first: bool = False
    ) -> Callable[[], object]:
        clf = TorchClassifier(network, memory_format=memory_format, pool_first=pool_first)
        return lambda: clf.predict_proba(X, chunk)

    eager = {
        f"{EAGER}{memory_format}, {'chunks' if chunk else 'whole'}": side(memory_format, chunk)
        for memory_format in FORMATS
        for chunk in (None, CHUNK)
    }
    return {**eager, f"{REORDERED}, chunks": side("channels_last", CHUNK, pool_first=True)}
