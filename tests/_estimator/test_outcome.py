"""What a fit came to: divergence, its remedy, and whether anything was learned."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skcnn._estimator.outcome import bound_of_outputs
from skcnn.layers import (
    GELU,
    Activation,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool,
    Parallel,
    ReLU,
    Residual,
    SiLU,
    SpatialDropout,
    Tanh,
)
from skcnn.network import Network
from skcnn.optimizers import Optimizer
from tests.support.estimators import TINY, make_classifier, make_regressor, unchanged

CLASSES = np.arange(120) % 3


@dataclass(frozen=True)
class Leap(Optimizer):
    """Moves no parameter, but in the last of so many steps all by a distance."""

    at: int
    distance: float

    def start(self, parameters):
        return {"t": 0}

    def step(self, state, parameters, gradient, learning_rate):
        state["t"] += 1
        if state["t"] == self.at:
            parameters += self.distance


# Predictions for the training data

DEEP = [Conv(4, 3), ReLU(), Conv(4, 3), ReLU(), Conv(4, 3), ReLU(), Conv(4, 3), ReLU(), Conv(4, 3)]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("averaging", [None, "ema", "swa"])
def test_a_last_step_that_makes_predictions_overflow_is_divergence(averaging, method, digits):
    # 1e8 in each of five layers: finite, and below the limit for a single parameter
    solver = Leap(at=10, distance=1e8)
    model = make_classifier(
        layers=DEEP, solver=solver, max_iter=1, batch_size=30, weight_averaging=averaging
    )
    further = {"classes": range(10)} if method == "partial_fit" else {}
    message = "predictions for the training data are NaN or infinite in epoch 1 with learning_rate"
    with unchanged(model), pytest.raises(ValueError, match=f"Training diverged: {message}"):
        getattr(model, method)(*digits, **further)


def test_large_parameters_whose_predictions_are_finite_are_no_divergence(digits):
    model = make_classifier(layers=DEEP, solver=Leap(at=10, distance=1e4), max_iter=1)
    assert np.isfinite(model.fit(*digits).predict_proba(digits[0])).all()


@pytest.mark.parametrize("scale", [1e15, 1e16, 1e17, 1e20, 1e36])
def test_statistics_of_batch_normalization_are_finite_or_fit_says_what_to_do(scale, digits):
    X, y = digits[0] * np.float32(scale), digits[1]
    model = make_classifier(batch_norm=True, standardize=False)
    try:
        p = model.fit(X, y).predict_proba(X)
    except ValueError as error:
        message = str(error)
        assert "Training diverged" in message
        assert f"X holds a number of magnitude {16 * scale:.3g} and standardize=False" in message
        assert scale > 1e16
    else:
        assert np.isfinite(p).all()
        assert scale <= 1e16


# A bound of the outputs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "layers",
    [
        (Flatten(), Dense(3)),
        (Conv(3, 3), ReLU(), MaxPool(2), Flatten(), Dense(4), Tanh(), Dense(2)),
        (Conv(2, 3, 2, "valid"), BatchNorm(), AveragePool(2), SpatialDropout(0.2), Flatten(),
         Dropout(0.5), Dense(5, use_bias=False), BatchNorm(), Dense(2)),
        (Residual([Conv(4, 3, 2), BatchNorm(), GELU(), Residual([Conv(4, 2)])]), SiLU(),
         Parallel([[], [Conv(3, 1)]]), Parallel([GlobalAveragePool(), GlobalMaxPool()]),
         Parallel([[], [Dense(3), Residual([Tanh()])]]), Dense(2)),
    ],
    ids=len,
)  # fmt: skip
def test_no_output_exceeds_the_bound(layers, dtype):
    rng = np.random.default_rng(0)
    network = Network(layers, (8, 1, 8), dtype)
    network.parameters[:] = rng.normal(0, 3, network.parameters.size)
    network.state[:] = rng.uniform(0.01, 5, network.state.size)
    for largest in (0.1, 3.0, 1e6):
        x = rng.uniform(-largest, largest, (8, 1, 8, 200)).astype(dtype)
        y, _ = network.forward(x, network.workspaces(), training=False)
        bound = bound_of_outputs(network, largest)
        assert np.abs(y).max() < bound < np.inf
    network.parameters[:] = 1e300 if dtype == np.float64 else 1e38
    network.parameters[0] = np.nan
    assert bound_of_outputs(network, 1.0) == np.inf


def test_layers_of_users_have_no_bound():
    @dataclass(frozen=True)
    class Square(Activation):
        def function(self, x, out, workspace):
            np.multiply(x, x, out=out)

    assert bound_of_outputs(Network((Square(), Flatten(), Dense(2)), (2, 1, 2)), 1.0) == np.inf


# The remedy


def thirty_zeros(step):
    return 1e30


@pytest.mark.parametrize(
    ("parameters", "remedy"),
    [
        ({"learning_rate": 1000, "alpha": 0.1}, "Use a smaller learning_rate"),
        ({"learning_rate": 1e30, "alpha": 0}, "Use a smaller learning_rate"),
        ({"learning_rate": 0.003, "alpha": 1e9}, "Use a smaller alpha"),
        ({"learning_rate_schedule": thirty_zeros}, "learning_rate_schedule multiplies"),
        ({"standardize": False, "factor": 2e37}, r"X holds .* 3\.2e\+38 and standardize=False"),
        ({"solver": "lbfgs", "batch_size": "auto", "alpha": 1e200}, r"smaller alpha \(now 1e\+200"),
        ({"factor": 2e37, "shift": -3.2e38}, r"X holds .* 3\.2e\+38, near the largest"),
    ],
)
def test_the_remedy_names_what_made_training_diverge(parameters, remedy, digits):
    kind = dict(parameters)
    factor, shift = kind.pop("factor", 1), kind.pop("shift", 0)
    X = digits[0] * np.float32(factor) + np.float32(shift)
    if shift:
        X[:100] *= -1  # so that centered numbers overflow
    model = make_classifier(layers=DEEP, max_iter=30, **kind)
    with unchanged(model), pytest.raises(ValueError, match=f"Training diverged: .*{remedy}"):
        model.fit(X, digits[1])


def test_the_remedy_names_a_validation_set_that_is_not_scaled(digits):
    X, y = digits
    small, large = X * np.float32(1e-3), X * np.float32(1e37)
    with pytest.raises(ValueError, match=r"validation loss .* scale X_val as X is scaled"):
        make_classifier().fit(small, y, X_val=large, y_val=y)


# Whether anything was learned


def noise(n=120):
    return np.random.default_rng(0).normal(size=(n, 36))


@pytest.mark.parametrize("kind", [{}, {"early_stopping": True}, {"weight_averaging": "swa"}])
def test_a_classifier_no_better_than_frequencies_warns(kind):
    y = np.r_[np.zeros(90, int), np.ones(30, int)]
    constant = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    model = make_classifier(max_iter=6, learning_rate=1e-9, **kind)
    says = (
        rf"learned nothing: .* 0\.693.* no better than the {constant:.3f}.* of always predicting "
        r"the class frequencies\. Try another learning_rate \(now 1e-09\), more epochs \(now "
        r"max_iter=6\) or scaled X\."
    )
    with pytest.warns(ConvergenceWarning, match=says if not kind else "learned nothing"):
        model.fit(noise(), y)
    assert np.isfinite(model.predict_proba(noise())).all()


@pytest.mark.parametrize(
    ("parameters", "remedy"),
    [
        ({"alpha": 100.0}, r"Try a smaller alpha \(now 100\), another"),
        ({"alpha": 100.0, "solver": "lbfgs", "batch_size": "auto", "max_iter": 30},
         r"Try a smaller alpha \(now 100\), more"),
        ({"dropout": 0.99}, r"Try a smaller dropout \(now 0\.99\), another"),
        ({"block_dropout": 0.9, "label_smoothing": 0.8},
         r"smaller block_dropout \(now 0\.9\), a smaller label_smoothing \(now 0\.8\), another"),
        ({"layers": [Dropout(0.9), Flatten()], "dropout": 0.9},
         r"Try a smaller rate of Dropout\(rate=0\.9\), another"),
        ({"max_grad_norm": 1e-4}, r"Try a larger max_grad_norm \(now 0\.0001\), another"),
        ({"alpha": 0.1, "dropout": 0.5, "label_smoothing": 0.1, "max_grad_norm": 1.0},
         r"Try another learning_rate"),
    ],
    ids=str,
)  # fmt: skip
def test_the_remedy_names_regularization_that_is_far_from_its_default(parameters, remedy):
    y = np.r_[np.zeros(90, int), np.ones(30, int)]
    model = make_classifier(**{"max_iter": 6, "learning_rate": 1e-9} | parameters)
    with pytest.warns(ConvergenceWarning, match=f"learned nothing: .*{remedy}"):
        model.fit(noise(), y)


def test_the_remedy_of_a_regressor_names_alpha(numbers):
    model = make_regressor(alpha=30.0, solver="sgd", learning_rate=0.01, max_iter=20)
    with pytest.warns(ConvergenceWarning, match=r"Try a smaller alpha \(now 30\), another"):
        model.fit(*numbers)


@pytest.mark.parametrize(
    ("loss", "best"), [("squared_error", "mean"), ("absolute_error", "median")]
)
def test_a_regressor_no_better_than_a_constant_warns(loss, best, numbers):
    X, y = numbers
    weights = np.random.default_rng(0).uniform(0.2, 3, len(y))
    model = make_regressor(max_iter=6, learning_rate=1e-12, loss=loss, standardize=False)
    says = f"of always predicting the weighted {best}.*standardize=True"
    with pytest.warns(ConvergenceWarning, match=says):
        model.fit(X, y, weights)


def test_a_rate_that_blows_up_without_overflow_warns(digits):
    with pytest.warns(ConvergenceWarning, match=r"learning_rate \(now 300\)"):
        make_classifier(learning_rate=300, max_iter=5).fit(*digits)


def test_images_that_are_all_the_same_teach_nothing():
    with pytest.warns(ConvergenceWarning, match="learned nothing"):
        make_classifier(max_iter=40).fit(np.ones((120, 36)), CLASSES)


def test_full_batch_training_that_learns_nothing_does_not_speak_of_a_learning_rate():
    model = make_classifier(solver="lbfgs", batch_size="auto", max_iter=8, alpha=1e9)
    with pytest.warns(ConvergenceWarning, match=r"\(now 1e\+09\), more epochs \(now max_iter=8\)"):
        model.fit(noise(), CLASSES)


@pytest.mark.parametrize(
    ("parameters", "y"),
    [
        ({"max_iter": 4, "learning_rate": 1e-9}, CLASSES),  # few epochs
        ({"max_iter": 19, "learning_rate": 1e-9, "batch_size": 120}, CLASSES),  # few steps
        ({"max_iter": 6}, np.zeros(120, int)),  # one class
        ({"max_iter": 6, "learning_rate": 1e-9, "class_weight": {0: 1e6}}, np.arange(120) % 2),
        ({"max_iter": 6, "dropout": 0.9, "label_smoothing": 0.9}, CLASSES),
        ({"max_iter": 30, "learning_rate": 1e-3}, CLASSES),
    ],
    ids=lambda part: str(part) if isinstance(part, dict) else "",
)
def test_short_fits_single_classes_and_whatever_learned_something_do_not_warn(parameters, y):
    X = noise()
    X[:, 7] += 3 * y
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_classifier(**parameters).fit(X, y)


def test_constant_numbers_and_partial_fit_do_not_warn(numbers):
    X, y = numbers
    make_regressor(max_iter=6).fit(X, np.full(len(X), 3.5))
    model = make_regressor(learning_rate=1e-12)
    for _ in range(8):
        model.partial_fit(X, y)


def test_a_warning_that_is_an_error_leaves_the_model_as_it_was(digits):
    model = make_classifier(warm_start=True).fit(*digits)
    model.set_params(learning_rate=1e3, max_iter=5)
    with unchanged(model), pytest.raises(ConvergenceWarning):
        model.fit(*digits)


def test_the_loss_that_is_compared_is_that_of_the_model_without_dropout(digits):
    """The recorded loss may be worse than a constant's where the model is far better."""
    model = make_classifier(max_iter=10, block_dropout=0.8, label_smoothing=0.8)
    model.fit(*digits)
    assert model.loss_ > 2.2
    assert model.score(*digits) > 0.5
    assert TINY["max_iter"] < 5  # other tests' fits are not judged


@pytest.mark.parametrize("make", [make_classifier, make_regressor])
def test_the_remedy_of_later_samples_names_how_far_they_are_from_the_first(make, digits):
    X, y = digits
    classes = {"classes": np.unique(y)} if make is make_classifier else {}
    model = make().partial_fit(X, y, **classes)
    says = r"X holds a number of magnitude 1\.6e\+31, .* standard deviations from the mean of what"
    with unchanged(model), pytest.raises(ValueError, match=says):
        model.partial_fit(X * 1e30, y)


@pytest.mark.parametrize("max_iter", [1, 2, 4])
def test_a_short_fit_that_is_many_times_worse_than_a_constant_warns(max_iter, digits):
    X, y = digits
    with pytest.warns(ConvergenceWarning, match=r"learned nothing: .* learning_rate \(now 100\)"):
        make_classifier(learning_rate=100, max_iter=max_iter).fit(X, y)
