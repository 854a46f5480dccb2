"""What the networks are trained on."""

import numpy as np

from skcnn.datasets import load_fashion_mnist

CLASSES = np.arange(10)


def fashion_mnist(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return n standardized images, flat, in float32, and their labels."""
    X, y = load_fashion_mnist(return_X_y=True)
    X = X[:n].astype(np.float32)
    X -= X.mean()
    X /= X.std()
    return X, y[:n].astype(np.int64)


def random_images(n: int, *shape: int, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    """Return normally distributed images of any shape, in which no two numbers tie."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, *shape)).astype(dtype), rng.permutation(n) % len(CLASSES)
