"""Which of the programs to compare with are installed."""

from importlib.util import find_spec

PEERS = {
    "torch": "PyTorch",
    "skorch": "skorch",
    "psutil": "psutil (memory of processes)",
    "matplotlib": "matplotlib (the chart)",
}
INSTALL = "pip install torch==2.13.0 skorch psutil matplotlib"


def has(*modules: str) -> bool:
    """Return whether all of these can be imported."""
    return all(find_spec(module) is not None for module in modules)


def missing() -> str | None:
    """Say what is not installed and how to get it."""
    names = [name for module, name in PEERS.items() if not has(module)]
    if not names:
        return None
    return f"Left out, because not installed: {', '.join(names)}. To install all: {INSTALL}"
