"""Gradients of skcnn against PyTorch's, on the same weights and images."""

from dataclasses import dataclass, field

import numpy as np

from examples.benchmarks.data import CLASSES, random_images
from examples.benchmarks.networks import NETWORKS, classifier
from examples.benchmarks.peers import has
from examples.benchmarks.per_sample import PerSampleNetwork
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from skcnn.network import Network
from skcnn.optimizers import Optimizer, State

TOLERANCES = {"float32": 1e-5, "float64": 1e-10}


@dataclass(frozen=True)
class Record(Optimizer):
    """An optimizer that keeps the gradient and leaves the parameters alone."""

    gradients: list[np.ndarray] = field(default_factory=list, compare=False)

    def step(
        self, state: State, parameters: np.ndarray, gradient: np.ndarray, learning_rate: float
    ) -> None:
        """Keep a copy of the gradient."""
        self.gradients.append(gradient.copy())


def run(settings: Settings) -> list[Table]:
    """Compare all networks in both precisions."""
    if not has("torch"):
        return [Table("Gradients", [], ["PyTorch is not installed."])]
    rows: list[Row] = []
    for network in settings.networks:
        for dtype, tolerance in TOLERANCES.items():
            X, y = random_images(settings.gradient_images, 784, dtype=dtype)
            model, gradient = _gradient(network, X, y)
            error = max(_errors(network, model, gradient, X, y))
            rows.append(_row(network, dtype, error, tolerance))
            if network == "seed" and dtype == "float64":
                error = max(_per_sample_errors(model, gradient, X, y))
                rows.append(_row("per-sample program", dtype, error, tolerance))
    notes = [
        f"One batch of {settings.gradient_images} random images, through the estimator. The "
        f"error is the largest difference in an array of the gradient over its largest element.",
        "The per-sample program is compared with skcnn.",
    ]
    return [Table("Gradients against PyTorch", rows, notes)]


def _row(network: str, dtype: str, error: float, tolerance: float) -> Row:
    row: Row = {"network": network, "dtype": dtype, "largest relative error": f"{error:.1e}"}
    return {**row, "tolerance": f"{tolerance:.0e}", "within": "yes" if error <= tolerance else "NO"}


def _gradient(network: str, X: np.ndarray, y: np.ndarray) -> tuple[Network, np.ndarray]:
    """Return a network with random weights and biases, and the gradient of its loss."""
    clf = classifier(network, batch_size=len(X)).partial_fit(X, y, CLASSES)
    weights = clf.network_.parameters
    weights += 0.05 * np.random.default_rng(1).standard_normal(weights.size)
    record = Record()
    clf.set_params(solver=record, shuffle=False).partial_fit(X, y)
    return clf.network_, record.gradients[0]


def _errors(
    network: str, model: Network, gradient: np.ndarray, X: np.ndarray, y: np.ndarray
) -> list[float]:
    """Return the relative error of each array of the gradient."""
    import torch

    from examples.benchmarks.torch_networks import TorchNetwork, as_torch, load_weights

    images, labels = torch.from_numpy(X), torch.from_numpy(y)
    module = TorchNetwork(**NETWORKS[network]).to(images.dtype)
    load_weights(module, model)
    torch.nn.functional.cross_entropy(module(images), labels).backward()
    pairs = zip(as_torch(model, gradient), module.parameters(), strict=True)
    return [_error(ours.numpy(), weights.grad.numpy()) for ours, weights in pairs]


def _per_sample_errors(
    model: Network, gradient: np.ndarray, X: np.ndarray, y: np.ndarray
) -> list[float]:
    """Return the relative errors of the per-sample program on the network `seed`."""
    plain = PerSampleNetwork()
    kernel, filter_bias, plain.weights, plain.bias = _arrays(model.views())
    plain.filter, plain.filter_bias = kernel[:, :, 0, 0], filter_bias[0]
    images = X.reshape(-1, 28, 28)
    single = [plain.gradients(image, label) for image, label in zip(images, y, strict=True)]
    means = [np.mean(part, axis=0) for part in zip(*single, strict=True)]
    expected = _arrays(model.views(gradient))
    return [_error(a.reshape(b.shape), b) for a, b in zip(means, expected, strict=True)]


def _arrays(views: list[dict[str, np.ndarray]]) -> list[np.ndarray]:
    """Return filter, its bias, weights and their bias."""
    return [part for view in views for _, part in sorted(view.items(), reverse=True)]


def _error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())
