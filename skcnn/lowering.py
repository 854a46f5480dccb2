"""Lowering: the copy that turns convolution into products of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn.windows import Axis
from skcnn.workspace import Workspace

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Index = tuple[Any, ...]


class _Tap(NamedTuple):
    """What one combination of taps reads, as indices into x and into the lowered array."""

    part: Index  # of the lowered array: all that belongs to the tap
    inside: Index  # of the part: the outputs that read a real element
    outside: list[Index]  # of the part: the others
    source: Index  # of x: the elements read


@dataclass(frozen=True)
class Lowering:
    """How x is laid out anew, so that the windows of a row are one matrix.

    For images, lowered[h, j, c, ow] = x[h, c, ow * stride + j - before]: what tap j of a filter's
    row reads. Rows of windows need no copy: neighbouring rows of the lowered array lie one behind
    the other. The leading axis of a volume is lowered like the last.

    Parameters
    ----------
    axes : tuple of Axis
        The spatial axes; the one before the last is the height, which is not lowered.
    channels : int
        Channels of x.
    """

    axes: tuple[Axis, ...]
    channels: int

    @cached_property
    def outer(self) -> tuple[Axis, ...]:
        """The depth of volumes; empty for images and signals."""
        return self.axes[:-2]

    @cached_property
    def height(self) -> Axis:
        """The axis whose rows are stacked; of length 1 for signals."""
        return self.axes[-2] if len(self.axes) > 1 else Axis(1, 1)

    @cached_property
    def side(self) -> Axis:
        """The last axis."""
        return self.axes[-1]

    @cached_property
    def outputs(self) -> Shape:
        """Lengths of the outer axes of the output."""
        return tuple(axis.output for axis in self.outer)

    @cached_property
    def lines(self) -> int:
        """Lines of one lowered row: every outer and side tap of every channel."""
        return prod(axis.kernel for axis in self.outer) * self.side.kernel * self.channels

    @cached_property
    def is_plain(self) -> bool:
        """Whether lowering would copy x as it is."""
        return all(
            (axis.kernel, axis.stride, axis.before, axis.after) == (1, 1, 0, 0)
            for axis in (*self.outer, self.side)
        )

    def shape(self, n: int) -> Shape:
        """Return the shape for n images, (*outer outputs, height, lines, OW * n)."""
        return (*self.outputs, self.height.length, self.lines, self.side.output * n)

    def lower(self, x: Array, workspace: Workspace) -> Array:
        """Return x lowered, with zeros where taps read outside of it.

        Parameters
        ----------
        x : ndarray of shape (*leading, channels, last, n)
            Signals, images or volumes.
        workspace : Workspace
            Holds the result.

        Returns
        -------
        lowered : ndarray of shape (*outer outputs, height, lines, OW * n)
        """
        n = x.shape[-1]
        if self.is_plain:
            return np.ascontiguousarray(x).reshape(self.shape(n))
        lowered = workspace.buffer("lowered", self.shape(n), x.dtype)
        x = x.reshape(self._split_input(n))
        copies = workspace.plan((lowered.shape, x.shape), lambda: self._copies(lowered, n))
        for target, outside, source in copies:
            for rest in outside:
                rest.fill(0)
            np.copyto(target, x[source])
        return lowered

    def add_back(self, lowered: Array, n: int, workspace: Workspace) -> Array:
        """Add each element of `lowered` to the one that :meth:`lower` had read for it.

        Parameters
        ----------
        lowered : ndarray of shape (*outer outputs, height, lines, OW * n)
            From the workspace.
        n : int
            Number of images.
        workspace : Workspace
            Holds the result.

        Returns
        -------
        dx : ndarray of shape (*outer lengths, height, channels, last, n)
        """
        if self.is_plain:
            return lowered.reshape(self._split_input(n))
        dx = workspace.buffer("dx", self._split_input(n), lowered.dtype)
        dx.fill(0)
        key = ("add", lowered.shape, dx.shape)
        for target, source in workspace.plan(key, lambda: self._additions(lowered, dx, n)):
            target += source
        return dx

    def _copies(self, lowered: Array, n: int) -> list[tuple[Array, list[Array], Index]]:
        """Return views to fill, views to set to zero, and where x is read."""
        lowered = lowered.reshape(self._split(n))
        copies = []
        for tap in self._taps:
            part = lowered[tap.part]
            copies.append((part[tap.inside], [part[rest] for rest in tap.outside], tap.source))
        return copies

    def _additions(self, lowered: Array, dx: Array, n: int) -> list[tuple[Array, Array]]:
        """Return views to add to, and views to add."""
        lowered = lowered.reshape(self._split(n))
        return [(dx[tap.source], lowered[tap.part][tap.inside]) for tap in self._taps]

    def _split_input(self, n: int) -> Shape:
        outer = (axis.length for axis in self.outer)
        return (*outer, self.height.length, self.channels, self.side.length, n)

    def _split(self, n: int) -> Shape:
        """Return the lowered shape with every tap an axis of its own."""
        outer = (axis.kernel for axis in self.outer)
        lines = (*outer, self.side.kernel, self.channels)
        return (*self.outputs, self.height.length, *lines, self.side.output, n)

    @cached_property
    def _taps(self) -> list[_Tap]:
        lowered = (*self.outer, self.side)
        taps = []
        for js in product(*(range(axis.kernel) for axis in lowered)):
            *outer, side = (axis.tap(j) for axis, j in zip(lowered, js, strict=True))
            between = (slice(None), slice(None))  # height, channels
            inside = (*(tap.target for tap in outer), *between, side.target)
            source = (*(tap.source for tap in outer), *between, side.source)
            lengths = (*self.outputs, self.height.length, self.channels, self.side.output)
            part = (..., *js, slice(None), slice(None), slice(None))  # channels, OW, n
            taps.append(_Tap(part, inside, _outside(inside, lengths), source))
        return taps


def _outside(inside: Index, lengths: Shape) -> list[Index]:
    """Return indices that together leave out just the box `inside`."""
    rest = []
    for position, (part, length) in enumerate(zip(inside, lengths, strict=True)):
        before = (slice(None),) * position
        if part.start:
            rest.append((*before, slice(0, part.start)))
        if part.stop is not None and part.stop < length:
            rest.append((*before, slice(part.stop, None)))
    return rest
