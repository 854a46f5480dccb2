"""Training on more images than one likes to hold: 8-bit, in a mapped file, read batch by batch."""

import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from examples.benchmarks import child
from examples.benchmarks.peers import has
from examples.benchmarks.report import Table
from examples.benchmarks.settings import Settings
from skcnn import ScratchCNNClassifier
from skcnn.datasets import load_fashion_mnist


def run(settings: Settings) -> list[Table]:
    """Train for an epoch in a process of its own, on Fashion-MNIST repeated into a file."""
    if not has("psutil"):
        return [Table("An epoch on a mapped file", [], ["psutil is not installed."])]
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), settings.big_data_images)
        row = child.result(child.start("big_data", folder, str(settings.big_data_images)))
    note = (
        "Anonymous memory at its peak less that after the imports and the mapping. Target: at "
        "most 200 MB for 500,000 images."
    )
    return [Table("An epoch on a mapped file", [row], [note])]


def _write(folder: Path, n: int) -> None:
    X, y = load_fashion_mnist(return_X_y=True)
    mapped = np.lib.format.open_memmap(folder / "X.npy", "w+", np.uint8, (n, X.shape[1]))
    for start in range(0, n, len(X)):
        part = mapped[start : start + len(X)]
        part[:] = X[: len(part)]
    mapped.flush()
    np.save(folder / "y.npy", np.resize(y, n))


def _train(folder: Path, n: int) -> dict[str, float]:
    from examples.benchmarks.memory import PeakMemory

    X, y = np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "y.npy", mmap_mode="r")
    assert len(X) == n
    clf = ScratchCNNClassifier(n_filters=8, batch_size=128, max_iter=1, n_jobs=2, random_state=0)
    start = perf_counter()
    with PeakMemory() as memory:
        clf.fit(X, y)
    return {
        "images": n,
        "file, MB": X.nbytes / 1e6,
        "seconds": perf_counter() - start,
        "anonymous memory, MB": (memory.peak - memory.before) / 1e6,
        "training accuracy": clf.history_[0]["accuracy"],
    }


if __name__ == "__main__":
    print(json.dumps(_train(Path(sys.argv[1]), int(sys.argv[2]))))
