"""Layers of skcnn as PyTorch modules. Importing this file imports PyTorch."""

from collections.abc import Iterable

import torch
from torch import nn

from skcnn.layers import BatchNorm, Conv, GlobalAveragePool, Layer, ReLU, Residual


class WithShortcut(nn.Module):
    """body(x) + shortcut(x)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum."""
        return self.body(x) + self.shortcut(x)


class OverPositions(nn.Module):
    """The mean of each feature map."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, channels)."""
        return x.mean(dim=tuple(range(2, x.ndim)))


def modules(layers: Iterable[Layer], channels: int, rank: int) -> tuple[nn.Sequential, int]:
    """Return the same layers, and how many channels come out of them."""
    convolution = nn.Conv1d if rank == 1 else nn.Conv2d
    normalization = nn.BatchNorm1d if rank == 1 else nn.BatchNorm2d
    made: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, Conv):
            size, stride = layer.filter_size, layer.stride
            padding = "same" if size % 2 == 0 else size // 2  # "same" copies, and takes no stride
            made.append(
                convolution(channels, layer.n_filters, size, stride, padding, bias=layer.use_bias)
            )
            channels = layer.n_filters
        elif isinstance(layer, BatchNorm):
            made.append(normalization(channels))
        elif isinstance(layer, ReLU):
            made.append(nn.ReLU(inplace=True))
        elif isinstance(layer, GlobalAveragePool):
            made.append(OverPositions())
        elif isinstance(layer, Residual):
            made.append(_residual(layer, channels, rank))
            channels = _filters(layer)
        else:
            raise TypeError(f"{layer} has no counterpart here.")
    return nn.Sequential(*made), channels


def _filters(layer: Residual) -> int:
    """Return the filters of the last convolution of a body."""
    return next(each.n_filters for each in reversed(layer.inner_layers) if isinstance(each, Conv))


def _residual(layer: Residual, channels: int, rank: int) -> WithShortcut:
    """Return a body with the shortcut that "auto" makes, or the one that is given."""
    body, filters = modules(layer.layers, channels, rank)
    shortcut: list[Layer] = [] if layer.shortcut == "auto" else [*layer.shortcut]
    strides = [each.stride for each in layer.layers if isinstance(each, Conv)]
    if layer.shortcut == "auto" and (filters != channels or set(strides) != {1}):
        shortcut = [Conv(filters, 1, max(strides), use_bias=False), BatchNorm()]
    return WithShortcut(body, modules(shortcut, channels, rank)[0])
