"""Values with named hyper-parameters, which never change."""

import pickle
from dataclasses import dataclass

import pytest
from sklearn.base import clone

from skcnn._checks import with_inner
from skcnn.augmentation import Compose, HorizontalFlip, RandomErasing, Rotation, Shift
from skcnn.layers import Tanh
from skcnn.optimizers import SGD, Adam, Optimizer
from skcnn.schedules import Constant, Cosine, OneCycle, Plateau, Schedule
from skcnn.weight_averaging import ExponentialMovingAverage, StochasticWeightAveraging

VALUES = [
    SGD(0.5, nesterov=False),
    Adam(0.8, epsilon=1e-6),
    Constant(),
    Cosine(0.2),
    OneCycle(first=0.1),
    Plateau(patience=7),
    ExponentialMovingAverage(0.9),
    StochasticWeightAveraging(0.1),
    Shift(3),
    HorizontalFlip(0.25),
    Rotation(5),
    RandomErasing(scale=(0.1, 0.2)),
    Compose([Shift(2), HorizontalFlip()]),
    Tanh(),
]


@dataclass(frozen=True)
class Delayed(Schedule):
    """A schedule of the user's around another."""

    inner: Schedule = Cosine()  # noqa: RUF009  # a frozen value may be shared
    steps: int = 10

    def factor(self, state, step, fraction):
        return 1.0 if step < self.steps else self.inner.factor(state, step, fraction)


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_parameters_make_the_same_value_again(value):
    assert type(value)(**value.get_params()) == value
    assert value.set_params(**value.get_params()) == value
    assert value.set_params() == value
    assert repr(clone(value)) == repr(value)
    assert clone(value) == value == pickle.loads(pickle.dumps(value))


def test_setting_makes_another_value_and_leaves_this_one_alone():
    value = SGD(0.5, nesterov=False)
    other = value.set_params(momentum=0.25)
    assert (value, other) == (SGD(0.5, nesterov=False), SGD(0.25, nesterov=False))


def test_values_within_values_are_named_too():
    value = Delayed(Cosine(0.1), 20)
    assert value.get_params() == {"inner": Cosine(0.1), "inner__warm_up": 0.1, "steps": 20}
    assert value.get_params(deep=False) == {"inner": Cosine(0.1), "steps": 20}
    assert value.set_params(inner__warm_up=0.3) == Delayed(Cosine(0.3), 20)
    assert value.set_params(inner=OneCycle(), inner__rise=0.5, steps=1) == Delayed(OneCycle(0.5), 1)


@pytest.mark.parametrize("params", [{"speed": 1}, {"momentum": 0.1, "momentum__x": 2}], ids=str)
def test_a_parameter_that_there_is_not_is_named(params):
    name = next(name for name in params if name != "momentum")
    with pytest.raises(ValueError, match=rf"no parameters named \['{name}'\].*'momentum'"):
        SGD().set_params(**params)


def test_a_wrong_value_is_refused_as_by_the_constructor():
    with pytest.raises(ValueError, match="momentum=2 must be"):
        SGD().set_params(momentum=2)


def test_a_clone_of_a_subclass_with_a_constructor_of_its_own_keeps_what_it_holds():
    class Own(Optimizer):
        def __init__(self, speeds):
            object.__setattr__(self, "speeds", speeds)

    original = Own([1, 2])
    assert clone(original).speeds == [1, 2]
    assert clone(original).speeds is not original.speeds


def test_what_is_no_value_stays_by_its_name():
    got = with_inner({"a__b": 1, "c__steps": 2, "e": 3}, {"a": "text", "c": Delayed()})
    assert got == {"a__b": 1, "c": Delayed(steps=2), "e": 3}
