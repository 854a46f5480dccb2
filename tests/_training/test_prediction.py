"""Outputs for any number of images."""

import numpy as np
import pytest

from skcnn._data.batches import Images
from skcnn._training.prediction import CHUNK_IMAGES, chunk_size, outputs_of
from skcnn.layers import Conv, Dense, Flatten, MaxPool, ReLU
from skcnn.network import Network

FLOAT64 = np.dtype(np.float64)


def network_of(filters=4, side=8):
    layers = (Conv(filters, 3), ReLU(), MaxPool(2), Flatten(), Dense(3))
    network = Network(layers, (side, 1, side), FLOAT64)
    network.parameters[:] = np.random.default_rng(0).standard_normal(network.parameters.size)
    return network


@pytest.mark.parametrize("n", [1, 383, 385, 1000])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_outputs_are_those_of_all_images_at_once(n, n_threads):
    network, X = network_of(), np.random.default_rng(1).standard_normal((n, 64))
    images = Images(X, (8, 8), None, FLOAT64)
    outputs = outputs_of(network, images, n_threads)
    x = X.T.reshape(8, 1, 8, n)
    expected, _ = network.forward(x, network.workspaces(), training=False)
    np.testing.assert_allclose(outputs, expected, rtol=1e-10, atol=1e-10)
    assert outputs.tobytes() == outputs_of(network, images, 1).tobytes()


def test_chunks_are_bounded_and_smaller_the_more_there_is_to_do():
    sizes = [
        chunk_size(network_of(filters, side)) for filters, side in [(1, 8), (32, 32), (64, 512)]
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == CHUNK_IMAGES[1]
    assert 1 <= sizes[-1] < CHUNK_IMAGES[0]


def test_every_image_is_checked_before_it_is_read():
    seen = []
    X = np.arange(1000.0 * 64).reshape(1000, 64)
    images = Images(X, (8, 8), None, FLOAT64, check=lambda rows: seen.append(rows[:, 0]))
    outputs_of(network_of(), images, 2)
    assert np.array_equal(np.sort(np.concatenate(seen)), X[:, 0])


def test_an_error_of_the_check_is_raised():
    def refuse(rows):
        raise ValueError("not a number")

    images = Images(np.zeros((900, 64)), (8, 8), None, FLOAT64, check=refuse)
    with pytest.raises(ValueError, match="not a number"):
        outputs_of(network_of(), images, 2)
