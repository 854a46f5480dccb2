"""VGG: nothing but small filters, deep."""

from __future__ import annotations

from skcnn._checks import check_count
from skcnn.layers import BatchNorm, Conv, Dense, Dropout, Flatten, Layer, MaxPool, ReLU

__all__ = ["vgg"]

# Convolutions in each of the five blocks, by the number of layers with weights.
BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def vgg(
    depth: int = 16,
    width: int = 64,
    *,
    batch_norm: bool = True,
    hidden_layer_sizes: tuple[int, ...] = (512,),
    dropout: float = 0.5,
) -> list[Layer]:
    """Return the layers of VGG: five blocks of convolutions of 3 x 3, each with a pooling.

    Parameters
    ----------
    depth : {11, 13, 16, 19}, default=16
        Convolutions and the three dense layers of the original.
    width : int, default=64
        Filters of the first block; later blocks have 2, 4, 8 and 8 times as many.
    batch_norm : bool, default=True
        Whether to normalize after each convolution, which came after the paper, and without which
        it hardly starts to learn.
    hidden_layer_sizes : tuple of int, default=(512,)
        Units of hidden dense layers. The paper has (4096, 4096) for images of 224 x 224 pixels.
    dropout : float, default=0.5
        Before each hidden dense layer but the first, and before the output.

    Returns
    -------
    layers : list of Layer
        For images, signals or volumes of any size; those of fewer than 32 pixels a side are down
        to one before the last block. As in the paper, ``vgg(16, batch_norm=False,
        hidden_layer_sizes=(4096, 4096))`` has 138 million parameters for 1,000 classes and color
        images of 224 x 224 pixels.

    Raises
    ------
    ValueError
        If there is no such depth.

    References
    ----------
    Simonyan, Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. ICLR
    2015.
    """
    if depth not in BLOCKS:
        raise ValueError(f"depth={depth!r} must be one of {sorted(BLOCKS)}.")
    width = check_count(width, "width")
    layers: list[Layer] = []
    for convolutions, factor in zip(BLOCKS[depth], (1, 2, 4, 8, 8), strict=True):
        norm = [BatchNorm()] if batch_norm else []
        for _ in range(convolutions):
            layers += [Conv(factor * width, 3, use_bias=not batch_norm), *norm, ReLU()]
        layers.append(MaxPool(2))
    layers.append(Flatten())
    for number, units in enumerate(hidden_layer_sizes):
        drop = [Dropout(dropout)] if dropout and number else []
        layers += [*drop, Dense(units), ReLU()]
    return [*layers, Dropout(dropout)] if dropout else layers
