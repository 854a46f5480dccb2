"""The same networks in skorch. Importing this file imports PyTorch."""

from typing import Any

import torch
from skorch import NeuralNetClassifier

from examples.benchmarks.networks import LEARNING_RATE, NETWORKS
from examples.benchmarks.torch_networks import TorchNetwork


def skorch_classifier(network: str, **parameters: Any) -> NeuralNetClassifier:
    """Return skorch's estimator, without validation set, callbacks and printing."""
    module = {f"module__{name}": value for name, value in NETWORKS[network].items()}
    return NeuralNetClassifier(
        TorchNetwork,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks="disable",
        verbose=0,
        **{"lr": LEARNING_RATE, "max_epochs": 1, **module, **parameters},
    )
