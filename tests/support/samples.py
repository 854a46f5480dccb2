"""Data of a fit that say something of y alone."""

import numpy as np

from skcnn._data.samples import Data


def data_of(y, weights=None):
    """Return samples of blank images with these targets."""
    y = np.asarray(y)
    X = np.zeros((len(y), 4))
    data = Data(X, None, X.dtype, y)
    return data if weights is None else data.weighted_by(np.asarray(weights, float), "weights")
