"""The table of ratios to PyTorch, with what they should come to, and its chart."""

import json
from pathlib import Path
from typing import Any

from examples.benchmarks.networks import NETWORKS
from examples.benchmarks.report import Row, Table

TARGETS: dict[str, dict[str, float]] = {
    "1 thread, batch 32": {"seed": 0.25, "small8": 0.45, "lenet": 0.90, "keras": 0.75},
    "1 thread, batch 128": {"seed": 0.25, "small8": 0.45, "lenet": 0.90, "keras": 0.75},
    "2 threads, batch 128": {"seed": 0.35, "small8": 0.55, "lenet": 0.80, "keras": 0.80},
    "1 thread, inference": {"seed": 0.30, "small8": 0.45, "lenet": 0.85, "keras": 0.85},
    "2 threads, inference": {"seed": 0.30, "small8": 0.45, "lenet": 0.85, "keras": 0.85},
}


def setting(threads: int, batch_size: int | None) -> str:
    """Return the name of a row of the table; no batch size means inference."""
    work = "inference" if batch_size is None else f"batch {batch_size}"
    return f"{threads} thread{'s' if threads > 1 else ''}, {work}"


def figures(folder: Path) -> dict[str, dict[str, float]]:
    """Return the ratios to PyTorch of training and inference, by setting and network."""
    found: dict[str, dict[str, float]] = {}
    for section in ("training", "inference"):
        file = folder / f"{section}.json"
        rows: list[dict[str, Any]] = []
        if file.exists():
            rows = [row for t in json.loads(file.read_text())["tables"] for row in t["rows"]]
        for row in rows:
            if row["over PyTorch"] is not None and row["side"] == "skcnn":
                key = setting(row["threads"], row.get("batch"))
                found.setdefault(key, {})[row["network"]] = row["over PyTorch"]
    return found


def table(found: dict[str, dict[str, float]]) -> Table:
    """Return the ratios with the target in brackets, marked where it is missed."""
    rows = []
    for name, ratios in found.items():
        row: Row = {"time over PyTorch's": name}
        for network in NETWORKS:
            row[network] = _cell(ratios.get(network), TARGETS.get(name, {}).get(network))
        rows.append(row)
    notes = ["Over the better of PyTorch's two memory formats; smaller is better."]
    return Table("skcnn over PyTorch", rows, [*notes, "In brackets the target; **!** misses it."])


def _cell(ratio: float | None, target: float | None) -> str | None:
    if ratio is None or target is None:
        return None if ratio is None else f"{ratio:.3f}"
    return f"{ratio:.3f} (<= {target:.2f})" + (" **!**" if ratio > target else "")


def draw(found: dict[str, dict[str, float]], file: Path) -> None:
    """Draw the ratios as bars, with a line at 1."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(found)
    for number, (name, ratios) in enumerate(found.items()):
        networks = [network for network in NETWORKS if network in ratios]
        positions = [
            list(NETWORKS).index(network) + (number - (len(found) - 1) / 2) * width
            for network in networks
        ]
        axes.bar(positions, [ratios[network] for network in networks], width, label=name)
    axes.axhline(1, color="black", linewidth=1)
    axes.set_xticks(range(len(NETWORKS)), list(NETWORKS))
    axes.set_ylabel("time over PyTorch's, smaller is better")
    figure.legend(ncols=3, fontsize="small", loc="outside upper center")
    figure.savefig(file, dpi=120)
