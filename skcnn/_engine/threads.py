"""Threads that share a list of tasks, as many as the user asked for."""

from __future__ import annotations

import multiprocessing
from _thread import LockType, allocate_lock, start_new_thread
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

from joblib import effective_n_jobs

from skcnn._checks import is_integer
from skcnn._engine.blas import threads_outside

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


@dataclass
class _Job:
    """Something for a helper to do; waiting for it may be interrupted anywhere and repeated."""

    function: Callable[[], object]
    is_done: bool = False
    error: BaseException | None = None
    running: LockType = field(default_factory=allocate_lock)  # locked from the start to the end

    def __post_init__(self) -> None:
        self.running.acquire()

    def run(self) -> None:
        """Call the function, and keep an exception for the one who waits."""
        try:
            self.function()
        except BaseException as error:
            self.error = error
        self.is_done = True
        self.running.release()

    def wait(self) -> None:
        """Return once the job is done."""
        while not self.is_done:
            self.running.acquire()


class Team:
    """Threads that share a list of tasks; the calling thread is one of them.

    Helpers start when they are first needed and end with the block. They are started without
    waiting for them, as `threading.Thread` would: on an idle machine that takes as long as a
    small prediction.

    Parameters
    ----------
    n_threads : int
        How many, the calling thread included.
    """

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._jobs: list[_Job] = []  # not yet waited for
        self._helpers = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for _ in range(self._helpers):
            self._queue.put(None)
        self._helpers = 0
        self._wait()

    def map(
        self, function: Callable[[int, int], T], n_tasks: int, *, alone: bool = False
    ) -> list[T]:
        """Return function(thread, task) for tasks 0, 1, ... in their order.

        Threads take the next task as they become free, in the calling thread's context: NumPy
        treats floating-point errors as there. An exception stops them all. `alone` leaves all
        tasks to the calling thread, as is best when they are short.
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

        try:
            with suppress(RuntimeError):  # there cannot be more threads: fewer do it, too
                for thread in range(1, min(self.n_threads, n_tasks)):
                    self._submit(_Job(partial(copy_context().run, take_tasks, thread)))
            take_tasks(0)
        finally:
            tasks.clear()
            failure = self._wait()
        if failure is not None:
            try:
                raise failure
            finally:
                failure = None  # or it would keep this frame, and what the tasks hold, alive
        return [results[task] for task in range(n_tasks)]

    def _submit(self, job: _Job) -> None:
        """Hand a job to a helper, which may have to be started."""
        if len(self._jobs) == self._helpers:
            self._helpers += 1
            try:
                start_new_thread(self._help, ())
            except RuntimeError:
                self._helpers -= 1
                raise
        self._queue.put(job)
        self._jobs.append(job)

    def _help(self) -> None:
        """Do jobs until there is None."""
        while (job := self._queue.get()) is not None:
            job.run()
            del job  # and what it holds

    def _wait(self) -> BaseException | None:
        """Wait for all jobs, also if interrupted before; return what one of them failed with."""
        failure = None
        while self._jobs:
            job = self._jobs[-1]
            job.wait()
            failure, job.error = job.error or failure, None
            self._jobs.pop()
        return failure
