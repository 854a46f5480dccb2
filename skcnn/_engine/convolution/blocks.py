"""Blocks for the products of a weight gradient, on processors whose small kernels are faster."""

from __future__ import annotations

from functools import cache, lru_cache

from threadpoolctl import ThreadpoolController

# OpenBLAS for these has faster kernels for a product by a transposed matrix that takes no more
# multiply-adds and whose result has no more elements than this.
SMALL_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
MOST_MULTIPLY_ADDS, MOST_ELEMENTS = 1_000_000, 1_200
LEAST_LINES = 4  # shorter blocks gain nothing


@cache
def has_small_kernels() -> bool:
    """Return whether the process's BLAS has such kernels, as far as it says."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return any(getattr(library, "architecture", None) in SMALL_KERNELS for library in libraries)


@lru_cache(maxsize=1024)
def block_length(lines: int, columns: int, filters: int) -> int:
    """Return the divisor of `lines` that cuts (lines, columns) @ (columns, filters) into blocks."""
    if not has_small_kernels():
        return lines
    most = min(MOST_MULTIPLY_ADDS // (columns * filters), MOST_ELEMENTS // filters)
    blocks = range(min(lines, most), LEAST_LINES - 1, -1)
    return next((block for block in blocks if lines % block == 0), lines)
