"""Convolution by Winograd's algorithm, which takes a fraction of the multiplications."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._engine.convolution.matmuls import MatrixAlgorithm
from skcnn._engine.workspace import Workspace

Array = npt.NDArray[Any]

# Where polynomials are evaluated besides infinity, by the number of points with infinity: those
# of the smallest rounding error among small fractions.
POINTS: dict[int, tuple[str, ...]] = {
    3: ("0", "1"),
    4: ("0", "1", "-1"),
    5: ("0", "1", "-2", "-1/2"),
    6: ("0", "3/2", "-3/2", "2/3", "-2/3"),
    7: ("0", "1", "2", "1/2", "-3/2", "-2/3"),
    8: ("0", "1", "-1", "2", "-2", "1/2", "-1/2"),
    9: ("0", "1", "2", "2/3", "-3", "-1/3", "-3/4", "-4/3"),
}


@lru_cache
def winograd_matrices(outputs: int, kernel: int) -> tuple[Array, Array, Array]:
    """Return matrices that filter with one multiplication for each of outputs + kernel - 1 points.

    For ``a, g, b = winograd_matrices(m, r)``, a kernel k of length r and m + r - 1 inputs x, the
    outputs y[i] = sum over j of k[j] * x[i + j] are ``a @ ((g @ k) * (b @ x))``.

    Parameters
    ----------
    outputs : int
        Neighboring outputs computed together, m.
    kernel : int
        Length of the kernel, r.

    Returns
    -------
    a : ndarray of shape (m, m + r - 1)
        From points to outputs.
    g : ndarray of shape (m + r - 1, r)
        From the kernel to points.
    b : ndarray of shape (m + r - 1, m + r - 1)
        From inputs to points.

    References
    ----------
    Winograd. Arithmetic Complexity of Computations. SIAM 1980.
    Lavin, Gray. Fast Algorithms for Convolutional Neural Networks. CVPR 2016.
    """
    n_points = outputs + kernel - 1
    points = [Fraction(point) for point in POINTS[n_points]]
    a = _powers(points, outputs).T
    g = _powers(points, kernel)
    # the product of two polynomials is interpolated; the transpose of that filters
    b = _inverse(_powers(points, n_points)).T
    largest = np.abs(b).max(axis=1, keepdims=True)
    return a.astype(float), (g * largest).astype(float), (b / largest).astype(float)


def _powers(points: list[Fraction], count: int) -> Array:
    """Return the values of 1, x, x**2, ... at the points and, in the last row, at infinity."""
    infinity = [Fraction(int(power == count - 1)) for power in range(count)]
    return np.array([[point**power for power in range(count)] for point in points] + [infinity])


def _inverse(matrix: Array) -> Array:
    """Invert a matrix of fractions by elimination, without rounding."""
    n = len(matrix)
    identity = np.array([[Fraction(int(i == j)) for j in range(n)] for i in range(n)])
    rows = np.concatenate([matrix, identity], axis=1)
    for column in range(n):
        pivot = next(row for row in range(column, n) if rows[row, column])
        rows[[column, pivot]] = rows[[pivot, column]]
        rows[column] = rows[column] / rows[column, column]
        for row in range(n):
            if row != column:
                rows[row] = rows[row] - rows[row, column] * rows[column]
    return rows[:, n:]


@dataclass(frozen=True)
class Winograd(MatrixAlgorithm):
    """Signals and images at the points of Winograd's algorithm of their last axis.

    The last axis, of stride 1, is cut into tiles of a few outputs each. One product with a sparse
    matrix evaluates the inputs of every tile at a few points; the rows of windows are stacked and
    multiplied by the weights point by point; another product turns points into outputs. Padding
    is part of the matrices, and backward takes their transposes.

    Parameters
    ----------
    axes : tuple of Axis
        One or two spatial axes.
    channels, n_filters : int
        Channels of input and output.
    interleave : int, default=1
        Groups of output columns.
    tile : int, default=2
        Outputs of a tile.
    """

    tile: int = 2

    @cached_property
    def n_points(self) -> int:
        """Multiplications of a tile."""
        return self.tile + self.side.kernel - 1

    @cached_property
    def n_tiles(self) -> int:
        """Tiles of a row, the last one maybe in part unused."""
        return -(-self.side.output // self.tile)

    @cached_property
    def cost(self) -> int:
        """Multiply-adds of forward and backward for one image, about."""
        heights = 3 * self.height.kernel * self.channels * self.n_filters
        inputs = 2 * self.side.length * self.channels
        outputs = 2 * self.side.output * self.n_filters
        return self.height.output * self.n_points * self.n_tiles * (heights + inputs + outputs)

    def transform_input(self, x: Array, workspace: Workspace) -> Array:
        """Return x at the points, of shape (points, height, C, tiles * n)."""
        *_, to_points = self._matrices(x.dtype, workspace)
        x = x.reshape(self.height.length, self.channels, self.side.length, -1)
        transformed = self._buffer("transformed", self.height.length, self.channels, x, workspace)
        return self._by_point(np.matmul(to_points, x, out=transformed))

    def input_gradient_buffer(self, dy: Array, workspace: Workspace) -> Array:
        """Return a buffer for the gradient for what :meth:`transform_input` returns."""
        return self._by_point(
            self._buffer("d_transformed", self.height.length, self.channels, dy, workspace)
        )

    def input_gradient(self, d_transformed: Array, workspace: Workspace) -> Array:
        """Return the gradient for x from the one at the points."""
        *_, to_points = self._matrices(d_transformed.dtype, workspace)
        values = self._by_line(d_transformed)
        shape = (self.height.length, self.channels, self.side.length, values.shape[-1])
        return np.matmul(to_points.T, values, out=workspace.buffer("dx", shape, values.dtype))

    def transform_weights(self, weights: Array, workspace: Workspace) -> Array:
        """Return the weights at the points, of shape (points, kh, C, F)."""
        _, to_points, _ = self._matrices(weights.dtype, workspace)
        positions = weights.reshape(self.height.kernel, self.side.kernel, -1)
        shape = (self.n_points, self.height.kernel, self.channels, self.n_filters)
        at_points = workspace.buffer("weights", shape, weights.dtype)
        np.matmul(to_points, positions, out=_row_by_row(at_points))
        return at_points

    def weight_gradient(self, total: Array, gradient: Array, workspace: Workspace) -> None:
        """Write the gradient for the weights from the one at the points."""
        _, to_points, _ = self._matrices(total.dtype, workspace)
        shape = (self.height.kernel, self.side.kernel, -1)
        np.matmul(to_points.T, _row_by_row(total), out=gradient.reshape(shape))

    def product_buffer(self, x: Array, workspace: Workspace) -> Array:
        """Return a buffer for outputs at the points, of shape (points, OH, F, tiles * n)."""
        return self._by_point(
            self._buffer("products", self.height.output, self.n_filters, x, workspace)
        )

    def transform_output(self, products: Array, workspace: Workspace) -> Array:
        """Return the outputs, of shape (OH, F, OW, n)."""
        to_outputs, *_ = self._matrices(products.dtype, workspace)
        values = self._by_line(products)
        shape = (self.height.output, self.n_filters, self.side.output, values.shape[-1])
        return np.matmul(to_outputs, values, out=workspace.buffer("y", shape, values.dtype))

    def product_gradient(self, dy: Array, workspace: Workspace) -> Array:
        """Return the gradient for what :meth:`transform_output` took."""
        to_outputs, *_ = self._matrices(dy.dtype, workspace)
        dy = dy.reshape(self.height.output, self.n_filters, self.side.output, -1)
        products = self._buffer("products", self.height.output, self.n_filters, dy, workspace)
        return self._by_point(np.matmul(to_outputs.T, dy, out=products))

    def _buffer(
        self, name: str, rows: int, channels: int, like: Array, workspace: Workspace
    ) -> Array:
        """Return a buffer for every point of every tile, (rows, channels, points * tiles, n)."""
        shape = (rows, channels, self.n_points * self.n_tiles, like.shape[-1])
        return workspace.buffer(name, shape, like.dtype)

    def _by_point(self, values: Array) -> Array:
        """View (rows, channels, points * tiles, n) as (points, rows, channels, tiles * n)."""
        return values.reshape(*values.shape[:2], self.n_points, -1).transpose(2, 0, 1, 3)

    def _by_line(self, values: Array) -> Array:
        """Undo :meth:`_by_point`."""
        values = values.transpose(1, 2, 0, 3)
        return values.reshape(*values.shape[:2], self.n_points * self.n_tiles, -1)

    def _matrices(self, dtype: npt.DTypeLike, workspace: Workspace) -> tuple[Array, Array, Array]:
        """Return the matrices in a dtype, cast once."""
        return workspace.once(("matrices", dtype), lambda: self._cast_matrices(dtype))

    def _cast_matrices(self, dtype: npt.DTypeLike) -> tuple[Array, Array, Array]:
        a, g, b = self._exact_matrices
        return a.astype(dtype), g.astype(dtype), b.astype(dtype)

    @cached_property
    def _exact_matrices(self) -> tuple[Array, Array, Array]:
        """From points to outputs, from kernel positions to points, from inputs to points.

        Of shape (OW, points * tiles), (points, kw) and (points * tiles, W).
        """
        a, g, b = winograd_matrices(self.tile, self.side.kernel)
        to_outputs = np.zeros((self.side.output, self.n_points, self.n_tiles))
        to_points = np.zeros((self.n_points, self.n_tiles, self.side.length))
        for number in range(self.n_tiles):
            outputs = slice(number * self.tile, min((number + 1) * self.tile, self.side.output))
            to_outputs[outputs, :, number] = a[: outputs.stop - outputs.start]
            for k in range(self.n_points):
                position = outputs.start + k - self.side.before
                if 0 <= position < self.side.length:
                    to_points[:, number, position] = b[:, k]
        columns = np.arange(self.side.output).reshape(-1, self.interleave).T.ravel()
        rows = to_outputs[columns].reshape(self.side.output, -1)
        return rows, g, to_points.reshape(-1, self.side.length)


def _row_by_row(weights: Array) -> Array:
    """View weights at the points, (points, kh, C, F), as (kh, points, C * F)."""
    return weights.reshape(*weights.shape[:2], -1).swapaxes(0, 1)
