"""What runs in place of the layers that were asked for: the same function, in less time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from functools import cached_property
from math import prod
from typing import Any, NamedTuple, Protocol, Self

Shape = tuple[int, ...]


class Trait(Flag):
    """What a layer says of itself; a layer that says nothing runs as it is, where it is."""

    NONE = 0
    CONVOLUTION = auto()  # can be a `Convolution`
    POOLING = auto()  # can be a `Pooling`
    MAXIMUM = auto()  # a pooling that takes the maximum
    ELEMENTWISE = auto()  # an output depends on one input element and on its channel
    ORDER_FREE = auto()  # columns may come in any order, as long as they leave in the same
    INCREASING = auto()  # elementwise, and never falls: may trade places with a maximum


class Operation(Protocol):
    """What the plan asks of every layer."""

    @property
    def _traits(self) -> Trait: ...

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output."""
        ...

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return name and shape of what is trained."""
        ...

    def _multiply_adds(self, input_shape: Shape) -> int: ...

    def _n_values(self, input_shape: Shape) -> int: ...


class Convolution(Operation, Protocol):
    """What the plan asks of a convolution."""

    def _cropped(self, input_shape: Shape, lengths: Shape) -> Self: ...

    def _interleaved(self, groups: int) -> Operation: ...

    def _without_bias(self) -> tuple[Self, list[Operation]]: ...


class Pooling(Operation, Protocol):
    """What the plan asks of a pooling."""

    def _reach(self, input_shape: Shape) -> Shape: ...

    def _columns(self, input_shape: Shape) -> int: ...

    def _interleaved(self) -> Operation: ...


class Step(NamedTuple):
    """Something that runs, with the parameters of one of the layers that were asked for."""

    operation: Any
    layer: int


@dataclass(frozen=True)
class ExecutionPlan:
    """What runs, in order.

    Parameters
    ----------
    steps : tuple of Step
        From input to output.
    input_shape : tuple of int
        Shape of one input without the batch axis.
    """

    steps: tuple[Step, ...]
    input_shape: Shape

    @cached_property
    def shapes(self) -> list[Shape]:
        """Shape of the input and of every step's output."""
        return _shapes(self.steps, self.input_shape)

    @cached_property
    def first_trained(self) -> int:
        """Number of the first step with parameters that are trained; 0 if none has."""
        trained = (
            number
            for number, (step, shape) in enumerate(zip(self.steps, self.shapes, strict=False))
            if set(step.operation.parameter_shapes(shape)) - step.operation.frozen_names(shape)
        )
        return next(trained, 0)

    @cached_property
    def multiply_adds(self) -> int:
        """For one input, forward: one for each output and each weight of its filter or unit."""
        steps = zip(self.steps, self.shapes, strict=False)
        total: int = sum(step.operation._multiply_adds(before) for step, before in steps)
        return total

    @cached_property
    def n_values(self) -> int:
        """How many numbers the input and all outputs of steps are, for one input."""
        steps = zip(self.steps, self.shapes, strict=False)
        outputs: int = sum(step.operation._n_values(before) for step, before in steps)
        return prod(self.input_shape) + outputs


def make_plan(layers: Iterable[Operation], input_shape: Shape) -> ExecutionPlan:
    """Return what runs in place of layers one after the other, equal to them but for rounding.

    The maximum of increasing functions is the function of the maximum, so max pooling comes before
    bias and activation, which then have a quarter of the elements. Batch normalization, which falls
    where gamma is negative, stays before the pooling. What no pooling window reaches is not
    computed, unless something in between looks at all of it. The convolution writes columns in the
    order in which pooling reads them.
    """
    steps: list[Step] = []
    for number, layer in enumerate(layers):
        steps.append(Step(layer, number))
        if Trait.POOLING in layer._traits:
            _serve_pooling(steps, input_shape)
    return ExecutionPlan(tuple(steps), input_shape)


def _serve_pooling(steps: list[Step], input_shape: Shape) -> None:
    """Rewrite the steps from the convolution before the last step, a pooling, up to it."""
    first = _convolution_before(steps)
    shapes = _shapes(steps, input_shape)
    if first is None or shapes[-1] == shapes[-2]:
        return
    (conv, layer), *between, (pool, pool_layer) = steps[first:]
    if all(Trait.ELEMENTWISE in step.operation._traits for step in between):
        conv = conv._cropped(shapes[first], pool._reach(shapes[first + 1]))
    behind: list[Step] = []
    if Trait.MAXIMUM in pool._traits:
        while between and Trait.INCREASING in between[-1].operation._traits:
            behind.insert(0, between.pop())
        if not between:
            conv, bias = conv._without_bias()
            behind = [*(Step(part, layer) for part in bias), *behind]
        groups = pool._columns(conv.output_shape(shapes[first]))
        if groups > 1:
            conv, pool = conv._interleaved(groups), pool._interleaved()
    steps[first:] = [Step(conv, layer), *between, Step(pool, pool_layer), *behind]


def _convolution_before(steps: Sequence[Step]) -> int | None:
    """Return the convolution before the last step, if no step between needs ordered columns."""
    for number in reversed(range(len(steps) - 1)):
        traits = steps[number].operation._traits
        if Trait.CONVOLUTION in traits:
            return number
        if Trait.ORDER_FREE not in traits:
            return None
    return None


def _shapes(steps: Iterable[Step], input_shape: Shape) -> list[Shape]:
    """Return the shape of the input and of every step's output."""
    shapes = [tuple(input_shape)]
    for step in steps:
        shapes.append(step.operation.output_shape(shapes[-1]))
    return shapes
