"""Threads that share a list of tasks, as many as the user asked for."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from threading import Lock
from typing import Self, TypeVar

from joblib import effective_n_jobs

from skcnn._checks import check_number, is_integer
from skcnn._engine.blas import threads_outside, with_one_blas_thread

T = TypeVar("T")


def thread_count(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` means, as joblib reads it.

    None is 1 unless a joblib context says otherwise, -1 is all cores. A worker process, as of a
    grid search, takes no more threads than it was given for BLAS.
    """
    check_number(n_jobs, "n_jobs")
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

    Helpers start when they are first needed and have ended after the block.

    Parameters
    ----------
    n_threads : int
        How many, the calling thread included.
    """

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._helpers: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._helpers is not None:
            self._helpers.shutdown()

    def map(
        self, function: Callable[[int, int], T], n_tasks: int, *, alone: bool = False
    ) -> list[T]:
        """Return function(thread, task) for tasks 0, 1, ... in their order.

        Threads take the next task as they become free, in the calling thread's context: NumPy
        treats floating-point errors as there. In helpers BLAS has one thread. An exception stops
        them all. `alone` leaves all tasks to the calling thread, as is best when they are short.
        """
        if self.n_threads == 1 or n_tasks == 1 or alone:
            return [function(0, task) for task in range(n_tasks)]
        return self._share(function, n_tasks)

    def _share(self, function: Callable[[int, int], T], n_tasks: int) -> list[T]:
        """Return what :meth:`map` does, computed by all threads."""
        tasks = deque(range(n_tasks))
        results: dict[int, T] = {}

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

        working = [Lock() for _ in range(1, min(self.n_threads, n_tasks))]
        jobs: list[Future[None]] = []

        def help_out(number: int) -> None:
            with working[number]:
                with_one_blas_thread(lambda: take_tasks(number + 1))

        if self._helpers is None:
            self._helpers = ThreadPoolExecutor(self.n_threads - 1, "skcnn")
        try:
            with suppress(RuntimeError):  # there cannot be more threads: fewer do it, too
                for number in range(len(working)):
                    context = copy_context()
                    jobs.append(self._helpers.submit(context.run, help_out, number))
            take_tasks(0)
        finally:
            tasks.clear()  # a helper that comes later finds none
            for lock in working:
                with lock:
                    pass
        while jobs:  # none is kept in a variable: an error would keep itself and all tasks alive
            jobs.pop().result()
        return [results[task] for task in range(n_tasks)]
