"""Command line: python -m examples.benchmarks, from the root of the repository."""

import argparse
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from time import perf_counter

from examples.benchmarks import figures, machine, peers, report
from examples.benchmarks.networks import NETWORKS
from examples.benchmarks.settings import SIZES, Settings

SECTIONS = {
    "training": "an epoch of training, against PyTorch, skorch and MLPClassifier",
    "inference": "predict_proba of many images, against the same",
    "latency": "predict_proba of one image, against skorch",
    "per_sample": "training against a program that takes one image at a time",
    "peak": "fraction of the processor's rate for matrix products",
    "gradients": "agreement with PyTorch's gradients",
    "footprint": "installed size and import time, against torch + skorch",
    "grid_search": "a grid search with two processes, against skorch",
    "scaling": "seconds and memory against the size of everything",
    "big_data": "an epoch over 8-bit images in a mapped file, and its memory",
    "fourier": "convolution by Fourier transforms, against the layer",
    "depthwise": "depthwise convolutions, the layer alone, against PyTorch's",
    "segments": "Winograd's algorithm in segments, against im2col",
    "architectures": "an epoch of known architectures, against PyTorch's",
    "augmentation": "what changing images at random adds to an epoch",
    "profile": "where the time of a step goes",
}


def main() -> None:
    """Run the chosen sections, and report on all that the folder has."""
    arguments = _parser().parse_args()
    settings = SIZES[arguments.size]
    if arguments.networks:
        settings = replace(settings, networks=tuple(arguments.networks))
    if arguments.skip_compile:
        settings = replace(settings, compile_limit=0)
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    description = machine.describe(settings.size)
    print("\n".join(f"{name}: {value}" for name, value in description.items()))
    print(peers.missing() or "All peers are installed.")
    try:
        for name in arguments.sections or SECTIONS:
            _measure(name, settings, folder, description)
    finally:
        _conclude(folder)


def _measure(name: str, settings: Settings, folder: Path, description: dict[str, str]) -> None:
    """Run one section, print and save what it found."""
    print(f"\n{name}: {SECTIONS[name]}", flush=True)
    start = perf_counter()
    tables = import_module(f"examples.benchmarks.{name}").run(settings)
    report.save(folder, name, tables, description)
    print("\n".join(["", *(table.markdown() for table in tables)]))
    print(f"({perf_counter() - start:.0f} s)", flush=True)


def _conclude(folder: Path) -> None:
    """Write report.md and the chart, and print the table of figures."""
    found = figures.figures(folder)
    parts = [figures.table(found).markdown()] if found else []
    report.combine(folder, list(SECTIONS), parts)
    print("\n" + "\n".join(parts))
    if found and peers.has("matplotlib"):
        figures.draw(found, folder / "ratios.png")
    print(f"Written: {', '.join(sorted(str(file) for file in folder.iterdir()))}")


def _section(name: str) -> str:
    if name not in SECTIONS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SECTIONS)}")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmarks",
        description="Compare skcnn with other programs, and measure its parts.",
        epilog="Sections: " + "; ".join(f"{name}: {text}" for name, text in SECTIONS.items()),
    )
    parser.add_argument(
        "sections", nargs="*", metavar="section", type=_section, help="all by default; see below"
    )
    parser.add_argument("--size", choices=SIZES, default="full", help="small takes minutes")
    parser.add_argument("--output", type=Path, default=Path("benchmark-results"), metavar="DIR")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, help="all by default")
    parser.add_argument("--skip-compile", action="store_true", help="leave torch.compile out")
    return parser


if __name__ == "__main__":
    main()
