"""How far the loss jumps in the first epoch on wide flattened inputs, by what shortens the steps.

``python -m examples.benchmarks.wide_inputs`` fits networks with a flattened end to made-up signals
of 1,841 positions: three classes, and a number. Printed are losses of the first epoch over those
of chance.
"""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor
from skcnn.layers import dense

LENGTH, N_CLASSES = 1841, 3
POSITION = 600  # the number to predict is there
WIDTHS = (10**9, 2048, 1024, 512)  # beyond which steps are shorter; the first: never
Signals = tuple[np.ndarray, np.ndarray]


def bump(rng: np.random.Generator, n: int = 300) -> np.ndarray:
    """Return classes, and signals that have a bump where the class says."""
    y = rng.integers(0, N_CLASSES, n)
    places = np.linspace(0, 1, LENGTH)
    return y, np.exp(-(((places - 0.3 - 0.2 * y[:, None]) / 0.03) ** 2))


def walks(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return random walks."""
    return rng.normal(size=(n, LENGTH)).cumsum(axis=1)


def bumps_on_walks(rng: np.random.Generator) -> Signals:
    """Return random walks with a bump."""
    y, bumps = bump(rng)
    return walks(rng, len(y)) / 30 + bumps, y


def random_walks(rng: np.random.Generator) -> Signals:
    """Return random walks and random classes."""
    return walks(rng, 90), rng.integers(0, N_CLASSES, 90)


def walks_by_position(rng: np.random.Generator) -> Signals:
    """Return random walks and classes by one position."""
    X = walks(rng, 90)
    middle = X[:, LENGTH // 2]
    return X, np.digitize(middle, np.quantile(middle, [1 / 3, 2 / 3]))


def noise(rng: np.random.Generator) -> Signals:
    """Return noise and random classes."""
    return rng.normal(size=(200, LENGTH)), rng.integers(0, N_CLASSES, 200)


def bumps_on_a_curve(rng: np.random.Generator) -> Signals:
    """Return a large common curve with a small bump."""
    y, bumps = bump(rng, 200)
    places = np.linspace(0, 1, LENGTH)
    curve = np.sin(9 * places) + 3 * places + 0.3 * rng.normal(size=(len(y), 1))
    return curve + 0.02 * rng.normal(size=(len(y), LENGTH)) + 0.1 * bumps, y


KINDS: tuple[Callable[[np.random.Generator], Signals], ...] = (
    bumps_on_walks,
    random_walks,
    walks_by_position,
    noise,
    bumps_on_a_curve,
)


def first_losses(X: np.ndarray, y: np.ndarray, hidden: tuple[int, ...]) -> str:
    """Return the first epoch's loss over that of chance, of classes and of a number."""
    common = {"image_shape": LENGTH, "hidden_layer_sizes": hidden, "random_state": 0}
    plain = {"n_filters": (16, 32), "filter_size": 5, "batch_norm": False, "global_pooling": None}
    classifier = ScratchCNNClassifier(max_iter=1, **common, **plain).fit(X, y)
    regressor = ScratchCNNRegressor(max_iter=1, **common).fit(X, X[:, POSITION] + y)
    losses = classifier.loss_curve_[0] / np.log(N_CLASSES), regressor.loss_curve_[0] / 0.5
    return "; ".join(f"{loss:.2f}" for loss in losses)


def main() -> None:
    """Print a table for an output layer alone, and for a hidden layer before it."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for hidden in ((), (256,)):
        names = ["as they are", *(f"{width} / features" for width in WIDTHS[1:])]
        print(f"\nhidden layers: {hidden}\n\n| classes; a number | {' | '.join(names)} |")
        print(f"|---{'|---' * len(names)}|")
        for make in KINDS:
            X, y = make(np.random.default_rng(0))
            cells = []
            for width in WIDTHS:
                dense.WIDE = width
                cells.append(first_losses(X, y, hidden))
            print(f"| {make.__name__} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
