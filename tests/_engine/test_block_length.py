"""Products in blocks, where BLAS has kernels that like them."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from skcnn._engine import block_length as module
from skcnn._engine.block_length import block_length, has_small_kernels
from skcnn._engine.convolution import matmuls
from skcnn._engine.workspace import Workspace
from skcnn.layers import Conv, Dense


@pytest.fixture
def kernels(monkeypatch):
    """Return a function that says whether BLAS has small kernels."""

    def pretend(small):
        monkeypatch.setattr(module, "has_small_kernels", lambda: small)
        block_length.cache_clear()

    yield pretend
    block_length.cache_clear()


@pytest.mark.parametrize(
    ("lines", "columns", "filters", "block"),
    [
        (80, 128, 32, 20),  # 20 * 32 is the most below 1,200 that divides 80
        (80, 3_000, 32, 10),  # a million multiply-adds
        (9, 900, 8, 9),  # small as it is
        (96, 128, 256, 4),
        (96, 128, 400, 96),  # blocks of 3 lines and less gain nothing
        (83, 128, 32, 83),  # prime
        (80, 1, 10**7, 80),  # a single line is too much
    ],
)
def test_products_are_cut_into_equal_blocks_for_kernels_that_like_them(
    lines, columns, filters, block, kernels
):
    kernels(True)
    assert block_length(lines, columns * filters, filters) == block
    kernels(False)
    assert block_length(lines, columns * filters, filters) == lines


def test_plain_products_are_cut_by_their_multiply_adds_alone(kernels):
    kernels(True)
    assert block_length(1568, 10 * 64) == 784
    assert block_length(1568, 128 * 64, least=64) == 112
    assert block_length(1568, 128 * 256, least=64) == 1568  # blocks of 28 lines gain nothing
    assert block_length(121, 10 * 64) == 121  # small as it is


def test_kernels_are_known_by_the_architecture_that_blas_names(monkeypatch):
    names = {library.get("architecture") for library in threadpool_info()}
    for small in (True, False):
        monkeypatch.setattr(module, "SMALL_KERNELS", names if small else {"none"})
        has_small_kernels.cache_clear()
        assert has_small_kernels() is small
    has_small_kernels.cache_clear()


@pytest.mark.parametrize("size", [3, 5])
def test_blocks_give_the_same_gradients(size, monkeypatch):
    layer, shape, n = Conv(32, size), (10, 16, 10), 16
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((*shape, n)), rng.standard_normal((10, 32, 10, n))
    parameters = {
        "weights": rng.standard_normal((size, size, 16, 32)),
        "bias": rng.standard_normal(32),
    }
    results = []
    for part in (1, 4):  # whole, and in four blocks
        monkeypatch.setattr(matmuls, "block_length", lambda lines, *_, part=part: lines // part)
        workspace = Workspace()
        gradients = {name: np.empty_like(values) for name, values in parameters.items()}
        _, cache = layer.forward(parameters, x, workspace, training=True)
        layer.backward(parameters, gradients, dy.copy(), cache, workspace, need_dx=False)
        results.append(gradients)
    for name in parameters:
        np.testing.assert_allclose(results[0][name], results[1][name], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("features", [1568, 121])
def test_blocks_of_dense_layers_change_only_rounding(features, kernels):
    layer, n = Dense(10), 64
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((features, n)), rng.standard_normal((10, n))
    parameters = {"weights": rng.standard_normal((features, 10)), "bias": rng.standard_normal(10)}
    results = []
    for small in (True, False):
        kernels(small)
        workspace = Workspace()
        gradients = {name: np.empty_like(values) for name, values in parameters.items()}
        y, cache = layer.forward(parameters, x, workspace, training=True)
        y = y.copy()
        dx = layer.backward(parameters, gradients, dy, cache, workspace, need_dx=True)
        results.append((y, dx, *gradients.values()))
    for cut, whole in zip(*results, strict=True):
        np.testing.assert_allclose(cut, whole, rtol=1e-10, atol=1e-10)
