"""BLAS, which computes matrix products: one thread inside skcnn, and what it is fastest at."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")

# OpenBLAS has faster kernels for these if a product takes no more multiply-adds than this and, if
# it is by a transposed matrix, the result has no more elements.
SMALL_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
MOST_MULTIPLY_ADDS, MOST_ELEMENTS = 1_000_000, 1_200


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

    def forget(self) -> None:
        """Lift the limit in a child process, forked while threads of its parent were inside."""
        self._lock = threading.RLock()
        self._inside.clear()
        self.leave(self)

    def threads_outside(self) -> int:
        """Return how many threads BLAS has without the limit, at least 1."""
        with self._lock:
            threads = self._outside or [library.get_num_threads() for library in self._found()]
            return max(threads, default=1)

    def architectures(self) -> set[str | None]:
        """Return what processors the libraries' kernels are for, as far as they say."""
        with self._lock:
            return {getattr(library, "architecture", None) for library in self._found()}

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
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limit.forget)


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


def threads_outside() -> int:
    """Return how many threads BLAS has outside of :func:`with_one_blas_thread`, at least 1."""
    return _limit.threads_outside()


@cache
def block_length(length: int, multiply_adds: int, elements: int = 0, least: int = 4) -> int:
    """Return the divisor of `length` that cuts a product into the blocks that BLAS is fastest at.

    Parameters
    ----------
    length : int
        Lines of the product, or of what it sums over.
    multiply_adds : int
        That one of them takes.
    elements : int, default=0
        That one of them has in the result, if the product is by a transposed matrix.
    least : int, default=4
        Shorter blocks gain nothing.
    """
    if not _limit.architectures() & SMALL_KERNELS:
        return length
    most = MOST_MULTIPLY_ADDS // max(multiply_adds, 1)
    if elements:
        most = min(most, MOST_ELEMENTS // elements)
    blocks = range(min(length, most), least - 1, -1)
    return next((block for block in blocks if length % block == 0), length)
