"""Threads that share a list of tasks, as many as the user asked for."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from joblib import effective_n_jobs

from skcnn.blas import threads_outside
from skcnn.windows import is_integer

T = TypeVar("T")


def thread_count(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` means, as joblib reads it.

    None is 1 unless a joblib context says otherwise, -1 is all cores. A worker process, as of a
    grid search, takes no more than the share of the cores that it was given for BLAS.
    """
    if n_jobs is not None and (not is_integer(n_jobs) or n_jobs == 0):
        raise ValueError(
            f"n_jobs={n_jobs!r} must be None, an integer of at least 1, or a negative integer, of "
            f"which -1 means all cores."
        )
    threads = int(effective_n_jobs(n_jobs))
    if threads > 1 and multiprocessing.current_process().name != "MainProcess":
        return min(threads, threads_outside())
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
