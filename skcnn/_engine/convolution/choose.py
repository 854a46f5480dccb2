"""Which algorithm computes a convolution: the one that takes the least work."""

from __future__ import annotations

from skcnn._engine.convolution.algorithm import Algorithm
from skcnn._engine.convolution.geometry import Axis
from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.convolution.winograd import POINTS, Winograd

# Smaller batches make matrices too narrow for Winograd's algorithm.
LEAST_BATCH = 8
# Neighboring outputs are computed together until products have so many lines.
LINES = 4
# A larger tile is taken if the work falls below this fraction.
LEAST_GAIN = 0.93


def choose_algorithm(
    axes: tuple[Axis, ...], channels: int, n_filters: int, interleave: int, many: bool
) -> Algorithm:
    """Return the algorithm that takes the least work.

    Winograd's algorithm has larger rounding errors, and must save a fifteenth for every step to a
    larger tile. For single images (not `many`) its matrices are too narrow.
    """
    best: Algorithm = _im2col(axes, channels, n_filters, interleave)
    if not many or len(axes) > 2 or axes[-1].stride > 1 or axes[-1].kernel < 2:
        return best
    for tile in range(2, max(POINTS) - axes[-1].kernel + 2):
        other = Winograd(axes, channels, n_filters, interleave, tile)
        if other.cost < LEAST_GAIN * best.cost:
            best = other
    return best


def _im2col(axes: tuple[Axis, ...], channels: int, n_filters: int, interleave: int) -> Algorithm:
    """Return an algorithm that computes so many outputs together that products have some lines."""
    columns = interleave if interleave * n_filters <= LINES else 1
    rows = 1
    if len(axes) > 1:
        most = max(LINES // (columns * n_filters), 1)
        rows = next(rows for rows in range(most, 0, -1) if axes[-2].output % rows == 0)
    return Im2col(axes, channels, n_filters, interleave // columns, (rows, columns))
