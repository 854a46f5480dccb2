"""The residual network for series."""

from __future__ import annotations

from skcnn.layers import BatchNorm, Conv, GlobalAveragePool, Layer, ReLU, Residual

__all__ = ["resnet1d"]


def resnet1d(
    n_filters: tuple[int, ...] = (64, 128, 128), filter_sizes: tuple[int, ...] = (8, 5, 3)
) -> list[Layer]:
    """Return the layers of the residual network for series: three blocks, no pooling in between.

    Parameters
    ----------
    n_filters : tuple of int, default=(64, 128, 128)
        Filters of each residual block.
    filter_sizes : tuple of int, default=(8, 5, 3)
        Sizes of the convolutions that a block has one after the other.

    Returns
    -------
    layers : list of Layer
        For signals, images or volumes of any size. With one channel and two classes it has 503,106
        parameters: the 504,258 of the authors' code less the biases of convolutions, which batch
        normalization takes away.

    References
    ----------
    Wang, Yan, Oates. Time Series Classification from Scratch with Deep Neural Networks: A Strong
    Baseline. IJCNN 2017.
    """
    layers: list[Layer] = []
    before = 0
    for filters in n_filters:
        body: list[Layer] = []
        for size in filter_sizes:
            body += [Conv(filters, size, use_bias=False), BatchNorm(), ReLU()]
        shortcut = (BatchNorm(),) if filters == before else "auto"
        layers += [Residual(tuple(body[:-1]), shortcut), ReLU()]
        before = filters
    return [*layers, GlobalAveragePool()]
