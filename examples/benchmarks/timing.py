"""Sides that take turns in one process, and what their times come to."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time

import numpy as np

# Seconds of one thread's work before each turn. Threads of OpenMP and OpenBLAS wait actively for
# up to 30 milliseconds after their work, and would take a core from whoever comes next.
SETTLE = 0.05


@dataclass(frozen=True)
class Times:
    """Seconds of one side, a number a round: by the clock, and of the processor's time."""

    seconds: np.ndarray
    processor_seconds: np.ndarray

    @property
    def median(self) -> float:
        """The number that is quoted."""
        return float(np.median(self.seconds))

    @property
    def of_processor(self) -> "Times":
        """The same, in the processor's time only: less disturbed by other processes."""
        return Times(self.processor_seconds, self.processor_seconds)

    def over(self, other: "Times") -> tuple[float, str]:
        """Return the ratio of medians, and the quartiles of the ratios of single rounds."""
        low, high = np.percentile(self.seconds / other.seconds, (25, 75))
        return self.median / other.median, f"{low:.3f} to {high:.3f}"


def take_turns(
    sides: dict[str, Callable[[], object]], rounds: int, warm_up: int = 1
) -> dict[str, Times]:
    """Call all sides once in every round, each round in the opposite order, and time them.

    Before each turn the other sides' threads are given the time to go to sleep.
    """
    for side in sides.values():
        for _ in range(warm_up):
            side()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    gc.collect()
    for number in range(rounds):
        for name in list(sides) if number % 2 == 0 else reversed(sides):
            _settle()
            start, processor_start = perf_counter(), process_time()
            sides[name]()
            seconds[name].append((perf_counter() - start, process_time() - processor_start))
    return {name: Times(*np.array(values).T) for name, values in seconds.items()}


def _settle() -> None:
    """Keep this thread busy, and so on its core, until all others sleep."""
    end = perf_counter() + SETTLE
    while perf_counter() < end:
        pass


def repeated(call: Callable[[], object], times: int) -> Callable[[], None]:
    """Return a side that calls so many times, for what takes too short to be timed alone."""

    def repeat() -> None:
        for _ in range(times):
            call()

    return repeat


def fastest(times: dict[str, Times], prefix: str) -> str | None:
    """Return the name of the fastest side whose name starts with `prefix`."""
    names = [name for name in times if name.startswith(prefix)]
    return min(names, key=lambda name: times[name].median) if names else None
