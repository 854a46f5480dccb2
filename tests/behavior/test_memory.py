"""The formula of docs/memory.md against measured peaks, within a tenth, twelve times."""

import gc

import numpy as np
import pytest

from skcnn import ScratchCNNClassifier
from skcnn.layers import Flatten
from skcnn.optimizers import SGD
from tests.support.estimators import few_iterations
from tests.support.memory import measures_memory, peak_of
from tests.support.memory_formula import Fit, peak_of_fit, peak_of_predict

WITHIN = 0.1
pytestmark = pytest.mark.filterwarnings("ignore:The fit has learned nothing")  # in two epochs


def falling(model, X, y):
    """A score that the first epoch has the best of."""
    falling.calls += 1
    return -falling.calls


falling.calls = 0

# Image shape, samples, dtype of X, parameters.
CONFIGURATIONS = {
    "signals": ((600, 2), 256, "f4", {"n_filters": (16, 16), "filter_size": 7, "batch_size": 64}),
    "flat bytes": ((28, 28), 1024, "u1", {"n_filters": (16, 32), "batch_size": 128}),
    "volumes": (
        (16, 16, 16, 1),
        64,
        "f4",
        {"n_filters": (8, 8), "batch_size": 16, "solver": "sgd", "pool_size": 2},
    ),
    "float64": (
        (24, 24, 3),
        128,
        "f8",
        {
            "n_filters": 12,
            "filter_size": 5,
            "activation": "tanh",
            "pooling": "average",
            "batch_size": 32,
        },
    ),
    "batch normalization": (
        (32, 32, 3),
        192,
        "u1",
        {"n_filters": (8, 16), "batch_norm": True, "solver": SGD(momentum=0), "batch_size": 48},
    ),
    "early stopping": (
        (28, 28, 1),
        600,
        "f4",
        {
            "n_filters": 8,
            "hidden_layer_sizes": 256,
            "early_stopping": True,
            "validation_fraction": 0.25,
            "scoring": falling,
            "batch_size": 64,
            "n_iter_no_change": 9,
        },
    ),
    "averaging": (
        (20, 20, 2),
        256,
        "f4",
        {"n_filters": (12, 12), "batch_norm": True, "weight_averaging": "ema", "batch_size": 64},
    ),
    "two threads": (
        (32, 32, 3),
        512,
        "u1",
        {"n_filters": (16, 16), "n_jobs": 2, "batch_size": 256, "standardize": False},
    ),
    "full batch": (
        (16, 16, 1),
        512,
        "f4",
        {"n_filters": 16, "hidden_layer_sizes": 64, "solver": "lbfgs"},
    ),
    "dense": (
        (28, 28, 1),
        256,
        "f4",
        {
            "n_filters": 4,
            "filter_size": 5,
            "stride": 2,
            "pool_size": 1,
            "hidden_layer_sizes": (512, 256),
            "dropout": 0.3,
            "max_grad_norm": 1.0,
            "batch_size": 32,
        },
    ),
    "each pixel": (
        (8192,),
        96,
        "u1",
        {"layers": [Flatten()], "standardize": "pixel", "batch_size": 8},
    ),
    "each sample": (
        (64, 64, 3),
        256,
        "f4",
        {"layers": [Flatten()], "standardize": "sample", "batch_size": 64},
    ),
}


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def measured(request):
    """Return a fitted model, X, what the fit was like, and its peak."""
    image_shape, n, dtype, parameters = CONFIGURATIONS[request.param]
    parameters = {"filter_size": 3, "max_iter": 3, "random_state": 0} | parameters
    X = np.random.default_rng(0).integers(0, 256, (n, *image_shape)).astype(dtype)
    y = np.arange(n) % 10
    if request.param == "flat bytes":
        X = X.reshape(n, -1)
    model = ScratchCNNClassifier(image_shape=image_shape, **parameters)
    model.fit(X[:64], y[:64])  # imports and caches
    gc.collect()
    peak = peak_of(lambda: model.fit(X, y))
    n_held_out = int(np.ceil(n * model.validation_fraction)) if model.early_stopping else 0
    fit = Fit(n - n_held_out, X.itemsize, n_held_out, taken_from_x=model.early_stopping)
    return model, X, fit, peak


@few_iterations
@measures_memory
@pytest.mark.slow
def test_peak_memory_of_fit_is_that_of_the_formula(measured):
    model, _, fit, peak = measured
    expected = peak_of_fit(model, fit)
    print(f"fit: {expected / 1e6:.2f} MB by the formula, {peak / 1e6:.2f} MB measured")
    assert expected == pytest.approx(peak, rel=WITHIN)


@few_iterations
@measures_memory
@pytest.mark.slow
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_peak_memory_of_predictions_is_that_of_the_formula(measured, method):
    model, X, *_ = measured
    predict = getattr(model, method)
    predict(X)
    gc.collect()
    peak = peak_of(lambda: predict(X))
    expected = peak_of_predict(model, len(X), method)
    print(f"{method}: {expected / 1e6:.2f} MB by the formula, {peak / 1e6:.2f} MB measured")
    assert expected == pytest.approx(peak, rel=WITHIN)
