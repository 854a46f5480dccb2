"""Statistics of batch normalization for averaged weights: those of the training data."""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import log_loss

from skcnn import ScratchCNNClassifier
from skcnn._data.batches import Images
from skcnn._engine.workspace import Workspace
from skcnn._training import gradient
from skcnn.augmentation import Shift
from skcnn.layers import (
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Layer,
    Parallel,
    ReLU,
    Residual,
)
from skcnn.schedules import Constant
from skcnn.weight_averaging import ExponentialMovingAverage, StochasticWeightAveraging


@dataclass(frozen=True)
class Counter(Layer):
    """Counts in its state how often it was trained."""

    def state_shapes(self, input_shape):
        return {"steps": (1,)}

    def forward(self, parameters, x, workspace, *, training):
        if training:
            parameters["steps"] += 1
        return x, None

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        return dy if need_dx else None


def exact_statistics(model, X):
    """Mean and variance of what comes to each `BatchNorm`, over X as a whole, in prediction."""
    network = model.network_.copy()
    images = Images(X, model.image_shape_, model._fitted.standardizer, network.dtype)
    x, seen = images.batch(slice(None), Workspace()), []
    for layer, views in zip(network.layers, network.views(), strict=True):
        if isinstance(layer, BatchNorm):
            channels = x.ndim - 3 if x.ndim > 2 else 0
            axes = tuple(axis for axis in range(x.ndim) if axis != channels)
            seen.append((x.mean(axes), x.var(axes)))
            views["mean"][:], views["variance"][:] = seen[-1]
        x = layer.forward(views, x, Workspace(), training=False)[0].copy()
    return seen


@pytest.mark.parametrize("averaging", ["ema", StochasticWeightAveraging(0.25)], ids=str)
@pytest.mark.parametrize("validated", [False, True])
def test_statistics_are_those_of_the_training_data(make_classifier, digits, averaging, validated):
    X, y = digits[0].astype(float), digits[1]
    order = np.argsort(y, kind="stable")  # batches in this order have one class each
    X, y = X[order], y[order]
    kind = {"n_filters": (8, 16), "batch_norm": True, "learning_rate": 0.03, "max_iter": 8}
    kind |= {"batch_size": 60, "n_iter_no_change": 8, "early_stopping": validated}
    model = make_classifier(weight_averaging=averaging, **kind)
    model.fit(X, y, **({"X_val": X, "y_val": y} if validated else {}))
    layers = zip(model.network_.layers, model.network_.views(), strict=True)
    found = [views for layer, views in layers if isinstance(layer, BatchNorm)]
    for views, (mean, variance) in zip(found, exact_statistics(model, X), strict=True):
        np.testing.assert_allclose(views["variance"] / variance, 1, atol=0.04)
        np.testing.assert_allclose(views["mean"], mean, atol=0.04 * np.sqrt(variance).max())
    if validated:
        assert model.best_validation_score_ == pytest.approx(-log_loss(y, model.predict_proba(X)))


def test_statistics_do_not_depend_on_threads_and_change_no_generator(
    make_classifier, digits, assert_same_bits, monkeypatch
):
    monkeypatch.setattr(gradient, "SHARED_MULTIPLY_ADDS", 0)
    X, y = digits
    kind = {"weight_averaging": "ema", "batch_size": 150, "max_iter": 3, "warm_start": True}
    kind |= {"batch_norm": True, "block_dropout": 0.1, "augment": Shift(1)}
    one, two = (make_classifier(n_jobs=n, **kind).fit(X, y) for n in (1, 2))
    assert_same_bits(one, two, X)
    plain = make_classifier(**kind).set_params(weight_averaging=None).fit(X, y)
    assert plain.loss_curve_ == one.loss_curve_
    validated = make_classifier(**kind).fit(X, y, X_val=X, y_val=y)  # after every epoch
    assert_same_bits(validated, one, X)


def test_warm_starts_and_interrupts_leave_new_statistics_too(
    make_classifier, digits, assert_same_bits
):
    X, y = digits
    kind = {"weight_averaging": "ema", "batch_norm": True}
    expected = make_classifier(max_iter=2, **kind).fit(X, y)
    again = make_classifier(max_iter=1, **kind, warm_start=True).fit(X, y).fit(X, y)
    assert_same_bits(again, expected, X)
    lines = []

    class Stop(Constant):
        def after_epoch(self, state, score):
            lines.append(score)
            if len(lines) == 3:
                raise KeyboardInterrupt

    model = make_classifier(max_iter=9, **kind, learning_rate_schedule=Stop())
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert_same_bits(model, expected, X)


def test_other_state_stays_the_average(digits):
    X, y = digits
    layers = [Conv(2, 3), BatchNorm(), Flatten(), Counter()]
    kind = {"layers": layers, "max_iter": 4, "batch_size": 300, "random_state": 0}
    model = ScratchCNNClassifier(weight_averaging=ExponentialMovingAverage(0.5), **kind).fit(X, y)
    weights = 0.5 ** np.arange(4)[::-1]
    expected = np.average([1, 2, 3, 4], weights=weights)
    np.testing.assert_allclose(model.network_.views()[3]["steps"], expected, rtol=1e-6)


@pytest.mark.parametrize("averaging", ["ema", "swa"])
def test_statistics_inside_of_other_layers_are_those_of_the_training_data(digits, averaging):
    X, y = digits[0].astype(float), digits[1]
    body = (Conv(6, 3, use_bias=False), BatchNorm(), ReLU())
    branches = [[], [Conv(2, 3), BatchNorm()]]
    layers = [Residual(body), Parallel(branches), GlobalAveragePool()]
    kind = {"layers": layers, "max_iter": 4, "batch_size": 150, "random_state": 0}
    model = ScratchCNNClassifier(weight_averaging=averaging, learning_rate=0.02, **kind).fit(X, y)
    residual, parallel = model.network_.views()[:2]
    images = Images(X, model.image_shape_, model._fitted.standardizer, model.network_.dtype)
    x = images.batch(slice(None), Workspace())

    def run(layer, views, name, x):
        own = {key.removeprefix(name): view for key, view in views.items() if key.startswith(name)}
        return layer.forward(own, x, Workspace(), training=False)[0].copy()

    def assert_statistics_of(x, views, name):
        deviation = x.std((0, 2, 3))
        np.testing.assert_allclose(views[f"{name}.variance"] / deviation**2, 1, atol=0.04)
        np.testing.assert_allclose(
            views[f"{name}.mean"], x.mean((0, 2, 3)), atol=0.04 * deviation.max()
        )
        assert views[f"{name}.weight"] == 1

    convolved = run(body[0], residual, "body.0.", x)
    assert_statistics_of(convolved, residual, "body.1")
    projected = run(Conv(6, 1, use_bias=False), residual, "shortcut.0.", x)
    assert_statistics_of(projected, residual, "shortcut.1")
    shape = x.shape[:-1]
    block = Residual(body).forward(residual, x, Workspace(), training=False)[0]
    assert block.shape[:-1] == Residual(body).output_shape(shape)
    assert_statistics_of(
        run(Conv(2, 3), parallel, "branches.1.0.", block), parallel, "branches.1.1"
    )
