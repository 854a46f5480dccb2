"""Batch normalization: every channel brought to mean 0 and variance 1, then scaled and shifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from skcnn._checks import is_number, shown
from skcnn._engine.plan import Trait
from skcnn._engine.workspace import Workspace
from skcnn.layers.base import Array, Layer, Parameters, Shape
from skcnn.layers.bias import channel_count

__all__ = ["BatchNorm"]


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalize each channel, or each feature, then scale and shift it.

    y[c] = gamma[c] * (x[c] - mean[c]) / sqrt(variance[c] + epsilon) + beta[c]. In training, mean
    and variance are those of the batch, over samples and pixels; at inference, running means of
    the batches of training, so that the output for a sample does not depend on the others.

    Parameters
    ----------
    momentum : float, default=0.9
        Weight in [0, 1) of the past in the running statistics. The first steps are weighted as if
        there had been no past before them, so the statistics are usable from the first step on.
    epsilon : float, default=1e-5
        Added to the variance.

    Notes
    -----
    Parameters are `gamma`, which starts at one, and `beta`, both of shape (channels,).
    Non-trainable state (buffers) is `mean`, `variance` (unbiased) and `weight`, the sum of the
    weights of all batches in them.

    Training normalizes within a micro-batch of the mini-batch. A micro-batch of a single sample in
    feature maps of a single pixel, or in features, cannot be normalized; that is a ValueError.

    References
    ----------
    Ioffe, Szegedy. Batch Normalization: Accelerating Deep Network Training by Reducing Internal
    Covariate Shift. ICML 2015.
    """

    minimum_batch_size: ClassVar[int] = 2
    momentum: float = 0.9
    epsilon: float = 1e-5
    trainable: bool = True

    @property
    def _traits(self) -> Trait:
        return Trait.ORDER_FREE if type(self) is BatchNorm else Trait.NONE

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        if not (is_number(self.momentum) and 0 <= self.momentum < 1):
            raise ValueError(
                f"momentum={shown(self.momentum)} must be a number of at least 0 and less than 1."
            )
        if not (is_number(self.epsilon) and 0 < self.epsilon < np.inf):
            raise ValueError(f"epsilon={shown(self.epsilon)} must be a number greater than 0.")
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shapes of gamma and beta."""
        channels = channel_count(input_shape)
        return {"gamma": (channels,), "beta": (channels,)}

    def state_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the running statistics and of their weight."""
        channels = channel_count(input_shape)
        return {"mean": (channels,), "variance": (channels,), "weight": (1,)}

    def initialize(self, parameters: Parameters, rng: np.random.Generator) -> None:
        """Start without scale and shift; draws nothing."""
        parameters["gamma"][:] = 1
        parameters["variance"][:] = 1

    def forward(
        self, parameters: Parameters, x: Array, workspace: Workspace, *, training: bool
    ) -> tuple[Array, Any]:
        """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta."""
        gamma, beta = parameters["gamma"], parameters["beta"]
        y = workspace.output(x)
        if not training or not self.trainable:
            scale = gamma / np.sqrt(parameters["variance"] + self.epsilon)
            _scale_and_shift(x, scale, beta - parameters["mean"] * scale, y)
            return y, None
        n = x.size // channel_count(x.shape[:-1])
        if n < 2:
            raise ValueError(
                f"{self} cannot normalize a single sample of a single pixel: it is its own mean. "
                f"Train on mini-batches of at least 2 samples (batch_size), or without batch_norm."
            )
        mean = _sums(x)
        mean /= n
        centered = workspace.buffer("centered", x.shape, x.dtype)
        np.subtract(x, _per_channel(mean, x), out=centered)
        variance = _inner_products(centered, centered)
        variance /= n
        self._remember(parameters, mean, variance * (n / (n - 1)))
        inverse = 1 / np.sqrt(variance + self.epsilon)
        _scale_and_shift(centered, gamma * inverse, beta, y)
        return y, (centered, inverse)

    def _remember(self, state: Parameters, mean: Array, variance: Array) -> None:
        """Move the running statistics toward those of a batch."""
        weight = state["weight"]
        weight *= self.momentum
        weight += 1 - self.momentum
        fraction = (1 - self.momentum) / float(weight[0])  # 1 at the first step
        for running, seen in ((state["mean"], mean), (state["variance"], variance)):
            running += fraction * (seen - running)

    def backward(
        self,
        parameters: Parameters,
        gradients: Parameters,
        dy: Array,
        cache: Any,
        workspace: Workspace,
        *,
        need_dx: bool,
    ) -> Array | None:
        """d_beta = sum dy, d_gamma = sum dy * z; dx = gamma / s * (dy - mean dy - z * mean dy z).

        z = (x - mean) / s is the normalized input, s the root of variance + epsilon; sums and
        means are over the batch.
        """
        if cache is None:  # not trainable: running statistics are constants
            gradients["gamma"][:] = gradients["beta"][:] = 0
            if need_dx:
                scale = parameters["gamma"] / np.sqrt(parameters["variance"] + self.epsilon)
                dy *= _per_channel(scale.astype(dy.dtype), dy)
            return dy if need_dx else None
        centered, inverse = cache
        d_gamma, d_beta = gradients["gamma"], gradients["beta"]
        d_beta[:] = _sums(dy)
        np.multiply(_inner_products(dy, centered), inverse, out=d_gamma)
        if not need_dx:
            return None
        n = dy.size // len(inverse)
        scale = parameters["gamma"] * inverse
        _scale_and_shift(centered, scale * inverse * d_gamma / -n, scale * d_beta / -n, centered)
        dy *= _per_channel(scale, dy)
        dy += centered
        return dy


def _per_channel(values: Array, x: Array) -> Array:
    """Shape one value per channel so that it broadcasts against x, (..., C, W, N) or (F, N)."""
    return values[:, None] if x.ndim == 2 else values[:, None, None]


def _rows(x: Array) -> Array:
    """View (..., C, W, N) as (rows, C, W * N), and (F, N) as (1, F, N)."""
    channels = channel_count(x.shape[:-1])
    n = x.shape[-1] if x.ndim == 2 else x.shape[-2] * x.shape[-1]
    return x.reshape(-1, channels, n)


def _sums(x: Array) -> Array:
    """Return the sum over everything but channels; a product with ones is a sum, and faster."""
    rows = _rows(x)
    sums: Array = (rows @ np.ones(rows.shape[-1], x.dtype)).sum(axis=0)
    return sums


def _inner_products(x: Array, y: Array) -> Array:
    """Return, for each channel, the sum of x * y over everything else."""
    products: Array = np.vecdot(_rows(x), _rows(y)).sum(axis=0)
    return products


def _scale_and_shift(x: Array, scale: Array, shift: Array, out: Array) -> None:
    """Write scale * x + shift to `out`, with one number of each for a channel."""
    np.multiply(x, _per_channel(scale, x), out=out)
    out += _per_channel(shift, out)
