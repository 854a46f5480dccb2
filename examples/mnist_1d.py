"""
MNIST-1D: where a pattern may be anywhere
=========================================

Ten shapes of 12 points each, padded, stretched, moved, sheared and covered with noise, are signals
of 40 points (Greydanus, Kobak. Scaling Down Deep Learning with MNIST-1D. ICML 2024). They are made
here, by that recipe: 4,000 to learn from, 1,000 for the test. A convolutional network profits from
neighbors: once the 40 positions are shuffled, for all signals alike, it is no better than others.

Parameters were chosen by cross-validation within the 4,000, which ``--validate`` prints.
Set ``SKCNN_EXAMPLE_SIZE=small`` for few signals and epochs.
"""

import os
from argparse import ArgumentParser
from time import perf_counter

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcnn import ScratchCNNClassifier

small = os.environ.get("SKCNN_EXAMPLE_SIZE") == "small"

# The published shapes of the ten digits, as heights at 12 points.
SHAPES = np.array(
    [
        [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
        [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
        [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
        [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
        [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
        [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
        [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
        [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
    ]
)
LENGTH = 40


# %%
# The recipe.
def resampled(signal, length):
    """Return a signal of another length, by linear interpolation."""
    return np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(signal)), signal)


def signal_of(shape, rng):
    """Return one signal: a shape padded, stretched, scaled, moved, in noise, and sheared."""
    padded = np.concatenate([shape, np.zeros(rng.integers(36, 61))])
    signal = resampled(padded, 72) * rng.uniform(0.8, 1.2)
    signal = np.roll(signal, rng.integers(48))
    background = gaussian_filter1d(rng.normal(0, 0.25, 72), 2)
    signal = np.where(signal != 0, signal, background) + rng.normal(0, 0.02, 72)
    signal -= rng.uniform(-0.375, 0.375) * np.linspace(-0.5, 0.5, 72)
    return resampled(signal, LENGTH)


def mnist_1d(n_samples=5000, seed=42):
    """Return signals of shape (n_samples, 40) and digits."""
    rng = np.random.default_rng(seed)
    shapes = SHAPES - SHAPES.mean(axis=1, keepdims=True)
    shapes /= 6 * shapes.std(axis=1, keepdims=True)
    shapes -= shapes[:, :1] - 1e-8  # a shape is nowhere exactly zero: padding is
    y = rng.permutation(np.arange(n_samples) % 10)
    X = np.array([signal_of(shapes[digit], rng) for digit in y])
    return (X - X.mean()) / X.std(), y


# %%
# The models: the default network, a documented one, and two that know of no neighbors.
models = {
    "default": ScratchCNNClassifier(random_state=0),
    "three blocks, 60 epochs": ScratchCNNClassifier(
        n_filters=(32, 64, 64),
        filter_size=(9, 5, 3),
        batch_norm=True,
        dropout=0.3,
        max_iter=60,
        random_state=0,
    ),
    "dense layers": make_pipeline(
        StandardScaler(), MLPClassifier((100, 100), early_stopping=True, random_state=0)
    ),
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
}

if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__.strip().split("\n")[0])
    parser.add_argument("--validate", action="store_true", help="folds of the 4,000, no test")
    validate = parser.parse_args().validate
    X, y = mnist_1d(500 if small else 5000)
    n = len(y) * 4 // 5
    shuffled = X[:, np.random.default_rng(0).permutation(LENGTH)]
    print(f"{'':24} in order  shuffled  fit")
    for name, model in models.items():
        if small and isinstance(model, ScratchCNNClassifier):
            model.set_params(max_iter=2)
        start, scores = perf_counter(), []
        for signals in (X, shuffled):
            if validate:
                folds = StratifiedKFold(4, shuffle=True, random_state=0)
                scores.append(cross_val_score(model, signals[:n], y[:n], cv=folds).mean())
            else:
                fitted = clone(model).fit(signals[:n], y[:n])
                scores.append(fitted.score(signals[n:], y[n:]))
        seconds = (perf_counter() - start) / (8 if validate else 2)
        print(f"{name:24} {scores[0]:8.3f}  {scores[1]:8.3f}  {seconds:.1f} s", flush=True)
