"""solver="lbfgs", against finite differences and scikit-learn's convex models."""

import pickle
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor
from skcnn._data.batches import Images
from skcnn._data.samples import Samples
from skcnn._engine.threads import Team
from skcnn._training import lbfgs
from skcnn._training.gradient import RandomStreams
from skcnn._training.lbfgs import Objective
from skcnn._training.state import TrainingState
from skcnn._training.stopping import DivergenceError
from skcnn.augmentation import Shift
from skcnn.layers import (
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Parallel,
    Residual,
    SpatialDropout,
    Tanh,
)
from skcnn.losses import CrossEntropy
from skcnn.network import Network
from skcnn.optimizers import SGD
from tests.support.estimators import few_iterations

pytestmark = few_iterations


@pytest.fixture
def make_lbfgs(make_classifier):
    """Return a function that makes a tiny classifier with this solver."""

    def make(**parameters):
        return make_classifier(**{"solver": "lbfgs", "batch_size": "auto", **parameters})

    return make


def make_objective(alpha=0.0, weights=None, n=7):
    rng = np.random.default_rng(0)
    network = Network((Conv(2, 2), Tanh(), Flatten(), Dense(3)), (4, 1, 4), np.float64)
    network.initialize(rng)
    X, targets = rng.standard_normal((n, 16)), np.arange(n) % 3
    images = Images(X, (4, 4), None, np.dtype(np.float64))
    drawing = RandomStreams(np.random.SeedSequence(0))
    state = TrainingState(SGD(), np.random.default_rng(0), drawing)
    samples = Samples(images, targets, weights)
    return Objective(network, CrossEntropy(), samples, alpha, state, Team(1)), network


# The objective


@pytest.mark.parametrize("alpha", [0.0, 0.7])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_the_value(alpha, weighted):
    weights = np.linspace(0.2, 1.8, 7) if weighted else None
    objective, network = make_objective(alpha, weights)
    point = np.random.default_rng(1).normal(0, 0.5, network.parameters.size)
    value, gradient = objective(point)
    assert value == objective.value
    numeric = approx_fprime(point, lambda at: objective(at)[0], 1e-7)
    np.testing.assert_allclose(gradient, numeric, atol=1e-6)


def test_the_l2_term_is_half_alpha_times_the_squares_of_weights():
    plain, network = make_objective()
    point = np.random.default_rng(1).normal(0, 0.5, network.parameters.size)
    views = network.views(point)
    squares = sum((view["weights"] ** 2).sum() for view in views if view)
    assert make_objective(0.7)[0](point)[0] == pytest.approx(plain(point)[0] + 0.35 * squares)


def test_chunks_add_up(monkeypatch):
    weights = np.linspace(0.2, 1.8, 7)
    whole, network = make_objective(weights=weights)
    point = np.random.default_rng(1).normal(0, 0.5, network.parameters.size)
    value, gradient = whole(point)
    monkeypatch.setattr(lbfgs, "CHUNK_SAMPLES", 3)
    in_parts, _ = make_objective(weights=weights)
    again = in_parts(point)
    assert again[0] == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(again[1], gradient, rtol=1e-10, atol=1e-14)
    assert in_parts.accuracy == pytest.approx(whole.accuracy)


def test_what_is_not_finite_is_an_error():
    objective, network = make_objective()
    with pytest.raises(DivergenceError, match="no longer finite"):
        objective(np.full(network.parameters.size, 1e300))


# What it finds


@pytest.mark.parametrize("weighted", [False, True])
def test_a_single_layer_is_logistic_regression(make_lbfgs, digits, weighted):
    X, y = digits
    X = X.astype(float) / 16
    weights = np.random.default_rng(0).uniform(0, 2, len(y)) if weighted else None
    total = len(y) if weights is None else weights.sum()
    alpha = 0.02
    expected = LogisticRegression(C=1 / (alpha * total), tol=1e-9, max_iter=5000)
    expected.fit(X, y, weights)
    model = make_lbfgs(layers=[Flatten()], standardize=False, alpha=alpha, max_iter=1000)
    model.fit(X, y, weights)
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), atol=2e-6)
    view = model.network_.views()[-1]["weights"]
    assert (expected.coef_**2).sum() == pytest.approx(((view - view.mean(1)[:, None]) ** 2).sum())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns", [0, slice(0, 3)])
def test_a_single_layer_is_ridge_regression(digits, weighted, columns):
    X = digits[0].astype(float)[:, 8:20]
    rng = np.random.default_rng(0)
    y = (X @ rng.normal(0, [1, 10, 1], (12, 3)) + rng.normal(0, 20, (len(X), 3)))[:, columns]
    weights = rng.uniform(0, 2, len(y)) if weighted else np.ones(len(y))
    alpha, n_outputs = 0.5, 1 if y.ndim == 1 else 3
    expected = Ridge(alpha * weights.sum() * n_outputs).fit(X, y, weights).predict(X)
    model = ScratchCNNRegressor(
        layers=[Flatten()], solver="lbfgs", standardize=False, alpha=alpha, max_iter=500
    )
    np.testing.assert_allclose(model.fit(X, y, weights).predict(X), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_falls_at_each_iteration_to_almost_nothing(make_lbfgs, digits, dtype):
    X, y = digits
    model = make_lbfgs(max_iter=100).fit(X.astype(dtype), y)
    assert model.network_.dtype == dtype
    assert (np.diff(model.loss_curve_) <= 0).all()
    assert model.loss_ < 1e-5
    assert model.history_[-1]["accuracy"] == model.score(X, y) == 1
    assert model.n_iter_ < 100  # no step made it smaller


def test_alpha_by_default_is_an_l2_term_of_its_own(make_lbfgs, digits, assert_same_bits):
    X, y = digits
    auto = make_lbfgs(alpha="auto", max_iter=5).fit(X, y)
    assert_same_bits(auto, make_lbfgs(alpha=0.001, max_iter=5).fit(X, y), X)
    assert auto.get_params()["alpha"] == "auto"


def test_what_is_recorded_is_as_of_the_end_of_each_iteration(make_lbfgs, digits):
    X, y = digits
    model = make_lbfgs(max_iter=4, label_smoothing=0.1).fit(X, y)
    assert model.n_iter_ == len(model.history_) == len(model.loss_curve_) == 4
    assert set(model.history_[0]) == {"loss", "accuracy", "seconds"}
    for k in (1, 2, 3):
        shorter = make_lbfgs(max_iter=k, label_smoothing=0.1).fit(X, y)
        assert shorter.loss_curve_ == model.loss_curve_[:k]
        assert shorter.score(X, y) == pytest.approx(model.history_[k - 1]["accuracy"])


def test_one_class_is_done_at_once(make_lbfgs, digits):
    X, _ = digits
    model = make_lbfgs().fit(X, np.zeros(len(X)))
    assert model.n_iter_ == 1
    assert model.loss_ == 0
    assert (model.predict_proba(X) == 1).all()


# When it stops, and how it goes on


def test_a_fit_that_max_iter_ends_warns_of_it(make_lbfgs, digits):
    with pytest.warns(ConvergenceWarning, match=r"stopped by max_iter=3 before") as warned:
        make_lbfgs(max_iter=3).fit(*digits)
    assert [warning.filename for warning in warned] == [__file__]


def test_a_fit_whose_loss_hardly_falls_any_more_does_not_warn(make_lbfgs, digits):
    """Neither no tol nor one that is never met makes it a fit that has to go on."""
    X, y = digits
    for tol in (None, 1e-9):
        model = make_lbfgs(alpha=0.3, max_iter=230, tol=tol)
        with catch_warnings():
            simplefilter("error")
            model.fit(X, y)
        assert model.n_iter_ == 230
        fallen = model.loss_curve_[-11] - model.loss_curve_[-1]
        assert 0 < fallen < 1e-4 * model.loss_


def test_the_remedy_of_a_fit_that_max_iter_ends_knows_tol(make_lbfgs, digits):
    with pytest.warns(ConvergenceWarning, match=r"or a tol such as 1e-4, which"):
        make_lbfgs(max_iter=3).fit(*digits)
    with pytest.warns(ConvergenceWarning, match=r"or a larger tol than 1e-06, which"):
        make_lbfgs(max_iter=12, tol=1e-6).fit(*digits)
    with pytest.warns(ConvergenceWarning, match=r"stopped by max_iter=1 before"):
        make_lbfgs(max_iter=1).fit(*digits)


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_iter": 500, "layers": [Flatten()], "alpha": 1.0},
        {"max_iter": 50, "tol": 100.0, "n_iter_no_change": 3},
        {"max_iter": 50, "early_stopping": True, "n_iter_no_change": 1},
    ],
    ids=str,
)
def test_a_fit_that_ends_by_itself_does_not_warn(make_lbfgs, digits, parameters):
    with catch_warnings():
        simplefilter("error")
        assert make_lbfgs(**parameters).fit(*digits).n_iter_ < parameters["max_iter"]


def test_tol_counts_iterations(make_lbfgs, digits):
    model = make_lbfgs(max_iter=50, tol=100.0, n_iter_no_change=3).fit(*digits)
    assert model.n_iter_ == 4  # the first is better than none


def test_early_stopping_restores_the_best_iteration(make_lbfgs, digits):
    X, y = digits
    scores = iter([1.0, 2.0, 5.0, 4.0, 4.5, 9.0])
    model = make_lbfgs(
        max_iter=50,
        early_stopping=True,
        n_iter_no_change=2,
        scoring=lambda model, X, y: next(scores),
    )
    model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert (model.n_iter_, model.best_iter_, model.best_validation_score_) == (5, 3, 5.0)
    third = make_lbfgs(max_iter=3).fit(X[:200], y[:200])
    assert model.network_.parameters.tobytes() == third.network_.parameters.tobytes()
    split = make_lbfgs(max_iter=50, early_stopping=True, n_iter_no_change=3).fit(X, y)
    assert split.n_iter_ == split.best_iter_ + 3 == len(split.validation_scores_)


def test_a_warm_start_goes_on_from_the_weights(make_lbfgs, digits):
    X, y = digits
    model = make_lbfgs(max_iter=5, warm_start=True).fit(X, y)
    first = model.loss_
    assert model.fit(X, y).n_iter_ == 10
    assert model.loss_curve_[5] < first
    model.set_params(solver="adam", batch_size=32).fit(X, y)
    model.set_params(solver="lbfgs", batch_size="auto").fit(X, y)
    assert model.n_iter_ == 20
    assert "learning_rate" in model.history_[10]
    assert not hasattr(model, "partial_fit")


def test_an_interrupt_leaves_the_finished_iterations(make_lbfgs, digits):
    X, y = digits
    scores = iter([1.0, 2.0])

    def scoring(model, X, y):
        try:
            return next(scores)
        except StopIteration:
            raise KeyboardInterrupt from None

    model = make_lbfgs(max_iter=9, scoring=scoring)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == 2
    shorter = make_lbfgs(max_iter=2).fit(X, y)
    assert model.predict_proba(X).tobytes() == shorter.predict_proba(X).tobytes()


def test_verbose_prints_a_line_an_iteration(make_lbfgs, digits, capsys):
    make_lbfgs(max_iter=3, verbose=2).fit(*digits)
    captured = capsys.readouterr()
    assert [line[:13] for line in captured.out.splitlines()] == [
        "Epoch 1: loss", "Epoch 2: loss", "Epoch 3: loss"
    ]  # fmt: skip
    assert captured.err == ""


# The same bits


def test_seeds_threads_and_pickles_change_no_bit(make_lbfgs, digits, assert_same_bits):
    X, y = digits
    one = make_lbfgs(max_iter=8).fit(X, y)
    assert_same_bits(make_lbfgs(max_iter=8, n_jobs=2).fit(X, y), one, X)
    assert_same_bits(make_lbfgs(max_iter=8, learning_rate=9, shuffle=False).fit(X, y), one, X)
    assert_same_bits(pickle.loads(pickle.dumps(one)), one, X)
    assert len(pickle.dumps(one)) < one.network_.parameters.nbytes + 6000


@pytest.mark.parametrize("kind", [{}, {"class_weight": "balanced"}, {"alpha": 0.1}], ids=str)
def test_weights(make_lbfgs, digits, assert_same_bits, kind):
    X, y = digits
    X = X.astype(float)
    weights = np.random.default_rng(0).integers(0, 3, len(y)) * 0.7
    keep = weights > 0

    def fit(*arguments):
        return make_lbfgs(max_iter=8, **kind).fit(*arguments)

    assert_same_bits(fit(X, y, np.full(len(y), 0.3)), fit(X, y), X)
    weighted = fit(X, y, weights)
    assert_same_bits(weighted, fit(X[keep], y[keep], weights[keep] * 4), X)
    repeats = np.round(weights / 0.7).astype(int)
    repeated = fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-8)


def test_why_class_weights_do_nothing_once_every_row_is_fitted():
    """With no L2 term the loss goes to zero for any weights; no weight makes zero smaller."""
    X, y = make_blobs(centers=2, random_state=0, cluster_std=20)
    X_train, X_test, y_train, _ = train_test_split(X, y, test_size=0.5, random_state=0)

    def fraction_of_the_heavy_class(alpha):
        model = ScratchCNNClassifier(
            solver="lbfgs",
            max_iter=1000,
            alpha=alpha,
            class_weight={0: 1000, 1: 0.0001},
            random_state=0,
        ).fit(X_train, y_train)
        return (model.predict(X_test) == 0).mean(), model.loss_

    fraction, loss = fraction_of_the_heavy_class(0.0)
    assert loss < 1e-6
    assert fraction < 0.87  # what check_class_weight_classifiers asks for
    fraction, _ = fraction_of_the_heavy_class(0.01)
    assert fraction == 1


# What it does not go with


@pytest.mark.parametrize(
    "parameters",
    [
        {"batch_size": 32},
        {"dropout": 0.2},
        {"block_dropout": 0.1},
        {"batch_norm": True},
        {"augment": Shift(1)},
        {"augment": []},
        {"max_grad_norm": 1.0},
        {"weight_averaging": "ema"},
    ],
    ids=str,
)
def test_what_makes_the_loss_random_is_refused_before_any_work(make_lbfgs, digits, parameters):
    ((name, value),) = parameters.items()
    model = make_lbfgs(**parameters)
    with pytest.raises(ValueError, match=r"solver='lbfgs' takes all samples at once") as caught:
        model.fit(*digits)
    assert f"with {name}={value!r}." in str(caught.value)
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("layer", [Dropout(0.1), SpatialDropout(0.1), BatchNorm()], ids=str)
def test_layers_that_draw_or_keep_statistics_are_refused(make_lbfgs, digits, layer):
    with pytest.raises(ValueError, match=r"solver='lbfgs' .* cannot be combined with"):
        make_lbfgs(layers=[Conv(2, 3), layer]).fit(*digits)
    for nested in (Residual(layer), Residual(Conv(2), layer), Parallel([[], Residual([layer])])):
        with pytest.raises(ValueError, match=r"cannot be combined with") as caught:
            make_lbfgs(layers=[Conv(2, 3), nested]).fit(*digits)
        assert f"combined with {layer}." in str(caught.value)
    # what layers= replaces does not count
    make_lbfgs(layers=[Conv(2, 3)], dropout=0.3).fit(*digits)


def test_divergence_is_named(make_lbfgs, digits):
    X, y = digits
    model = make_lbfgs(layers=6 * [Conv(4, 3)], standardize=False)
    with pytest.raises(ValueError, match=r"Training diverged: .* with solver='lbfgs'\."):
        model.fit(X * np.float32(1e36), y)
    assert not hasattr(model, "network_")


class StopsAtOnce:
    """A callback that ends training after the first iteration."""

    def __init__(self):
        self.ended = 0

    def setup(self, *args, **options): ...

    def teardown(self, *args, **options): ...

    def on_fit_task_begin(self, *args, **options): ...

    def on_fit_task_end(self, estimator, context, **options):
        self.ended += context.task_name == "epoch"
        return context.task_name == "epoch"


def test_a_stop_is_heeded_where_no_step_is_possible(make_lbfgs, digits):
    X, _ = digits
    model = make_lbfgs(alpha=0.0)
    stops = StopsAtOnce()
    if hasattr(model, "set_callbacks"):
        model.set_callbacks(stops)
    model.fit(X, np.zeros(len(X)))  # one class: the gradient is zero
    assert model.n_iter_ == 1
    assert stops.ended == hasattr(model, "set_callbacks")
