"""The fully convolutional network for series."""

from __future__ import annotations

from skcnn.layers import BatchNorm, Conv, GlobalAveragePool, Layer, ReLU

__all__ = ["fcn"]


def fcn(
    n_filters: tuple[int, ...] = (128, 256, 128), filter_sizes: tuple[int, ...] = (8, 5, 3)
) -> list[Layer]:
    """Return the layers of the fully convolutional network: no pooling but that of whole maps.

    Parameters
    ----------
    n_filters : tuple of int, default=(128, 256, 128)
        Filters of each block of convolution, batch normalization and ReLU.
    filter_sizes : tuple of int, default=(8, 5, 3)
        Their sizes.

    Returns
    -------
    layers : list of Layer
        For signals, images or volumes of any size. With one channel and two classes it has 264,450
        parameters: the 264,962 of the authors' code less the biases of convolutions, which batch
        normalization takes away.

    Raises
    ------
    ValueError
        If there is not one size for each block.

    References
    ----------
    Wang, Yan, Oates. Time Series Classification from Scratch with Deep Neural Networks: A Strong
    Baseline. IJCNN 2017.
    """
    if len(n_filters) != len(filter_sizes):
        raise ValueError(
            f"n_filters={n_filters!r} and filter_sizes={filter_sizes!r} must have one entry for "
            f"each block."
        )
    layers: list[Layer] = []
    for filters, size in zip(n_filters, filter_sizes, strict=True):
        layers += [Conv(filters, size, use_bias=False), BatchNorm(), ReLU()]
    return [*layers, GlobalAveragePool()]
