"""A live bar for one epoch, drawn by rich or tqdm, whichever is installed."""

from __future__ import annotations

import warnings
from functools import cache
from time import perf_counter
from typing import Any, Protocol, Self

# Seconds between updates: a mini-batch may take less than drawing does.
INTERVAL = 0.1


class Bar(Protocol):
    """What draws one bar, from its making to `close`."""

    def update(self, n: int) -> object:
        """Move the bar by n samples."""

    def close(self) -> object:
        """Take the bar away."""


class EpochBar:
    """Shows how far an epoch has come, and nothing once it has ended.

    Parameters
    ----------
    total : int
        Samples of an epoch.
    shown : bool
        Whether there is anything to see. Without rich and tqdm there is not, which a warning says
        once in a process, nor where the output is neither a terminal nor a notebook.
    """

    def __init__(self, total: int, *, shown: bool) -> None:
        self._total, self._shown = total, shown
        self._bar: Bar | None = None
        self._done = self._waiting = 0
        self._updated = 0.0

    def begin(self, description: str) -> None:
        """Start an epoch."""
        self._done = self._waiting = 0
        if not self._shown:
            return
        self._bar = make_bar(description, self._total)
        if self._bar is None:
            self._shown = False
            say_what_to_install()

    def advance(self, n_samples: int) -> None:
        """Take note of a mini-batch; close after the last one."""
        if self._bar is None:
            return
        self._done += n_samples
        self._waiting += n_samples
        now = perf_counter()
        if now - self._updated >= INTERVAL:
            self._bar.update(self._waiting)
            self._waiting, self._updated = 0, now
        if self._done >= self._total:
            self.close()

    def close(self) -> None:
        """Take the bar away, if there is one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@cache
def say_what_to_install() -> None:
    """Warn, once in a process, that there is nothing to draw a bar with."""
    warnings.warn(
        "verbose=2 shows a bar within each epoch where rich or tqdm is installed: pip install rich "
        "(in a notebook: rich ipywidgets). Now there are lines only.",
        stacklevel=15,  # where the user calls fit
    )


class RichBar:
    """A bar of rich, on standard error."""

    def __init__(self, description: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)  # of its own: another display may be live
        self._progress = Progress(console=console, transient=True)
        self._started = console.is_terminal or console.is_jupyter
        if self._started:
            self._progress.start()
        self._task = self._progress.add_task(description, total=total)

    def update(self, n: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, advance=n)

    def close(self) -> None:
        """Take the bar away."""
        if self._started:
            self._progress.stop()


def make_bar(description: str, total: int) -> Bar | None:
    """Return a bar of rich or else of tqdm; None if neither is installed."""
    try:
        return RichBar(description, total)
    except ImportError:
        pass
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    bar: Any = tqdm(desc=description, total=total, unit="sample", leave=False, disable=None)
    drawn: Bar = bar
    return drawn
