"""Custom parts that ask for a buffer of any name, and the names that the package itself uses."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import skcnn
from skcnn.augmentation import Augmentation
from skcnn.layers import Activation, Layer
from skcnn.losses import Loss

FILES = sorted(Path(skcnn.__file__).parent.rglob("*.py"))
CALL = re.compile(r'\.(?:buffer|contiguous|views|part)\(\s*f?"(\w+)')
BUFFER_NAMES = sorted({name for path in FILES for name in CALL.findall(path.read_text("utf-8"))})


@dataclass(frozen=True)
class NamedLoss(Loss):
    """Half the squared error, computed in a buffer of a certain name."""

    name: str

    def value_and_gradient(self, outputs, targets, weights, workspace):
        error = workspace.buffer(self.name, outputs.shape, outputs.dtype)
        np.subtract(outputs, targets.T, out=error)
        value = float((weights * error * error).sum() / 2)
        error *= weights
        return value, error


@dataclass(frozen=True)
class NamedActivation(Activation):
    """Softsign, with its absolute value and its slope in a buffer of a certain name."""

    name: str

    def function(self, x, out, workspace):
        size = workspace.buffer(self.name, x.shape, x.dtype)
        np.abs(x, out=size)
        size += 1
        np.divide(x, size, out=out)

    def multiply_by_derivative(self, dy, y, workspace):
        slope = workspace.buffer(self.name, y.shape, y.dtype)
        np.abs(y, out=slope)
        np.subtract(1, slope, out=slope)
        dy *= slope
        dy *= slope


@dataclass(frozen=True)
class NamedLayer(Layer):
    """Writes x + 1 to the output, by way of a buffer of a certain name."""

    name: str

    def forward(self, parameters, x, workspace, *, training):
        y = workspace.output(x)
        more = workspace.buffer(self.name, x.shape, x.dtype)
        np.add(x, 1, out=more)
        y[...] = more
        more.fill(np.nan)
        return y, None

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        return dy if need_dx else None


@dataclass(frozen=True)
class NamedAugmentation(Augmentation):
    """Scales each image at random, in a buffer of a certain name."""

    name: str

    def apply(self, x, rng, workspace, fill):
        y = workspace.buffer(self.name, x.shape, x.dtype)
        return np.multiply(x, rng.uniform(0.5, 2, x.shape[-1]), out=y)
