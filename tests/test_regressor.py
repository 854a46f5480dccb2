"""ScratchCNNRegressor, against least squares, medians and the classifier's promises."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skcnn import ScratchCNNRegressor
from skcnn.layers import Flatten
from skcnn.optimizers import SGD


@pytest.fixture(scope="module")
def images():
    """Noise as images of 6x6 with two numbers to find in each."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 36))
    y = np.stack([X[:, :18].mean(axis=1), 100 + 30 * X[:, 7] * X[:, 8]], axis=1)
    X.setflags(write=False)
    y.setflags(write=False)
    return X, y


@pytest.fixture
def make_regressor():
    """Return a function that makes a tiny regressor, every value that matters explicit."""

    def make(**parameters):
        tiny = {
            "n_filters": 3,
            "filter_size": 3,
            "learning_rate": 0.01,
            "learning_rate_schedule": "constant",
            "batch_size": 32,
            "max_iter": 2,
            "random_state": 0,
        }
        return ScratchCNNRegressor(**(tiny | parameters))

    return make


@pytest.fixture
def make_linear(make_regressor):
    """Return a function that makes a regressor without blocks, trained by plain descent."""

    def make(**parameters):
        plain = {
            "layers": [Flatten()],
            "solver": SGD(momentum=0.0),
            "batch_size": 1000,
            "learning_rate": 0.3,
            "max_iter": 1500,
        }
        return make_regressor(**(plain | parameters))

    return make


def assert_same_bits(one, other, X):
    assert one.network_.parameters.tobytes() == other.network_.parameters.tobytes()
    assert one.loss_curve_ == other.loss_curve_
    assert one.predict(X).tobytes() == other.predict(X).tobytes()


# What is learned


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns", [0, slice(0, 1), slice(0, 2)])
def test_a_single_layer_is_linear_regression(make_linear, weighted, columns):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 5))
    y = (X @ rng.normal(0, [3, 50], (5, 2)) + rng.normal([4, -200], [1, 20], (60, 2)))[:, columns]
    weights = rng.uniform(0, 3, 60) if weighted else None
    expected = LinearRegression().fit(X, y, weights).predict(X)
    predicted = make_linear().fit(X, y, weights).predict(X)
    assert predicted.shape == expected.shape
    np.testing.assert_allclose(predicted, expected, rtol=1e-8, atol=1e-8)


def test_the_absolute_error_leads_to_medians(make_linear):
    y = np.array([[1.0, 0], [2, 0], [3, 5], [4, 6], [1000, 7]])
    weights = np.array([1.0, 1, 1, 1, 1.5])
    model = make_linear(
        loss="absolute_error", learning_rate_schedule=lambda step: 20 / (step + 20), max_iter=3000
    )
    predicted = model.fit(np.zeros((5, 4)), y).predict(np.zeros((1, 4)))
    scale = model._fitted.targets.scale.deviation
    assert (np.abs(predicted - [[3, 5]]) < 0.02 * scale).all()
    predicted = model.fit(np.zeros((5, 4)), y, weights).predict(np.zeros((1, 4)))
    scale = model._fitted.targets.scale.deviation
    assert (np.abs(predicted - [[3, 5]]) < 0.02 * scale).all()
    heavy = model.fit(np.zeros((5, 4)), y, [1, 1, 1, 1, 5]).predict(np.zeros((1, 4)))
    assert (np.abs(heavy - [[1000, 7]]) < 0.02 * model._fitted.targets.scale.deviation).all()


def test_the_default_network_finds_what_is_local(images):
    X, y = images
    model = ScratchCNNRegressor(max_iter=60, random_state=0).fit(X[:100], y[:100])
    assert model.score(X[:100], y[:100]) > 0.95
    assert r2_score(y[100:, 0], model.predict(X[100:])[:, 0]) > 0.8


def test_losses_are_of_standardised_targets(make_linear, images):
    X, y = images
    weights = np.random.default_rng(0).integers(1, 4, len(y))
    mean = np.average(y, axis=0, weights=weights)
    deviation = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=weights))
    model = make_linear(max_iter=3).fit(X, y, weights, X_val=X[:20], y_val=y[:20])
    # the network starts at zero, so at the mean
    assert model.loss_curve_[0] == pytest.approx(0.5, rel=1e-12)
    errors = (model.predict(X[:20]) - y[:20]) / deviation
    assert model.history_[-1]["validation_loss"] == pytest.approx((errors**2).mean() / 2, rel=1e-9)
    assert model.validation_scores_[-1] == -model.history_[-1]["validation_loss"]
    assert set(model.history_[0]) == {
        "loss", "learning_rate", "seconds", "validation_loss", "validation_score"
    }  # fmt: skip


@pytest.mark.parametrize(("factor", "shift"), [(4.0, 0.0), (-1.0, 0.0), (1e-30, 0.0), (7.0, 1e6)])
def test_units_do_not_matter(make_regressor, images, factor, shift):
    X, y = images
    plain = make_regressor().fit(X, y).predict(X)
    moved = make_regressor().fit(X, factor * y + shift).predict(X)
    if factor == 4 and not shift:
        assert np.array_equal(moved, 4 * plain)
    elif factor > 0:
        np.testing.assert_allclose((moved - shift) / factor, plain, rtol=1e-6, atol=1e-6)
    assert r2_score(factor * y + shift, moved) > 0


def test_targets_far_from_zero_are_exact_with_float32(make_regressor, images):
    X, y = images
    far = 1e9 + y[:, 0]
    model = make_regressor(max_iter=20).fit(X.astype(np.float32), far)
    assert model.network_.dtype == np.float32
    predicted = model.predict(X.astype(np.float32))
    assert predicted.dtype == np.float64
    assert r2_score(far, predicted) > 0.5


def test_constant_targets_are_predicted_exactly(make_regressor, images):
    X, y = images
    constant = np.column_stack([np.full(len(X), 0.1), y[:, 1]])
    predicted = make_regressor(max_iter=1).fit(X, np.full(len(X), 0.1)).predict(X)
    assert (predicted == 0.1).all()
    assert np.isfinite(make_regressor().fit(X, constant).predict(X)).all()


@pytest.mark.parametrize("shape", [(120,), (120, 1), (120, 2)])
def test_predictions_have_the_form_of_y(make_regressor, images, shape):
    X, y = images
    y = y[:, : shape[1]] if len(shape) == 2 else y[:, 0]
    model = make_regressor().fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.predict(X[:3]).shape == (3, *shape[1:])
    assert model.n_outputs_ == (1 if len(shape) == 1 else shape[1])


# Weights, threads, continuing


KINDS = [{}, {"standardize": False}, {"batch_size": 200}, {"loss": "absolute_error"}]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_equal_weights_are_none_and_zero_is_removal(make_regressor, images, kind):
    X, y = images
    weights = np.random.default_rng(0).integers(0, 3, len(y)) * 0.7
    keep = weights > 0
    held_out = {"X_val": X[:30], "y_val": y[:30]}
    zeros = np.arange(30) % 2
    kept = {"X_val": X[:30][zeros > 0], "y_val": y[:30][zeros > 0]}
    plain = make_regressor(**kind).fit(X, y)
    assert_same_bits(make_regressor(**kind).fit(X, y, np.full(len(y), 0.3)), plain, X)
    assert_same_bits(
        make_regressor(**kind).fit(X, y, weights),
        make_regressor(**kind).fit(X[keep], y[keep], weights[keep] * 4),
        X,
    )
    stopping = kind | {"early_stopping": True, "max_iter": 4}
    weighted = make_regressor(**stopping).fit(X, y, weights, **held_out, sample_weight_val=zeros)
    removed = make_regressor(**stopping).fit(X[keep], y[keep], weights[keep], **kept)
    assert_same_bits(weighted, removed, X)
    assert weighted.validation_scores_ == removed.validation_scores_


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_integer_weights_are_repetition(make_linear, images, loss):
    X, y = images
    repeats = np.random.default_rng(0).integers(0, 4, len(y))
    kind = {"layers": None, "max_iter": 20, "learning_rate": 0.05, "loss": loss}
    weighted = make_linear(**kind).fit(X, y, repeats).predict(X)
    repeated = make_linear(**kind).fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats, axis=0))
    np.testing.assert_allclose(weighted, repeated.predict(X), rtol=1e-9)


def test_threads_change_no_bit(make_regressor, images):
    X, y = images
    one, two = (make_regressor(batch_size=120, n_jobs=n).fit(X, y) for n in (1, 2))
    assert_same_bits(one, two, X)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_k_epochs_and_then_m_are_k_plus_m(make_regressor, images, solver):
    X, y = images
    kind = {"solver": solver, "warm_start": True}
    model = make_regressor(**kind, max_iter=2).fit(X, y)
    model = pickle.loads(pickle.dumps(model)).set_params(max_iter=3).fit(X, y)
    assert model.n_iter_ == 5
    straight = make_regressor(solver=solver, max_iter=5).fit(X, y)
    assert_same_bits(model, straight, X)
    by_epoch = make_regressor(solver=solver)
    for _ in range(5):
        by_epoch.partial_fit(X, y)
    assert_same_bits(by_epoch, straight, X)


def test_partial_fit_keeps_the_scale_of_the_first_call(make_regressor, images):
    X, y = images
    model = make_regressor().partial_fit(X, y)
    scale = model._fitted.targets.scale
    model.partial_fit(X, 3 * y + 7)
    assert model._fitted.targets.scale is scale
    np.testing.assert_allclose(scale.mean, y.mean(axis=0))
    np.testing.assert_allclose(scale.deviation, y.std(axis=0))


def test_a_memory_mapped_model_goes_on(make_regressor, images, tmp_path):
    X, y = images
    model = make_regressor().partial_fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert_same_bits(loaded.partial_fit(X, y), model.partial_fit(X, y), X)
    del loaded


# Early stopping


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error", "loss"])
def test_the_best_epoch_is_restored(make_regressor, images, scoring):
    X, y = images
    model = make_regressor(
        early_stopping=True, scoring=scoring, max_iter=30, learning_rate=0.05, n_iter_no_change=3
    )
    model.fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    scores = model.validation_scores_
    assert model.best_validation_score_ == max(scores) == scores[model.best_iter_ - 1]
    assert model.n_iter_ == model.best_iter_ + 3 < 30
    predicted = model.predict(X[80:])
    scale = y[:80].std(axis=0)
    expected = {
        "r2": r2_score(y[80:], predicted),
        "neg_mean_absolute_error": -np.abs(predicted - y[80:]).mean(),
        "loss": -(((predicted - y[80:]) / scale) ** 2).mean() / 2,
    }[scoring]
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-6)


def test_a_part_is_held_out_and_nothing_is_learned_from_it(make_regressor, images):
    X, y = images
    model = make_regressor(early_stopping=True, validation_fraction=0.25).fit(X, y[:, 0])
    taken = model._fitted.targets.scale.mean[0]
    assert taken != y[:, 0].mean()
    assert len(model.validation_scores_) == model.n_iter_
    assert not hasattr(model, "partial_fit")


# scikit-learn, shapes, errors


def test_shaped_images_frames_and_lists(make_regressor, images):
    X, y = images
    flat = make_regressor().fit(X, y).predict(X)
    shaped = make_regressor().fit(X.reshape(-1, 6, 6), pd.DataFrame(y)).predict(X.reshape(-1, 6, 6))
    assert np.array_equal(flat, shaped)
    named = make_regressor().fit(pd.DataFrame(X).add_prefix("p"), y.tolist())
    assert np.array_equal(named.predict(pd.DataFrame(X).add_prefix("p")), flat)


def test_in_searches_and_around_each_output(make_regressor, images):
    X, y = images
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), make_regressor()),
        {"scratchcnnregressor__loss": ["squared_error", "absolute_error"]},
        cv=2,
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert MultiOutputRegressor(make_regressor()).fit(X, y).predict(X).shape == y.shape
    model = make_regressor().fit(X, y)
    assert not hasattr(clone(model), "network_")
    weights = np.arange(len(y)) % 3
    predicted = model.predict(X)
    expected = r2_score(y, predicted, sample_weight=weights)
    assert model.score(X, y, weights) == pytest.approx(expected)


def test_verbose_tells_no_accuracy(make_regressor, images, capsys):
    X, y = images
    make_regressor(verbose=1, max_iter=1).fit(X, y)
    printed = capsys.readouterr().out
    assert printed.startswith("Epoch 1: loss ")
    assert "accuracy" not in printed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": "hinge"}, "'loss' parameter of ScratchCNNRegressor"),
        ({"scoring": "accuracy"}, "'scoring' parameter of ScratchCNNRegressor"),
        ({"early_stopping": 2}, "'early_stopping' parameter"),
    ],
)
def test_bad_parameters_are_named(make_regressor, images, change, words):
    with pytest.raises(ValueError, match=words):
        make_regressor(**change).fit(*images)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda y: None, "requires y to be passed"),
        (lambda y: np.where(y > 0, y, np.nan), "Input y contains NaN"),
        (lambda y: y[:-1], "inconsistent numbers of samples"),
        (lambda y: y[:, :, None], "dim 3"),
        (lambda y: y[:, :0], "feature"),
        (lambda y: np.full(len(y), "a"), "could not convert string"),
    ],
)
def test_bad_targets_are_refused_and_leave_the_model(make_regressor, images, bad, words):
    X, y = images
    model = make_regressor().fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=words):
        model.fit(X, bad(y))
    assert np.array_equal(model.predict(X), before)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_other_outputs_later_are_refused(make_regressor, images, method):
    X, y = images
    model = make_regressor(warm_start=True).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=r"y has 1 output\(s\), but the y of the first fit has 2"):
        getattr(model, method)(X, y[:, 0])
    assert np.array_equal(model.predict(X), before)


def test_a_validation_set_of_other_outputs_is_refused(make_regressor, images):
    X, y = images
    model = make_regressor()
    with pytest.raises(ValueError, match=r"y_val has 1 output\(s\)"):
        model.fit(X, y, X_val=X, y_val=y[:, 0])
    assert not hasattr(model, "network_")


def test_targets_out_of_range_are_named(make_regressor, images):
    X, y = images
    model = make_regressor().partial_fit(X.astype(np.float32), y[:, 0])
    with pytest.raises(ValueError, match=r"y is too far from what the first fit has seen"):
        model.partial_fit(X.astype(np.float32), y[:, 0] * 1e200)
