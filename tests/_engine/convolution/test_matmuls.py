"""The three products of a convolution against loops over rows and kernel positions."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from skcnn._engine.convolution.geometry import Axis
from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.convolution.matmuls import multiply, multiply_by_transformed, multiply_by_weights
from skcnn._engine.workspace import Workspace


@st.composite
def heights(draw):
    length, kernel, stride = (draw(st.integers(1, most)) for most in (7, 4, 3))
    axis = Axis(length, kernel, stride, draw(st.integers(-2, 3)), draw(st.integers(-2, 3)))
    assume(axis.length + axis.before + axis.after >= axis.kernel)
    return axis


def reads(axis):
    """Every (output, position, element) where a window reads a real element."""
    for output in range(axis.output):
        for position in range(axis.kernel):
            element = output * axis.stride - axis.before + position
            if 0 <= element < axis.length:
                yield output, position, element


@settings(max_examples=100, deadline=None, derandomize=True)
@given(heights(), st.integers(1, 3))
def test_products_are_sums_over_what_windows_read(height, points):
    lines, filters, columns = 3, 2, 5
    algorithm = Im2col((height, Axis(columns, 1)), lines, filters)
    rng = np.random.default_rng(0)
    transformed = rng.standard_normal((points, height.length, lines, columns))
    weights = rng.standard_normal((points, height.kernel, lines, filters))
    d_products = rng.standard_normal((points, height.output, filters, columns))
    expected = [np.zeros_like(array) for array in (d_products, weights, transformed)]
    for output, position, element in reads(height):
        w, x, d = weights[:, position], transformed[:, element], d_products[:, output]
        expected[0][:, output] += w.swapaxes(1, 2) @ x
        expected[1][:, position] += x @ d.swapaxes(1, 2)
        expected[2][:, element] += w @ d
    results = [np.full_like(array, np.nan) for array in expected]
    workspace = Workspace()
    multiply(algorithm, weights, transformed, results[0], workspace)
    multiply_by_transformed(algorithm, transformed, d_products, results[1], workspace)
    multiply_by_weights(algorithm, weights, d_products, results[2], workspace)
    for result, reference in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, reference, rtol=1e-12, atol=1e-12)
