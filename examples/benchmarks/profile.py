"""Where the time of a training step goes, operation by operation."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import Any
from unittest.mock import patch

from examples.benchmarks.data import fashion_mnist
from examples.benchmarks.networks import classifier
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from skcnn import ScratchCNNClassifier
from skcnn._data.batches import Images
from skcnn.losses import CrossEntropy
from skcnn.optimizers import Adam

Key = tuple[Any, ...]

# A step of the plan and the shape of its output, without the batch axis, are one operation.
KEYS: dict[str, Callable[..., Key]] = {
    "forward": lambda args, y: ("forward", args[0], y[0].shape[:-1]),
    "backward": lambda args, _: ("backward", args[0], args[3].shape[:-1]),
}


class Clock:
    """Seconds of each operation, and how often it was called."""

    def __init__(self) -> None:
        self.seconds: dict[Key, float] = defaultdict(float)
        self.calls: dict[Key, int] = defaultdict(int)

    def around(self, function: Callable[..., Any], key: Callable[..., Key]) -> Callable[..., Any]:
        """Return the function with its time taken; the key depends on arguments and result."""

        def timed(*args: Any, **options: Any) -> Any:
            start = perf_counter()
            result = function(*args, **options)
            elapsed = perf_counter() - start
            name = key(args, result)
            self.seconds[name] += elapsed
            self.calls[name] += 1
            return result

        return timed


@contextmanager
def clocked(clf: ScratchCNNClassifier) -> Iterator[Clock]:
    """Take the time of every part of a step while the block runs."""
    clock = Clock()
    parts = [
        (Images, "batch", lambda args, _: ("gather",)),
        (CrossEntropy, "value_and_gradient", lambda args, _: ("loss",)),
        (Adam, "step", lambda args, _: ("optimizer",)),
    ]
    for name in ("forward", "backward"):
        kinds = {type(step.operation) for step in clf.network_._plan.steps}
        # where it is written: an activation with a forward of its own would not trade places
        owners = {next(k for k in kind.__mro__ if name in vars(k)) for kind in kinds}
        parts += [(owner, name, KEYS[name]) for owner in owners]
    with ExitStack() as stack:
        for owner, name, key in parts:
            function = clock.around(getattr(owner, name), key)
            stack.enter_context(patch.object(owner, name, function))
        yield clock


def run(settings: Settings) -> list[Table]:
    """Profile every network and batch size, one thread."""
    X, y = fashion_mnist(settings.n_images)
    return [
        _profile(network, batch_size, X, y, settings)
        for network in settings.networks
        for batch_size in settings.batch_sizes
    ]


def _profile(network: str, batch_size: int, X: Any, y: Any, settings: Settings) -> Table:
    epochs = max(2, settings.rounds // 2)
    clf = classifier(network, batch_size=batch_size, max_iter=1).fit(X, y)
    with clocked(clf) as clock:
        start = perf_counter()
        clf.set_params(max_iter=epochs).fit(X, y)
        total = perf_counter() - start
    steps = epochs * -(-len(X) // batch_size)
    plan = clf.network_._plan
    operations = [step.operation for step in plan.steps]
    named = [
        (f"{number} {operation}", operation, shape)
        for number, (operation, shape) in enumerate(zip(operations, plan.shapes[1:], strict=True))
    ]
    keys: dict[str, Key] = {"gather": ("gather",)}
    keys |= {f"{name} forward": ("forward", *what) for name, *what in named}
    keys["loss"] = ("loss",)
    keys |= {f"{name} backward": ("backward", *what) for name, *what in reversed(named)}
    keys["optimizer"] = ("optimizer",)
    timed = sum(clock.seconds[key] for key in keys.values())
    parts = [(name, clock.calls[key] / steps, clock.seconds[key]) for name, key in keys.items()]
    parts += [("everything else", None, total - timed), ("step", 1.0, total)]
    rows: list[Row] = [
        {
            "operation": name,
            "calls a step": calls,
            "microseconds a step": seconds / steps * 1e6,
            "fraction": f"{100 * seconds / total:.1f} %",
        }
        for name, calls, seconds in parts
    ]
    return Table(f"Profile of {network}, batch {batch_size}, one thread", rows)
