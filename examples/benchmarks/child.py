"""Parts of a benchmark that need a process of their own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def start(module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a module of this package from the repository's root, with its output to be read."""
    command = [sys.executable, "-m", f"examples.benchmarks.{module}", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait, and return the JSON that the process printed last."""
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with status {process.returncode}")
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return answer


def seconds_of(python: Path | str, statement: str, before: str = "pass") -> float:
    """Return how long a statement takes in a fresh interpreter, its start not counted."""
    code = (
        f"{before}\nfrom time import perf_counter\nstart = perf_counter()\n{statement}\n"
        f"print(perf_counter() - start)"
    )
    return float(run([str(python), "-I", "-c", code]).splitlines()[-1])


def run(command: Sequence[str]) -> str:
    """Return what a command prints, or raise an error with what it complained about."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        complaint = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise RuntimeError(f"{' '.join(command[:6])} ...: {complaint}")
    return done.stdout
