"""InceptionTime: filters of several lengths side by side."""

from __future__ import annotations

from skcnn._checks import check_count
from skcnn.layers import (
    BatchNorm,
    Conv,
    GlobalAveragePool,
    Layer,
    MaxPool,
    Parallel,
    ReLU,
    Residual,
)

__all__ = ["inception_time"]


def inception_time(
    depth: int = 6,
    n_filters: int = 32,
    filter_sizes: tuple[int, ...] = (40, 20, 10),
    *,
    multivariate: bool = False,
) -> list[Layer]:
    """Return the layers of one network of InceptionTime.

    Each module has long, medium and short filters behind a bottleneck of 1 x 1, and a max pooling
    with filters of size 1 beside them. Around every third module there is a shortcut.

    Parameters
    ----------
    depth : int, default=6
        Number of modules.
    n_filters : int, default=32
        Filters of each branch and of bottlenecks.
    filter_sizes : tuple of int, default=(40, 20, 10)
        Of the branches behind the bottleneck.
    multivariate : bool, default=False
        Whether the first module has a bottleneck, too, as for series of several channels.

    Returns
    -------
    layers : list of Layer
        For signals, images or volumes of any size. With one channel and two classes it has 420,450
        parameters, as the authors' code.

    Notes
    -----
    InceptionTime is an ensemble of five such networks that differ by their random state: put the
    estimator into a :class:`~sklearn.ensemble.VotingClassifier` with ``voting="soft"``.

    References
    ----------
    Ismail Fawaz, Lucas, Forestier, Pelletier, Schmidt, Weber, Webb, Idoumghar, Muller, Petitjean.
    InceptionTime: Finding AlexNet for Time Series Classification. Data Mining and Knowledge
    Discovery 34, 2020.
    """
    n_filters = check_count(n_filters, "n_filters")
    n_outputs = n_filters * (len(filter_sizes) + 1)
    layers: list[Layer] = []
    body: list[Layer] = []
    for module in range(check_count(depth, "depth")):
        convolutions: list[Layer] = [
            Parallel(tuple((Conv(n_filters, size, use_bias=False),) for size in filter_sizes))
        ]
        if module or multivariate:
            convolutions.insert(0, Conv(n_filters, 1, use_bias=False))
        pooled = (MaxPool(3, 1, "same"), Conv(n_filters, 1, use_bias=False))
        body += [Parallel((tuple(convolutions), pooled)), BatchNorm(), ReLU()]
        if module % 3 == 2:
            shortcut = (Conv(n_outputs, 1, use_bias=False), BatchNorm())
            layers += [Residual(tuple(body), shortcut), ReLU()]
            body = []
    return [*layers, *body, GlobalAveragePool()]
