"""Dilated, grouped and depthwise convolutions against PyTorch, see make_convolution_reference.py.

Needs no PyTorch.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from skcnn.layers import Conv, Workspace

ARCHIVE = Path(__file__).with_name("convolution.npz")
with np.load(ARCHIVE) as archive:
    ARRAYS = dict(archive)
METADATA = json.loads(str(ARRAYS["metadata"]))
CASES = list(enumerate(METADATA["cases"]))
every_case = pytest.mark.parametrize(
    ("position", "case"), CASES, ids=[case["name"] for _, case in CASES]
)


def batch_last(array):
    """(n, C, L) -> (C, L, n), (n, C, H, W) -> (H, C, W, n), (n, C, D, H, W) -> (D, H, C, W, n)."""
    leading = range(2, array.ndim - 1)
    return np.ascontiguousarray(array.transpose(*leading, 1, array.ndim - 1, 0))


def convolution_weights(array):
    """(F, C, *kernel) -> (*kernel, C, F)."""
    return np.ascontiguousarray(np.moveaxis(array, (0, 1), (-1, -2)))


def results(position, case, dtype):
    """Return outputs and gradients of skcnn, and PyTorch's in the same layout."""
    padding = (tuple(case["padding"]),) * case["rank"]
    options = ("n_filters", "filter_size", "stride", "dilation", "groups")
    layer = Conv(padding=padding, **{name: case[name] for name in options if name in case})
    names = ("x", "weights", "bias", "y", "dy", "dx", "d_weights", "d_bias")
    theirs = {name: ARRAYS[f"{position}/{name}"] for name in names}
    x = batch_last(theirs["x"]).astype(dtype)
    parameters = {
        "weights": convolution_weights(theirs["weights"]).astype(dtype),
        "bias": theirs["bias"].astype(dtype),
    }
    shapes = layer.parameter_shapes(x.shape[:-1])
    assert shapes == {name: array.shape for name, array in parameters.items()}
    gradients = {name: np.full_like(array, np.nan) for name, array in parameters.items()}
    workspace = Workspace()
    y, cache = layer.forward(parameters, x, workspace, training=True)
    y, dy = y.copy(), batch_last(theirs["dy"]).astype(dtype)
    dx = layer.backward(parameters, gradients, dy, cache, workspace, need_dx=True)
    return [
        (y, batch_last(theirs["y"])),
        (dx, batch_last(theirs["dx"])),
        (gradients["weights"], convolution_weights(theirs["d_weights"])),
        (gradients["bias"], theirs["d_bias"]),
    ]


@every_case
def test_outputs_and_gradients_are_those_of_pytorch(position, case):
    for ours, theirs in results(position, case, np.float64):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 2e-14 * np.abs(theirs).max()


@every_case
def test_outputs_and_gradients_in_float32_are_close(position, case):
    for ours, theirs in results(position, case, np.float32):
        assert ours.dtype == np.float32
        assert np.abs(ours - theirs).max() <= 5e-6 * np.abs(theirs).max()


def test_the_archive_says_which_pytorch_made_it_and_is_small():
    assert METADATA["torch"].startswith("2.")
    assert ARCHIVE.stat().st_size < 500_000
