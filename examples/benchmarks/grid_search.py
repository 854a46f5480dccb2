"""Grid searches of 12 points x 3 folds: against skorch, and with threads inside processes.

Run with the name of a side, this file does one search and prints its seconds and best score.
"""

import json
import sys
from time import perf_counter

import numpy as np
from sklearn.model_selection import GridSearchCV

from examples.benchmarks import child
from examples.benchmarks.data import fashion_mnist
from examples.benchmarks.networks import classifier
from examples.benchmarks.peers import has
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings

FILTERS, SIZES, RATES = [(8,), (16,)], [3, 5], [1e-3, 2e-3, 4e-3]
NESTED = {"processes": (2, 1), "threads": (1, 2), "both": (2, 2)}  # outside, inside


def run(settings: Settings) -> list[Table]:
    """Search in fresh processes, one side after the other, several times."""
    if not has("psutil"):
        return [Table("Grid search", [], ["psutil is not installed."])]
    sides = ["skcnn", *(["skorch"] if has("torch", "skorch") else [])]
    return [_against(_measured(sides, settings), settings), _nested(settings)]


def _measured(sides: list[str], settings: Settings) -> dict[str, list[float]]:
    """Return the median seconds, peak memory in MB and best score of each side."""
    from examples.benchmarks.memory import PeakMemory

    found: dict[str, list[tuple[float, float, float]]] = {side: [] for side in sides}
    for number in range(settings.search_rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            arguments = (side, str(settings.n_images), str(settings.search_epochs))
            process = child.start("grid_search", *arguments)
            with PeakMemory(process.pid) as memory:
                answer = child.result(process)
            found[side].append((answer["seconds"], memory.peak / 1e6, answer["score"]))
    return {side: np.median(values, axis=0).tolist() for side, values in found.items()}


def _against(medians: dict[str, list[float]], settings: Settings) -> Table:
    rows: list[Row] = []
    for side, (seconds, peak, score) in medians.items():
        row: Row = {"side": side, "seconds": seconds, "peak MB": peak, "best score": score}
        for name, position in (("time over skorch's", 0), ("memory over skorch's", 1)):
            other = medians.get("skorch")
            row[name] = medians[side][position] / other[position] if other else None
        rows.append(row)
    notes = [
        f"GridSearchCV, 12 points (8 or 16 filters, 3x3 or 5x5, three learning rates) x 3 folds, "
        f"{settings.n_images:,} images, {settings.search_epochs} epochs in batches of 32, "
        f"n_jobs=2. Wall time of `fit` in a fresh process, peak of the anonymous memory of all "
        f"processes; medians of {settings.search_rounds}. Target: time at most 0.5.",
    ]
    return Table("Grid search", rows, notes)


def _nested(settings: Settings) -> Table:
    """Compare two processes, two threads, and two processes that ask for two threads each."""
    medians = _measured(list(NESTED), settings)
    better = min(medians["processes"][0], medians["threads"][0])
    rows: list[Row] = [
        {
            "side": side,
            "seconds": medians[side][0],
            "over the better alone": medians[side][0] / better,
        }
        for side in NESTED
    ]
    notes = [
        f"4 learning rates x 3 folds of the network `keras`, batches of 128, "
        f"{settings.n_images:,} images, {settings.search_epochs} epochs: GridSearchCV(n_jobs=2), "
        f"the estimator's n_jobs=2, or both. Target: both at most 1.05.",
    ]
    return Table("Threads inside processes", rows, notes)


def main(side: str, n_images: int, epochs: int) -> None:
    """Do one search."""
    X, y = fashion_mnist(n_images)
    outside, inside = NESTED.get(side, (2, None))
    if side == "skorch":
        from examples.benchmarks.skorch_classifier import skorch_classifier

        estimator = skorch_classifier("small8", max_epochs=epochs, batch_size=32)
        names = "module__n_filters", "module__filter_size", "lr"
        grid = dict(zip(names, (FILTERS, SIZES, RATES), strict=True))
    elif side == "skcnn":
        estimator = classifier("small8", None, max_iter=epochs)
        names = "n_filters", "filter_size", "learning_rate"
        grid = dict(zip(names, (FILTERS, SIZES, RATES), strict=True))
    else:
        estimator = classifier("keras", inside, batch_size=128, max_iter=epochs)
        grid = {"learning_rate": [5e-4, *RATES]}
    start = perf_counter()
    search = GridSearchCV(estimator, grid, cv=3, n_jobs=outside).fit(X, y)
    answer = {"seconds": perf_counter() - start, "score": search.best_score_}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
