"""Winograd's algorithm in segments, the layer alone, against products of windows."""

from functools import partial
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from examples.benchmarks.timing import repeated, take_turns
from skcnn._engine.convolution.algorithm import Algorithm
from skcnn._engine.convolution.choose import batch_class
from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.convolution.segments import SegmentedWinograd
from skcnn._engine.convolution.winograd import POINTS
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn.layers import Conv, Workspace
from skcnn.layers.conv import _algorithm


class Case(NamedTuple):
    """Signals of shape (channels, length), how many, and the layer."""

    channels: int
    n_filters: int
    kernel: int
    length: int
    n: int


CASES = [
    Case(channels, filters, kernel, length, n)
    for n in (16, 64)
    for channels, filters, kernel, length in (
        (128, 256, 5, 427),
        (256, 128, 3, 427),
        (64, 64, 3, 251),
        (64, 128, 5, 251),
        (32, 32, 5, 200),
        (32, 64, 5, 213),
    )
]


def run(settings: Settings) -> list[Table]:
    """Compare every case, forward and backward, in one thread."""
    rows: list[Row] = []
    for case in CASES if settings.size == "full" else CASES[4:5]:
        layer = Conv(case.n_filters, case.kernel, use_bias=False)
        shape = case.channels, case.length
        axes, _ = layer._axes(shape)
        numbers = axes, case.channels, case.n_filters, 1
        algorithms = {
            "im2col": Im2col(*numbers),
            "segments": SegmentedWinograd(*numbers, max(POINTS) - case.kernel + 1),
        }
        sides = {name: _side(each, case) for name, each in algorithms.items()}
        with threadpool_limits(1, "blas"):
            times = take_turns({n: repeated(s, 1) for n, s in sides.items()}, settings.rounds)
        ratio, quartiles = times["segments"].over(times["im2col"])
        row: Row = {
            "channels": case.channels,
            "filters": case.n_filters,
            "kernel": case.kernel,
            "length": case.length,
            "signals": case.n,
            "im2col, ms": 1e3 * times["im2col"].median,
            "over im2col": ratio,
            "quartiles": quartiles,
            "chosen": type(_algorithm(layer, shape, batch_class(case.n))).__name__,
        }
        rows.append(row)
        print(f"  {row}", flush=True)
    notes = [
        f"Forward and backward in float32, one thread; medians of {settings.rounds} rounds in "
        "which the sides took turns."
    ]
    return [Table("Winograd's algorithm in segments", rows, notes)]


def _side(algorithm: Algorithm, case: Case) -> partial[object]:
    """Return a forward and a backward pass."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((case.channels, case.length, case.n), dtype=np.float32)
    dy = rng.standard_normal((case.n_filters, case.length, case.n), dtype=np.float32)
    weights = rng.standard_normal((case.kernel, case.channels, case.n_filters), dtype=np.float32)
    workspace, gradient = Workspace(), np.empty_like(weights)

    def step() -> None:
        _, kept = algorithm.forward(x, weights, workspace)
        algorithm.backward(dy, kept, gradient, workspace, need_dx=True)

    return partial(with_numpy_settings, step, short_buffers=True)
