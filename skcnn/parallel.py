"""Threads: one inside BLAS, and as many as the user asked for around it."""

from __future__ import annotations

import multiprocessing
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from joblib import effective_n_jobs
from threadpoolctl import ThreadpoolController

T = TypeVar("T")


class _BlasLimit:
    """Limits BLAS to one thread while somebody is inside, and restores it when nobody is.

    The order of a sum, and so its last bits, depends on BLAS's number of threads. Calls may
    overlap in several threads: the first to enter sets the limit, the last to leave restores it.
    The process is scanned for BLAS libraries once, since a scan takes longer than a prediction.
    Both methods may be interrupted anywhere: `leave` can be repeated, and then sets things right.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._inside: set[object] = set()
        self._outside: list[int] | None = None  # threads before the limit; None: no limit
        self._libraries: list[Any] | None = None

    def enter(self, caller: object) -> None:
        """Set the limit, unless another caller has."""
        with self._lock:
            if self._outside is None:
                self._outside = [library.get_num_threads() for library in self._found()]
                for library in self._found():
                    _set_threads(library, 1)
            self._inside.add(caller)

    def leave(self, caller: object) -> None:
        """Restore what was before, unless another caller is still inside."""
        with self._lock:
            self._inside.discard(caller)
            if self._inside or self._outside is None:
                return
            for library, threads in zip(self._found(), self._outside, strict=True):
                _set_threads(library, threads)
            self._outside = None

    def threads_outside(self) -> int:
        """Return how many threads BLAS has without the limit, at least 1."""
        with self._lock:
            threads = self._outside or [library.get_num_threads() for library in self._found()]
            return max(threads, default=1)

    def _found(self) -> list[Any]:
        """Return the process's BLAS libraries; none where threadpoolctl knows none."""
        if self._libraries is None:
            controller = ThreadpoolController().select(user_api="blas")
            self._libraries = controller.lib_controllers
        return self._libraries


def _set_threads(library: Any, number: int) -> None:
    """Set a library's limit from any thread: since 3.8, threadpoolctl heeds the first one only."""
    release = getattr(library, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)
    library.set_num_threads(number)
    if release is not None:
        release(force=True)


_limit = _BlasLimit()


def with_one_blas_thread(work: Callable[[], T]) -> T:
    """Return work(), which runs while BLAS is limited to one thread.

    Not a context manager: an interrupt (Ctrl-C) at the moment a block ends could keep the limit.
    """
    caller = object()
    try:
        _limit.enter(caller)
        return work()
    finally:
        try:
            _limit.leave(caller)
        except KeyboardInterrupt:
            _limit.leave(caller)
            raise


def thread_count(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` means, as joblib reads it.

    None is 1 unless a joblib context says otherwise, -1 is all cores. A worker process, as of a
    grid search, takes no more than the share of the cores that it was given for BLAS.
    """
    threads = int(effective_n_jobs(n_jobs))
    if threads > 1 and multiprocessing.current_process().name != "MainProcess":
        return min(threads, _limit.threads_outside())
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

    def map(
        self, function: Callable[[int, int], T], n_tasks: int, *, alone: bool = False
    ) -> list[T]:
        """Return function(thread, task) for tasks 0, 1, ... in their order.

        Threads take the next task as they become free, and treat floating-point errors as the
        calling thread does. An exception stops them all. `alone` leaves all tasks to the calling
        thread, as is best when they are short.
        """
        if self._pool is None or n_tasks == 1 or alone:
            return [function(0, task) for task in range(n_tasks)]
        tasks = deque(range(n_tasks))
        results: dict[int, T] = {}
        errors = np.geterr()  # a thread starts with NumPy's own

        def work(thread: int) -> None:
            with np.errstate(**errors):
                take_tasks(thread)

        def take_tasks(thread: int) -> None:
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
