"""Check of a layer: its protocol, its gradients, and what it says of itself."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from skcnn._checks import check_count, is_integer
from skcnn._engine.workspace import Workspace
from skcnn.layers import Activation, Layer
from skcnn.layers.base import Array, Shape
from skcnn.testing.activation import check_increasing
from skcnn.testing.differences import assert_gradient
from skcnn.testing.trial import LayerTrial, survives_pickling

__all__ = ["check_layer"]


def check_layer(
    layer: Layer,
    input_shape: Shape,
    *,
    n_samples: int = 3,
    rtol: float = 1e-6,
    seed: int = 0,
    directions: int | None = None,
) -> None:
    """Check that a layer keeps the protocol and that its gradients are right.

    Checked are: a frozen dataclass whose hyper-parameters pickle and compare equal and that keeps
    nothing else, shapes, gradients of parameters and input against central differences in
    float64 (random parameters, input without ties), gradients that are overwritten rather than
    added to, an input that is left alone, dirty buffers, a shorter last batch, inference that
    draws nothing and takes each sample by itself, and float32 that stays float32. An activation
    that declares `is_increasing` must not fall anywhere.

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
    directions : int, default=None
        Compare derivatives along this many random directions of the input and of each parameter,
        which takes two forward passes each. None: the derivative for every element, which takes
        two forward passes for every element. Eight directions miss an error of a hundred times
        the tolerance with probability 2e-17; every element names the error's size exactly.

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
    _check_arguments(layer, input_shape, n_samples, directions)
    _check_value(layer)
    if isinstance(layer, Activation):
        check_increasing(layer)
    before = vars(layer).copy()
    trial = LayerTrial(layer, input_shape, n_samples, seed)
    y, dx, gradients = trial.run()
    _check_gradients(trial, dx, gradients, rtol, directions)
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


def _check_arguments(
    layer: Layer, input_shape: Shape, n_samples: int, directions: int | None
) -> None:
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
    if directions is not None:
        check_count(directions, "directions", least=1)


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
    assert survives_pickling(layer), f"{layer} does not survive pickling."


def _check_gradients(
    trial: LayerTrial, dx: Array | None, gradients: Array, rtol: float, directions: int | None
) -> None:
    layer, network = trial.layer, trial.network
    assert dx is not None, f"{layer}: backward returned no dx although need_dx was true."
    assert dx.shape == trial.x.shape, f"{layer}: dx has shape {dx.shape}, not {trial.x.shape}."
    parameters, flat = network.views()[0], network.views(gradients)[0]
    shape = network.shapes[0]  # state has no gradient, and nobody asks for that of what stays
    trained = [name for name in layer.parameter_shapes(shape) if layer.trainable]
    parts = [(f"gradient of {name}", flat[name], parameters[name]) for name in trained]
    for name, gradient, array in [("dx", dx, trial.x), *parts]:
        assert_gradient(
            gradient,
            trial.loss,
            array,
            rtol=rtol,
            name=f"{layer}: {name}",
            directions=directions,
            rng=trial.rng,
        )


def _check_buffers(trial: LayerTrial, y: Array, dx: Array | None, gradients: Array) -> None:
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


def _check_inference(trial: LayerTrial, y: Array) -> None:
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


def _infer(trial: LayerTrial, x: Array, workspace: Workspace) -> Array:
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


def _check_without_dx(trial: LayerTrial, gradients: Array) -> None:
    _, dx, same = trial.run(need_dx=False)
    assert dx is None, f"{trial.layer}: backward returned dx although need_dx was false."
    assert np.array_equal(same, gradients), f"{trial.layer}: gradients depend on need_dx."


def _check_float32(layer: Layer, input_shape: Shape, n_samples: int, seed: int) -> None:
    trial = LayerTrial(layer, input_shape, n_samples, seed, np.float32)
    y, dx, _ = trial.run()
    assert y.dtype == np.float32, f"{layer}: float32 in, {y.dtype} out."
    assert dx is not None
    assert dx.dtype == np.float32, f"{layer}: float32 in, dx is {dx.dtype}."
