"""Whether a curve that all samples share hides how they differ."""

from __future__ import annotations

import warnings

import numpy as np

from skcnn._data.image_shape import Channels, Shape, split_channels
from skcnn._data.moments import Chunks, Moments
from skcnn._data.samples import Data
from skcnn._data.standardizer import ROUNDING
from skcnn.exceptions import StandardizationWarning

# How many elements of X are looked at first, of at least so many samples; fewer cannot tell.
SOME_ELEMENTS, LEAST_SAMPLES = 2**15, 10
# A deviation between samples of less than so many deviations between pixels is hidden.
HIDDEN = 0.01


def warn_of_common_curve(data: Data, image_shape: Shape, channels: Channels) -> None:
    """Give a StandardizationWarning if samples differ by too little of what pixels differ by.

    Some samples settle it for nearly all data; where these are alike, all are read.

    Parameters
    ----------
    data : Data
        What is trained on.
    image_shape : tuple of int
        Shape of one image, channels last.
    channels : {"last", "first"}
        Where rows of X have their channels.
    """
    lengths, n_channels = split_channels(image_shape)
    if len(data) < LEAST_SAMPLES or max(lengths) == 1:
        return
    first = channels == "first"
    n = min(len(data), max(LEAST_SAMPLES, SOME_ELEMENTS // data.X.shape[1]))
    some = np.linspace(0, len(data) - 1, n).astype(np.intp)
    if data.rows is not None:
        some = data.rows[some]
    if _hidden(Chunks(data.X, some, None, n_channels, first, per_pixel=True), n_channels) is None:
        return
    every = Chunks(data.X, data.rows, data.relative_weights, n_channels, first, per_pixel=True)
    ratio = _hidden(every, n_channels)
    if ratio is None:
        return
    warnings.warn(
        f"The samples of X share a curve beside which they hardly differ: at the same pixel they "
        f"deviate by no more than {ratio:.2g} of what the pixels of their mean deviate by. Little "
        f"can be learned from that. Pass standardize='pixel', which takes the curve away.",
        StandardizationWarning,
        stacklevel=11,  # where the user calls fit
    )


def _hidden(chunks: Chunks, n_channels: int) -> float | None:
    """Return the largest ratio of deviations of all channels; None if one is large enough.

    Channels that are the same in all samples tell nothing and do not count.
    """
    moments = Moments.of(chunks)
    magnitude = float(moments.largest.max())
    if magnitude == 0:
        return None
    # of shape (pixels, channels), of magnitudes up to 1
    mean = (moments.mean / magnitude).reshape(-1, n_channels)
    deviation = np.where(moments.constant, 0.0, moments.deviation) / magnitude
    between = np.sqrt((deviation.reshape(-1, n_channels) ** 2).mean(axis=0))
    varies = between > ROUNDING * np.abs(mean).max(axis=0)
    if not varies.any():
        return None
    ratio = between[varies] / np.maximum(mean.std(axis=0)[varies], between[varies])
    return float(ratio.max()) if ratio.max() < HIDDEN else None
