"""The scratch memory of one owner: allocated once, used at every step."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
T = TypeVar("T")

# Names that nobody else gives.
_OUTPUT, _PART = "skcnn: output", "skcnn: part"


class Workspace:
    """Named buffers that are reused from step to step.

    An array from a workspace is valid until the layer's next call with the same workspace. A
    workspace belongs to one owner, a layer or a loss, and one thread: names mean nothing to others.

    Parameters
    ----------
    rng : numpy.random.Generator, optional
        For layers that are stochastic in training (dropout).
    in_place : bool, default=False
        Whether what comes into the layer may be overwritten by what goes out, as in prediction,
        where nobody needs it again.
    """

    def __init__(self, rng: np.random.Generator | None = None, *, in_place: bool = False) -> None:
        self.rng = rng
        self._in_place = in_place
        self._kept: Array | None = None
        self._storage: dict[tuple[str, np.dtype[Any]], Array] = {}
        self._buffers: dict[tuple[Any, ...], Array] = {}
        self._views: dict[tuple[str, tuple[int, ...]], tuple[Array, Any]] = {}
        self._made: dict[Any, Any] = {}

    def buffer(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Return an uninitialized C-contiguous array; a smaller shape reuses the same memory."""
        key = (name, shape, dtype)
        buffer = self._buffers.get(key)
        if buffer is None:
            buffer = self._buffers[key] = self._carve(name, shape, np.dtype(dtype))
        return buffer

    def output(self, x: Array) -> Array:
        """Return where a layer that changes each element by itself writes f(x)."""
        if self._in_place and (self._kept is None or not np.may_share_memory(x, self._kept)):
            return x
        return self.buffer(_OUTPUT, x.shape, x.dtype)

    def part(self, name: str) -> Workspace:
        """Return the workspace of something that the owner calls, with the same generator."""
        part = self.once((_PART, name), Workspace)
        part.rng = self.rng
        return part

    def parts(self, name: str, number: int, kept: Array) -> list[Workspace]:
        """Return workspaces for steps that the owner runs one after the other, with its generator.

        They are in place where the owner's is, but what is kept is needed again.
        """
        parts = self.once((_PART, name, number), lambda: [Workspace() for _ in range(number)])
        for part in parts:
            part.rng, part._in_place, part._kept = self.rng, self._in_place, kept
        return parts

    def contiguous(self, name: str, array: Array) -> Array:
        """Return the array, or a copy in a buffer if it is not C-contiguous."""
        if array.flags.c_contiguous:
            return array
        buffer = self.buffer(name, array.shape, array.dtype)
        np.copyto(buffer, array)
        return buffer

    def views(self, name: str, array: Array, make: Callable[[Array], T]) -> T:
        """Return make(array), remembered until another array comes with this name and shape.

        `make` returns views. Buffers are the same arrays from step to step, and so are their
        views, which take as long to make as small arrays to compute with.
        """
        key = (name, array.shape)
        known = self._views.get(key)
        if known is None or known[0] is not array:
            known = self._views[key] = (array, make(array))
        views: T = known[1]
        return views

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Return what `make()` returned at the first call with this key: views, index tables."""
        made: T | None = self._made.get(key)
        if made is None:
            made = self._made[key] = make()
        return made

    def _carve(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        size = prod(shape)
        storage = self._storage.get((name, dtype))
        if storage is not None and storage.size < size:
            storage = None
            self._forget(name, dtype)
        if storage is None:
            storage = self._storage[name, dtype] = np.empty(size, dtype)
        return storage[:size].reshape(shape)

    def _forget(self, name: str, dtype: np.dtype[Any]) -> None:
        """Let go of memory that is too small: buffers in it, and views, which are made again."""
        del self._storage[name, dtype]
        self._views.clear()
        for key in [key for key in self._buffers if key[0] == name and np.dtype(key[2]) == dtype]:
            del self._buffers[key]
