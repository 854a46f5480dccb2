"""How much of the processor's rate for matrix products training reaches."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any
from unittest.mock import patch

import numpy as np
from threadpoolctl import threadpool_limits

from examples.benchmarks.data import CLASSES, fashion_mnist
from examples.benchmarks.networks import classifier
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from examples.benchmarks.timing import take_turns
from skcnn.network import Network

SIDE, PRODUCTS = 1024, 20


def run(settings: Settings) -> list[Table]:
    """Compare epochs, one thread, with products of square matrices in turn."""
    X, y = fashion_mnist(settings.n_images)
    a, b, c = np.random.default_rng(0).standard_normal((3, SIDE, SIDE), dtype=np.float32)
    rows: list[Row] = []

    def multiply() -> None:
        for _ in range(PRODUCTS):
            np.matmul(a, b, out=c)

    for network in settings.networks:
        for batch_size in settings.batch_sizes:
            clf = classifier(network, batch_size=batch_size)
            with counted_operations() as counts:
                clf.partial_fit(X, y, CLASSES)
            with threadpool_limits(1, user_api="blas"):
                times = take_turns(
                    {"epoch": lambda clf=clf: clf.partial_fit(X, y), "products": multiply},
                    settings.rounds,
                )
            rate = sum(counts) / times["epoch"].median / 1e9
            peak = 2 * SIDE**3 * PRODUCTS / times["products"].median / 1e9
            row: Row = {"network": network, "batch": batch_size}
            formula = formula_operations(clf.network_, len(X))
            row |= {"GFLOP an epoch": sum(counts) / 1e9, "by the formula": formula / 1e9}
            row |= {"GFLOP/s": rate, "peak GFLOP/s": peak, "fraction": rate / peak}
            row["fraction by the formula"] = rate / peak * formula / sum(counts)
            rows.append(row)
    notes = [
        f"One thread. Operations are those of all calls of np.matmul in an epoch over {len(X):,} "
        f"images, the time is that of the whole epoch; the peak is np.matmul on square matrices "
        f"of side {SIDE}. Medians of {settings.rounds} rounds in turn.",
        "By the formula: a multiplication for each output and weight of its filter, forward, for "
        "the weights and, after the first layer, for the input; Winograd convolution takes fewer.",
        "Target: 0.65 on lenet and keras.",
    ]
    return [Table("Fraction of the peak of matrix products", rows, notes)]


def formula_operations(network: Network, n: int) -> int:
    """Return the operations of an epoch over n images as the formula of convolution has them."""
    first = Network(network.layers[:1], network.shapes[0]).multiply_adds
    return 2 * n * (3 * network.multiply_adds - first)


@contextmanager
def counted_operations() -> Iterator[list[int]]:
    """Collect the floating-point operations of every np.matmul in the block."""
    counts: list[int] = []
    matmul = np.matmul

    def counting(a: np.ndarray, b: np.ndarray, *args: Any, **options: Any) -> np.ndarray:
        result = matmul(a, b, *args, **options)
        counts.append(2 * prod(np.shape(result)) * np.shape(a)[-1])
        return result

    with patch.object(np, "matmul", counting):
        yield counts
