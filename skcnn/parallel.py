"""Threads: one inside BLAS, and as many as the user asked for around it."""

from __future__ import annotations

import multiprocessing
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

from joblib import effective_n_jobs
from threadpoolctl import ThreadpoolController

T = TypeVar("T")


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
            if self._depth == 0:
                self._threads = [library.get_num_threads() for library in self._found()]
                for library in self._found():
                    _set_threads(library, 1)
            self._depth += 1

    def threads_outside(self) -> int:
        """Return how many threads BLAS has outside of all blocks, at least 1."""
        with self._lock:
            if self._depth > 0:
                return max(self._threads, default=1)
            return max((library.get_num_threads() for library in self._found()), default=1)

    def _found(self) -> list[Any]:
        """Return the process's BLAS libraries; none where threadpoolctl knows none."""
        if self._libraries is None:
            controller = ThreadpoolController().select(user_api="blas")
            self._libraries = controller.lib_controllers
        return self._libraries

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                for library, threads in zip(self._found(), self._threads, strict=True):
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


def thread_count(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` means, as joblib reads it.

    None is 1 unless a joblib context says otherwise, -1 is all cores. A worker process, as of a
    grid search, takes no more than the share of the cores that it was given for BLAS.
    """
    threads = int(effective_n_jobs(n_jobs))
    if threads > 1 and multiprocessing.current_process().name != "MainProcess":
        return min(threads, single_threaded_blas.threads_outside())
    return threads


class Team:
    """Threads that share a list of tasks; the calling thread is one of them.

    Parameters
    ----------
    n_threads : int
        How many, the calling thread included.
    """

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.n_threads > 1:
            self._pool = ThreadPoolExecutor(self.n_threads - 1, thread_name_prefix="skcnn")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def map(self, function: Callable[[int, int], T], n_tasks: int) -> list[T]:
        """Return function(thread, task) for tasks 0, 1, ... in their order.

        Threads take the next task as they become free. An exception stops them all.
        """
        if self._pool is None or n_tasks == 1:
            return [function(0, task) for task in range(n_tasks)]
        tasks = deque(range(n_tasks))
        results: dict[int, T] = {}

        def work(thread: int) -> None:
            while True:
                try:
                    task = tasks.popleft()
                except IndexError:
                    return
                try:
                    results[task] = function(thread, task)
                except BaseException:
                    tasks.clear()
                    raise

        helpers = range(1, min(self.n_threads, n_tasks))
        futures = [self._pool.submit(work, thread) for thread in helpers]
        try:
            work(0)
        finally:
            for future in futures:
                future.result()
        return [results[task] for task in range(n_tasks)]
