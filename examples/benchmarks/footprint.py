"""What an installation takes: megabytes in a fresh environment, seconds to import."""

import shutil
import sys
import tempfile
import venv
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from examples.benchmarks.child import ROOT, seconds_of
from examples.benchmarks.child import run as run_command
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings

REFERENCE = "import sklearn.neural_network"


def run(settings: Settings) -> list[Table]:
    """Install into fresh environments, measure, and compare imports in this one."""
    return [_installed(settings), _imported(settings)]


def _installed(settings: Settings) -> Table:
    rows: list[Row] = []
    notes = ["Installed with pip into fresh environments; pip itself does not count."]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sides = {
            "skcnn": ([str(_source(folder / "source"))], "import skcnn"),
            "torch + skorch": (_requirements(), "import torch, skorch"),
        }
        pythons, sizes = {}, {}
        for name, (packages, _) in sides.items():
            try:
                pythons[name], sizes[name] = _install(folder / name, packages)
            except RuntimeError as error:
                notes.append(f"{name} could not be installed: {error}")
        seconds: dict[str, list[float]] = {name: [] for name in pythons}
        for _ in range(settings.import_rounds + 1):  # the first reads from disk
            for name, python in pythons.items():
                seconds[name].append(seconds_of(python, sides[name][1]))
        for name in pythons:
            row: Row = {"side": name, "installed MB": sizes[name] / 1e6, "import": sides[name][1]}
            rows.append({**row, "import seconds": float(np.median(seconds[name][1:]))})
    return Table("Installed size and import", rows, notes)


def _source(folder: Path) -> Path:
    """Copy what the package is built from, so that building leaves nothing behind."""
    shutil.copytree(ROOT / "skcnn", folder / "skcnn")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


def _requirements() -> list[str]:
    """Return torch and skorch in the versions that are installed here, if they are."""
    requirements = []
    for name in ("torch", "skorch"):
        try:
            requirements.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            requirements.append(name)
    return requirements


def _install(folder: Path, packages: list[str]) -> tuple[Path, int]:
    """Return the interpreter of a new environment and the bytes that the packages take."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    before = _size(folder)
    run_command([str(python), "-m", "pip", "install", "--quiet", *packages])
    return python, _size(folder) - before


def _size(folder: Path) -> int:
    files = (file for file in folder.rglob("*") if not file.is_symlink() and file.is_file())
    return sum(file.stat().st_size for file in files)


def _imported(settings: Settings) -> Table:
    statements = ("import skcnn", REFERENCE)
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    seconds: dict[str, list[float]] = {statement: [] for statement in statements}
    for number in range(settings.import_rounds + 1):
        for statement in statements if number % 2 == 0 else reversed(statements):
            seconds[statement].append(seconds_of(sys.executable, statement, path))
    medians = {statement: float(np.median(values[1:])) for statement, values in seconds.items()}
    rows: list[Row] = [
        {"statement": statement, "seconds": value, "ratio": value / medians[REFERENCE]}
        for statement, value in medians.items()
    ]
    notes = [
        f"In fresh interpreters that took turns, medians of {settings.import_rounds}; the start "
        f"of the interpreter does not count. Target: at most 1.15.",
    ]
    return Table("Import", rows, notes)
