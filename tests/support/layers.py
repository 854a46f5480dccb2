"""Layers that several tests use."""

from dataclasses import dataclass

import numpy as np

from skcnn.layers import Activation, Layer


@dataclass(frozen=True)
class Scale(Layer):
    """y[i] = x[i] * factor[i]: right in every respect, what broken layers derive from."""

    def parameter_shapes(self, input_shape):
        return {"factor": (*input_shape, 1)}

    def initialize(self, parameters, rng):
        parameters["factor"][:] = 1

    def forward(self, parameters, x, workspace, *, training):
        y = workspace.buffer("y", x.shape, x.dtype)
        return np.multiply(x, parameters["factor"], out=y), x

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        np.sum(cache * dy, axis=-1, keepdims=True, out=gradients["factor"])
        return np.multiply(dy, parameters["factor"], out=dy) if need_dx else None


@dataclass(frozen=True)
class Square(Activation):
    """x**2, which does not say that it is increasing, and is not."""

    def function(self, x, out, workspace):
        workspace.buffer("x", x.shape, x.dtype)[:] = x
        np.multiply(x, x, out=out)

    def multiply_by_derivative(self, dy, y, workspace):
        dy *= 2 * workspace.buffer("x", y.shape, y.dtype)


def channels_first(array):
    """Return an array (width..., batch) as (channels, everything else)."""
    axis = 0 if array.ndim == 2 else array.ndim - 3
    return np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
