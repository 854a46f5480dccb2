"""How NumPy's element-wise operations go about their work while a network computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

# NumPy copies what is not contiguous through a buffer, unless it comes in runs of as many elements
# as fit. Half of a map's columns come in runs of a thousand: the default of 8,192 is too long.
BUFFER_ELEMENTS = 1024


@contextmanager
def short_buffers() -> Iterator[None]:
    """Use short buffers, and let small numbers become zero, which every network's do."""
    with np.errstate(under="ignore"):  # restores the size of the buffer, too
        np.setbufsize(BUFFER_ELEMENTS)
        yield


def quiet_overflow() -> np.errstate:
    """Silence floating-point warnings: a loss that is not finite is an error of its own."""
    return np.errstate(all="ignore")
