"""One thread for BLAS while a network computes, since rounding depends on how many it has."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")


class _Setting(Protocol):
    """How many threads a library may use."""

    def get_num_threads(self) -> int: ...

    def set_num_threads(self, number: int) -> None: ...


class _OfProcess:
    """The setting of a library for all threads of the process, set from any of them."""

    def __init__(self, library: Any) -> None:
        self.get_num_threads = library.get_num_threads
        self._library = library

    def set_num_threads(self, number: int) -> None:
        # since 3.8, threadpoolctl heeds only the thread that was the first to set anything
        release = getattr(self._library, "clear_controlling_thread", lambda **_: None)
        release(force=True)
        self._library.set_num_threads(number)
        release(force=True)


class _OfThread:
    """The setting of the calling thread, in the OpenMP that OpenBLAS was built with.

    OpenBLAS's own functions for it mean another thing in each of its versions.
    """

    def __init__(self, library: Any) -> None:
        self.get_num_threads = library.dynlib.omp_get_max_threads
        self.set_num_threads = library.dynlib.omp_set_num_threads


class _BlasLimit:
    """Limits BLAS to one thread for those who are inside.

    What is set for the process is set by the first to enter and restored by the last to leave.
    What is set for a thread is set and restored in each thread that enters. The process is scanned
    for BLAS libraries once, since a scan takes longer than a prediction. Both methods may fail
    anywhere: `leave` can be repeated, and then sets things right.
    """

    def __init__(self, find: Callable[[], Iterable[Any]]) -> None:
        self._find = find  # threadpoolctl's controllers of the process's libraries
        self._lock = threading.RLock()
        self._inside: dict[object, tuple[int, list[int]]] = {}  # thread, and what it had outside
        self._outside: list[int] | None = None  # what the process had; None: no limit
        self._settings: tuple[list[_Setting], list[_Setting]] | None = None

    def enter(self, caller: object) -> None:
        """Set the limit, in the thread in which the caller will leave."""
        with self._lock:
            of_process, of_thread = self._found()
            self._inside[caller] = threading.get_ident(), _numbers(of_thread)
            _set(of_thread, [1] * len(of_thread))
            if self._outside is None:
                self._outside = _numbers(of_process)
                _set(of_process, [1] * len(of_process))

    def leave(self, caller: object) -> None:
        """Restore what the thread had and, with the last caller, what the process had."""
        with self._lock:
            of_process, of_thread = self._found()
            if caller in self._inside:
                _set(of_thread, self._inside[caller][1])
                del self._inside[caller]
            if self._outside is not None and not self._inside:
                _set(of_process, self._outside)
                self._outside = None

    def forget(self) -> None:
        """Lift the limit in a child process, forked while threads of its parent were inside."""
        self._lock = threading.RLock()
        self._inside.clear()
        if self._outside is not None:
            self.leave(self)

    def threads_outside(self) -> int:
        """Return how many threads BLAS has without the limit, at least 1."""
        with self._lock:
            of_process, of_thread = self._found()
            me = threading.get_ident()
            mine = next((had for thread, had in self._inside.values() if thread == me), None)
            numbers = [*(self._outside or _numbers(of_process)), *(mine or _numbers(of_thread))]
            return max(numbers, default=1)

    def _found(self) -> tuple[list[_Setting], list[_Setting]]:
        """Return the settings of the process and those of the calling thread."""
        if self._settings is None:
            libraries = [(library, _is_of_thread(library)) for library in self._find()]
            self._settings = (
                [_OfProcess(library) for library, of_thread in libraries if not of_thread],
                [_OfThread(library) for library, of_thread in libraries if of_thread],
            )
        return self._settings


def _libraries() -> list[Any]:
    """Return the process's BLAS libraries; none where threadpoolctl knows none."""
    controllers: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    return controllers


def _is_of_thread(library: Any) -> bool:
    """Return whether a library heeds the setting of the thread that calls it."""
    return (
        library.internal_api == "openblas"
        and library.threading_layer == "openmp"
        and hasattr(library.dynlib, "omp_set_num_threads")  # on Windows it is not
    )


def _numbers(settings: Iterable[_Setting]) -> list[int]:
    return [setting.get_num_threads() for setting in settings]


def _set(settings: Iterable[_Setting], numbers: Iterable[int]) -> None:
    for setting, number in zip(settings, numbers, strict=True):
        setting.set_num_threads(number)


_limit = _BlasLimit(_libraries)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limit.forget)


def with_one_blas_thread(work: Callable[[], T]) -> T:
    """Return work(), which runs while BLAS has one thread in the calling thread.

    Not a context manager: an interrupt (Ctrl-C) at the moment a block ends could keep the limit.
    """
    caller = object()
    try:
        _limit.enter(caller)
        return work()
    finally:
        try:
            _limit.leave(caller)
        except BaseException:  # an interrupt, or no memory
            _limit.leave(caller)
            raise


def threads_outside() -> int:
    """Return how many threads BLAS has outside of :func:`with_one_blas_thread`, at least 1."""
    return _limit.threads_outside()
