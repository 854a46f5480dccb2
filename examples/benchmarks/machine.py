"""What the benchmarks ran on."""

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np  # loads the BLAS that is asked for its name below
from threadpoolctl import threadpool_info

PACKAGES = ("skcnn", "numpy", "scipy", "scikit-learn", "torch", "skorch")


def describe(size: str) -> dict[str, str]:
    """Return date, processor, versions and the threads that libraries would use."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "missing"
    pools = [
        f"{pool['internal_api']} {pool['version']} ({pool['num_threads']} threads)"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
    return {
        "date": date.today().isoformat(),
        "size": size,
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "load at the start": _load(),
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "not set"),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **versions,
        "BLAS": "; ".join(sorted(set(pools)))
        or f"unknown to threadpoolctl (NumPy {np.__version__})",
    }


def _load() -> str:
    """Return how many processes wanted a core in the last minute; more than 0 is a disturbance."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
