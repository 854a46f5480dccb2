"""A network's outputs for any number of images, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn.inputs import Images
from skcnn.network import Network
from skcnn.workspace import Workspace

Array = npt.NDArray[Any]

CHUNK = 64


def outputs_of(network: Network, images: Images) -> Array:
    """Return the outputs for all images, chunk by chunk, as (n_outputs, n).

    Everything but the parameters is local to the call, so that threads may share a network.
    """
    inputs, workspaces, views = Workspace(), network.workspaces(), network.views()
    outputs = np.empty((*network.shapes[-1], len(images)), network.dtype)
    for start in range(0, len(images), CHUNK):
        chunk = slice(start, min(start + CHUNK, len(images)))
        y, _ = network.forward(images.batch(chunk, inputs), workspaces, training=False, views=views)
        outputs[..., chunk] = y
    return outputs
