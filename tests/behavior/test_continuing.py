"""Training goes on: warm_start and partial_fit, in one call or several, saved in between or not."""

import pickle
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skcnn._estimator import train
from skcnn.optimizers import SGD, Adam
from skcnn.schedules import Plateau
from tests.support.estimators import (
    assert_same_bits,
    fitted_attributes,
    make_classifier,
    make_regressor,
    memory_mapped,
    records,
)


def halve(step):
    """A schedule that can be pickled."""
    return 0.5 ** (step // 10)


SCHEDULES = {
    "constant": "constant",
    "plateau": Plateau(reduction=0.5, patience=1, tol=0.5),
    "per step": halve,
}
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES)
every_solver = pytest.mark.parametrize(
    "solver", ["adam", "sgd", SGD(0.5, nesterov=False), Adam(beta_1=0.5)], ids=str
)
BETWEEN = {
    "as it is": lambda model, folder: model,
    "pickled": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "memory-mapped": memory_mapped,
}
both_calls = pytest.mark.parametrize("call", ["fit", "partial_fit"])


def assert_same(one, other, X, y):
    """Assert that models are equal and will stay so."""
    assert_same_bits(one, other, X)
    assert records(one) == records(other)
    one, other = (pickle.loads(pickle.dumps(model)) for model in (one, other))
    assert_same_bits(one.partial_fit(X, y), other.partial_fit(X, y), X)
    assert records(one) == records(other)


@pytest.fixture
def warm(digits):
    """A classifier with warm_start after one fit."""
    return make_classifier(warm_start=True).fit(*digits)


@pytest.fixture
def started(digits):
    """A classifier after one partial_fit."""
    return make_classifier().partial_fit(*digits, classes=range(10))


# k epochs and then m are k + m


@every_schedule
@every_solver
@pytest.mark.parametrize("epochs", [(3, 1), (1, 1, 2)], ids=str)
def test_warm_start_goes_on_to_the_last_bit(epochs, solver, schedule, digits):
    X, y = digits[0][:150], digits[1][:150]
    kind = {"solver": solver, "learning_rate_schedule": SCHEDULES[schedule], "dropout": 0.2}
    kind |= {"warm_start": True}
    model = make_classifier(**kind)
    for n in epochs:
        model.set_params(max_iter=n).fit(X, y)
    assert_same(model, make_classifier(**kind, max_iter=sum(epochs)).fit(X, y), X, y)


@every_schedule
@every_solver
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_partial_fit_goes_on_to_the_last_bit(dtype, solver, schedule, digits):
    X, y = digits[0][:150].astype(dtype), digits[1][:150]
    kind = {"solver": solver, "learning_rate_schedule": SCHEDULES[schedule], "dropout": 0.2}
    model = make_classifier(**kind)
    for _ in range(4):
        model.partial_fit(X, y, classes=range(10))
    expected = make_classifier(**kind, warm_start=True, max_iter=4).fit(X, y)
    assert_same(model, expected, X, y)


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@every_schedule
@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_also_after_saving_in_between(call, solver, schedule, between, digits, tmp_path):
    X, y = digits[0][:150], digits[1][:150]
    kind = {"solver": solver, "learning_rate_schedule": SCHEDULES[schedule], "batch_norm": True}
    kind |= {"dropout": 0.2, "warm_start": True, "max_iter": 1}
    model = getattr(make_classifier(**kind), call)(X, y, **CLASSES[call])
    for _ in range(2):
        before = model.predict_proba(X)
        model = getattr(BETWEEN[between](model, tmp_path), call)(X, y)
        assert not np.array_equal(model.predict_proba(X), before)
    assert_same_bits(model, make_classifier(**kind | {"max_iter": 3}).fit(X, y), X)


CLASSES = {"fit": {}, "partial_fit": {"classes": range(10)}}


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("between", BETWEEN)
def test_a_regressor_goes_on_in_the_same_way(solver, between, numbers, tmp_path):
    X, y = numbers
    straight = make_regressor(solver=solver, max_iter=4).fit(X, y)
    warm = make_regressor(solver=solver, warm_start=True).fit(X, y)
    assert_same_bits(BETWEEN[between](warm, tmp_path).fit(X, y), straight, X)
    by_epoch = make_regressor(solver=solver)
    for _ in range(4):
        by_epoch = BETWEEN[between](by_epoch.partial_fit(X, y), tmp_path)
    assert_same_bits(by_epoch, straight, X)


@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro"])
def test_also_with_a_plateau_of_the_validation_score(scoring, digits):
    X, y = digits
    given = {"X_val": X[200:], "y_val": y[200:]}
    kind = {"learning_rate_schedule": Plateau(0.5, 1, 0.5), "scoring": scoring, "warm_start": True}
    model = make_classifier(**kind)
    model.fit(X[:200], y[:200], **given).fit(X[:200], y[:200], **given)
    expected = make_classifier(**kind, max_iter=4).fit(X[:200], y[:200], **given)
    assert_same(model, expected, X[:200], y[:200])
    assert len({record["learning_rate"] for record in model.history_}) > 1


def test_warm_start_and_partial_fit_alternate(digits):
    X, y = digits
    model = make_classifier(warm_start=True, max_iter=2)
    model.partial_fit(X, y, classes=range(10)).fit(X, y).partial_fit(X, y)
    assert_same(model, make_classifier(warm_start=True, max_iter=4).fit(X, y), X, y)


def test_weights_of_samples_and_classes_go_on(digits):
    X, y = digits
    weight = np.linspace(0, 3, len(y))
    kind = {"class_weight": {3: 2.0}, "max_grad_norm": 0.5, "alpha": 0.1, "warm_start": True}
    model = make_classifier(**kind).fit(X, y, weight).fit(X, y, weight)
    assert_same(model, make_classifier(**kind, max_iter=4).fit(X, y, weight), X, y)


@both_calls
@pytest.mark.parametrize("seed", [0, 3])
def test_going_on_is_deterministic_with_a_random_state_instance(call, seed, digits):
    models = []
    for _ in range(2):
        model = make_classifier(random_state=np.random.RandomState(seed), warm_start=True)
        for _ in range(3):
            getattr(model, call)(*digits, **CLASSES[call])
        models.append(model)
    assert_same_bits(*models, digits[0])


@both_calls
@pytest.mark.filterwarnings("ignore:The fit has learned nothing")
def test_statistics_of_the_input_and_targets_are_learned_once(call, digits, numbers):
    """A rate of nothing shows that predictions stay, whatever later data look like."""
    for model, (X, y) in [(make_classifier(), digits), (make_regressor(), numbers)]:
        model.set_params(warm_start=True).fit(X, y)
        expected = model.predict(X)
        model.set_params(learning_rate=1e-300)
        getattr(model, call)(1000 * X + 5, y if hasattr(model, "classes_") else 3 * y + 7)
        np.testing.assert_array_equal(model.predict(X), expected)


def test_the_first_partial_fit_learns_the_statistics_of_its_chunk(digits):
    X, y = digits
    still = {"learning_rate": 1e-300, "dtype": "float64"}
    chunk = make_classifier(**still).partial_fit(X[:100], y[:100], classes=range(10))
    mean, deviation = (getattr(X[:100].astype(float), name)() for name in ("mean", "std"))
    plain = make_classifier(**still, standardize=False).partial_fit(X, y, classes=range(10))
    np.testing.assert_allclose(
        chunk.predict_proba(X), plain.predict_proba((X - mean) / deviation), rtol=1e-10
    )


# What each call starts from


def test_without_warm_start_fit_starts_again(classifier, started, digits):
    X, y = digits
    fresh = make_classifier().fit(X, y)
    assert_same_bits(deepcopy(classifier).fit(X, y), fresh, X)
    assert_same_bits(started.fit(X, y), fresh, X)
    few = y < 4
    assert_same_bits(classifier.fit(X[few], y[few]), make_classifier().fit(X[few], y[few]), X)


def test_with_warm_start_a_second_fit_is_another_model(warm, digits):
    """Why check_supervised_y_2d, which fits twice and compares, cannot hold with warm_start."""
    first = warm.predict_proba(digits[0])
    assert not np.array_equal(warm.fit(*digits).predict_proba(digits[0]), first)


def test_the_first_fit_with_warm_start_is_a_fit(warm, classifier, digits):
    assert_same_bits(warm, classifier, digits[0])
    assert_same_bits(clone(warm).fit(*digits), classifier, digits[0])


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_first_call_of_few_samples_warns_of_what_is_learned_from_it(n, digits, numbers):
    X, y = digits
    with pytest.warns(UserWarning, match=rf"n_samples={n}, and .* of X are learned") as warned:
        model = make_classifier().partial_fit(X[:n], y[:n], classes=range(10))
    assert [warning.filename for warning in warned] == [__file__]
    model.partial_fit(X[:1], y[:1])  # a later call may be as short as it likes
    with pytest.warns(UserWarning, match=r"deviation of X and of y are learned.*at least 8"):
        regressor = make_regressor().partial_fit(numbers[0][:n], numbers[1][:n])
    regressor.partial_fit(numbers[0][:1], numbers[1][:1])
    with pytest.warns(UserWarning, match=r"deviation of y are learned"):
        make_regressor(standardize=False).partial_fit(numbers[0][:n], numbers[1][:n])
    with pytest.warns(UserWarning, match=r"deviation of X are learned") as warned:
        make_classifier(warm_start=True).fit(X[:n], y[:n])
    assert [warning.filename for warning in warned] == [__file__]


def test_a_first_call_of_the_same_number_again_and_again_warns(numbers):
    X, y = numbers
    for constant in (np.full(120, 4000.0), y * [1, 0]):
        with pytest.warns(UserWarning, match=r"the same y, .* deviation of y are learned"):
            make_regressor().partial_fit(X, constant)
    make_regressor().fit(X, np.zeros(120))  # all there is


def test_samples_of_no_weight_are_not_among_those_of_the_first_call(digits):
    X, y = digits
    with pytest.warns(UserWarning, match="n_samples=3"):
        make_classifier().partial_fit(X, y, range(10), sample_weight=np.arange(300) < 3)


def test_a_first_call_of_few_samples_does_not_warn_where_nothing_is_learned_from_it(digits):
    X, y = digits
    make_classifier(standardize=False).partial_fit(X[:1], y[:1], classes=range(10))
    make_classifier().partial_fit(X[:8], y[:8], classes=range(10))
    make_classifier().fit(X[:2], y[:2])  # all there is


def test_partial_fit_goes_on_after_fit(digits):
    X, y = digits
    model = make_classifier(max_iter=3).fit(X, y)
    before = model.network_.parameters.copy()
    model.partial_fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 4
    assert not np.array_equal(before, model.network_.parameters)
    assert model.loss_curve_[3] < model.loss_curve_[0]
    again = make_classifier(max_iter=3).fit(X, y).partial_fit(X, y, classes=range(10))
    assert_same_bits(model, again, X)
    plain = {"solver": SGD(momentum=0), "dropout": 0.2}  # which remembers nothing
    model = make_classifier(**plain, max_iter=2).fit(X, y).partial_fit(X, y)
    assert_same_bits(model, make_classifier(**plain, max_iter=3).fit(X, y), X)


def test_only_what_goes_on_keeps_the_optimizers_state(digits):
    kind = {"n_filters": (16, 32)}
    model = make_classifier(**kind).fit(*digits)
    size = model.network_.parameters.nbytes
    assert len(pickle.dumps(model)) < size + 10_000
    model.partial_fit(*digits)  # both of Adam's means
    assert 3 * size < len(pickle.dumps(model)) < 3 * size + 10_000
    model.set_params(warm_start=True).fit(*digits)
    assert 3 * size < len(pickle.dumps(model)) < 3 * size + 10_000
    model.set_params(warm_start=False).fit(*digits)
    assert len(pickle.dumps(model)) < size + 10_000


def test_a_cosine_starts_again_from_the_weights(digits):
    model = make_classifier(warm_start=True, learning_rate_schedule="cosine").fit(*digits)
    before = model.loss_
    model.fit(*digits)
    assert [record["learning_rate"] for record in model.history_] == [0.01, 0.005] * 2
    assert model.loss_ < before
    assert model.n_iter_ == len(model.loss_curve_) == 4


def test_restored_best_weights_are_gone_on_from(digits):
    X, y = digits
    scores = iter([1.0, 5.0, 2.0, 3.0, 4.0])
    kind = {"scoring": lambda estimator, X, y: next(scores), "early_stopping": True}
    kind |= {"shuffle": False}
    model = make_classifier(**kind, warm_start=True, max_iter=3, n_iter_no_change=9)
    given = {"X_val": X[200:], "y_val": y[200:]}
    model.fit(X[:200], y[:200], **given)
    assert model.best_iter_ == 2
    # by an optimizer that starts afresh, as after a fit that keeps nothing of it
    expected = make_classifier(shuffle=False).fit(X[:200], y[:200])
    assert np.array_equal(model.network_.parameters, expected.network_.parameters)
    once = deepcopy(model).set_params(max_iter=1, early_stopping=False, scoring="loss")
    once.fit(X[:200], y[:200])
    expected.partial_fit(X[:200], y[:200])
    assert np.array_equal(once.network_.parameters, expected.network_.parameters)
    model.set_params(max_iter=2).fit(X[:200], y[:200], **given)
    assert model.validation_scores_ == [1.0, 5.0, 2.0, 3.0, 4.0]
    assert (model.n_iter_, model.best_iter_, model.best_validation_score_) == (5, 5, 4.0)


def test_the_split_is_the_same_in_every_call(digits):
    held_out = []

    def scorer(estimator, X, y):
        held_out.append(X.tobytes())
        return 0.0

    model = make_classifier(early_stopping=True, warm_start=True, scoring=scorer, max_iter=1)
    model.fit(*digits).fit(*digits)
    assert len(held_out) == 2
    assert len(set(held_out)) == 1


def test_patience_starts_again_with_each_call(digits):
    model = make_classifier(warm_start=True, tol=100.0, n_iter_no_change=2, max_iter=9)
    assert model.fit(*digits).n_iter_ == 3
    assert model.fit(*digits).n_iter_ == 6


def test_another_schedule_starts_afresh(digits):
    model = make_classifier(warm_start=True, learning_rate_schedule=Plateau(0.5, 1, 1e6))
    model.set_params(max_iter=3).fit(*digits)
    model.set_params(learning_rate_schedule=Plateau(0.1, 1, 1e6), max_iter=1).fit(*digits)
    assert [r["learning_rate"] for r in model.history_] == [0.01, 0.01, 0.005, 0.01]


@pytest.mark.parametrize("solver", ["sgd", SGD(0.5), Adam(beta_1=0.5)], ids=str)
@both_calls
def test_a_changed_solver_starts_afresh(call, solver, warm, started, digits):
    model = {"fit": warm, "partial_fit": started}[call].set_params(solver=solver)
    n = model.n_iter_
    getattr(model, call)(*digits)
    assert model.n_iter_ == 2 * n


def test_changed_rates_batch_sizes_and_parameters_are_used_and_checked(started, digits):
    started.set_params(learning_rate=0.0025, batch_size=300).partial_fit(*digits)
    assert [record["learning_rate"] for record in started.history_] == [0.01, 0.0025]
    for name, value in {"learning_rate": -1, "solver": "x", "batch_size": 0, "alpha": -1.0}.items():
        good = getattr(started, name)
        with pytest.raises(ValueError, match=name):
            started.set_params(**{name: value}).partial_fit(*digits)
        started.set_params(**{name: good})


# One call of partial_fit


def test_the_first_call_needs_classes(digits):
    model = make_classifier()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(*digits)
    assert not fitted_attributes(model)


@pytest.mark.parametrize(
    "classes", [list(range(9, -1, -1)), np.arange(10.0), [0, *range(10)]], ids=str
)
def test_classes_may_come_in_any_form_and_order(classes, started, digits):
    model = make_classifier().partial_fit(*digits, classes=classes)
    assert_same_bits(started, model, digits[0])
    assert_same_bits(started.partial_fit(*digits), model.partial_fit(*digits, classes=classes))


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([None, "a"], "^classes mixes .*NoneType"),
        ([1, "a"], "^classes mixes"),
        ([1, float("nan")], "^classes contains NaN"),
        ([[0, 1], [1, 2]], r"^classes has shape \(2, 2\)"),
        ([], "labels that are not in classes"),
        (range(9), "labels that are not in classes"),
    ],
    ids=str,
)
def test_classes_that_make_no_sense_are_a_clear_error(classes, message, digits):
    model = make_classifier()
    with pytest.raises(ValueError, match=message):
        model.partial_fit(*digits, classes=classes)
    assert not fitted_attributes(model)


def test_many_classes_and_few_samples_raise_no_warning(digits):
    # scikit-learn takes more than 20 labels, most of them distinct, for a regression
    X, _ = digits
    model = make_classifier().partial_fit(X[:30], np.arange(30), classes=range(50))
    model.partial_fit(X[30:55], np.arange(25, 50))
    assert model.predict_proba(X).shape == (300, 50)


@pytest.mark.parametrize("sizes", [[300], [100, 200], [9, 1, 290], [50] * 6], ids=str)
def test_data_may_come_in_chunks(sizes, digits):
    X, y = digits
    model = make_classifier(max_iter=1)
    for _ in range(2):
        for stop, size in zip(np.cumsum(sizes), sizes, strict=True):
            part = slice(stop - size, stop)
            model.partial_fit(X[part], y[part], classes=range(10))
    assert model.n_iter_ == len(model.loss_curve_) == 2 * len(sizes)
    assert model.predict_proba(X).shape == (300, 10)


def test_chunks_without_shuffling_are_the_batches_of_one_epoch(digits):
    X, y = digits
    parameters = {"shuffle": False, "standardize": False, "batch_size": 60, "alpha": 0.1}
    whole = make_classifier(**parameters).partial_fit(X, y, classes=range(10))
    chunks = make_classifier(**parameters)
    for first in (0, 120, 240):
        part = slice(first, first + 120)
        chunks.partial_fit(X[part], y[part], classes=range(10))
    assert whole.network_.parameters.tobytes() == chunks.network_.parameters.tobytes()


def test_a_chunk_may_lack_classes(digits):
    X, y = digits
    model = make_classifier().partial_fit(X[y < 3], y[y < 3], classes=range(10))
    assert model.classes_.tolist() == list(range(10))
    model.partial_fit(X[y == 7], y[y == 7])
    assert model.predict_proba(X).shape == (300, 10)


def test_each_call_shuffles_anew(digits):
    losses = {}
    for shuffle in (True, False):
        # steps of zero length: what differs between epochs is the order of the sum
        model = make_classifier(shuffle=shuffle, batch_size=7, solver=SGD(0))
        model.partial_fit(*digits, classes=range(10))  # from here on losses of samples differ
        model.set_params(learning_rate=1e-300)
        for _ in range(4):
            model.partial_fit(*digits)
        losses[shuffle] = set(model.loss_curve_[1:])
    assert len(losses[True]) > 1
    assert len(losses[False]) == 1


def test_a_stream_keeps_the_last_records_and_counts_all_epochs(digits, monkeypatch):
    monkeypatch.setattr(train, "STREAM_RECORDS", 4)
    model, losses, sizes = make_classifier(warm_start=True), [], []
    for _ in range(9):
        model.partial_fit(*digits, classes=range(10))
        losses.append(model.loss_)
        sizes.append(len(pickle.dumps(model)))
        assert model.loss_curve_ == losses[-4:] == [record["loss"] for record in model.history_]
        assert model.n_iter_ == len(losses)
    assert max(sizes[5:]) <= max(sizes[:5]) + 50
    model.set_params(max_iter=3).fit(*digits, X_val=digits[0], y_val=digits[1])
    assert model.n_iter_ == 12
    assert model.best_iter_ in (10, 11, 12)
    assert len(model.history_) == len(model.loss_curve_) == len(model.validation_scores_) == 7
    assert np.isnan(model.validation_scores_[:4]).all()
    longer = make_classifier(max_iter=6).fit(*digits)
    assert longer.n_iter_ == len(longer.history_) == 6


def test_every_epoch_has_a_validation_score_or_nan(digits):
    X, y = digits
    validation, model = {"X_val": X[:50], "y_val": y[:50]}, make_classifier(warm_start=True)
    model.set_params(max_iter=2).fit(X, y)
    assert not hasattr(model, "validation_scores_")
    expected, calls = [True] * 2, ["fit with", "partial_fit", "fit", "fit with", "partial_fit"]
    for call in calls:
        validated = call.endswith("with")
        if call == "partial_fit":
            model.partial_fit(X, y)
        else:
            model.fit(X, y, **(validation if validated else {}))
        expected += [not validated] * (1 if call == "partial_fit" else 2)
        assert np.isnan(model.validation_scores_).tolist() == expected
        assert len(expected) == model.n_iter_ == len(model.history_) == len(model.loss_curve_)
        best = max(n for n, missing in enumerate(expected, 1) if not missing)
        assert model.best_iter_ in (best - 1, best)
        assert model.best_validation_score_ == model.validation_scores_[model.best_iter_ - 1]


def test_one_call_is_one_epoch_that_is_recorded(digits):
    model = make_classifier(max_iter=50, tol=10.0, n_iter_no_change=1)
    kept = []
    for k in range(1, 5):
        assert model.partial_fit(*digits, classes=range(10)) is model
        assert model.n_iter_ == len(model.loss_curve_) == len(model.history_) == k
        assert model.loss_ == model.loss_curve_[-1] == model.history_[-1]["loss"]
        kept.append((model.history_, model.loss_curve_))
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    # what somebody kept does not grow
    assert (
        [len(history) for history, _ in kept] == [len(curve) for _, curve in kept] == [1, 2, 3, 4]
    )
    assert all(history[0] == model.history_[0] for history, _ in kept)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)])
def test_shaped_and_flat_x_may_alternate(shape, digits, started):
    X, y = digits
    expected = deepcopy(started).partial_fit(X, y)
    assert_same_bits(started.partial_fit(X.reshape(-1, *shape), y), expected, X)


# Errors leave the model as it was

CHANGED_DATA = {
    "other features": (lambda X, y: (X[:, :63], y), "63 features"),
    "other classes": (
        lambda X, y: (X, np.where(y == 3, 33, y)),
        r"must have the classes of the first call, .*\[0, 1, 2, 4",
    ),
    "fewer classes": (
        lambda X, y: (X[y < 7], y[y < 7]),
        "must have the classes of the first call",
    ),
    "other types": (lambda X, y: (X, y.astype(str)), "must have the classes of the first call"),
    "other shape": (lambda X, y: (X.reshape(-1, 4, 16), y), r"shape \(4, 16\)"),
}


@pytest.mark.parametrize("name", CHANGED_DATA)
def test_changed_data_is_a_clear_error(name, warm, digits):
    change, message = CHANGED_DATA[name]
    before = pickle.dumps(warm)
    with pytest.raises(ValueError, match=message):
        warm.fit(*change(*digits))
    assert pickle.dumps(warm) == before
    assert warm.fit(*digits).n_iter_ == 4


def test_a_label_that_is_no_class_is_a_clear_error(started, digits):
    X, y = digits
    before = pickle.dumps(started)
    with pytest.raises(ValueError, match=r"labels that are not in classes: \[10, 11\].*\[0, 1, 2"):
        started.partial_fit(X, np.where(y < 2, y + 10, y))
    with pytest.raises(ValueError, match="labels that are not in classes"):
        started.partial_fit(X, y.astype(str))
    for classes in (range(9), range(11), range(1, 11), list("0123456789")):
        with pytest.raises(ValueError, match="differ from those of the first call"):
            started.partial_fit(X, y, classes=classes)
    assert pickle.dumps(started) == before


@pytest.mark.parametrize(
    "change",
    [
        {"n_filters": 4},
        {"n_filters": (3, 3)},
        {"filter_size": 5},
        {"filter_size": 2},
        {"activation": "tanh"},
        {"hidden_layer_sizes": (5,)},
        {"dropout": 0.5},
        {"layers": []},
        {"image_shape": (4, 16)},
        {"image_shape": (4, 17)},
        {"dtype": "float64"},
        {"standardize": False},
        {"standardize": "pixel"},
        {"standardize": "sample"},
    ],
    ids=str,
)
@both_calls
def test_a_changed_architecture_is_a_clear_error(call, change, warm, digits):
    warm.set_params(**change)
    before = pickle.dumps(warm)
    with pytest.raises(ValueError, match=r"changed after the first fit|image_shape"):
        getattr(warm, call)(*digits)
    assert pickle.dumps(warm) == before
    if change != {"image_shape": (4, 17)}:
        warm.set_params(warm_start=False).fit(*digits)  # which may change everything


def test_names_of_columns_may_not_change(digits):
    X, y = digits
    names = [f"pixel {number}" for number in range(64)]
    model = make_classifier(warm_start=True).fit(pd.DataFrame(X, columns=names), y)
    model.fit(pd.DataFrame(X, columns=names), y)
    with pytest.raises(ValueError, match="feature names"):
        model.fit(pd.DataFrame(X, columns=names[::-1]), y)
    assert model.n_iter_ == 4


@both_calls
@pytest.mark.parametrize("schedule", ["constant", Plateau(0.5, 1)], ids=str)
def test_a_failure_in_the_middle_leaves_everything_as_it_was(call, schedule, digits):
    X, y = digits
    kind = {"warm_start": True, "dropout": 0.2, "learning_rate_schedule": schedule}
    model = make_classifier(**kind).fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="diverged"):
        getattr(model.set_params(learning_rate=1e30), call)(X, y)
    model.set_params(learning_rate=0.01)
    assert pickle.dumps(model) == before
    assert_same(model.fit(X, y), make_classifier(**kind | {"max_iter": 4}).fit(X, y), X, y)


def test_a_failed_first_fit_leaves_nothing(digits):
    model = make_classifier(warm_start=True, learning_rate=1e30)
    with pytest.raises(ValueError, match="diverged"):
        model.fit(*digits)
    assert not fitted_attributes(model)
    # so that the next call is the first
    assert model.set_params(learning_rate=0.01).fit(*digits).n_iter_ == 2


def test_an_interrupt_can_be_gone_on_from(digits):
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
    assert_same(model, make_classifier(warm_start=True, max_iter=5).fit(X, y), X, y)


@both_calls
def test_other_outputs_of_a_regressor_are_refused(call, numbers):
    X, y = numbers
    model = make_regressor(warm_start=True).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=r"y has 1 output\(s\), but the y of the first fit has 2"):
        getattr(model, call)(X, y[:, 0])
    assert np.array_equal(model.predict(X), before)


def test_partial_fit_names_a_parameter_that_was_set_to_what_it_cannot_be(digits):
    X, y = digits
    model = make_regressor().partial_fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="'loss' parameter"):
        model.set_params(loss="no such loss").partial_fit(X, y)
    assert np.array_equal(model.predict(X), before)
