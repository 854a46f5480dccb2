"""How much memory a call takes."""

import tracemalloc

import pytest

measures_memory = pytest.mark.thread_unsafe(reason="measures the memory of all threads")


def peak_of(function):
    """Return the bytes that a call of `function` has allocated at most at a time."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
