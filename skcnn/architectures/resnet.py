"""ResNet for small images."""

from __future__ import annotations

from skcnn._checks import check_count, is_integer
from skcnn.layers import BatchNorm, Conv, GlobalAveragePool, Layer, ReLU, Residual

__all__ = ["resnet"]


def resnet(depth: int = 20, width: int = 16) -> list[Layer]:
    """Return the layers of the ResNet that was made for images of 32 x 32 pixels.

    Three stages of residual blocks with two convolutions of 3 x 3 each; the second and the third
    begin with a stride of 2.

    Parameters
    ----------
    depth : int, default=20
        Layers with weights, 6 n + 2 for n blocks in each stage.
    width : int, default=16
        Filters of the first stage; the others have 2 and 4 times as many.

    Returns
    -------
    layers : list of Layer
        For images, signals or volumes of any size. Where a stage begins, the shortcut is a
        convolution of 1 x 1 with batch normalization, option B of the paper. For 10 classes and
        color images depths of 20, 32, 44, 56 and 110 have 0.27, 0.47, 0.66, 0.86 and 1.7 million
        parameters.

    Raises
    ------
    ValueError
        If depth is not 6 n + 2.

    References
    ----------
    He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016, section 4.2.
    """
    if not is_integer(depth) or depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth={depth!r} must be 6 n + 2, as 20, 32, 44, 56 or 110.")
    width = check_count(width, "width")
    layers: list[Layer] = [Conv(width, 3, use_bias=False), BatchNorm(), ReLU()]
    for stage in range(3):
        for block in range(depth // 6):
            filters, stride = width * 2**stage, 2 if stage and not block else 1
            first = [Conv(filters, 3, stride, use_bias=False), BatchNorm(), ReLU()]
            body = [*first, Conv(filters, 3, use_bias=False), BatchNorm()]
            layers += [Residual(tuple(body)), ReLU()]
    return [*layers, GlobalAveragePool()]
