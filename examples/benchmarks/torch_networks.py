"""The same networks as PyTorch modules. Importing this file imports PyTorch."""

from typing import Any

import torch
from torch import nn

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class Images(nn.Module):
    """Flat rows as images of one channel; a view in both memory formats."""

    def __init__(self, side: int, memory_format: str) -> None:
        super().__init__()
        self.side, self.channels_last = side, memory_format == "channels_last"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x as (n, 1, side, side)."""
        if self.channels_last:
            return x.view(-1, self.side, self.side, 1).permute(0, 3, 1, 2)
        return x.view(-1, 1, self.side, self.side)


class TorchNetwork(nn.Sequential):
    """Convolution, ReLU and max pooling in blocks, then dense layers; returns logits.

    The parameters are those of ScratchCNNClassifier by the same names; `pool_first` puts pooling
    before ReLU, which is the same function.
    """

    def __init__(
        self,
        n_filters: tuple[int, ...],
        filter_size: int,
        padding: str,
        hidden_layer_sizes: tuple[int, ...] = (),
        side: int = 28,
        memory_format: str = "contiguous",
        pool_first: bool = False,
    ) -> None:
        layers: list[nn.Module] = [Images(side, memory_format)]
        channels = 1
        for filters in n_filters:
            rest = [nn.ReLU(inplace=True), nn.MaxPool2d(2)]
            layers.append(nn.Conv2d(channels, filters, filter_size, padding=padding))
            layers += reversed(rest) if pool_first else rest
            side = (side if padding == "same" else side - filter_size + 1) // 2
            channels = filters
        layers.append(nn.Flatten())
        features = channels * side**2
        for units in hidden_layer_sizes:
            layers += [nn.Linear(features, units), nn.ReLU(inplace=True)]
            features = units
        super().__init__(*layers, nn.Linear(features, 10))
        self.to(
            memory_format=getattr(torch, f"{memory_format}_format", None) or torch.channels_last
        )


def load_weights(module: nn.Module, network: Any) -> None:
    """Copy all weights of a skcnn Network into the module."""
    with torch.no_grad():
        for target, source in zip(module.parameters(), as_torch(network), strict=True):
            target.copy_(source)


def as_torch(network: Any, flat: Any = None) -> list[torch.Tensor]:
    """Return a skcnn Network's parameters, or other numbers laid out alike, as PyTorch has them.

    (kh, kw, C, F) -> (F, C, kh, kw) for convolutions; the first dense layer reads (H, C, W), and
    reads (C, H, W) in PyTorch.
    """
    views = network.views(flat)
    weights = [part["weights"] for part in views if "weights" in part]
    biases = [part["bias"] for part in views if "bias" in part]
    last_map = next(shape for shape in reversed(network.shapes) if len(shape) > 1)
    tensors = []
    for w, b in zip(weights, biases, strict=True):
        if w.ndim == 4:
            w, last_filters = w.transpose(3, 2, 0, 1), True
        elif last_filters:
            w = w.reshape(*last_map, -1).transpose(3, 1, 0, 2).reshape(w.shape[1], -1)
            last_filters = False
        else:
            w = w.T
        tensors += [torch.tensor(w.copy()), torch.tensor(b.copy())]
    return tensors
