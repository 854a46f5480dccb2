"""A network as tutorials write it, one image and one window at a time, and how slow that is."""

import numpy as np
from threadpoolctl import threadpool_limits

from examples.benchmarks.data import CLASSES, fashion_mnist
from examples.benchmarks.networks import classifier
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from examples.benchmarks.timing import take_turns


class PerSampleNetwork:
    """The network `seed`: one 6x6 filter, ReLU, 2x2 max pooling, softmax; plain SGD."""

    def __init__(self, side: int = 28, size: int = 6, n_classes: int = 10) -> None:
        rng = np.random.default_rng(0)
        self.size, self.pooled = size, (side - size + 1) // 2
        features = self.pooled**2
        self.filter = rng.standard_normal((size, size)) / size
        self.filter_bias = 0.0
        self.weights = rng.standard_normal((features, n_classes)) / np.sqrt(features)
        self.bias = np.zeros(n_classes)

    def forward(self, image: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes; keep what backward needs."""
        n, size = 2 * self.pooled, self.size
        self.image = image
        self.convolved = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                window = image[i : i + size, j : j + size]
                self.convolved[i, j] = np.sum(window * self.filter) + self.filter_bias
        activated = np.maximum(self.convolved, 0)
        self.maxima = np.zeros((self.pooled, self.pooled), int)
        self.features = np.zeros(self.pooled**2)
        for i in range(self.pooled):
            for j in range(self.pooled):
                window = activated[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                self.maxima[i, j] = window.argmax()
                self.features[i * self.pooled + j] = window.max()
        scores = np.exp(self.features @ self.weights + self.bias)
        return scores / scores.sum()

    def backward(self, d_scores: np.ndarray) -> list[np.ndarray]:
        """Return the gradients of filter, its bias, weights and their bias."""
        d_features = self.weights @ d_scores
        d_filter, d_filter_bias, size = np.zeros_like(self.filter), 0.0, self.size
        for i in range(self.pooled):
            for j in range(self.pooled):
                row, column = divmod(self.maxima[i, j], 2)
                row, column = 2 * i + row, 2 * j + column
                if self.convolved[row, column] > 0:
                    d = d_features[i * self.pooled + j]
                    d_filter += d * self.image[row : row + size, column : column + size]
                    d_filter_bias += d
        return [d_filter, np.array([d_filter_bias]), np.outer(self.features, d_scores), d_scores]

    def gradients(self, image: np.ndarray, label: int) -> list[np.ndarray]:
        """Return the gradients of the cross-entropy of one image."""
        d_scores = self.forward(image)
        d_scores[label] -= 1
        return self.backward(d_scores)

    def train_epoch(self, images: np.ndarray, labels: np.ndarray, rate: float = 0.005) -> None:
        """Take a step after every image."""
        for row in np.random.default_rng(0).permutation(len(images)):
            d_filter, d_filter_bias, d_weights, d_bias = self.gradients(images[row], labels[row])
            self.filter -= rate * d_filter
            self.filter_bias -= rate * float(d_filter_bias[0])
            self.weights -= rate * d_weights
            self.bias -= rate * d_bias


def run(settings: Settings) -> list[Table]:
    """Compare an epoch of the per-sample program with one of skcnn."""
    X, y = fashion_mnist(settings.n_images)
    few = settings.per_sample_images
    clf, plain = classifier("seed", batch_size=32), PerSampleNetwork()
    images = X[:few].reshape(-1, 28, 28).astype(float)
    with threadpool_limits(1, user_api="blas"):
        times = take_turns(
            {
                "skcnn": lambda: clf.partial_fit(X, y, CLASSES),
                "per-sample program": lambda: plain.train_epoch(images, y[:few]),
            },
            max(2, settings.rounds // 2),
        )
    counts = {"skcnn": len(X), "per-sample program": few}
    each = {name: times[name].median / count for name, count in counts.items()}
    rows: list[Row] = [
        {
            "side": name,
            "images": counts[name],
            "microseconds an image": each[name] * 1e6,
            "times as fast": each["per-sample program"] / each[name],
        }
        for name in times
    ]
    notes = ["An epoch of `seed` on one thread, skcnn in batches of 32. Target: 100."]
    return [Table("Against a per-sample program", rows, notes)]
