"""Tiles and their banded matrices; see the layer's tests for what the convolution computes."""

import numpy as np
import pytest

from skcnn._engine.convolution.bands import Bands
from skcnn._engine.convolution.geometry import Axis, sliding_axes
from skcnn._engine.workspace import Workspace


def every_column(bands):
    return sorted(
        column for tile in bands.tiles for column in range(bands.side.output)[tile.columns]
    )


@pytest.mark.parametrize("axis", [
    Axis(20, 3, before=1, after=1), Axis(19, 3, 2, 1, 1, 8), Axis(33, 3, 1, 4, 4, dilation=4),
    Axis(40, 5, 2, 0, 3, 3), Axis(2, 3, before=5, after=5, dilation=5), Axis(60, 11, before=-3),
])  # fmt: skip
def test_tiles_have_every_column_once_and_read_its_window(axis):
    bands = Bands((axis,), 2, 1, 1, 8)
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
    bands = Bands(sliding_axes((5, 6), (2, 3), (1, 1), "valid"), 1, 1, 1, 8)
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
    bands = Bands(axes, 2, 1, 1, 8)
    assert (len(bands.outer), bands.height.kernel) == (outer, height)
