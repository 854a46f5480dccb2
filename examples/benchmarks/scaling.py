"""How seconds and memory grow with the size of data and network.

Run with a JSON object of settings, this file trains one network and prints what that took.
"""

import json
import os
import sys
from time import perf_counter
from typing import Any

import numpy as np

from examples.benchmarks import child
from examples.benchmarks.data import CLASSES, random_images
from examples.benchmarks.peers import has
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from skcnn import ScratchCNNClassifier

BASE = {"images": 2000, "side": 28, "channels": 1, "filters": 16, "kernel": 3, "threads": 1}


def run(settings: Settings) -> list[Table]:
    """Vary one size at a time, each in a fresh process."""
    if not has("psutil"):
        return [Table("Scaling", [], ["psutil is not installed."])]
    cores = os.cpu_count() or 1
    varied = {
        "images": settings.scaling_images,
        "side": settings.scaling_sides,
        "filters": settings.scaling_filters,
        "channels": settings.scaling_channels,
        "kernel": settings.scaling_kernels,
        "threads": tuple(n for n in (1, 2, 4, 8, 16) if n <= cores),
    }
    rows: list[Row] = []
    exponents: list[Row] = []
    for name, values in varied.items():
        points = [_measured(name, value, settings) for value in values]
        rows += points
        row: Row = {"varied": name, "from": values[0], "to": values[-1]}
        for quantity in ("seconds", "peak MB"):
            row[f"exponent of {quantity}"] = _exponent(values, [p[quantity] for p in points])
        exponents.append(row)
        print(f"  {row}", flush=True)
    base = ", ".join(f"{name} {value:,}" for name, value in BASE.items())
    notes = [
        f"One block of convolution and pooling on random images, batches of 32; what is not "
        f"varied is: {base}.",
        "Seconds of an epoch, the better of two after a first one; peak of the anonymous memory "
        "above that of the process with its data.",
        "The exponent is the slope of a straight line through the logarithms.",
    ]
    return [
        Table("Scaling: exponents", exponents, notes),
        Table("Scaling: measurements", rows),
    ]


def _measured(name: str, value: int, settings: Settings) -> Row:
    process = child.start("scaling", json.dumps({**BASE, name: value}))
    return {"varied": name, "value": value, **child.result(process)}


def _exponent(sizes: tuple[int, ...], values: list[float]) -> float | None:
    if len(sizes) < 2 or min(values) <= 0:
        return None
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def main(point: dict[str, Any]) -> None:
    """Train one network."""
    from examples.benchmarks.memory import PeakMemory

    side, channels = point["side"], point["channels"]
    X, y = random_images(point["images"], side * side * channels)
    clf = ScratchCNNClassifier(
        n_filters=(point["filters"],),
        filter_size=point["kernel"],
        image_shape=(side, side, channels),
        standardize=False,
        batch_size=32,
        n_jobs=point["threads"],
        random_state=0,
    )
    seconds = []
    with PeakMemory() as memory:
        for _ in range(3):
            start = perf_counter()
            clf.partial_fit(X, y, CLASSES)
            seconds.append(perf_counter() - start)
    print(json.dumps({"seconds": min(seconds[1:]), "peak MB": (memory.peak - memory.before) / 1e6}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
