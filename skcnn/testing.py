"""Checks for people who write layers, losses and optimizers of their own."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from skcnn._checks import check_count, is_integer
from skcnn._engine.workspace import Workspace
from skcnn.layers import Layer
from skcnn.layers.base import Array, Shape
from skcnn.losses import Loss
from skcnn.network import Network
from skcnn.optimizers import Optimizer


def check_layer(
    layer: Layer, input_shape: Shape, *, n_samples: int = 3, rtol: float = 1e-6, seed: int = 0
) -> None:
    """Check that a layer keeps the protocol and that its gradients are right.

    Checked are: a frozen dataclass whose hyper-parameters pickle and compare equal and that keeps
    nothing else, shapes, gradients of parameters and input against central differences in
    float64 (random parameters, input without ties), gradients that are overwritten rather than
    added to, an input that is left alone, dirty buffers, a shorter last batch, inference that
    draws nothing and takes each sample by itself, and float32 that stays float32.

    Parameters
    ----------
    layer : Layer
        The layer at test.
    input_shape : tuple of int
        Shape of one input, without the batch axis.
    n_samples : int, default=3
        Size of the batch, at least 2.
    rtol : float, default=1e-6
        Largest error of a gradient, relative to the largest element of that gradient.
    seed : int, default=0
        Of the generator for parameters, input and whatever the layer draws.

    Raises
    ------
    AssertionError
        Naming what does not hold.
    ValueError
        If an argument is not as described above.

    Examples
    --------
    >>> from skcnn.layers import Conv
    >>> from skcnn.testing import check_layer
    >>> check_layer(Conv(4, 3, stride=2), input_shape=(7, 2, 6))
    """
    _check_arguments(layer, input_shape, n_samples)
    _check_value(layer)
    before = vars(layer).copy()
    trial = _Trial(layer, input_shape, n_samples, seed)
    y, dx, gradients = trial.run()
    _check_gradients(trial, dx, gradients, rtol)
    _check_buffers(trial, y, dx, gradients)
    _check_inference(trial, y)
    _check_without_dx(trial, gradients)
    _check_float32(layer, input_shape, n_samples, seed)
    stored = [
        name
        for name, value in vars(layer).items()
        if name not in before or before[name] is not value
    ]
    assert not stored, (
        f"{layer} stores {', '.join(stored)} on itself. A layer keeps nothing between calls: use "
        f"the cache, the workspace or state_shapes."
    )


def _check_arguments(layer: Layer, input_shape: Shape, n_samples: int) -> None:
    if not isinstance(layer, Layer):
        raise ValueError(
            f"layer={layer!r} is not a layer. Give an instance of a subclass of "
            f"skcnn.layers.Layer, such as Conv(8, 3)."
        )
    if not (
        isinstance(input_shape, tuple | list) and all(is_integer(n) and n >= 1 for n in input_shape)
    ):
        raise ValueError(
            f"input_shape={input_shape!r} must be a tuple of integers of at least 1, without the "
            f"batch axis."
        )
    check_count(n_samples, "n_samples", least=2)


def _check_value(layer: Layer) -> None:
    """Check that the layer is a value: fields, compared and pickled."""
    kind = type(layer)
    assert "__dataclass_fields__" in vars(kind), (
        f"{kind.__name__} is not a dataclass, so layers with different hyper-parameters would be "
        f"equal. Decorate the class with @dataclass(frozen=True)."
    )
    for field in fields(layer):
        assert not isinstance(getattr(layer, field.name), np.ndarray), (
            f"{kind.__name__} has an array as its field {field.name}. Fields are hyper-parameters: "
            f"use a tuple, or parameter_shapes or state_shapes."
        )
    assert _survives_pickling(layer), f"{layer} does not survive pickling."


def _survives_pickling(part: Any) -> bool:
    try:
        return bool(pickle.loads(pickle.dumps(part)) == part)
    except (pickle.PicklingError, AttributeError, TypeError, ValueError):
        return False


class _Trial:
    """One layer as a network, with random parameters, input and output gradient."""

    def __init__(
        self, layer: Layer, input_shape: Shape, n_samples: int, seed: int, dtype: Any = np.float64
    ) -> None:
        rng = np.random.default_rng(seed)
        self.layer, self.seed = layer, seed
        shape = layer.output_shape(tuple(input_shape))
        right = isinstance(shape, tuple) and all(is_integer(n) and n >= 1 for n in shape)
        assert right, (
            f"{layer}: output_shape must return a tuple of integers of at least 1, not {shape!r}."
        )
        self.network = Network((layer,), input_shape, dtype)
        self.network.initialize(rng)
        parameters = self.network.parameters
        parameters += 0.1 * rng.standard_normal(parameters.shape).astype(dtype)
        self.state = self.network.state.copy()
        size = int(np.prod(input_shape)) * n_samples
        # distinct values, none of them zero, that differ by far more than a finite difference
        values = (rng.permutation(size) + 0.3) * (4 / size) - 2
        self.x: Array = values.reshape(*input_shape, n_samples).astype(dtype)
        self.dy: Array = rng.standard_normal((*self.network.shapes[1], n_samples)).astype(dtype)
        self.workspace = Workspace()

    def forward(
        self, x: Array, *, training: bool = True, workspace: Workspace | None = None
    ) -> tuple[Array, Any]:
        """Run forward with the same random draws and the same state every time."""
        workspace = workspace or self.workspace
        workspace.rng = np.random.default_rng(self.seed) if training else None
        self.network.state[:] = self.state
        result = self.layer.forward(self.network.views()[0], x, workspace, training=training)
        pair = isinstance(result, tuple) and len(result) == 2
        assert pair, f"{self.layer}: forward must return a pair: output and cache, even if None."
        assert isinstance(result[0], np.ndarray), (
            f"{self.layer}: forward returned {type(result[0]).__name__} as output, not an array."
        )
        return result

    def run(
        self, n: int | None = None, *, need_dx: bool = True, workspace: Workspace | None = None
    ) -> tuple[Array, Array | None, Array]:
        """Return copies of output, input gradient and flat parameter gradient."""
        workspace = workspace or self.workspace
        x = np.ascontiguousarray(self.x[..., :n])
        before = x.copy()
        parameters = self.network.parameters.copy()
        gradient = np.full_like(parameters, np.nan)
        y, cache = self.forward(x, workspace=workspace)
        expected = (*self.network.shapes[1], x.shape[-1])
        assert y.shape == expected, f"{self.layer}: output has shape {y.shape}, not {expected}."
        y = y.copy()
        dx = self.layer.backward(
            self.network.views()[0],
            self.network.views(gradient)[0],
            self.dy[..., :n].copy(),
            cache,
            workspace,
            need_dx=need_dx,
        )
        assert dx is None or isinstance(dx, np.ndarray), (
            f"{self.layer}: backward returned {type(dx).__name__}, not an array."
        )
        assert np.array_equal(x, before), f"{self.layer} changes its input."
        assert np.array_equal(self.network.parameters, parameters), (
            f"{self.layer} changes its parameters."
        )
        assert np.isfinite(gradient).all(), (
            f"{self.layer}: backward must overwrite every element of gradients."
        )
        return y, None if dx is None else dx.copy(), gradient

    def loss(self) -> float:
        """Return a scalar whose gradient for the output is `dy`."""
        y, _ = self.forward(self.x, workspace=self.workspace)
        return float((y * self.dy).sum())


def _check_gradients(trial: _Trial, dx: Array | None, gradients: Array, rtol: float) -> None:
    assert dx is not None, f"{trial.layer}: backward returned no dx although need_dx was true."
    assert dx.shape == trial.x.shape, (
        f"{trial.layer}: dx has shape {dx.shape}, not {trial.x.shape}."
    )
    _compare(dx, finite_differences(trial.loss, trial.x), rtol, f"{trial.layer}: dx")
    numeric = finite_differences(trial.loss, trial.network.parameters)
    views = zip(
        trial.network.views(gradients)[0].items(),
        trial.network.views(numeric)[0].values(),
        strict=False,  # state comes last and has no gradient
    )
    for (name, value), reference in views:
        if name in trial.layer.parameter_shapes(trial.network.shapes[0]):
            _compare(value, reference, rtol, f"{trial.layer}: gradient of {name}")


def _check_buffers(trial: _Trial, y: Array, dx: Array | None, gradients: Array) -> None:
    """Dirty buffers and a shorter batch in between change nothing."""
    shorter = trial.run(trial.x.shape[-1] - 1)
    fresh = trial.run(trial.x.shape[-1] - 1, workspace=Workspace())
    for part, reference in zip(shorter, fresh, strict=True):
        assert part is not None
        assert reference is not None
        assert np.array_equal(part, reference), (
            f"{trial.layer}: a shorter batch gives another result in a used workspace."
        )
    for part, reference in zip(trial.run(), (y, dx, gradients), strict=True):
        assert part is not None
        assert reference is not None
        assert np.array_equal(part, reference), (
            f"{trial.layer}: a used workspace gives another result."
        )


def _check_inference(trial: _Trial, y: Array) -> None:
    """Prediction changes nothing, draws nothing and takes each sample by itself."""
    before = trial.x.copy()
    whole = _infer(trial, trial.x, Workspace())
    assert np.array_equal(trial.x, before), f"{trial.layer}: inference changes its input."
    assert whole.shape == y.shape, f"{trial.layer}: inference gives another shape."
    assert np.array_equal(trial.network.state, trial.state), (
        f"{trial.layer}: inference changes the state."
    )
    assert np.array_equal(whole, _infer(trial, trial.x, trial.workspace)), (
        f"{trial.layer}: inference gives another result the second time. Draw in training only, "
        f"and fill all of a buffer."
    )
    assert np.array_equal(whole, _infer(trial, before, Workspace(in_place=True))), (
        f"{trial.layer}: inference gives another result in place. Read x before "
        f"workspace.output(x) is written; in an Activation, see `in_place`."
    )
    for number in range(trial.x.shape[-1]):
        column = slice(number, number + 1)
        alone = _infer(trial, np.ascontiguousarray(trial.x[..., column]), trial.workspace)
        assert np.allclose(alone, whole[..., column], rtol=1e-9, atol=1e-12), (
            f"{trial.layer}: at inference the output for a sample depends on the others in the "
            f"batch. Use statistics of the batch in training only."
        )


def _infer(trial: _Trial, x: Array, workspace: Workspace) -> Array:
    """Return a copy of the output, computed without a generator."""
    try:
        return trial.forward(x, training=False, workspace=workspace)[0].copy()
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(
            f"{trial.layer}: inference raises {type(error).__name__}: {error}. It gets no "
            f"generator: draw in training only."
        ) from error


def _check_without_dx(trial: _Trial, gradients: Array) -> None:
    _, dx, same = trial.run(need_dx=False)
    assert dx is None, f"{trial.layer}: backward returned dx although need_dx was false."
    assert np.array_equal(same, gradients), f"{trial.layer}: gradients depend on need_dx."


def _check_float32(layer: Layer, input_shape: Shape, n_samples: int, seed: int) -> None:
    trial = _Trial(layer, input_shape, n_samples, seed, np.float32)
    y, dx, _ = trial.run()
    assert y.dtype == np.float32, f"{layer}: float32 in, {y.dtype} out."
    assert dx is not None
    assert dx.dtype == np.float32, f"{layer}: float32 in, dx is {dx.dtype}."


def finite_differences(function: Callable[[], float], array: Array, step: float = 1e-5) -> Array:
    """Return central differences of `function()` for each element of `array`, changed in place.

    Parameters
    ----------
    function : callable
        Takes nothing, returns a float that depends on `array`.
    array : ndarray of float64
        Varied element by element, and left as it was.
    step : float, default=1e-5
        Half the difference.
    """
    result = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + step
        above = function()
        array[index] = value - step
        below = function()
        array[index] = value
        result[index] = (above - below) / (2 * step)
    return result


def _compare(value: Array, reference: Array, rtol: float, name: str) -> None:
    error = np.abs(value - reference).max(initial=0)
    scale = max(np.abs(reference).max(initial=0), 1e-3)
    assert error <= rtol * scale, (
        f"{name} differs from finite differences by {error:.3g}, relative to {scale:.3g}."
    )


def check_loss(
    loss: Loss, outputs: Array, targets: Array, *, rtol: float = 1e-6, seed: int = 0
) -> None:
    """Check a loss against central differences, with and without weights.

    Checked are also: outputs and targets that are left alone, a value that is the weighted sum
    of what each row costs alone, and float32 that stays float32.

    Parameters
    ----------
    loss : Loss
        The loss at test.
    outputs : ndarray of shape (n_outputs, n)
        Of float64.
    targets : array-like of shape (n,) or (n, n_outputs)
        What the loss compares with, a row a sample: class indices, or numbers for regression.
        Where the loss has a kink, as the absolute error at 0, outputs must keep away from it.
    rtol : float, default=1e-6
        Largest error of the gradient, relative to its largest element.
    seed : int, default=0
        Of the generator for weights.

    Raises
    ------
    AssertionError
        Naming what does not hold.
    """
    outputs, targets = np.array(outputs, dtype=np.float64), np.array(targets)
    if outputs.ndim != 2 or targets.ndim not in (1, 2) or len(targets) != outputs.shape[1]:
        raise ValueError(
            f"outputs of shape {outputs.shape} and targets of shape {targets.shape} do not fit. "
            f"Give outputs of shape (n_outputs, n), and targets with n rows."
        )
    rng = np.random.default_rng(seed)
    of_rows = rng.uniform(0.5, 2, outputs.shape[-1])
    for weights in (0.5, of_rows):
        before, targets_before = outputs.copy(), targets.copy()
        value, gradient = loss.value_and_gradient(outputs, targets, weights, Workspace())
        assert np.array_equal(outputs, before), f"{loss} changes the outputs."
        assert np.array_equal(targets, targets_before), f"{loss} changes the targets."
        assert isinstance(value, float), f"{loss}: the value is {type(value)}, not a float."

        def total(weights: Any = weights) -> float:
            return loss.value_and_gradient(outputs, targets, weights, Workspace())[0]

        _compare(gradient, finite_differences(total, outputs), rtol, f"{loss}: gradient")
    whole = loss.value_and_gradient(outputs, targets, of_rows, Workspace())[0]
    parts = [
        loss.value_and_gradient(outputs[:, [i]], targets[[i]], 1.0, Workspace())[0]
        for i in range(len(targets))
    ]
    assert np.isclose(whole, np.dot(of_rows, parts), rtol=rtol), (
        f"{loss}: the value is {whole}, not the weighted sum of the rows' losses."
    )
    single = loss.value_and_gradient(outputs.astype(np.float32), targets, 1.0, Workspace())[1]
    assert single.dtype == np.float32, f"{loss}: float32 in, gradient is {single.dtype}."


def check_optimizer(optimizer: Optimizer, learning_rate: float = 0.05, n_steps: int = 1000) -> None:
    """Check that an optimizer works in place, restarts from a saved state, and finds a minimum.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer at test.
    learning_rate : float, default=0.05
        Step size for the quadratic p**2 / 2 in five dimensions.
    n_steps : int, default=1000
        Steps after which |p| must have fallen from 1 to below 0.01.

    Raises
    ------
    AssertionError
        Naming what does not hold.
    """
    assert _survives_pickling(optimizer), f"{optimizer} does not survive pickling."
    for dtype in (np.float32, np.float64):
        parameters = np.linspace(-1, 1, 5, dtype=dtype)
        view = parameters[:]
        state = optimizer.start(parameters)
        for number in range(n_steps):
            if number == n_steps // 2:
                state = pickle.loads(pickle.dumps(state))
            optimizer.step(state, parameters, parameters.copy(), learning_rate)
        assert view.dtype == dtype, f"{optimizer} changes the dtype."
        for name, part in state.items():
            assert not isinstance(part, np.ndarray) or part.dtype == dtype, (
                f"{optimizer}: state {name!r} is {part.dtype}, not {np.dtype(dtype)}."
            )
        assert np.abs(view).max() < 0.01, f"{optimizer} does not find the minimum: {view}."
