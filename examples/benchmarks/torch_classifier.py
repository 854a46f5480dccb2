"""Training and prediction as PyTorch's users write them. Importing this file imports PyTorch."""

from typing import Any

import numpy as np
import torch
from torch import nn

from examples.benchmarks.networks import LEARNING_RATE, NETWORKS
from examples.benchmarks.torch_networks import TorchNetwork


class TorchClassifier:
    """An eager network, or a compiled one, with Adam and cross-entropy.

    Parameters
    ----------
    network : str
        A key of NETWORKS.
    batch_size : int
        Samples of a mini-batch.
    memory_format : {"contiguous", "channels_last"}
        Of images and weights.
    fused : bool
        Whether Adam is one fused kernel, or the default.
    compiled : bool
        Whether to use torch.compile.
    pool_first : bool
        Whether pooling comes before ReLU.
    """

    def __init__(
        self,
        network: str,
        batch_size: int = 32,
        memory_format: str = "contiguous",
        fused: bool = False,
        compiled: bool = False,
        pool_first: bool = False,
    ) -> None:
        torch.manual_seed(0)
        module = TorchNetwork(
            **NETWORKS[network], memory_format=memory_format, pool_first=pool_first
        )
        self.module: Any = torch.compile(module, dynamic=False) if compiled else module
        self.batch_size = batch_size
        self.criterion = nn.CrossEntropyLoss()
        options = {"fused": True} if fused else {}
        self.optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, **options)

    def train_epoch(self, X: torch.Tensor, y: torch.Tensor) -> None:
        """Go once through the samples in a random order."""
        self.module.train()
        order = torch.randperm(len(X))
        for rows in order.split(self.batch_size):
            images, labels = X.index_select(0, rows), y.index_select(0, rows)
            self.optimizer.zero_grad(set_to_none=True)
            self.criterion(self.module(images), labels).backward()
            self.optimizer.step()

    @torch.inference_mode()
    def predict_proba(self, X: np.ndarray, chunk: int | None = None) -> np.ndarray:
        """Return probabilities, computed for all samples at once or chunk by chunk."""
        self.module.eval()
        parts = torch.from_numpy(X).split(chunk or len(X))
        return torch.cat([self.module(part).softmax(1) for part in parts]).numpy()
