"""
How the default values were chosen
==================================

Cross-validated accuracy of candidates on the first 5,000 Fashion-MNIST training images and on the
digits, then of the exercise's network on the former. No test image is looked at.

Set ``SKCNN_EXAMPLE_SIZE=small`` for a run on a tenth of the images and one candidate of each kind.
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
digits, digit_labels = load_digits(return_X_y=True)
digits = digits.astype("float32"), digit_labels


def one_fold(data, parameters, train, test):
    X, y = data
    start = perf_counter()
    model = ScratchCNNClassifier(**{"random_state": 0, **parameters}).fit(X[train], y[train])
    seconds = perf_counter() - start
    return model.score(X[test], y[test]), seconds


def cross_validate(data, parameters):
    folds = StratifiedKFold(4, shuffle=True, random_state=0).split(*data)
    results = Parallel(n_jobs=2)(
        delayed(one_fold)(data, parameters, train, test) for train, test in folds
    )
    scores, seconds = np.array(results).T
    return f"{scores.mean():.4f} ± {scores.std():.4f} ({seconds.mean():.1f} s)"


def report(title, points, data):
    print(f"\n{title}\n\n| parameters | {' | '.join(data)} |\n|---{'|---' * len(data)}|")
    for point in points[:1] if small else points:
        name = ", ".join(f"{key}={value}" for key, value in point.items()) or "defaults"
        cells = [cross_validate(part, point) for part in data.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":  # worker processes may import this file
    candidates = [
        {},
        {"learning_rate_schedule": "constant"},
        {"filter_size": 3},
    ]
    report("Default network", candidates, {"Fashion-MNIST": fashion, "digits": digits})

    exercise = {"n_filters": 1, "filter_size": 6, "padding": "valid", "alpha": 0.1}
    candidates = [
        {},
        {"random_state": 1},
        {"random_state": 1, "learning_rate_schedule": "constant"},
        {"random_state": 1, "learning_rate": 5e-3},
        {"random_state": 1, "alpha": 0.0},
    ]
    points = [exercise | candidate for candidate in candidates]
    report("The exercise's network", points, {"Fashion-MNIST": fashion})
