"""Hashes of what fits come to, for use before and after a change.

Run ``python -m examples.benchmarks.fingerprints``. Two versions that print the same lines train and
predict the same bits. Hashes differ between processors and versions of NumPy; compare what one
machine printed in one environment.
"""

from hashlib import sha256
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor
from skcnn.augmentation import Rotation, Shift

SHORT = {"max_iter": 3, "random_state": 0}


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return 1,000 digits as float32, flat, and their labels."""
    X, y = load_digits(return_X_y=True)
    return X[:1000].astype(np.float32), y[:1000]


def configurations() -> dict[str, tuple[Any, np.ndarray, np.ndarray]]:
    """Return estimators by name, each with the data that it is fitted to."""
    X, y = digits()
    wide = X.astype(np.float64)
    numbers = np.stack([wide[:, :32].sum(axis=1), wide[:, 32:].std(axis=1)], axis=1)
    words = np.array([f"class {label}" for label in y], dtype=object)
    colors = np.random.default_rng(0).integers(0, 256, (200, 9, 7, 3), dtype=np.uint8)
    return {
        "classifier": (ScratchCNNClassifier(**SHORT), X, words),
        "regressor": (ScratchCNNRegressor(**SHORT), wide, numbers),
        "sgd": (
            ScratchCNNClassifier(
                (1, 6), 3, padding="valid", solver="sgd", learning_rate=0.01, **SHORT
            ),
            X,
            y,
        ),
        "lbfgs": (ScratchCNNRegressor(2, solver="lbfgs", alpha=1e-3, **SHORT), wide, y),
        "batch_norm": (
            ScratchCNNClassifier(batch_norm=True, hidden_layer_sizes=16, batch_size=256, **SHORT),
            X,
            y,
        ),
        "dropout": (
            ScratchCNNClassifier(
                dropout=0.2, block_dropout=0.1, activation="tanh", batch_size=200, **SHORT
            ),
            X,
            y,
        ),
        "augmentation": (ScratchCNNClassifier(augment=[Shift(2), Rotation(10)], **SHORT), X, y),
        "averaging": (
            ScratchCNNClassifier(weight_averaging="ema", pooling="average", **SHORT),
            X,
            y,
        ),
        "early_stopping": (
            ScratchCNNClassifier(
                early_stopping=True,
                scoring="accuracy",
                class_weight="balanced",
                label_smoothing=0.1,
                **SHORT,
            ),
            X,
            y,
        ),
        "signals": (ScratchCNNClassifier((2, 4), 5, image_shape=(64,), **SHORT), X, y),
        "volumes": (
            ScratchCNNRegressor(4, 3, image_shape=(4, 4, 4, 1), batch_size=300, **SHORT),
            X,
            wide[:, 0] + wide[:, 5],
        ),
        "colors": (
            ScratchCNNClassifier((8, 8), 3, stride=(1, 2), max_grad_norm=1.0, **SHORT),
            colors,
            np.arange(200) % 3,
        ),
    }


def fingerprint(*arrays: np.ndarray) -> str:
    """Return the first digits of a hash of the bytes of arrays."""
    total = sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:16]


def main() -> None:
    """Fit every configuration with one and two threads; print a line for each."""
    for name, (estimator, X, y) in configurations().items():
        for n_jobs in (1, 2):
            model = estimator.set_params(n_jobs=n_jobs).fit(X, y)
            predict = getattr(model, "predict_proba", model.predict)
            parameters = fingerprint(model.network_.parameters, model.network_.state)
            print(f"{name:15} n_jobs={n_jobs} {parameters} {fingerprint(predict(X))}", flush=True)


if __name__ == "__main__":
    main()
