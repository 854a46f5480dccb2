"""A network: layers, and one flat vector that holds all their parameters."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from skcnn._engine.plan import ExecutionPlan
from skcnn._engine.workspace import Workspace
from skcnn.exceptions import IncompatibleVersionError, __version__
from skcnn.layers import Layer
from skcnn.layers.base import Array, Parameters, Shape
from skcnn.layers.chain import Chain
from skcnn.layers.container import Container, Placed, contents

__all__ = ["Network", "Summary"]


class Summary(str):
    """A table as text, which notebooks and Python's prompt show as it prints."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self)}</pre>"


# Under which what is saved notes the version that saved it, and what did not note it.
VERSION_KEY = "_skcnn_version"
VERSION_NOT_KEPT = "0.1.0 or a development version before 0.2.0"


class Network:
    """Layers one after the other, with their parameters in one flat vector.

    Parameters
    ----------
    layers : sequence of Layer
        From input to output.
    input_shape : tuple of int
        Shape of one input without the batch axis, as layers see it.
    dtype : dtype, default=float32
        Of parameters and of all computation.

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
        All that is trained; zero until :meth:`initialize`. Weights come first, then the parameters
        without weight decay, which are those of a single axis (biases, scales).
    state : ndarray of shape (n_state,)
        All that is saved but not trained (buffers), such as running statistics.
    shapes : list of tuple of int
        Shape of the input and of every layer's output.
    decayed : slice
        Where `parameters` holds weights.
    shortened : list of (slice, float)
        Where `parameters` holds weights whose steps are shorter by a factor, as those of wide
        :class:`~skcnn.layers.Dense` layers.
    frozen, frozen_state : list of slice
        Where `parameters` and `state` hold those of layers that are not trainable.

    Raises
    ------
    ValueError
        If a layer cannot take the shape that the layer before it gives.
    """

    def __init__(
        self, layers: tuple[Layer, ...], input_shape: Shape, dtype: npt.DTypeLike = np.float32
    ) -> None:
        self.layers = tuple(layers)
        self._chain = Chain(self.layers, input_shape)
        self.shapes = self._chain.shapes
        self._lay_out()
        try:
            self.parameters: Array = np.zeros(self._n_parameters, dtype)
        except (MemoryError, OverflowError, ValueError) as error:  # the latter two: beyond 64 bits
            raise MemoryError(
                f"The network has {float(self._n_parameters):.3g} parameters, for which there is "
                f"no memory. Use fewer filters and units, a smaller filter_size, more pooling or "
                f"a larger stride."
            ) from error
        self.state: Array = np.zeros(self._n_state, dtype)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of parameters and of all computation."""
        return self.parameters.dtype

    @property
    def _plan(self) -> ExecutionPlan:
        """What runs in place of the layers."""
        return self._chain.plan

    @property
    def multiply_adds(self) -> int:
        """Of the forward pass for one input; outputs that no pooling reads are not computed."""
        return self._plan.multiply_adds

    @property
    def n_values(self) -> int:
        """Numbers in one input and in all outputs of the steps that run for it."""
        return self._plan.n_values

    @property
    def minimum_batch_size(self) -> int:
        """Smallest mini-batch that all layers can train on."""
        return max((layer.minimum_batch_size for layer in self.layers), default=1)

    def _lay_out(self) -> None:
        """Decide where each parameter is: weights first, then parameters without decay."""
        trained = [
            (number, name, shape)
            for number, shapes in enumerate(self._chain.parameter_shapes)
            for name, shape in shapes.items()
        ]
        trained.sort(key=lambda entry: len(entry[2]) < 2)  # stable
        state = [
            (number, name, shape)
            for number, shapes in enumerate(self._chain.state_shapes)
            for name, shape in shapes.items()
        ]
        self._trained, self._n_parameters = _with_offsets(trained)
        self._kept, self._n_state = _with_offsets(state)
        names = [
            layer.frozen_names(before)
            for layer, before in zip(self.layers, self.shapes, strict=False)
        ]
        self.frozen, self.frozen_state = (
            [where for number, name, _, where in entries if name in names[number]]
            for entries in (self._trained, self._kept)
        )
        factors = [_step_factors(*each) for each in zip(self.layers, self.shapes, strict=False)]
        self.shortened = [
            (where, factors[number][name])
            for number, name, _, where in self._trained
            if name in factors[number]
        ]
        self.decayed = slice(0, sum(prod(shape) for _, _, shape in trained if len(shape) > 1))

    def views(
        self, parameters: Array | None = None, state: Array | None = None
    ) -> list[Parameters]:
        """Return, for each layer, named views into flat vectors of parameters and state.

        Names are those of the layer's parameters and state, such as "weights". A layer made of
        layers names theirs by where they are: "body.0.weights" and "shortcut.0.weights" in a
        :class:`~skcnn.layers.Residual`, "branches.1.0.bias" in a :class:`~skcnn.layers.Parallel`,
        "body.2.branches.0.0.weights" where one is in the other.

        Parameters
        ----------
        parameters, state : ndarray, optional
            The network's own by default; give others of the same length to view a gradient.
        """
        parameters = self.parameters if parameters is None else parameters
        state = self.state if state is None else state
        views: list[Parameters] = [{} for _ in self.layers]
        for entries, flat in ((self._trained, parameters), (self._kept, state)):
            for number, name, shape, where in entries:
                views[number][name] = flat[where].reshape(shape)
        return views

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw all parameters anew, and reset the state."""
        self.parameters[:] = 0
        self.state[:] = 0
        for layer, parameters in zip(self.layers, self.views(), strict=True):
            layer.initialize(parameters, rng)

    def workspaces(
        self, rng: np.random.Generator | None = None, *, in_place: bool = False
    ) -> list[Workspace]:
        """Return scratch memory for one thread, a :class:`~skcnn.layers.Workspace` each step.

        Steps are not layers one for one: :meth:`forward` runs a plan in place of the layers.
        """
        return [Workspace(rng, in_place=in_place) for _ in self._plan.steps]

    def forward(
        self,
        x: Array,
        workspaces: list[Workspace],
        *,
        training: bool,
        views: list[Parameters] | None = None,
    ) -> tuple[Array, list[Any]]:
        """Return the last layer's output, and caches for :meth:`backward`.

        An execution plan runs, with the outputs of the layers one by one but for rounding.

        Parameters
        ----------
        x : ndarray of shape (*input_shape, n)
            In the network's dtype.
        workspaces : list of Workspace
            From :meth:`workspaces`; the output may live there.
        training : bool
            Passed to the layers.
        views : list of dict, optional
            From :meth:`views`, to save making them again.
        """
        return self._chain.forward(views or self.views(), x, workspaces, training=training)

    def backward(
        self,
        dy: Array,
        caches: list[Any],
        gradients: list[Parameters],
        workspaces: list[Workspace],
        *,
        views: list[Parameters] | None = None,
    ) -> None:
        """Fill `gradients`, views into a flat vector, from the gradient for the output."""
        views = views or self.views()
        self._chain.backward(views, gradients, dy, caches, workspaces, need_dx=False)

    def summary(self) -> Summary:
        """Return a table of the layers, their output shapes (channels last) and parameters.

        A layer made of layers counts the parameters of those, which follow, indented, each after
        the beginning of its parameters' names in :meth:`views`.
        """
        rows = [("input", _channels_last(self.shapes[0]), "")]
        for layer, shape in zip(self.layers, self.shapes, strict=False):
            rows += [_row(placed) for placed in contents(layer, shape)]
        head = ("layer", "output shape", "parameters")
        foot = ("total", "", f"{self.parameters.size:,}")
        widths = [max(len(row[column]) for row in (head, *rows, foot)) for column in range(3)]
        lines = [
            f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}"
            for name, shape, count in (head, *rows, foot)
        ]
        rule = "-" * len(lines[0])
        return Summary("\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]]))

    def __repr__(self) -> str:
        return f"Network of {len(self.layers)} layers in {self.dtype}\n{self.summary()}"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    def copy(self) -> Network:
        """Return a network with its own parameters and state; all else never changes."""
        twin = Network.__new__(type(self))
        vars(twin).update(vars(self))
        twin.parameters, twin.state = self.parameters.copy(), self.state.copy()
        return twin

    def __getstate__(self) -> dict[str, Any]:
        names = ("layers", "shapes", "parameters", "state")
        return {name: self.__dict__[name] for name in names} | {VERSION_KEY: __version__}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        if VERSION_KEY not in saved:
            raise IncompatibleVersionError("network", VERSION_NOT_KEPT, __version__)
        self.__dict__.update(saved)
        del self.__dict__[VERSION_KEY]
        self._chain = Chain(self.layers, self.shapes[0])
        self._lay_out()


def _step_factors(layer: Layer, input_shape: Shape) -> dict[str, float]:
    """Return by how much steps are shortened, for the weights where they are."""
    factors = {
        f"{placed.prefix}weights": placed.layer._step_factor(placed.input_shape)
        for placed in contents(layer, input_shape)
    }
    return {name: factor for name, factor in factors.items() if factor < 1}


def _with_offsets(
    entries: list[tuple[int, str, Shape]],
) -> tuple[list[tuple[int, str, Shape, slice]], int]:
    """Place arrays one behind the other in a flat vector."""
    ends = np.cumsum([0, *(prod(shape) for _, _, shape in entries)]).tolist()
    placed = [
        (*entry, slice(start, stop))
        for entry, (start, stop) in zip(entries, pairwise(ends), strict=True)
    ]
    return placed, ends[-1]


def _row(placed: Placed) -> tuple[str, str, str]:
    """Return what the summary says of a layer: name, output shape and number of parameters."""
    layer, shape, path = placed
    name = str(layer)
    if isinstance(layer, Container):
        name = type(layer).__name__  # its layers follow
    if path:
        name = f"{'  ' * len(path)}{path[-1]} {name}"
    count = sum(prod(shape) for shape in layer.parameter_shapes(shape).values())
    return name, _channels_last(layer.output_shape(shape)), f"{count:,}"


def _channels_last(shape: Shape) -> str:
    if len(shape) > 1:
        *leading, channels, last = shape
        shape = (*leading, last, channels)
    return str(tuple(shape))
