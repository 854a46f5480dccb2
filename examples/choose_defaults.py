"""
How the default values were chosen
==================================

Accuracy for learning rates, batch sizes and dropout rates, on a validation part (the last 1,000)
of the first 5,000 Fashion-MNIST training images, and cross-validated on the digits; then the
parameters of the exercise's network, on the same validation part. Means over seeds, with the
standard deviation of one run. No test image is looked at.

Set ``SKCNN_EXAMPLE_SIZE=small`` for a run on a tenth of the data.
"""

import os

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score

from skcnn import ScratchCNNClassifier
from skcnn.datasets import load_fashion_mnist

small = os.environ.get("SKCNN_EXAMPLE_SIZE") == "small"
n_train, n_validation = (400, 100) if small else (4000, 1000)
seeds = range(1 if small else 3)

X, y = load_fashion_mnist(return_X_y=True)
digits, digit_labels = load_digits(return_X_y=True)
digits = digits.astype("float32")


def on_fashion(parameters, seed):
    model = ScratchCNNClassifier(random_state=seed, **parameters)
    model.fit(X[:n_train], y[:n_train])
    part = slice(n_train, n_train + n_validation)
    return model.score(X[part], y[part])


def on_digits(parameters, seed):
    model = ScratchCNNClassifier(random_state=seed, **parameters)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed + 1)
    return cross_val_score(model, digits, digit_labels, cv=folds).mean()


def report(title, points, measures):
    print(f"\n{title}\n\n| parameters | {' | '.join(measures)} |\n|---{'|---' * len(measures)}|")
    for point in points:
        cells = []
        for measure in measures.values():
            scores = Parallel(n_jobs=2)(delayed(measure)(point, seed) for seed in seeds)
            cells.append(f"{np.mean(scores):.4f} ± {np.std(scores):.4f}")
        name = ", ".join(f"{key}={value}" for key, value in point.items())
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":  # worker processes may import this file
    rates = [
        {"learning_rate": rate, "batch_size": size}
        for size in (32, 64)
        for rate in (1e-3, 2e-3, 3e-3)
    ]
    regularized = [{"learning_rate": 2e-3, "dropout": rate} for rate in (0.25, 0.5)]
    both = {"Fashion-MNIST": on_fashion, "digits": on_digits}
    report("Default network", rates[:1] if small else rates + regularized, both)

    exercise = {"n_filters": 1, "filter_size": 6, "padding": "valid", "max_iter": 16}
    points = [
        exercise | {"learning_rate": rate, "alpha": alpha}
        for rate in (2e-3, 5e-3, 1e-2)
        for alpha in (0.0, 0.1)
    ]
    report("The exercise", points[:1] if small else points, {"Fashion-MNIST": on_fashion})
