"""A side that uses torch.compile, if compilation works and ends in time."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from examples.benchmarks.peers import has


def compiled_side(
    network: str,
    batch_size: int,
    limit: float,
    notes: list[str],
    work: Callable[..., object],
) -> Callable[[], object] | None:
    """Return `work` on a compiled classifier; None, and a note why, if that does not work.

    Parameters
    ----------
    network : str
        A key of NETWORKS.
    batch_size : int
        Samples of a mini-batch.
    limit : float
        Seconds that compilation may take; 0 leaves it out.
    notes : list of str
        Gets a remark on failure.
    work : callable
        Takes a TorchClassifier.
    """
    if not limit or not has("torch"):
        return None
    import torch

    from examples.benchmarks.torch_classifier import TorchClassifier

    torch.compiler.reset()
    clf = TorchClassifier(network, batch_size, "channels_last", fused=True, compiled=True)
    try:
        with time_limit(limit) as is_over:
            work(clf)
    except Exception as error:  # of many types: the compiler's, the time limit's
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if is_over():
            reason = f"not done after {limit:g} seconds"
        notes.append(f"torch.compile of {network}, batch {batch_size}, is missing: {reason}")
        return None
    return lambda: work(clf)


@contextmanager
def time_limit(seconds: float) -> Iterator[Callable[[], bool]]:
    """Raise a TimeoutError in the block after so many seconds, where the system has alarms.

    Yields a function that says whether this has happened.
    """
    over = []

    def stop(*_: object) -> None:
        over.append(True)
        raise TimeoutError

    if not hasattr(signal, "SIGALRM"):
        yield lambda: False
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield lambda: bool(over)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
