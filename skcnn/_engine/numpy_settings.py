"""NumPy's settings for element-wise operations while a network computes."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

# NumPy copies what is not contiguous through a buffer, unless it comes in runs of as many elements
# as fit. Half of a feature map's columns come in runs of a thousand: the default of 8,192 is too
# long.
BUFFER_ELEMENTS = 1024


def with_numpy_settings(work: Callable[[], T], *, short_buffers: bool = False, **errors: Any) -> T:
    """Return work(), which runs with settings of NumPy that nobody else sees.

    NumPy keeps its settings in the context, and work runs in a copy of the caller's. So there is
    nothing to restore, as at the end of `np.errstate`, which an interrupt (Ctrl-C) may prevent.

    Parameters
    ----------
    work : callable
        Takes nothing.
    short_buffers : bool, default=False
        Whether buffers are short.
    **errors : {"ignore", "warn", "raise"}
        As `np.errstate` takes them. Where a network computes all are ignored: small numbers become
        zero in every network, and a loss that is not finite is an error of its own.
    """
    return copy_context().run(_set_and_work, work, short_buffers, errors)


def _set_and_work(work: Callable[[], T], short_buffers: bool, errors: dict[str, Any]) -> T:
    np.seterr(**errors)
    if short_buffers:
        np.setbufsize(BUFFER_ELEMENTS)
    return work()
