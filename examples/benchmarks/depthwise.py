"""Depthwise convolutions, the layer alone, next to PyTorch's."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from examples.benchmarks.peers import has
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from examples.benchmarks.timing import fastest, repeated, take_turns
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn.layers import Conv, Workspace

MICRO_BATCH = 64  # images, as in training: what threads share
TURN = 2e8  # multiply-adds of one turn, about
Sides = dict[str, Callable[[], object]]


class Case(NamedTuple):
    """Maps of shape (channels, *lengths), and the kernel's length along each axis."""

    lengths: tuple[int, ...]
    channels: int
    kernel: int


CASES = [
    *(Case((32, 32), channels, 3) for channels in (32, 64, 128)),
    *(Case((150,), 64, kernel) for kernel in (3, 9, 39)),
    *(Case((500,), channels, kernel) for channels in (32, 128) for kernel in (3, 39)),
]


def run(settings: Settings) -> list[Table]:
    """Compare every case, batch and number of threads, forward and with backward."""
    rows: list[Row] = []
    for case in CASES if settings.size == "full" else CASES[::4]:
        for batch in settings.batch_sizes:
            for threads in settings.threads:
                rows += _compare(case, batch, threads, settings.rounds)
                print(f"  {rows[-2]}\n  {rows[-1]}", flush=True)
    notes = [
        f"One layer, stride 1, same padding, in float32; medians of {settings.rounds} rounds in "
        "which the sides took turns. A step is forward and backward, for x, weights and no bias.",
        f"skcnn's threads have micro-batches of {MICRO_BATCH} images each, as in training, so a "
        "batch of 32 has one thread.",
        "PyTorch: the fastest of its memory formats; signals have one.",
    ]
    return [Table("Depthwise convolution", rows, notes)]


def _compare(case: Case, batch: int, threads: int, rounds: int) -> list[Row]:
    """Return a row for forward, and one for forward and backward."""
    work = 9 * batch * case.channels * np.prod(case.lengths) * case.kernel ** len(case.lengths)
    times = max(1, round(TURN / work))
    rows: list[Row] = []
    with ThreadPoolExecutor(threads) as pool, threadpool_limits(1, "blas"):
        for what, backward in (("forward", False), ("step", True)):
            sides = {"skcnn": _ours(case, batch, pool, backward)}
            if has("torch"):
                sides |= _torchs(case, batch, threads, backward)
            found = take_turns({n: repeated(side, times) for n, side in sides.items()}, rounds)
            row: Row = {
                "maps": "x".join(str(n) for n in (*case.lengths, case.channels)),
                "kernel": case.kernel,
                "batch": batch,
                "threads": threads,
                "what": what,
                "ms": 1e3 * found["skcnn"].median / times,
            }
            best = fastest(found, "PyTorch")
            if best:
                ratio, quartiles = found["skcnn"].over(found[best])
                row |= {"over PyTorch": ratio, "quartiles": quartiles, "its format": best[9:]}
            rows.append(row)
    return rows


def _ours(case: Case, batch: int, pool: ThreadPoolExecutor, backward: bool) -> Callable[[], object]:
    """Return a side that goes through the batch, micro-batch by micro-batch."""
    *leading, last = case.lengths
    layer = Conv(case.channels, case.kernel, groups=case.channels, use_bias=False)
    shape = (*leading, case.channels, last)
    rng = np.random.default_rng(0)
    weights = rng.standard_normal(layer.parameter_shapes(shape)["weights"], dtype=np.float32)

    def part(n: int) -> Callable[[], object]:
        x, dy = (rng.standard_normal((*shape, n), dtype=np.float32) for _ in range(2))
        workspace, gradient = Workspace(), np.empty_like(weights)
        parameters, gradients = {"weights": weights}, {"weights": gradient}

        def step() -> None:
            _, cache = layer.forward(parameters, x, workspace, training=True)
            if backward:
                layer.backward(parameters, gradients, dy, cache, workspace, need_dx=True)

        return partial(with_numpy_settings, step, short_buffers=True)

    parts = [part(min(MICRO_BATCH, batch - n)) for n in range(0, batch, MICRO_BATCH)]
    if len(parts) == 1:
        return parts[0]
    return lambda: list(pool.map(lambda step: step(), parts))


def _torchs(case: Case, batch: int, threads: int, backward: bool) -> Sides:
    """Return a side for each memory format."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    rank = len(case.lengths)
    convolve = functional.conv1d if rank == 1 else functional.conv2d
    formats = {"contiguous": torch.contiguous_format}
    if rank == 2:
        formats["channels_last"] = torch.channels_last

    def side(memory_format: torch.memory_format) -> Callable[[], object]:
        x = torch.randn(batch, case.channels, *case.lengths)
        x = x.contiguous(memory_format=memory_format).requires_grad_(backward)
        weights = torch.randn(case.channels, 1, *(case.kernel,) * rank, requires_grad=backward)
        dy = torch.randn_like(x)

        def step() -> None:
            y = convolve(x, weights, padding=case.kernel // 2, groups=case.channels)
            if backward:
                torch.autograd.grad(y, (x, weights), dy)

        return step

    return {f"PyTorch, {name}": side(value) for name, value in formats.items()}
