"""Blocks for products of matrices, on processors whose BLAS has faster kernels for small ones."""

from __future__ import annotations

from functools import cache, lru_cache

from threadpoolctl import ThreadpoolController

# OpenBLAS for these has faster kernels if a product takes no more multiply-adds than this and, if
# it is by a transposed matrix, the result has no more elements.
SMALL_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
MOST_MULTIPLY_ADDS, MOST_ELEMENTS = 1_000_000, 1_200


@cache
def has_small_kernels() -> bool:
    """Return whether the process's BLAS has such kernels, as far as it says."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return any(getattr(library, "architecture", None) in SMALL_KERNELS for library in libraries)


@lru_cache(maxsize=1024)
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
    if not has_small_kernels():
        return length
    most = MOST_MULTIPLY_ADDS // max(multiply_adds, 1)
    if elements:
        most = min(most, MOST_ELEMENTS // elements)
    blocks = range(min(length, most), least - 1, -1)
    return next((block for block in blocks if length % block == 0), length)
