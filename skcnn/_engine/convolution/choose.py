"""Which algorithm computes a convolution: the one that takes the least work."""

from __future__ import annotations

from skcnn._engine.convolution.algorithm import Algorithm
from skcnn._engine.convolution.depthwise import Depthwise
from skcnn._engine.convolution.geometry import Axis
from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.convolution.segments import SegmentedWinograd
from skcnn._engine.convolution.winograd import POINTS, Winograd

# Smaller batches than the first make matrices too narrow for Winograd's algorithm, smaller than the
# second make the small ones of segments slow.
BATCHES = 8, 32
SLOWNESS = {8: 5, 32: 2}
# Neighboring outputs are computed together until products have so many lines.
LINES = 4
# With smaller tiles, segments have not paid.
LEAST_TILE_OF_SEGMENTS = 3
# A larger tile is taken if the work falls below this fraction.
LEAST_GAIN = 0.93


def batch_class(n: int) -> int:
    """Return what of the number of samples decides: the largest of 0, 8, 32 that is no larger."""
    return max((least for least in BATCHES if least <= n), default=0)


def choose_algorithm(
    axes: tuple[Axis, ...],
    channels: int,
    n_filters: int,
    interleave: int,
    batch: int,
    groups: int = 1,
) -> Algorithm:
    """Return the algorithm that takes the least work, for batches as :func:`batch_class` says.

    Winograd's algorithm has larger rounding errors, and must save a fifteenth for every step to a
    larger tile. For single images its matrices are too narrow. Where every channel is a group,
    products of matrices have too few lines.
    """
    if groups == channels > 1:
        return Depthwise(axes, channels, n_filters, interleave)
    plain = _im2col(axes, channels, n_filters, interleave, groups)
    dilated = any(axis.dilation > 1 for axis in axes)
    if batch not in SLOWNESS or groups > 1 or dilated or len(axes) > 2:
        return plain
    if axes[-1].stride > 1 or axes[-1].kernel < 2:
        return plain
    largest = max(POINTS) - axes[-1].kernel + 1
    best: Winograd | Im2col = plain
    segments = SegmentedWinograd(
        axes, channels, n_filters, interleave, largest, slowness=SLOWNESS[batch]
    )
    long = [segments] if largest >= LEAST_TILE_OF_SEGMENTS and segments.suits else []
    tiles = range(2, largest + 1)
    for other in (*long, *(Winograd(axes, channels, n_filters, interleave, t) for t in tiles)):
        if other.cost < LEAST_GAIN * best.cost:
            best = other
    return best


def _im2col(
    axes: tuple[Axis, ...], channels: int, n_filters: int, interleave: int, groups: int
) -> Im2col:
    """Return an algorithm that computes so many outputs together that products have some lines."""
    if len(axes) > 1 and axes[-2].dilation > 1:  # rows that a window reads are not neighbors
        axes = (*axes[:-1], Axis(1, 1), axes[-1])
    filters = n_filters // groups
    apart = axes[-1].dilation > 1 or interleave * filters > LINES
    columns = 1 if apart else interleave
    rows = 1
    if len(axes) > 1 and groups == 1:
        most = max(LINES // (columns * filters), 1)
        rows = next(rows for rows in range(most, 0, -1) if axes[-2].output % rows == 0)
    together = (rows, columns)
    return Im2col(axes, channels, n_filters, interleave // columns, together, groups)
