"""A network's outputs for any number of images, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._data.batches import Images
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.threads import Team
from skcnn._engine.workspace import Workspace
from skcnn.network import Network

Array = npt.NDArray[Any]

# A chunk has as many images as keep a core busy for so long and as have feature maps of so many
# numbers, within these bounds, and fewer if it would then take more than the last two numbers.
CHUNK_MULTIPLY_ADDS = 10_000_000
CHUNK_VALUES = 1_050_000
CHUNK_IMAGES = (32, 384)
MOST_MULTIPLY_ADDS = 1_000_000_000
MOST_VALUES = 10_000_000
# Threads take stretches of chunks, of up to so many images, which are checked together and
# are then still in the cache.
STRETCH_IMAGES = 256


def chunk_size(network: Network) -> int:
    """Return how many images to take at a time, which bounds memory and suits the cache."""
    least, most = CHUNK_IMAGES
    multiply_adds = max(network.multiply_adds, 1)
    size = min(CHUNK_MULTIPLY_ADDS // multiply_adds, CHUNK_VALUES // network.n_values)
    size = min(max(size, least), most)
    return max(min(size, MOST_MULTIPLY_ADDS // multiply_adds, MOST_VALUES // network.n_values), 1)


def outputs_of(network: Network, images: Images, n_threads: int = 1) -> Array:
    """Return the outputs for all images, chunk by chunk, as (n_outputs, n).

    Everything but the parameters is local to the call, so that threads may share a network. Outputs
    that overflow are infinite or NaN, without a warning; what that means is for the caller to say.

    Parameters
    ----------
    network : Network
        Only read.
    images : Images
        What to compute the outputs for, at least one.
    n_threads : int, default=1
        How many threads share the chunks; the outputs do not depend on it.
    """
    n = len(images)
    n_chunks = -(-n // chunk_size(network))
    size = -(-n // n_chunks)  # nearly the same for all
    stretch = size * max(1, min(STRETCH_IMAGES // size, n_chunks // (2 * n_threads)))
    n_stretches = -(-n // stretch)
    n_threads = min(n_threads, n_stretches)
    views = network.views()
    inputs = [Workspace() for _ in range(n_threads)]
    workspaces = [network.workspaces(in_place=True) for _ in range(n_threads)]
    outputs = np.empty((*network.shapes[-1], n), network.dtype)

    def fill(thread: int, number: int) -> None:
        start, stop = number * stretch, min((number + 1) * stretch, n)
        images.check(slice(start, stop))
        for first in range(start, stop, size):
            part = slice(first, min(first + size, stop))
            x = images.batch(part, inputs[thread])
            y, _ = network.forward(x, workspaces[thread], training=False, views=views)
            outputs[..., part] = y

    def fill_all() -> None:
        with Team(n_threads) as team:
            team.map(fill, n_stretches)

    with_numpy_settings(fill_all, short_buffers=True, all="ignore")
    return outputs
