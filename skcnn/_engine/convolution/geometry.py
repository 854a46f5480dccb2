"""Where windows lie on an axis, and the stride tricks that turn sliding into matrix products."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from skcnn._checks import check_size, is_integer

Array = npt.NDArray[Any]
Padding = str | int | tuple[Any, ...]


class KernelPosition(NamedTuple):
    """What one position of the kernel reads: inputs `source` go to outputs `target`."""

    source: slice
    target: slice


class Rows(NamedTuple):
    """Output rows `target`: windows from `first`, `first + step`, ... on, of equal `positions`."""

    target: slice
    first: int
    step: int
    positions: slice

    @property
    def is_empty(self) -> bool:
        """Whether no kernel position of these windows lies on the axis."""
        return bool(self.positions.start == self.positions.stop)


@dataclass(frozen=True)
class Axis:
    """A window of `kernel` kernel positions that slides over one axis.

    Negative padding crops: `after=-1` leaves the last element out. Neighboring kernel positions
    read elements that are `dilation` apart.
    """

    length: int
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @cached_property
    def extent(self) -> int:
        """Elements from the first that a window reads to the last."""
        return (self.kernel - 1) * self.dilation + 1

    @cached_property
    def output(self) -> int:
        """Number of windows that fit."""
        return (self.length + self.before + self.after - self.extent) // self.stride + 1

    @property
    def reach(self) -> int:
        """Elements, padded ones too, from the first that any window reads to the last."""
        return (self.output - 1) * self.stride + self.extent

    def widened(self, together: int) -> Axis:
        """Return the axis of windows that each serve so many neighboring outputs.

        `together` divides the number of outputs, and is 1 where the kernel is dilated.
        """
        kernel = self.kernel + (together - 1) * self.stride
        return replace(self, kernel=kernel, stride=self.stride * together)

    def kernel_position(self, j: int) -> KernelPosition:
        """Return which outputs read a real element at position `j`, and which elements."""
        offset = j * self.dilation - self.before
        low = max(0, -(offset // self.stride))
        high = max(low, min(self.output, -((offset - self.length) // self.stride)))
        start = low * self.stride + offset
        stop = start + (high - low) * self.stride
        return KernelPosition(slice(start, stop, self.stride), slice(low, high))

    def forward_rows(self) -> list[Rows]:
        """Group the outputs by the kernel positions that lie on the axis; without dilation.

        Output o reads o * stride - before + i through kernel position i.
        """
        ranges = []
        for o in range(self.output):
            start = o * self.stride - self.before
            low = min(self.kernel, max(0, -start))
            ranges.append((start + low, low, max(low, min(self.kernel, self.length - start))))
        return _group(ranges, 0, 1, self.stride)

    def backward_rows(self) -> list[tuple[int, list[Rows]]]:
        """Group the inputs by the outputs that read them, for each phase of the stride.

        Without dilation. Input h was read by output o through kernel position
        i = h + before - o*stride. With phase = (h + before) % stride, the kernel positions are
        phase, phase + stride, ...; `positions` of a group counts them from the last to the first,
        since o grows as i shrinks.
        """
        phases = []
        for phase in range(self.stride):
            count = len(range(phase, self.kernel, self.stride))
            first = (phase - self.before) % self.stride
            ranges = []
            for h in range(first, self.length, self.stride):
                q = (h + self.before - phase) // self.stride  # the output that has `phase`
                low, high = max(0, q - self.output + 1), min(count, q + 1)
                high = max(low, high)
                ranges.append((q - high + 1, count - high, count - low))
            phases.append((phase, _group(ranges, first, self.stride, 1)))
        return phases


def _group(ranges: list[tuple[int, int, int]], first: int, spacing: int, step: int) -> list[Rows]:
    """Merge neighbors (start, low, high) with equal kernel positions into one `Rows` each."""
    groups: list[Rows] = []
    for index, (start, low, high) in enumerate(ranges):
        position = first + index * spacing
        if groups and groups[-1].positions == slice(low, high):
            target = slice(groups[-1].target.start, position + 1, spacing)
            groups[-1] = groups[-1]._replace(target=target)
        else:
            groups.append(Rows(slice(position, position + 1), start, step, slice(low, high)))
    return groups


def sliding_axes(
    lengths: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Padding,
    dilation: tuple[int, ...] | None = None,
) -> tuple[Axis, ...]:
    """Resolve `padding` ("same", "valid" or explicit) for every spatial axis.

    "same" gives ceil(length / stride) outputs; an odd number of padded elements puts the extra
    one at the end. A dilated kernel counts as long as it is with its gaps. Explicit padding is an
    integer or, per axis, an integer or (before, after).

    Raises
    ------
    ValueError
        If the padding is not understood or the kernel is larger than what it slides over.
    """
    rank = len(lengths)
    gaps = (1,) * rank if dilation is None else dilation
    unpadded = [
        Axis(length, size, step, dilation=gap)
        for length, size, step, gap in zip(lengths, kernel, stride, gaps, strict=True)
    ]
    axes = []
    for position, axis in enumerate(unpadded):
        before, after = _axis_padding(padding, position, rank, axis)
        axes.append(replace(axis, before=before, after=after))
    if any(axis.output < 1 for axis in axes):
        extents = tuple(axis.extent for axis in axes)
        dilated = "" if extents == kernel else f" with dilation={gaps}, so {extents} wide,"
        raise ValueError(
            f"filter_size={kernel}{dilated} is larger than what it slides over: with "
            f"padding={padding!r} the feature map has shape "
            f"{tuple(a.length + a.before + a.after for a in axes)}. Use padding='same', a smaller "
            f"filter_size{' or dilation' if dilated else ''} or fewer poolings before it."
        )
    return tuple(axes)


def _axis_padding(padding: Padding, position: int, rank: int, axis: Axis) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    if padding == "same":
        reach = (-(-axis.length // axis.stride) - 1) * axis.stride + axis.extent
        total = max(reach - axis.length, 0)
        return total // 2, total - total // 2
    return explicit_padding(padding, position, rank)


def explicit_padding(padding: Padding, position: int, rank: int) -> tuple[int, int]:
    """Return (before, after) for the spatial axis at `position`, or raise a ValueError."""
    value: Any = padding
    if isinstance(padding, tuple):
        value = padding[position] if len(padding) == rank else None
    if is_integer(value) and value >= 0:
        value = value, value
    if isinstance(value, tuple) and len(value) == 2 and all(is_integer(v) for v in value):
        return check_size(value[0], "padding"), check_size(value[1], "padding")
    raise ValueError(
        f"padding={padding!r} must be 'same', 'valid', an integer of at least 0, or a tuple of "
        f"{rank}: an integer or a pair (before, after) for each spatial axis."
    )


def stacked_rows(array: Array, rows: Rows) -> Array:
    """View overlapping stacks of neighboring rows as matrices, without copying.

    Parameters
    ----------
    array : ndarray of shape (..., height, m, n)
        Neighboring rows of shape (m, n) lie one behind the other in memory.
    rows : Rows
        Which stacks: `first`, `first + step`, ... each of as many rows as `positions` counts.

    Returns
    -------
    ndarray of shape (..., count, positions * m, n)
    """
    *lead, _, m, n = array.shape
    *lead_strides, row, line, item = array.strides
    count = len(range(rows.target.start, rows.target.stop, rows.target.step or 1))
    shape = (*lead, count, (rows.positions.stop - rows.positions.start) * m, n)
    strides = (*lead_strides, rows.step * row, line, item)
    if array.flags.c_contiguous:  # several times as fast as as_strided
        return np.ndarray(shape, array.dtype, array, rows.first * row, strides)
    return as_strided(array[..., rows.first :, :, :], shape, strides, writeable=False)


def outside(inside: tuple[Any, ...], lengths: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """Return indices that together leave out just the box `inside`."""
    rest = []
    for position, (part, length) in enumerate(zip(inside, lengths, strict=True)):
        before = (slice(None),) * position
        if part.start:
            rest.append((*before, slice(0, part.start)))
        if part.stop is not None and part.stop < length:
            rest.append((*before, slice(part.stop, None)))
    return rest
