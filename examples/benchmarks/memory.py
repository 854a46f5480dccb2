"""Peak of the anonymous memory of a process and all its children."""

import threading
from pathlib import Path
from time import sleep

import psutil

INTERVAL = 0.005  # seconds between two looks


class PeakMemory:
    """While the block runs, looks again and again; `before` and `peak` are in bytes.

    What counts is memory that no file backs (RssAnon on Linux, elsewhere what is unique to the
    process), so that memory maps and shared libraries do not.

    Parameters
    ----------
    pid : int, optional
        The process; this one by default.
    """

    def __init__(self, pid: int | None = None) -> None:
        self._process = psutil.Process(pid)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._done = False
        self.before = self.peak = 0

    def __enter__(self) -> "PeakMemory":
        self.before = self.peak = self._now()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done = True
        self._thread.join()

    def _watch(self) -> None:
        while not self._done:
            self.peak = max(self.peak, self._now())
            sleep(INTERVAL)

    def _now(self) -> int:
        try:
            processes = [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return 0
        return sum(map(_anonymous, processes))


def _anonymous(process: psutil.Process) -> int:
    """Return the anonymous memory of one process; 0 if it is gone."""
    try:
        if not psutil.LINUX:
            return int(process.memory_full_info().uss)
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return 1024 * int(line.split()[1])
    except (OSError, psutil.Error):
        pass
    return 0
