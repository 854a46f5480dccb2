"""How many threads compute: one inside BLAS, so that sums keep their order."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from threadpoolctl import ThreadpoolController


class _SingleThreadedBlas:
    """Limits BLAS to one thread while at least one block is inside, then restores it.

    The order of a sum, and so its last bits, depends on BLAS's number of threads. Blocks may
    overlap in several threads: the first to enter sets the limit, the last to leave restores.
    The process is scanned for BLAS libraries once, since a scan takes longer than a prediction.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._libraries: list[Any] | None = None
        self._threads: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._libraries is None:
                controller = ThreadpoolController().select(user_api="blas")
                self._libraries = controller.lib_controllers
            if self._depth == 0:
                self._threads = [library.get_num_threads() for library in self._libraries]
                for library in self._libraries:
                    _set_threads(library, 1)
            self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                for library, threads in zip(self._libraries or (), self._threads, strict=True):
                    _set_threads(library, threads)


def _set_threads(library: Any, number: int) -> None:
    """Set a library's limit from any thread: since 3.8, threadpoolctl heeds the first one only."""
    release = getattr(library, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)
    library.set_num_threads(number)
    if release is not None:
        release(force=True)


single_threaded_blas = _SingleThreadedBlas()
