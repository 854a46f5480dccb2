"""
How the default values were chosen
==================================

Cross-validated accuracy of candidates on the first 5,000 Fashion-MNIST training images and on the
digits; accuracy on the last 10,000 Fashion-MNIST training images after training on all others; then
cross-validated accuracy of the exercise's network. No test image is looked at.

Set ``SKCNN_EXAMPLE_SIZE=small`` for a run on few images and one candidate of each kind.
"""

import os
from time import perf_counter

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

from skcnn import ScratchCNNClassifier
from skcnn.datasets import load_fashion_mnist

small = os.environ.get("SKCNN_EXAMPLE_SIZE") == "small"

X, y = load_fashion_mnist(return_X_y=True)
n = 500 if small else 5000
fashion = X[:n], y[:n]
all_fashion = (X[:1200], y[:1200]) if small else (X, y)
digits, digit_labels = load_digits(return_X_y=True)
digits = digits.astype("float32"), digit_labels


def one_fold(data, parameters, train, test):
    X, y = data
    start = perf_counter()
    model = ScratchCNNClassifier(**{"random_state": 0, **parameters}).fit(X[train], y[train])
    seconds = perf_counter() - start
    return model.score(X[test], y[test]), seconds


def cross_validate(data, parameters, seeds=(0,)):
    """Return mean and standard deviation over folds, and seconds of a fit; seeds draw folds."""
    folds = [
        fold
        for seed in seeds
        for fold in StratifiedKFold(4, shuffle=True, random_state=seed).split(*data)
    ]
    results = Parallel(n_jobs=2)(
        delayed(one_fold)(data, parameters, train, test) for train, test in folds
    )
    scores, seconds = np.array(results).T
    return f"{scores.mean():.4f} ± {scores.std():.4f} ({seconds.mean():.1f} s)"


def cross_validate_more(data, parameters):
    """Return the same for small data, over three choices of folds."""
    return cross_validate(data, parameters, seeds=(1,) if small else (1, 2, 3))


def hold_out(data, parameters):
    """Train on five sixths, in one thread; return the accuracy on the last sixth, and seconds."""
    n = len(data[1])
    score, seconds = one_fold(data, parameters, *np.split(np.arange(n), [n * 5 // 6]))
    return f"{score:.4f} ({seconds:.1f} s)"


def report(title, points, columns):
    """Print a table with a row for each point; a column is data and what to do with them."""
    print(f"\n{title}\n\n| parameters | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for point in points[:1] if small else points:
        name = ", ".join(f"{key}={value}" for key, value in point.items()) or "defaults"
        cells = [measure(data, point) for data, measure in columns.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":  # worker processes may import this file
    candidates = [
        {},
        {"learning_rate": 2e-3},
        {"learning_rate_schedule": "constant"},
        {"learning_rate_schedule": "constant", "weight_averaging": "ema"},
        {"learning_rate_schedule": "constant", "weight_averaging": "swa"},
        {"filter_size": 3},
    ]
    columns = {
        "Fashion-MNIST": (fashion, cross_validate),
        "digits": (digits, cross_validate_more),
    }
    report("Default network", candidates, columns)

    two_blocks = {"n_filters": (16, 32), "filter_size": 5, "dropout": 0.0, "max_iter": 15}
    three = {"filter_size": 3, "pool_size": (2, 2, 1), "dropout": 0.4, "max_iter": 14}
    candidates = [
        {},
        {"batch_size": 32},
        {"alpha": 0.0},
        {"dropout": 0.5},
        {"pool_size": 2},
        two_blocks,
        two_blocks | {"dropout": 0.4},
        two_blocks | {"n_filters": (24, 48), "filter_size": 3, "dropout": 0.4},
        three | {"n_filters": (16, 48, 96), "pool_size": 2},
    ]
    report("Default network", candidates, {"all of Fashion-MNIST": (all_fashion, hold_out)})

    exercise = {
        "n_filters": 1,
        "filter_size": 6,
        "padding": "valid",
        "learning_rate": 2e-3,
        "alpha": 0.1,
        "max_iter": 20,
    }
    candidates = [
        {},
        {"random_state": 1},
        {"random_state": 1, "learning_rate_schedule": "constant"},
        {"random_state": 1, "learning_rate": 5e-3},
        {"random_state": 1, "alpha": 0.0},
    ]
    points = [exercise | candidate for candidate in candidates]
    columns = {"Fashion-MNIST": (fashion, cross_validate)}
    report("The exercise's network", points, columns)
