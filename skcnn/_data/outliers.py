"""Numbers so far from all others that standardization hides how these differ."""

from __future__ import annotations

import warnings

import numpy as np

from skcnn._data.moments import Array, Chunks, Moments

# A channel is looked at again if its farthest number is so many deviations, or so far, from its
# mean.
SUSPECT_DEVIATIONS, SUSPECT_DISTANCE = 5.0, 1e9
# How many elements the median is taken of.
MEDIAN_ELEMENTS = 2**17
# Fractions of the largest distance from the median, between which there is no number: others are
# near, outliers are far.
NEAR, FAR = 1e-3, 0.1
# Numbers that differ by less than so many deviations are hidden.
HIDDEN = 0.03
# Outliers are in no more than such a fraction of the samples, unless they are suspect by distance.
FEW = 0.1


def warn_of_outliers(chunks: Chunks, moments: Moments, name: str, least: int = 1) -> None:
    """Give a UserWarning if outliers make deviations so large that other numbers hardly differ.

    Parameters
    ----------
    chunks : Chunks
        The samples; read once more where a channel is suspect.
    moments : Moments
        Of all of them.
    name : str
        What the warning calls them.
    least : int, default=1
        In how many channels others are hidden, or there is no warning.
    """
    mean, deviation = moments.mean, moments.deviation
    with np.errstate(all="ignore"):  # numbers near the largest, and NaN, which others look for
        distance = np.maximum(moments.most - mean, mean - moments.least)
        far = distance > SUSPECT_DISTANCE
        suspect = far | (distance > SUSPECT_DEVIATIONS * deviation)
        if np.count_nonzero(suspect) < least:
            return
        near, n_samples = _numbers_near_median(chunks, moments)
        few = far | (n_samples <= FEW * len(chunks))
        found = np.flatnonzero(suspect & few & (near > 0) & (near < HIDDEN * deviation))
    if len(found) < least:
        return
    worst = found[np.argmin(near[found] / deviation[found])]
    lowest, highest = moments.least[worst], moments.most[worst]
    warnings.warn(
        f"{name} holds {highest if highest > -lowest else lowest:.6g}, or numbers near it, in "
        f"{n_samples[worst]} of {len(chunks)} samples. It is so far from all other numbers that "
        f"these differ by no more than {near[worst] / deviation[worst]:.2g} standard deviations, "
        f"and little can be learned from them. Such numbers often mark missing values: replace "
        f"them, or leave these samples out.",
        stacklevel=13,  # where the user calls fit
    )


def _numbers_near_median(chunks: Chunks, moments: Moments) -> tuple[Array, Array]:
    """Return how far from the median numbers near it are, and how many samples have far ones.

    Both are for each channel; the distance is 0 where numbers are neither near nor far.
    """
    median = np.median(chunks.some(MEDIAN_ELEMENTS), axis=(0, 1))
    largest = np.maximum(moments.most - median, median - moments.least)
    near, between = np.zeros_like(median), np.zeros(len(median), dtype=bool)
    n_samples = np.zeros(len(median), dtype=int)
    for images, _ in chunks:
        images -= median
        distances = np.abs(images, out=images)
        is_near, is_far = distances <= NEAR * largest, distances >= FAR * largest
        between |= (~is_near & ~is_far).any(axis=(0, 1))
        n_samples += is_far.any(axis=1).sum(axis=0)
        distances[~is_near] = 0.0
        np.maximum(near, distances.max(axis=(0, 1)), out=near)
    near[between] = 0.0
    return near, n_samples
