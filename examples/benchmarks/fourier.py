"""Convolution as a product of Fourier transforms, next to how the layer computes it."""

from dataclasses import replace
from functools import partial

import numpy as np
from scipy import fft
from threadpoolctl import threadpool_limits

from examples.benchmarks.networks import classifier
from examples.benchmarks.report import Row, Table
from examples.benchmarks.settings import Settings
from examples.benchmarks.timing import repeated, take_turns
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn.layers import Conv, Workspace
from skcnn.network import Network

N = 64  # images, as in a micro-batch
REPEATS = 20  # calls of a layer in one turn


class FourierConv:
    """Forward pass of a convolution of images, with stride 1 and no bias.

    Correlation is a product of the transform of x by the conjugate of that of the weights, at every
    frequency a product of matrices: (F, C) @ (C, n).
    """

    def __init__(self, layer: Conv, input_shape: tuple[int, ...]) -> None:
        axes, _ = layer._axes(input_shape)
        # at least this long, or windows would read what lies at the other end
        self._lengths = [
            fft.next_fast_len(max(axis.length, axis.output + axis.kernel - 1), real=True)
            for axis in axes
        ]
        starts = [
            (np.arange(axis.output) - axis.before) % n
            for axis, n in zip(axes, self._lengths, strict=True)
        ]
        self._outputs = np.ix_(*starts)

    def forward(self, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return y, (OH, F, OW, n), from weights (kh, kw, C, F) and x (H, C, W, n)."""
        x_hat = fft.rfft2(x, self._lengths, axes=(0, 2)).transpose(0, 2, 1, 3)
        w_hat = fft.rfft2(weights, self._lengths, axes=(0, 1)).conj()
        y = fft.irfft2(np.matmul(w_hat.swapaxes(-1, -2), x_hat), self._lengths, axes=(0, 1))
        return y[self._outputs].transpose(0, 2, 1, 3)


def run(settings: Settings) -> list[Table]:
    """Compare the forward passes of every convolution, one thread, in turn."""
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for name in settings.networks:
        network = _network(name)
        for number, layer in enumerate(network.layers):
            if isinstance(layer, Conv):
                row = _compare(layer, network.shapes[number], settings.rounds, rng)
                rows.append({"network": name, "layer": number, **row})
    notes = [
        f"Forward passes over {N} images by scipy.fft and np.matmul, one thread. Medians of "
        f"{settings.rounds} rounds in turn.",
        "Largest difference: of the outputs, over the largest output.",
    ]
    return [Table("Convolution by Fourier transforms", rows, notes)]


def _network(name: str) -> Network:
    X = np.random.default_rng(0).random((10, 784), dtype=np.float32)
    return classifier(name, max_iter=1).fit(X, np.arange(10)).network_


def _compare(
    layer: Conv, input_shape: tuple[int, ...], rounds: int, rng: np.random.Generator
) -> Row:
    layer = replace(layer, use_bias=False)
    x = rng.standard_normal((*input_shape, N), dtype=np.float32)
    shape = layer.parameter_shapes(input_shape)["weights"]
    parameters = {"weights": rng.standard_normal(shape, dtype=np.float32)}
    fourier, workspace = FourierConv(layer, input_shape), Workspace()

    def by_layer() -> np.ndarray:
        return layer.forward(parameters, x, workspace, training=True)[0]

    def by_fourier() -> np.ndarray:
        return fourier.forward(parameters["weights"], x)

    y = by_layer()
    difference = np.abs(by_fourier() - y).max() / np.abs(y).max()
    sides = {"layer": repeated(by_layer, REPEATS), "Fourier": repeated(by_fourier, REPEATS)}
    with threadpool_limits(1, user_api="blas"):
        run = partial(take_turns, sides, rounds)
        times = with_numpy_settings(run, short_buffers=True, under="ignore")
    milliseconds = {f"{side}, ms": 1e3 * times[side].median / REPEATS for side in sides}
    ratio, spread = times["Fourier"].over(times["layer"])
    return {
        **milliseconds,
        "over the layer": ratio,
        "spread": spread,
        "largest difference": float(difference),
    }
