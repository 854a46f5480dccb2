"""How long one image takes: predict_proba of an array of one row, through the public API."""

from collections.abc import Callable

import numpy as np
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from examples.benchmarks.data import CLASSES, fashion_mnist
from examples.benchmarks.networks import classifier
from examples.benchmarks.peers import has
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from examples.benchmarks.timing import repeated, take_turns


def run(settings: Settings) -> list[Table]:
    """Measure every network, one thread."""
    X, y = fashion_mnist(100)
    calls, rows = settings.latency_calls, []
    with threadpool_limits(1, user_api="blas"):
        for network in settings.networks:
            sides = {name: repeated(f, calls) for name, f in _sides(network, X, y).items()}
            times = take_turns(sides, settings.rounds)
            for name, side in times.items():
                row: Row = {"network": network, "side": name}
                row["microseconds"] = side.median / calls * 1e6
                ratio, spread = side.over(times["skorch"]) if "skorch" in times else (None, None)
                rows.append({**row, "over skorch": ratio, "spread": spread})
    notes = [
        f"Median of {settings.rounds} rounds of {calls} calls, one thread. Target: skcnn over "
        f"skorch at most 1.",
        "PyTorch is the bare module, without the checks of an estimator. MLPClassifier is "
        "another model.",
    ]
    return [Table("Latency of one image", rows, notes)]


def _sides(network: str, X: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], object]]:
    one = X[:1].copy()
    clf = classifier(network).partial_fit(X, y, CLASSES)
    mlp = MLPClassifier((100,)).partial_fit(X, y, classes=CLASSES)
    sides: dict[str, Callable[[], object]] = {"skcnn": lambda: clf.predict_proba(one)}
    if has("torch"):
        import torch

        from examples.benchmarks.torch_classifier import TorchClassifier

        torch.set_num_threads(1)
        bare = TorchClassifier(network)
        sides["PyTorch"] = lambda: bare.predict_proba(one)
    if has("torch", "skorch"):
        from examples.benchmarks.skorch_classifier import skorch_classifier

        net = skorch_classifier(network).partial_fit(X, y)
        sides["skorch"] = lambda: net.predict_proba(one)
    sides["MLPClassifier"] = lambda: mlp.predict_proba(one)
    return sides
