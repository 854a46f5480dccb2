"""
All of Fashion-MNIST
====================

What accuracy takes: a larger network with batch normalization, augmentation and dropout on all
60,000 training images, the default estimator on the same, the larger network on the first 5,000,
and the default estimator on the bundled digits.

Every choice was made on the validation accuracies that this prints first, of the last 10,000
training images. Test images decide nothing.

Two cores take about half an hour. Names run a part alone, as in
``python fashion_mnist_full.py default --only test``. Set ``SKCNN_EXAMPLE_SIZE=small`` for one
epoch of everything on few images.
"""

import os
import platform
from argparse import ArgumentParser
from datetime import date
from importlib.metadata import version
from time import perf_counter

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score

from skcnn import ScratchCNNClassifier
from skcnn.augmentation import HorizontalFlip, Mixup, Shift
from skcnn.datasets import load_fashion_mnist

small = os.environ.get("SKCNN_EXAMPLE_SIZE") == "small"
quick = {"max_iter": 1} if small else {}

# %%
# The networks. Micro-batches of 64 samples make mini-batches of 128 right for two threads.
full = ScratchCNNClassifier(
    n_filters=(32, 64, 128, 128),
    filter_size=3,
    pool_size=(2, 2, 1, 2),
    batch_norm=True,
    augment=[Shift(1), HorizontalFlip()],
    alpha=0.2,
    learning_rate=3e-3,
    learning_rate_schedule="one_cycle",
    batch_size=128,
    max_iter=20,
    n_jobs=2,
    random_state=0,
)
default = ScratchCNNClassifier(random_state=0)
few = ScratchCNNClassifier(
    n_filters=(32, 64, 128),
    filter_size=3,
    batch_norm=True,
    dropout=0.3,
    augment=[Shift(1), HorizontalFlip(), Mixup()],
    learning_rate=3e-3,
    learning_rate_schedule="one_cycle",
    batch_size=64,
    max_iter=80,
    n_jobs=2,
    random_state=0,
)


# %%
# What is measured.
def timed_accuracy(model, train, test):
    """Fit afresh, print seconds and accuracy."""
    model = clone(model).set_params(**quick)
    start = perf_counter()
    model.fit(*train)
    seconds = perf_counter() - start
    accuracy = model.score(*test)
    print(
        f"trained on {len(train[1]):,} in {seconds:.1f} s ({model.n_iter_} epochs, training "
        f"accuracy {model.history_[-1]['accuracy']:.4f}); {len(test[1]):,} others: {accuracy:.4f}",
        flush=True,
    )


def cross_validate(model, X, y, n_splits):
    """Print the accuracy of each fold and their mean."""
    folds = StratifiedKFold(n_splits, shuffle=True, random_state=0)
    start = perf_counter()
    scores = cross_val_score(clone(model).set_params(**quick), X, y, cv=folds)
    seconds = (perf_counter() - start) / n_splits
    print(
        f"{n_splits} folds of {len(y):,}: {scores.mean():.4f} "
        f"({', '.join(f'{score:.4f}' for score in scores)}; {seconds:.1f} s each)",
        flush=True,
    )


def all_images(model, step):
    """60,000 for training, of which the last 10,000 validate; 10,000 for the test."""
    X, y = load_fashion_mnist(return_X_y=True)
    X_test, y_test = load_fashion_mnist(subset="test", return_X_y=True)
    if small:
        X, y, X_test, y_test = X[:600], y[:600], X_test[:100], y_test[:100]
    n = len(y) * 5 // 6
    if step == "validation":
        timed_accuracy(model, (X[:n], y[:n]), (X[n:], y[n:]))
    else:
        timed_accuracy(model, (X, y), (X_test, y_test))


def first_images(model, step):
    """5,000 for training, the next 5,000 for the test; the last 10,000 validate."""
    X, y = load_fashion_mnist(return_X_y=True)
    n = 500 if small else 5000
    if step == "validation":
        timed_accuracy(model, (X[:n], y[:n]), (X[-2 * n :], y[-2 * n :]))
    else:
        timed_accuracy(model, (X[:n], y[:n]), (X[n : 2 * n], y[n : 2 * n]))


def digits(model, step):
    """Five folds, each the test of a model trained on the other four."""
    X, y = load_digits(return_X_y=True)
    if step == "validation":
        print("other folds, in choose_defaults.py")
    else:
        cross_validate(model, X.astype(np.float32), y, n_splits=5)


parts = {
    "full": (full, all_images),
    "default": (default, all_images),
    "few": (few, first_images),
    "digits": (default, digits),
}

# %%
# All of it.
if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__.strip().split("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; all by default")
    parser.add_argument("--only", choices=("validation", "test"), help="one of both steps")
    arguments = parser.parse_args()
    packages = ("skcnn", "numpy", "scipy", "scikit-learn")
    print(f"{date.today()}, {os.cpu_count()} cores, Python {platform.python_version()}, ", end="")
    print(", ".join(f"{name} {version(name)}" for name in packages))
    for name in arguments.parts or parts:
        model, measure = parts[name]
        print(f"\n{name}: {model}\n{measure.__doc__}")
        for step in ("validation", "test"):
            if arguments.only in (None, step):
                print(f"{step}: ", end="", flush=True)
                measure(model, step)
