"""Weights of another model, and layers that stay as they are."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score

from skcnn._estimator.transfer import take_weights
from skcnn.layers import BatchNorm, Conv, Dense, Flatten, MaxPool, ReLU, Residual
from skcnn.layers.base import each_layer
from skcnn.network import Network
from skcnn.optimizers import SGD
from skcnn.testing import check_layer
from tests.support.estimators import (
    assert_same_bits,
    few_iterations,
    make_classifier,
    make_regressor,
    unchanged,
)

BODY = (
    Conv(3, 3),
    BatchNorm(),
    ReLU(),
    MaxPool(2),
    Residual((Conv(3, 3), ReLU(), Conv(3, 3))),
    Flatten(),
)


def frozen(layers, *numbers):
    """Return layers of which some are not trainable."""

    def stopped(layer):
        if isinstance(layer, Residual):
            return Residual(tuple(map(stopped, layer.layers)))
        return layer if isinstance(layer, ReLU) else replace(layer, trainable=False)

    return [stopped(each) if number in numbers else each for number, each in enumerate(layers)]


@pytest.fixture(scope="module")
def source(digits):
    return make_classifier(layers=BODY, max_iter=3).fit(*digits)


def arrays(model, number):
    return {name: array.copy() for name, array in model.network_.views()[number].items()}


def equal(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_layers_that_agree_begin_with_the_weights_of_the_model(source, digits):
    X, y = digits
    options = {"layers": BODY, "max_iter": 1, "learning_rate": 1e-300}
    model = make_classifier(**options).fit(X, y > 4, init_from=source)
    assert model.initialized_layers_ == ("conv", "batchnorm", "residual")
    for number in (0, 4):
        assert equal(arrays(model, number), arrays(source, number))
    assert not hasattr(make_classifier(**options).fit(X, y), "initialized_layers_")
    whole = make_classifier(**options).fit(X, y, init_from=source.network_)
    assert whole.initialized_layers_[-1] == "dense"
    other = make_regressor(**options).fit(X, y, init_from=FrozenEstimator(source))
    assert other.initialized_layers_ == ("conv", "batchnorm", "residual")
    wider = make_classifier(**{**options, "layers": [*BODY, Dense(4), ReLU()]}).fit(
        X, y, init_from=source
    )
    assert wider.initialized_layers_ == ("conv", "batchnorm", "residual")


def test_it_learns_sooner(source, digits):
    X, y = digits
    fresh = make_classifier(layers=BODY, max_iter=1).fit(X, y)
    assert make_classifier(layers=BODY, max_iter=1).fit(X, y, init_from=source).loss_ < fresh.loss_
    scores = cross_val_score(
        make_classifier(layers=BODY, max_iter=1),
        X.reshape(300, -1),
        y,
        cv=3,
        params={"init_from": source},
    )
    assert len(scores) == 3


def test_networks_of_other_images_and_dtypes_agree():
    first = Network((Conv(3, 3), ReLU(), Flatten(), Dense(2)), (8, 1, 8), np.float64)
    first.initialize(np.random.default_rng(0))
    second = Network((BatchNorm(), Conv(3, 3), ReLU(), Flatten(), Dense(5)), (5, 1, 9), np.float32)
    assert take_weights(second, first) == ("conv",)
    assert np.array_equal(
        second.views()[1]["weights"], first.views()[0]["weights"].astype(np.float32)
    )


@pytest.mark.parametrize("what", [None, 3, "model", make_classifier(), Conv(3)], ids=repr)
def test_what_has_no_network_is_named(what):
    network = Network((Conv(3, 3), Flatten(), Dense(2)), (8, 1, 8))
    with pytest.raises(ValueError, match=r"(?s)init_from=.* has no network\. Give a fitted"):
        take_weights(network, what)


def test_a_model_without_a_layer_that_agrees_is_refused_with_the_shapes_of_both(digits, source):
    model = make_classifier(layers=[Conv(5, 5), Flatten()])
    with (
        unchanged(model),
        pytest.raises(ValueError, match=r"no layer that agrees .*\(3, 3, 1, 3\)"),
    ):
        model.fit(*digits, init_from=source)
    warm = make_classifier(layers=BODY, warm_start=True).fit(*digits)
    with unchanged(warm), pytest.raises(ValueError, match="init_from is for a new network"):
        warm.fit(*digits, init_from=source)


# Layers that are not trainable

KINDS = {
    "adam": {},
    "sgd": {"solver": SGD(0.9), "alpha": 0.5, "max_grad_norm": 0.1},
    "averages": {"weight_averaging": "ema"},
    "threads": {"n_jobs": 2, "batch_size": 300},
    "float64": {"dtype": "float64", "augment": None},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("numbers", [(0,), (0, 1), (4,), (0, 1, 4)], ids=str)
def test_training_changes_no_bit_of_them(kind, numbers, source, digits):
    X, y = digits
    layers = frozen(BODY, *numbers)
    model = make_classifier(layers=layers, max_iter=3, **KINDS[kind])
    if kind == "float64":
        X = X.astype(float)
    start = make_classifier(
        **{**model.get_params(deep=False), "max_iter": 1, "learning_rate": 1e-300}
    )
    start.fit(X, y, init_from=source)
    model.fit(X, y, init_from=source)
    for number in (0, 1, 4):
        same = equal(arrays(start, number), arrays(model, number))
        expected = number in numbers
        if number == 1 and not expected:
            continue  # running statistics change whatever the learning rate
        assert same == expected, number


@few_iterations
def test_full_batch_training_leaves_them_alone(digits):
    layers = [Conv(3, 3, trainable=False), ReLU(), Flatten()]
    options = {"layers": layers, "solver": "lbfgs", "batch_size": "auto", "alpha": 0.1}
    model = make_classifier(max_iter=9, **options).fit(*digits)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    fresh = make_classifier(layers=layers, learning_rate=1e-300).fit(*digits)
    assert np.array_equal(arrays(model, 0)["weights"], arrays(fresh, 0)["weights"])


def test_frozen_layers_make_the_gradients_of_the_others_and_no_work_of_their_own(digits):
    """What is trained moves as if features had been computed beforehand."""
    X, y = digits
    body = [Conv(3, 3, trainable=False), ReLU(), MaxPool(2), Flatten()]
    options = {"standardize": False, "dtype": "float64", "solver": SGD(0.5)}
    model = make_classifier(layers=[*body, Dense(8), ReLU()], **options)
    start = clone(model).set_params(learning_rate=1e-300).fit(X, y)
    twin = Network((Flatten(), Dense(8), ReLU(), Dense(10)), (1, 48), np.float64)
    for number, other in ((1, 4), (3, 6)):
        for name, array in twin.views()[number].items():
            array[...] = start.network_.views()[other][name]
    model.fit(X, y, init_from=start)
    assert model.network_._plan.first_trained > 0
    head = make_classifier(layers=[Flatten(), Dense(8), ReLU()], image_shape=48, **options)
    head.fit(model.features(X, "flatten"), y, init_from=twin)
    for number, other in ((4, 1), (6, 3)):
        for name, array in arrays(model, number).items():
            np.testing.assert_allclose(array, arrays(head, other)[name], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "layer",
    [Conv(2, 3, trainable=False), Dense(3, trainable=False), BatchNorm(trainable=False)],
    ids=str,
)
def test_frozen_layers_pass_check_layer(layer):
    check_layer(layer, (6,) if isinstance(layer, Dense) else (5, 2, 6))


def test_a_frozen_batch_normalization_runs_with_its_statistics(source, digits):
    X, y = digits
    layers = frozen(BODY, 0, 1, 4)
    model = make_classifier(layers=layers, weight_averaging="swa", max_iter=2)
    model.fit(X, y, init_from=source)
    assert equal(arrays(model, 1), arrays(source, 1))
    assert "trainable=False" in str(model.summary())
    assert sum(not layer.trainable for layer in each_layer(layers)) == 4
    assert_same_bits(
        model, make_classifier(**model.get_params(deep=False)).fit(X, y, init_from=source), X
    )
