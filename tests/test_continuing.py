import pickle
from copy import deepcopy

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skcnn.optimizers import SGD, Adam
from skcnn.schedules import Plateau

SCHEDULES = {
    "constant": "constant",
    "plateau": Plateau(reduction=0.5, patience=1, tol=0.5),
    "per step": lambda step: 1 / (1 + 0.1 * step),
}
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES)
every_solver = pytest.mark.parametrize(
    "solver", ["adam", "sgd", SGD(0.5, nesterov=False), Adam(beta_1=0.5)]
)


def halve(step):
    """A schedule that can be pickled."""
    return 0.5 ** (step // 10)


def as_it_is(model, tmp_path):
    return model


def pickled(model, tmp_path):
    return pickle.loads(pickle.dumps(model))


def mapped(model, tmp_path):
    """Load with arrays that are read-only and on disk."""
    file = tmp_path / f"{len(list(tmp_path.iterdir()))}.joblib"  # others are still mapped
    joblib.dump(model, file)
    loaded = joblib.load(file, mmap_mode="r")
    assert not loaded.network_.parameters.flags.writeable
    return loaded


in_between = pytest.mark.parametrize("between", [as_it_is, pickled, mapped])


def records(model):
    return [{k: v for k, v in record.items() if k != "seconds"} for record in model.history_]


@pytest.fixture
def assert_same(assert_same_bits):
    """Return a function that asserts that models are equal and will stay so."""

    def check(one, other, X):
        assert_same_bits(one, other, X)
        assert one.n_iter_ == other.n_iter_ == len(one.loss_curve_)
        assert records(one) == records(other)
        assert one._fitted.state.steps == other._fitted.state.steps
        assert one._fitted.state.schedule_state == other._fitted.state.schedule_state

    return check


# k and then m is k + m


@every_schedule
@every_solver
@pytest.mark.parametrize("epochs", [(1, 1), (3, 2), (1, 2, 3)])
def test_warm_start_goes_on_to_the_last_bit(
    epochs, solver, schedule, digits, make_classifier, assert_same
):
    X, y = digits
    kind = {"solver": solver, "learning_rate_schedule": SCHEDULES[schedule], "dropout": 0.2}
    model = make_classifier(**kind, warm_start=True)
    for n in epochs:
        model.set_params(max_iter=n).fit(X, y)
    assert_same(model, make_classifier(**kind, max_iter=sum(epochs)).fit(X, y), X)


@every_schedule
@every_solver
def test_partial_fit_goes_on_to_the_last_bit(
    solver, schedule, digits, make_classifier, assert_same
):
    X, y = digits
    kind = {"solver": solver, "learning_rate_schedule": SCHEDULES[schedule], "dropout": 0.2}
    model = make_classifier(**kind)
    for _ in range(4):
        model.partial_fit(X, y, classes=range(10))
    assert_same(model, make_classifier(**kind, max_iter=4).fit(X, y), X)


@in_between
@pytest.mark.parametrize("schedule", ["constant", Plateau(0.5, 1, 0.5), halve])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_also_after_saving_in_between(
    dtype, solver, schedule, between, digits, make_classifier, assert_same, tmp_path
):
    X, y = digits[0].astype(dtype), digits[1]
    kind = {"solver": solver, "learning_rate_schedule": schedule, "dropout": 0.2}
    expected = make_classifier(**kind, max_iter=4).fit(X, y)
    model = between(make_classifier(**kind, warm_start=True).fit(X, y), tmp_path)
    before = model.predict_proba(X)
    assert_same(model.fit(X, y), expected, X)
    assert not np.array_equal(model.predict_proba(X), before)
    model = make_classifier(**kind).partial_fit(X, y, classes=range(10))
    for _ in range(3):
        model = between(model, tmp_path).partial_fit(X, y)
    assert_same(model, expected, X)


@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro"])
def test_also_with_a_plateau_of_the_validation_score(scoring, digits, make_classifier, assert_same):
    X, y = digits
    given = {"X_val": X[200:], "y_val": y[200:]}
    kind = {"learning_rate_schedule": Plateau(0.5, 1, 0.5), "scoring": scoring}
    model = make_classifier(**kind, warm_start=True)
    model.fit(X[:200], y[:200], **given).fit(X[:200], y[:200], **given)
    expected = make_classifier(**kind, max_iter=4).fit(X[:200], y[:200], **given)
    assert_same(model, expected, X)
    assert model.validation_scores_ == expected.validation_scores_
    assert len({record["learning_rate"] for record in model.history_}) > 1


def test_warm_start_and_partial_fit_alternate(digits, make_classifier, assert_same):
    X, y = digits
    model = make_classifier(warm_start=True, max_iter=2)
    model.partial_fit(X, y, classes=range(10)).fit(X, y).partial_fit(X, y)
    assert_same(model, make_classifier(max_iter=4).fit(X, y), X)


def test_weights_of_rows_and_classes_go_on(digits, make_classifier, assert_same):
    X, y = digits
    weight = np.linspace(0, 3, len(y))
    kind = {"class_weight": {3: 2.0}, "max_grad_norm": 0.5, "alpha": 0.1}
    model = make_classifier(**kind, warm_start=True).fit(X, y, weight).fit(X, y, weight)
    assert_same(model, make_classifier(**kind, max_iter=4).fit(X, y, weight), X)


def test_what_was_learned_of_the_input_stays(digits, make_classifier):
    X, y = digits
    model = make_classifier(warm_start=True).fit(X, y)
    learned = pickle.dumps(model._fitted.standardizer)
    model.fit(3 * X + 1, y)
    assert pickle.dumps(model._fitted.standardizer) == learned


# What each call starts from


def test_without_warm_start_fit_starts_again(digits, make_classifier, assert_same_bits):
    X, y = digits
    model = make_classifier().fit(X, y).fit(X, y)
    assert_same_bits(model, make_classifier().fit(X, y), X)


def test_with_warm_start_a_second_fit_is_another_model(digits, make_classifier):
    """Why check_supervised_y_2d, which fits twice and compares, cannot hold with warm_start."""
    model = make_classifier(warm_start=True).fit(*digits)
    first = model.predict_proba(digits[0])
    assert not np.array_equal(model.fit(*digits).predict_proba(digits[0]), first)


def test_the_first_fit_with_warm_start_is_a_fit(digits, make_classifier, assert_same_bits):
    X, y = digits
    model = make_classifier(warm_start=True).fit(X, y)
    assert_same_bits(model, make_classifier().fit(X, y), X)
    assert_same_bits(clone(model).fit(X, y), model, X)


def test_only_what_goes_on_keeps_the_optimizers_state(digits, make_classifier):
    X, y = digits
    kind = {"n_filters": (16, 32)}
    plain = make_classifier(**kind).fit(X, y)
    size = plain.network_.parameters.nbytes
    assert len(pickle.dumps(plain)) < size + 10_000
    warm = make_classifier(**kind, warm_start=True).fit(X, y)
    assert 3 * size < len(pickle.dumps(warm)) < 3 * size + 10_000
    warm.set_params(warm_start=False).fit(X, y)
    assert len(pickle.dumps(warm)) < size + 10_000


def test_a_cosine_starts_again_from_the_weights(digits, make_classifier):
    X, y = digits
    model = make_classifier(warm_start=True, max_iter=2, learning_rate_schedule="cosine").fit(X, y)
    before = model.loss_
    model.fit(X, y)
    assert [record["learning_rate"] for record in model.history_] == [0.01, 0.005] * 2
    assert model.loss_ < before
    assert model.n_iter_ == len(model.loss_curve_) == 4


def test_restored_best_weights_are_gone_on_from(digits, make_classifier):
    X, y = digits
    scores = iter([1.0, 5.0, 2.0, 3.0, 4.0])
    kind = {"scoring": lambda estimator, X, y: next(scores), "early_stopping": True}
    model = make_classifier(**kind, warm_start=True, max_iter=3, n_iter_no_change=9)
    given = {"X_val": X[200:], "y_val": y[200:]}
    model.fit(X[:200], y[:200], **given)
    best = model.network_.copy()
    assert model.best_iter_ == 2
    assert model._fitted.state.optimizer_state is None
    tiny = deepcopy(model).set_params(learning_rate=1e-300, max_iter=1, early_stopping=False)
    tiny.set_params(scoring="loss").fit(X[:200], y[:200])
    assert np.array_equal(tiny.network_.parameters, best.parameters)
    model.set_params(max_iter=2).fit(X[:200], y[:200], **given)
    assert model.validation_scores_ == [1.0, 5.0, 2.0, 3.0, 4.0]
    assert (model.n_iter_, model.best_iter_, model.best_validation_score_) == (5, 5, 4.0)


def test_the_split_is_the_same_in_every_call(digits, make_classifier):
    X, y = digits
    held_out = []

    def scorer(estimator, X, y):
        held_out.append(X.tobytes())
        return 0.0

    model = make_classifier(early_stopping=True, warm_start=True, scoring=scorer, max_iter=1)
    model.fit(X, y).fit(X, y)
    assert len(held_out) == 2
    assert len(set(held_out)) == 1


def test_patience_starts_again_with_each_call(digits, make_classifier):
    model = make_classifier(warm_start=True, tol=100.0, n_iter_no_change=2, max_iter=9)
    assert model.fit(*digits).n_iter_ == 3
    assert model.fit(*digits).n_iter_ == 6


def test_another_schedule_starts_afresh(digits, make_classifier):
    model = make_classifier(warm_start=True, learning_rate_schedule=Plateau(0.5, 1, 1e6))
    model.set_params(max_iter=3).fit(*digits)
    model.set_params(learning_rate_schedule=Plateau(0.1, 1, 1e6), max_iter=1).fit(*digits)
    assert [r["learning_rate"] for r in model.history_] == [0.01, 0.01, 0.005, 0.01]


def test_ctrl_c_can_be_gone_on_from(digits, make_classifier, assert_same):
    X, y = digits

    def interrupting(step):
        if step == 25:  # in the third epoch
            raise KeyboardInterrupt
        return 1.0

    model = make_classifier(warm_start=True, learning_rate_schedule=interrupting, max_iter=5)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == 2
    model.set_params(learning_rate_schedule="constant", max_iter=3).fit(X, y)
    assert_same(model, make_classifier(max_iter=5).fit(X, y), X)


# Errors leave the model as it was


def other_features(X, y):
    return X[:, :63], y


def other_classes(X, y):
    return X, np.where(y == 3, 33, y)


def fewer_classes(X, y):
    return X[y < 7], y[y < 7]


def other_types(X, y):
    return X, y.astype(str)


def other_shape(X, y):
    return X.reshape(-1, 4, 16), y


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_features, "63 features"),
        (other_classes, r"must have the classes of the first call, .*\[0, 1, 2, 4"),
        (fewer_classes, "must have the classes of the first call"),
        (other_types, "must have the classes of the first call"),
        (other_shape, r"shape \(4, 16\)"),
    ],
)
def test_changed_data_is_a_clear_error(change, message, digits, make_classifier):
    model = make_classifier(warm_start=True).fit(*digits)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=message):
        model.fit(*change(*digits))
    assert pickle.dumps(model) == before
    assert model.fit(*digits).n_iter_ == 4


@pytest.mark.parametrize(
    "change",
    [
        {"n_filters": 4},
        {"filter_size": 5},
        {"activation": "tanh"},
        {"dropout": 0.5},
        {"layers": []},
        {"image_shape": (4, 16)},
        {"dtype": "float64"},
        {"standardize": False},
    ],
)
def test_a_changed_architecture_is_a_clear_error(change, digits, make_classifier):
    model = make_classifier(warm_start=True).fit(*digits).set_params(**change)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="changed after the first fit"):
        model.fit(*digits)
    assert pickle.dumps(model) == before
    model.set_params(warm_start=False).fit(*digits)  # which may change everything


def test_names_of_columns_may_not_change(digits, make_classifier):
    X, y = digits
    names = [f"pixel {number}" for number in range(64)]
    model = make_classifier(warm_start=True).fit(pd.DataFrame(X, columns=names), y)
    model.fit(pd.DataFrame(X, columns=names), y)
    with pytest.raises(ValueError, match="feature names"):
        model.fit(pd.DataFrame(X, columns=names[::-1]), y)
    assert model.n_iter_ == 4


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize("schedule", ["constant", Plateau(0.5, 1)])
def test_a_failure_in_the_middle_leaves_everything_as_it_was(
    call, schedule, digits, make_classifier, assert_same
):
    X, y = digits
    kind = {"warm_start": True, "dropout": 0.2, "learning_rate_schedule": schedule}
    model = make_classifier(**kind).fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="diverged"):
        getattr(model.set_params(learning_rate=1e30), call)(X, y)
    model.set_params(learning_rate=0.01)
    assert pickle.dumps(model) == before
    model.fit(X, y)
    assert_same(model, make_classifier(**kind | {"max_iter": 4}).fit(X, y), X)


def test_a_failed_first_fit_leaves_nothing(digits, make_classifier):
    model = make_classifier(warm_start=True, learning_rate=1e30)
    with pytest.raises(ValueError, match="diverged"):
        model.fit(*digits)
    assert vars(model) == model.get_params(deep=False)
    # so that the next call is the first
    assert model.set_params(learning_rate=0.01).fit(*digits).n_iter_ == 2


@pytest.mark.parametrize("warm_start", ["yes", None, 2])
def test_warm_start_is_true_or_false(warm_start, digits, make_classifier):
    with pytest.raises(ValueError, match="'warm_start' parameter"):
        make_classifier(warm_start=warm_start).fit(*digits)


# Clipping, which is a matter of one step


def test_long_gradients_are_clipped(digits, make_classifier, assert_same_bits):
    X, y = digits[0].astype(np.float64), digits[1]
    kind = {"solver": SGD(0), "max_iter": 1, "batch_size": 300}
    plain = make_classifier(**kind).fit(X, y)
    assert_same_bits(make_classifier(**kind, max_grad_norm=1e9).fit(X, y), plain, X)
    start = make_classifier(**kind | {"learning_rate": 1e-300}).fit(X, y).network_.parameters
    clipped = make_classifier(**kind, max_grad_norm=0.001).fit(X, y).network_.parameters
    moved = np.linalg.norm(clipped - start)
    assert moved == pytest.approx(0.001 * 0.01, rel=1e-9)
    assert np.linalg.norm(plain.network_.parameters - start) > 2 * moved
