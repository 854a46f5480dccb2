"""Values with named hyper-parameters, which never change."""

import pickle
from dataclasses import dataclass

import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skcnn import ScratchCNNClassifier
from skcnn._checks import with_inner
from skcnn.augmentation import Compose, HorizontalFlip, RandomErasing, Rotation, Shift
from skcnn.layers import Tanh
from skcnn.optimizers import SGD, Adam, Optimizer
from skcnn.schedules import Constant, Cosine, OneCycle, Plateau, Schedule
from skcnn.weight_averaging import ExponentialMovingAverage, StochasticWeightAveraging
from tests.support.estimators import make_classifier

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
    assert type(value)(**value.get_params(deep=False)) == value
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


def brighter(X, rng):
    return X + 1


STEPS = [Shift(1), brighter, HorizontalFlip(), Shift(3), Compose([Rotation(5)])]


def test_steps_have_the_names_that_make_pipeline_gives():
    names = ("Shift", "HorizontalFlip", "Shift", "Compose")
    pipeline = make_pipeline(*(type(name, (FunctionTransformer,), {})() for name in names))
    assert Compose(STEPS).get_params() == {
        "steps": tuple(STEPS),
        "shift-1": Shift(1),
        "shift-1__max_shift": 1,
        "horizontalflip": STEPS[2],
        "horizontalflip__probability": 0.5,
        "shift-2": Shift(3),
        "shift-2__max_shift": 3,
        "compose": STEPS[4],
        "compose__steps": (Rotation(5),),
        "compose__rotation": Rotation(5),
        "compose__rotation__max_degrees": 5,
    }
    assert [name for name, _ in pipeline.steps] == [
        name for name in Compose(STEPS).get_params() if "__" not in name and name != "steps"
    ]


def test_steps_are_replaced_by_name():
    whole = Compose([Shift(1), brighter, Rotation(5)])
    assert whole.set_params(shift__max_shift=2) == Compose([Shift(2), brighter, Rotation(5)])
    assert whole.set_params(rotation=None).steps == (Shift(1), brighter, None)
    both = {"shift": HorizontalFlip(), "shift__probability": 0.1}
    assert whole.set_params(**both).steps[0] == HorizontalFlip(0.1)
    steps = {"steps": [RandomErasing()], "randomerasing__scale": (0.1, 0.2)}
    assert whole.set_params(**steps) == Compose([RandomErasing(scale=(0.1, 0.2))])
    nested = Compose(STEPS).set_params(compose__rotation__max_degrees=9)
    assert nested.steps[4] == Compose([Rotation(9)])
    assert whole == Compose([Shift(1), brighter, Rotation(5)])


@pytest.mark.parametrize("name", ["flip", "shift__size", "size", "0"])
def test_a_step_that_there_is_not_is_named(name):
    with pytest.raises(ValueError, match=rf"has no parameters named \['{name[-4:]}"):
        Compose([Shift(1)]).set_params(**{name: 1})


@pytest.mark.parametrize("kind", [list, tuple, Compose])
def test_estimators_find_the_parameters_of_augmentations(kind):
    model = make_classifier(augment=kind([Shift(1), brighter]))
    assert model.get_params()["augment__shift__max_shift"] == 1
    assert "augment__shift" not in model.get_params(deep=False)
    other = clone(model).set_params(augment__shift__max_shift=2, n_filters=5)
    assert [*Compose(other.augment.steps if kind is Compose else other.augment).steps] == [
        Shift(2),
        brighter,
    ]
    assert other.n_filters == 5
    assert model.augment == kind([Shift(1), brighter])
    with pytest.raises(ValueError, match=r"no parameters named \['turn'\]"):
        model.set_params(augment__turn=2)
    assert "augment" in model._repr_html_()


def test_a_subclass_without_the_parameter_names_nothing_within_it():
    class Shifted(ScratchCNNClassifier):
        def __init__(self, max_iter=1):
            super().__init__(max_iter=max_iter, augment=[Shift(1)])

    assert Shifted().get_params() == {"max_iter": 1}


def test_a_search_tries_parameters_of_augmentations(digits):
    model = make_classifier(augment=[Shift(1), Rotation(5)], max_iter=1)
    grid = {"augment__shift__max_shift": [1, 2], "augment__rotation": [None, Rotation(3)]}
    search = GridSearchCV(model, grid, cv=2).fit(*digits)
    tried = [params["augment__shift__max_shift"] for params in search.cv_results_["params"]]
    assert sorted(tried) == [1, 1, 2, 2]
    best = search.best_params_
    assert search.best_estimator_.augment == [
        Shift(best["augment__shift__max_shift"]),
        best["augment__rotation"],
    ]


def test_what_is_no_value_stays_by_its_name():
    got = with_inner({"a__b": 1, "c__steps": 2, "e": 3}, {"a": "text", "c": Delayed()})
    assert got == {"a__b": 1, "c": Delayed(steps=2), "e": 3}
