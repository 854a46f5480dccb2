"""An epoch of training in this tree and in other revisions of it, which take turns in one process.

Run ``python -m examples.benchmarks.against REVISION``. Ratios are of this tree's time to that of
the revision; on a busy machine, believe those of the processor's time, with one thread.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import skcnn
from examples.benchmarks.data import CLASSES, fashion_mnist
from examples.benchmarks.networks import NETWORKS, classifier
from examples.benchmarks.report import Row, markdown
from examples.benchmarks.timing import take_turns

ROOT = Path(__file__).parents[2]
IMPORT = re.compile(r"^(\s*(?:from|import) )skcnn\b", re.MULTILINE)


def package_of(revision: str, name: str, folder: Path) -> Any:
    """Import the package of another revision under another name; its files are put in a folder."""
    archive = ["git", "-C", str(ROOT), "archive", revision, "skcnn"]
    files = subprocess.run(archive, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=files, check=True)
    (folder / "skcnn").rename(folder / name)
    for file in (folder / name).rglob("*.py"):
        file.write_text(IMPORT.sub(rf"\1{name}", file.read_text()))
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return import_module(name)


def measure(
    packages: dict[str, Any], network: str, threads: int, batch_size: int, n: int, rounds: int
) -> list[Row]:
    """Return a row for each package but the first, which is compared with them."""
    X, y = fashion_mnist(n)
    parameters = classifier(network, threads, batch_size=batch_size).get_params(deep=False)
    defaults = skcnn.ScratchCNNClassifier().get_params(deep=False)
    given = {name: value for name, value in parameters.items() if value != defaults[name]}

    def epoch(package: Any) -> Callable[[], object]:
        kind = package.ScratchCNNClassifier
        known = signature(kind).parameters  # an earlier revision may have fewer, and other defaults
        clf = kind(**{name: value for name, value in given.items() if name in known})
        return lambda: clf.partial_fit(X, y, CLASSES)

    sides = {name: epoch(package) for name, package in packages.items()}
    now, *others = take_turns(sides, rounds).values()
    rows: list[Row] = []
    for revision, before in zip(list(packages)[1:], others, strict=True):
        ratio, spread = now.over(before)
        row: Row = {"network": network, "threads": threads, "batch": batch_size}
        row |= {"over": revision, "ratio": ratio, "spread": spread}
        # of threads that wait for each other the processor's time says little
        ratio, spread = now.of_processor.over(before.of_processor)
        alone = (ratio, spread) if threads == 1 else (None, None)
        row |= dict(zip(("of processor's time", "its spread"), alone, strict=True))
        rows.append(row)
    return rows


def main() -> None:
    """Measure every network, number of threads and batch size; print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("revisions", nargs="+", metavar="REVISION", help="anything git knows")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[32, 128])
    parser.add_argument("--images", type=int, default=5000, help="of an epoch")
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    packages, rows = {"this tree": skcnn}, []
    with TemporaryDirectory() as folder:
        for number, revision in enumerate(chosen.revisions):
            packages[revision] = package_of(revision, f"skcnn_before_{number}", Path(folder))
        for cell in product(chosen.networks, chosen.threads, chosen.batch_sizes):
            rows += measure(packages, *cell, chosen.images, chosen.rounds)
            for row in rows[1 - len(packages) :]:
                print("  ", *row.values(), flush=True)
    print(markdown(rows))


if __name__ == "__main__":
    main()
