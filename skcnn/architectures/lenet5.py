"""LeNet-5, the network that read checks."""

from __future__ import annotations

from skcnn.layers import AveragePool, Conv, Dense, Flatten, Layer, Tanh

__all__ = ["lenet5"]


def lenet5() -> list[Layer]:
    """Return the layers of LeNet-5: two convolutions of 5 x 5 and two hidden dense layers.

    Its first convolution keeps the size, as if images of 28 x 28 pixels lay in a frame of 32 x 32.
    Images need at least 10 pixels a side. As is usual today, pooling has no parameters, all feature
    maps are connected, and the output is a dense layer.

    Returns
    -------
    layers : list of Layer
        For images, signals or volumes. With 10 classes and gray images of 28 x 28 pixels it has
        61,706 parameters, the output layer included.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner. Gradient-Based Learning Applied to Document Recognition.
    Proceedings of the IEEE 86, 1998.

    Examples
    --------
    >>> from skcnn.architectures import lenet5
    >>> [type(layer).__name__ for layer in lenet5()[:4]]
    ['Conv', 'Tanh', 'AveragePool', 'Conv']
    """
    start = Tanh().initializer
    return [
        Conv(6, 5, initializer=start),
        Tanh(),
        AveragePool(2),
        Conv(16, 5, padding="valid", initializer=start),
        Tanh(),
        AveragePool(2),
        Flatten(),
        Dense(120, start),
        Tanh(),
        Dense(84, start),
        Tanh(),
    ]
