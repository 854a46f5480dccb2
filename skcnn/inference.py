"""A network's outputs for any number of images, in bounded memory."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn.inputs import Images
from skcnn.network import Network
from skcnn.parallel import Team
from skcnn.workspace import Workspace

Array = npt.NDArray[Any]

# A chunk has as many images as keep a core busy for so long and as have maps of so many numbers,
# within these bounds, and fewer if it would then take more than the last number.
CHUNK_MULTIPLY_ADDS = 10_000_000
CHUNK_VALUES = 1_050_000
CHUNK_IMAGES = (32, 256)
MOST_MULTIPLY_ADDS = 1_000_000_000


def chunk_size(network: Network) -> int:
    """Return how many images to take at a time, which bounds memory and suits the cache."""
    least, most = CHUNK_IMAGES
    multiply_adds = max(network.multiply_adds, 1)
    values = sum(prod(shape) for shape in network.shapes)
    size = min(CHUNK_MULTIPLY_ADDS // multiply_adds, CHUNK_VALUES // values)
    size = min(max(size, least), most)
    return max(min(size, MOST_MULTIPLY_ADDS // multiply_adds), 1)


def outputs_of(network: Network, images: Images, n_threads: int = 1) -> Array:
    """Return the outputs for all images, chunk by chunk, as (n_outputs, n).

    Everything but the parameters is local to the call, so that threads may share a network.

    Parameters
    ----------
    network : Network
        Only read.
    images : Images
        What to compute the outputs for.
    n_threads : int, default=1
        How many threads share the chunks; the outputs do not depend on it.
    """
    size = chunk_size(network)
    n_chunks = -(-len(images) // size)
    n_threads = min(n_threads, n_chunks)
    views = network.views()
    inputs = [Workspace() for _ in range(n_threads)]
    workspaces = [network.workspaces(in_place=True) for _ in range(n_threads)]
    outputs = np.empty((*network.shapes[-1], len(images)), network.dtype)

    def fill(thread: int, chunk: int) -> None:
        part = slice(chunk * size, min((chunk + 1) * size, len(images)))
        x = images.batch(part, inputs[thread])
        outputs[..., part], _ = network.forward(x, workspaces[thread], training=False, views=views)

    with Team(n_threads) as team:
        team.map(fill, n_chunks)
    return outputs
