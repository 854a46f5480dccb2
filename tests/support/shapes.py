"""Shapes of inputs of every rank."""

import numpy as np
import scipy
import scipy.sparse

SHAPES = [(5,), (2, 3), (3, 2, 4), (2, 3, 2, 2)]  # features, signals, images, volumes


def sparse_cubes(shape=(2, 3, 4)):
    """Return a sparse array of three axes, where SciPy has some: from 1.15 on."""
    version = tuple(int(part) for part in scipy.__version__.split(".")[:2])
    return [scipy.sparse.coo_array(np.ones(shape))] if version >= (1, 15) else []
