"""Estimators whose layers are made of layers behave as with any others."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone

from skcnn._training import gradient
from skcnn.layers import (
    BatchNorm,
    Conv,
    Dropout,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool,
    Parallel,
    ReLU,
    Residual,
    SpatialDropout,
)
from tests.support.estimators import make_regressor

PLAIN = {"use_bias": False}
LAYERS = [
    Conv(4, 3, **PLAIN),
    BatchNorm(),
    ReLU(),
    Residual([Conv(4, 3), ReLU(), SpatialDropout(0.1), Conv(4, 3)]),
    Residual([Conv(6, 3, 2, **PLAIN), BatchNorm(), ReLU(), Residual([Dropout(0.2), Conv(6, 3)])]),
    Parallel([[Conv(2, 1), ReLU(), MaxPool(2)], [MaxPool(2), Conv(3, 3)]]),
    Parallel([GlobalAveragePool(), GlobalMaxPool()]),
]


def kind(**parameters):
    return {"layers": LAYERS, "batch_size": 100, "max_iter": 2} | parameters


@pytest.mark.parametrize("averaging", [None, "ema"])
def test_bits_do_not_depend_on_the_number_of_threads(
    make_classifier, digits, assert_same_bits, monkeypatch, averaging
):
    monkeypatch.setattr(gradient, "SHARED_MULTIPLY_ADDS", 0)
    X, y = digits
    one, two = (
        make_classifier(**kind(n_jobs=n, weight_averaging=averaging)).fit(X, y) for n in (1, 2)
    )
    assert_same_bits(one, two, X)


def test_it_learns(make_classifier, digits):
    X, y = digits
    model = make_classifier(**kind(max_iter=30, batch_size=32, learning_rate=0.02)).fit(X, y)
    assert model.score(X, y) > 0.95


@pytest.mark.parametrize(
    "duplicate", [deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copy", "pickle"]
)
def test_copies_are_the_same_and_go_on_the_same_way(
    make_classifier, digits, assert_same_bits, duplicate
):
    X, y = digits
    model = make_classifier(**kind()).partial_fit(X, y, classes=np.unique(y))
    twin = duplicate(model)
    assert_same_bits(model, twin, X)
    assert_same_bits(model.partial_fit(X, y), twin.partial_fit(X, y), X)


def test_clones_fit_the_same(make_classifier, digits, assert_same_bits):
    X, y = digits
    model = make_classifier(**kind()).fit(X, y)
    twin = clone(model)
    assert twin.layers == model.layers
    assert_same_bits(model, twin.fit(X, y), X)


def test_few_samples_are_predicted_as_many(make_classifier, digits):
    X, y = digits
    model = make_classifier(**kind(dtype="float64")).fit(X, y)
    whole = model.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X[:1]), whole[:1], rtol=1e-9)
    np.testing.assert_allclose(model.predict_proba(X[5:12]), whole[5:12], rtol=1e-9)


def test_regressors_take_them_and_signals_and_volumes():
    rng = np.random.default_rng(0)
    for shape in [(20,), (6, 6, 6)]:
        X = rng.standard_normal((30, *shape))
        model = make_regressor(**kind(image_shape=shape, batch_size=10))
        model.fit(X, X.reshape(30, -1).sum(axis=1))
        assert np.isfinite(model.predict(X)).all()
        assert "branches.1.1 Conv(n_filters=3)" in model.summary()


def test_a_warm_start_notices_layers_that_changed_inside(make_classifier, digits):
    X, y = digits
    model = make_classifier(**kind(warm_start=True)).fit(X, y)
    model.set_params(layers=[*LAYERS[:3], Residual(Conv(5)), *LAYERS[4:]])
    with pytest.raises(ValueError, match="was changed after the first fit"):
        model.fit(X, y)


@pytest.mark.parametrize("name", ["leaky_relu", "elu", "gelu", "silu"])
def test_activations_by_name(make_classifier, digits, assert_same_bits, name):
    X, y = digits
    model = make_classifier(activation=name, hidden_layer_sizes=5).fit(X, y)
    instance = model.network_.layers[1]
    assert type(instance).__name__.lower() == name.replace("_", "")
    twin = make_classifier(activation=instance, hidden_layer_sizes=5).fit(X, y)
    assert_same_bits(model, twin, X)
