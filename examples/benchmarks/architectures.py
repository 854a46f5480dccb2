"""An epoch of training of known architectures, next to PyTorch's."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from examples.benchmarks.peers import has
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from examples.benchmarks.timing import fastest, take_turns
from skcnn import ScratchCNNClassifier
from skcnn.architectures import fcn, resnet
from skcnn.layers import Layer

N_CLASSES = 10
LEARNING_RATE = 1e-3
Sides = dict[str, Callable[[], object]]


class Case(NamedTuple):
    """What is trained, on random samples of shape (*lengths, channels)."""

    name: str
    layers: Callable[[], list[Layer]]
    shape: tuple[int, ...]
    batch: int
    samples: int


CASES = [
    Case("fcn", fcn, (427, 1), 16, 128),
    Case("fcn", fcn, (427, 1), 128, 128),
    Case("resnet, depth 20, width 16", resnet, (32, 32, 3), 128, 512),
]


def run(settings: Settings) -> list[Table]:
    """Compare every case with every number of threads."""
    rows: list[Row] = []
    for case in CASES:
        if settings.size == "small":
            case = case._replace(samples=case.batch)
        for threads in settings.threads:
            times = take_turns(_sides(case, threads), settings.rounds)
            best = fastest(times, "PyTorch")
            row: Row = {
                "network": case.name,
                "samples": f"{case.samples} of {'x'.join(map(str, case.shape))}",
                "batch": case.batch,
                "threads": threads,
                "seconds": times["skcnn"].median,
            }
            if best:
                ratio, quartiles = times["skcnn"].over(times[best])
                row |= {"over PyTorch": ratio, "quartiles": quartiles, "its side": best[9:]}
            rows.append(row)
            print(f"  {row}", flush=True)
    notes = [
        f"An epoch of `partial_fit` in float32 with Adam; medians of {settings.rounds} rounds in "
        "which the sides took turns.",
        "PyTorch: eager, the same layers, fused Adam, the faster of its memory formats.",
    ]
    return [Table("Architectures", rows, notes)]


def _sides(case: Case, threads: int) -> Sides:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((case.samples, *case.shape), dtype=np.float32)
    y = rng.integers(0, N_CLASSES, case.samples)
    model = ScratchCNNClassifier(
        layers=case.layers(),
        image_shape=(1, *case.shape) if len(case.shape) == 2 else case.shape,
        batch_size=case.batch,
        learning_rate=LEARNING_RATE,
        learning_rate_schedule="constant",
        standardize=False,
        alpha=0.0,
        dropout=0.0,
        n_jobs=threads,
        random_state=0,
    )
    flat = X.reshape(len(X), -1)
    sides: Sides = {"skcnn": lambda: model.partial_fit(flat, y, np.arange(N_CLASSES))}
    return sides | (_torch_sides(case, threads, X, y) if has("torch") else {})


def _torch_sides(case: Case, threads: int, X: np.ndarray, y: np.ndarray) -> Sides:
    import torch
    from torch import nn

    from examples.benchmarks.torch_architectures import modules

    torch.set_num_threads(threads)
    rank = len(case.shape) - 1
    formats = {"contiguous": torch.contiguous_format}
    if rank == 2:
        formats["channels_last"] = torch.channels_last
    labels = torch.from_numpy(y)

    def side(memory_format: torch.memory_format) -> Callable[[], object]:
        torch.manual_seed(0)
        body, features = modules(case.layers(), case.shape[-1], rank)
        network = nn.Sequential(body, nn.Linear(features, N_CLASSES))
        network = network.to(memory_format=memory_format)
        images = torch.from_numpy(np.moveaxis(X, -1, 1).copy())
        images = images.contiguous(memory_format=memory_format)
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)

        def epoch() -> None:
            network.train()
            for rows in torch.randperm(len(images)).split(case.batch):
                optimizer.zero_grad(set_to_none=True)
                criterion(network(images.index_select(0, rows)), labels[rows]).backward()
                optimizer.step()

        return epoch

    return {f"PyTorch, {name}": side(value) for name, value in formats.items()}
