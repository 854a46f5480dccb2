"""Banded matrices, tile by tile; see the layer's tests for what the convolution computes."""

import numpy as np
import pytest

from skcnn._engine.convolution.depthwise import Bands, Depthwise
from skcnn._engine.convolution.geometry import Axis, sliding_axes
from skcnn._engine.workspace import Workspace
from skcnn.layers import Conv
from tests.support.memory import peak_of


def every_column(bands):
    return sorted(
        column for tile in bands.tiles for column in range(bands.side.output)[tile.columns]
    )


@pytest.mark.parametrize("axis", [
    Axis(20, 3, before=1, after=1), Axis(19, 3, 2, 1, 1), Axis(33, 3, before=4, after=4, dilation=4),
    Axis(40, 5, 2, 0, 3, 3), Axis(2, 3, before=5, after=5, dilation=5), Axis(60, 11, before=-3),
])  # fmt: skip
def test_tiles_have_every_column_once_and_read_its_window(axis):
    bands = Bands((axis,), 2, 1, 1)
    assert every_column(bands) == list(range(axis.output))
    stride, dilation = bands.steps
    for tile in bands.tiles:
        for number, output in enumerate(range(axis.output)[tile.columns]):
            for position in range(axis.kernel):
                element = output * axis.stride - axis.before + position * axis.dilation
                copied = number * stride + position * dilation
                assert element == copied * bands.gap - tile.inputs.before
                assert copied < bands.columns == tile.inputs.output


def test_a_matrix_has_the_kernel_in_every_line():
    bands = Bands(sliding_axes((5, 6), (2, 3), (1, 1), "valid"), 1, 1, 1)
    kernel = np.arange(1.0, 7.0).reshape(1, 1, 1, 2, 3)
    (matrix,) = bands.matrices("matrices", kernel, Workspace()).reshape(1, 4, 12)
    assert matrix.tolist() == [
        [1, 2, 3, 0, 0, 0, 4, 5, 6, 0, 0, 0],
        [0, 1, 2, 3, 0, 0, 0, 4, 5, 6, 0, 0],
        [0, 0, 1, 2, 3, 0, 0, 0, 4, 5, 6, 0],
        [0, 0, 0, 1, 2, 3, 0, 0, 0, 4, 5, 6],
    ]


@pytest.mark.parametrize(
    ("axes", "outer", "height"),
    [
        (sliding_axes((9,), (3,), (1,), "same"), 0, 1),
        (sliding_axes((7, 9), (3, 3), (1, 1), "same"), 0, 3),
        (sliding_axes((7, 9), (3, 3), (1, 1), "same", (2, 1)), 1, 1),
        (sliding_axes((5, 7, 9), (3, 3, 3), (1, 1, 1), "same"), 1, 3),
        (sliding_axes((5, 7, 9), (3, 3, 3), (1, 1, 1), "same", (1, 2, 1)), 2, 1),
    ],
)
def test_rows_are_stacked_where_they_are_neighbors(axes, outer, height):
    bands = Bands(axes, 2, 1, 1)
    assert (len(bands.outer), bands.height.kernel) == (outer, height)


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2}, {"dilation": (1, 2)}, {"dilation": 2}, {"padding": (0, (2, -1))}],
    ids=str,
)
def test_interleaved_columns_are_the_same_in_groups(options):
    layer, shape = Conv(6, 3, groups=3, **options), (8, 3, 13)
    if layer.output_shape(shape)[-1] % 2:
        shape = (8, 3, 14 if "stride" not in options else 12)
    axes, _ = layer._axes(shape)
    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((*shape, 4)), rng.standard_normal((3, 3, 1, 6))
    results = []
    for interleave in (1, 2):
        algorithm, workspace = Depthwise(axes, 3, 6, interleave), Workspace()
        y, kept = algorithm.forward(x, weights, workspace)
        columns = np.arange(y.shape[-2]).reshape(-1, interleave).T.ravel()
        dy, gradient = np.cos(np.arange(y.size)).reshape(y.shape), np.empty_like(weights)
        dx = algorithm.backward(dy[..., columns, :], kept, gradient, workspace, need_dx=True)
        natural = np.empty_like(y)
        natural[..., columns, :] = y
        results.append((natural, dx, gradient))
    for plain, interleaved in zip(*results, strict=True):
        assert np.array_equal(plain, interleaved)


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"dilation": 2}], ids=str)
def test_a_step_takes_no_new_memory(options):
    layer, shape = Conv(16, 3, groups=16, **options), (16, 16, 16)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((*shape, 32), dtype=np.float32)
    dy = rng.standard_normal((*layer.output_shape(shape), 32), dtype=np.float32)
    sizes = layer.parameter_shapes(shape)
    parameters = {name: rng.standard_normal(s, dtype=np.float32) for name, s in sizes.items()}
    gradients = {name: np.empty_like(values) for name, values in parameters.items()}
    workspace = Workspace()

    def step():
        _, cache = layer.forward(parameters, x, workspace, training=True)
        layer.backward(parameters, gradients, dy, cache, workspace, need_dx=True)

    step()
    assert peak_of(step) < min(x.nbytes, dy.nbytes) / 4
