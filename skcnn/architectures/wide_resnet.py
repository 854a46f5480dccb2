"""Wide residual networks: fewer blocks, more filters."""

from __future__ import annotations

from skcnn._checks import check_count, is_integer
from skcnn.layers import BatchNorm, Conv, Dropout, GlobalAveragePool, Layer, ReLU, Residual

__all__ = ["wide_resnet"]


def wide_resnet(depth: int = 16, widening_factor: int = 4, dropout: float = 0.0) -> list[Layer]:
    """Return the layers of a wide residual network, WRN-depth-factor.

    Three stages of residual blocks with two convolutions of 3 x 3 each, which batch normalization
    and activation come before; the second and the third stage begin with a stride of 2.

    Parameters
    ----------
    depth : int, default=16
        Layers with weights, 6 n + 4 for n blocks in each stage.
    widening_factor : int, default=4
        The stages have 16, 32 and 64 times as many filters.
    dropout : float, default=0.0
        Between the two convolutions of each block.

    Returns
    -------
    layers : list of Layer
        For images, signals or volumes of any size. For 10 classes and color images WRN-40-1 has
        0.6 million parameters, WRN-16-8 has 11.0 and WRN-28-10 has 36.5 million.

    Raises
    ------
    ValueError
        If depth is not 6 n + 4.

    References
    ----------
    Zagoruyko, Komodakis. Wide Residual Networks. BMVC 2016.
    """
    if not is_integer(depth) or depth < 10 or depth % 6 != 4:
        raise ValueError(f"depth={depth!r} must be 6 n + 4, as 16, 22, 28 or 40.")
    factor = check_count(widening_factor, "widening_factor")
    drop = (Dropout(dropout),) if dropout else ()
    layers: list[Layer] = [Conv(16, 3, use_bias=False)]
    for stage in range(3):
        filters = 16 * 2**stage * factor
        for block in range((depth - 4) // 6):
            stride = 2 if stage and not block else 1
            before = (BatchNorm(), ReLU())
            first, second = (Conv(filters, 3, step, use_bias=False) for step in (stride, 1))
            body = (first, *before, *drop, second)
            if block:
                layers.append(Residual((*before, *body), "identity"))
            else:  # the shortcut, too, sees what was normalized and activated
                layers += [*before, Residual(body, (Conv(filters, 1, stride, use_bias=False),))]
    return [*layers, BatchNorm(), ReLU(), GlobalAveragePool()]
