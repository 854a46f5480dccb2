"""Weights of samples and of classes, and what they are equal to."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.utils.class_weight import compute_sample_weight

from skcnn.optimizers import SGD, Optimizer
from tests.support.estimators import (
    SMOOTH,
    assert_close,
    assert_same_bits,
    fitted_attributes,
    make_classifier,
    make_regressor,
)

WEIGHTS = {0: 0.3, 1: 2, 3: 5.5}  # 2 and 4 count 1


@pytest.fixture(scope="module")
def data(digits, global_random_seed):
    """Digits of five classes in float64, and weights of which a third are zero."""
    X, y = digits
    few = y < 5
    X, y = X[few].astype(np.float64), y[few]
    rng = np.random.default_rng(global_random_seed)
    return X, y, rng.uniform(0.1, 3, len(y)) * (rng.uniform(size=len(y)) > 1 / 3)


def by_fit(model, X, y, weight=None):
    return model.fit(X, y, sample_weight=weight)


def by_early_stopping(model, X, y, weight=None):
    """Validates on samples of its own, weighted in the same way."""
    model.set_params(early_stopping=True, max_iter=4, n_iter_no_change=2)
    return model.fit(X, y, weight, X_val=X, y_val=y, sample_weight_val=weight)


def by_partial_fit(model, X, y, weight=None):
    for _ in range(2):
        model.partial_fit(X, y, classes=range(5), sample_weight=weight)
    return model


every_way = pytest.mark.parametrize("train", [by_fit, by_early_stopping, by_partial_fit])
fit_ways = pytest.mark.parametrize("train", [by_fit, by_early_stopping])
fit_and_partial_fit = pytest.mark.parametrize("train", [by_fit, by_partial_fit])
# of several steps and of one, with and without statistics of the input
KINDS = [
    {"batch_size": 16},
    {"batch_size": 10_000, "standardize": False, "dtype": "float32"},
    {"batch_size": 16, "batch_norm": True, "hidden_layer_sizes": 6},
    {"batch_size": 16, "standardize": "pixel"},
    {"batch_size": 16, "standardize": "sample"},
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


# Equivalences


@every_way
@every_kind
@pytest.mark.parametrize("value", [1, 0.1, 1e-30])
def test_equal_weights_are_no_weights_to_the_last_bit(train, value, kind, data, global_random_seed):
    X, y, _ = data
    kind = kind | {"random_state": global_random_seed, "dropout": 0.2}
    plain = train(make_classifier(**kind), X, y)
    weight = np.full(len(y), value)
    for model in (
        train(make_classifier(**kind, class_weight=dict.fromkeys(range(5), value)), X, y),
        train(make_classifier(**kind, class_weight={}), X, y, weight),
    ):
        assert_same_bits(model, plain, X)
        assert model.history_[-1]["accuracy"] == plain.history_[-1]["accuracy"]


@every_way
@every_kind
@pytest.mark.parametrize("class_weight", [None, WEIGHTS, "balanced"])
def test_zero_weight_is_removal_to_the_last_bit(
    train, class_weight, kind, data, global_random_seed
):
    if train is by_partial_fit and class_weight == "balanced":
        class_weight = {4: 0.1}
    X, y, weight = data
    kind = kind | {"random_state": global_random_seed, "dropout": 0.2, "class_weight": class_weight}
    kept = weight > 0
    assert 0 < kept.sum() < len(y)
    got = train(make_classifier(**kind), X, y, weight)
    expected = train(make_classifier(**kind), X[kept], y[kept], weight[kept])
    assert_same_bits(got, expected, X)
    got = train(make_classifier(**kind), X, y, kept)  # zero or one
    assert_same_bits(got, train(make_classifier(**kind), X[kept], y[kept]), X)


@fit_and_partial_fit
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("order", "CF")
def test_zero_weight_is_removal_whatever_the_array(train, dtype, order, data):
    X, y, weight = data
    X = np.asarray(X, dtype, order=order)
    kept = weight > 0
    got = train(make_classifier(batch_size=16), X, y, weight)
    assert_same_bits(got, train(make_classifier(batch_size=16), X[kept], y[kept], weight[kept]), X)


@pytest.mark.parametrize("huge", [1e6, 1e200, np.finfo(np.float64).max])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_of_zero_weight_may_hold_any_number(huge, dtype, data):
    X, y, weight = data
    noisy = np.where(weight[:, None] > 0, X, huge)
    one, other = (make_classifier(dtype=dtype).fit(form, y, weight) for form in (X, noisy))
    assert_same_bits(one, other, X)


@every_way
@every_kind
def test_a_class_weight_is_a_factor_of_the_sample_weights(train, kind, data, global_random_seed):
    X, y, weight = data
    kind = kind | {"random_state": global_random_seed, "dropout": 0.2}
    factors = np.array([WEIGHTS.get(label, 1) for label in y])
    got = train(make_classifier(**kind, class_weight=WEIGHTS), X, y)
    assert_same_bits(got, train(make_classifier(**kind), X, y, factors), X)
    kind = kind | SMOOTH
    got = train(make_classifier(**kind, class_weight=WEIGHTS), X, y, weight)
    expected = train(make_classifier(**kind), X, y, weight * factors)
    assert_close(got, expected, rtol=1e-8, atol=1e-11)


@fit_ways
@pytest.mark.parametrize("times", [None, "integers"])
def test_balanced_is_what_scikit_learn_computes(train, times, data):
    """Of the samples that count: integer weights are repetition here, too."""
    X, y, _ = data
    if times:
        times = np.random.default_rng(1).integers(0, 4, len(y))
        X, y = X.repeat(times, axis=0), y.repeat(times)
    kind = SMOOTH | {"batch_size": 10_000}
    expected = train(make_classifier(**kind), X, y, compute_sample_weight("balanced", y))
    balanced = make_classifier(**kind, class_weight="balanced")
    X, y, _ = data
    assert_close(train(balanced, X, y, times), expected)


@every_way
@pytest.mark.parametrize("kind", [{}, {"standardize": False}, {"alpha": 0.1}], ids=str)
@pytest.mark.parametrize("class_weight", [{}, {0: 3, 2: 2}, {1: 0, 3: 4}], ids=str)
def test_integer_weight_is_repetition(train, class_weight, kind, data):
    X, y, _ = data
    times = np.random.default_rng(1).integers(0, 4, len(y))
    kind = SMOOTH | {"batch_size": 10_000, "max_iter": 8} | kind
    each = times * np.array([class_weight.get(label, 1) for label in y])
    got = train(make_classifier(**kind, class_weight=class_weight), X, y, times)
    assert_close(got, train(make_classifier(**kind), X.repeat(each, axis=0), y.repeat(each)))


@fit_and_partial_fit
def test_statistics_of_the_input_are_weighted(train):
    """Each channel's mean and deviation, seen where training has moved nothing."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4, 4, 2)) * [5, 0.1] + [7, -3], np.arange(30) % 5
    times = rng.integers(0, 4, 30)
    still = {"learning_rate": 1e-300, "max_iter": 1}
    got = train(make_classifier(**still), X, y, times)
    repeated = X.repeat(times, axis=0)
    by_hand = (X - repeated.mean(axis=(0, 1, 2))) / repeated.std(axis=(0, 1, 2))
    plain = train(make_classifier(**still, standardize=False), by_hand, y)
    np.testing.assert_allclose(got.predict_proba(X), plain.predict_proba(by_hand), rtol=1e-10)


# Common factors


@every_way
@every_kind
@pytest.mark.parametrize("class_weight", [None, WEIGHTS, "balanced"])
@pytest.mark.parametrize("power", [-20, 7])
def test_a_common_factor_that_is_a_power_of_two_changes_no_bit(
    train, power, class_weight, kind, data
):
    if train is by_partial_fit and class_weight == "balanced":
        class_weight = {4: 0.1}
    X, y, weight = data
    kind = kind | {"class_weight": class_weight}
    one, other = (train(make_classifier(**kind), X, y, w) for w in (weight, weight * 2.0**power))
    assert_same_bits(one, other, X)
    if class_weight is WEIGHTS:
        scaled = {label: WEIGHTS.get(label, 1) * 2.0**power for label in range(5)}
        other = train(make_classifier(**kind | {"class_weight": scaled}), X, y, weight)
        assert_same_bits(one, other, X)


@every_way
@pytest.mark.parametrize("class_weight", [None, WEIGHTS, "balanced"])
@pytest.mark.parametrize("batch_size", [16, 10_000])
@pytest.mark.parametrize("factor", [0.3, 1e-100, 1e100])
def test_a_common_factor_changes_nothing_but_rounding(
    train, factor, batch_size, class_weight, data
):
    if train is by_partial_fit and class_weight == "balanced":
        class_weight = {4: 0.1}
    X, y, weight = data
    kind = SMOOTH | {"class_weight": class_weight}
    assert_close(*(train(make_classifier(**kind), X, y, w) for w in (weight, weight * factor)))


def test_weights_whose_sum_would_overflow_are_only_a_common_factor(data):
    X, y, _ = data
    weights = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
    one, other = (make_classifier().fit(X, y, w) for w in (weights, weights * 2.0**1020))
    assert_same_bits(one, other)


# Classes of zero weight


@fit_ways
@pytest.mark.parametrize("batch_size", [16, 10_000])
@pytest.mark.parametrize("by_class", [True, False])
def test_a_class_of_zero_weight_only_is_no_class(train, batch_size, by_class, data):
    X, y, _ = data
    kept = y != 2
    model = make_classifier(batch_size=batch_size, class_weight={2: 0} if by_class else None)
    got = train(model, X, y, None if by_class else kept.astype(float))
    assert got.classes_.tolist() == [0, 1, 3, 4]
    assert_same_bits(got, train(make_classifier(batch_size=batch_size), X[kept], y[kept]), X)


@pytest.mark.parametrize("by_class", [True, False])
def test_partial_fit_keeps_a_class_of_zero_weight(by_class, data):
    X, y, _ = data
    model = make_classifier(class_weight={2: 0} if by_class else None)
    by_partial_fit(model, X, y, None if by_class else (y != 2).astype(float))
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", [int, str])
def test_partial_fit_goes_on_without_the_class_of_zero_weight(kind, data):
    X, labels = data[0], data[1].astype(kind)
    kept = data[1] != 3
    model = make_classifier(class_weight={kind(3): 0.0}, warm_start=True).fit(X, labels)
    expected = make_classifier(warm_start=True).fit(X[kept], labels[kept])
    model.partial_fit(X, labels)
    assert_same_bits(model, expected.partial_fit(X[kept], labels[kept]), X)
    model.partial_fit(X[kept], labels[kept])


def test_one_class_of_positive_weight_is_predicted_with_probability_1(data):
    X, y, _ = data
    model = make_classifier().fit(X, y, sample_weight=y == 3)
    assert model.classes_.tolist() == [3]
    assert (model.predict_proba(X) == 1).all()


# What may be passed

FORMS = {
    "list": np.ndarray.tolist,
    "float32": lambda weight: weight.astype(np.float32),
    "int": lambda weight: weight.astype(int),
    "pandas": lambda weight: pd.Series(weight, index=range(len(weight), 0, -1)),
}
BAD_WEIGHTS = {
    "negative": (lambda w: np.where(w == 0, -1, w), "(?i)negative"),
    "NaN": (lambda w: np.where(w == 0, np.nan, w), "(?i)sample_weight.*NaN"),
    "infinite": (lambda w: np.where(w == 0, np.inf, w), "(?i)sample_weight.*inf"),
    "all zero": (lambda w: 0 * w, "(?i)sample.weight.*zero"),
    "too few": (lambda w: w[:-1], "(?i)sample_weight"),
    "two columns": (lambda w: np.stack([w, w], axis=1), "(?i)sample.weight"),
}


@fit_and_partial_fit
@pytest.mark.parametrize("form", FORMS)
def test_weights_may_be_of_any_real_type(train, form, data):
    X, y, weight = data
    weight = np.round(weight)
    one, other = (train(make_classifier(), X, y, w) for w in (weight, FORMS[form](weight)))
    assert_same_bits(one, other, X)


@fit_and_partial_fit
@pytest.mark.parametrize("kind", BAD_WEIGHTS)
def test_weights_that_make_no_sense_are_a_clear_error(train, kind, data):
    X, y, weight = data
    spoil, message = BAD_WEIGHTS[kind]
    model = make_classifier()
    with pytest.raises(ValueError, match=message):
        train(model, X, y, spoil(weight))
    assert not fitted_attributes(model)


@pytest.mark.parametrize(
    ("y", "class_weight"),
    [
        (["a", "b", "b"], {"b": 2.0}),
        (["1", "2", "2"], {"2": 2.0}),
        ([1, 2, 2], {2: 2.0}),
        ([1, 2, 2], {np.int64(2): 2}),
        ([1.0, 2.0, 2.0], {2.0: np.float32(2)}),
        ([False, True, True], {True: 2}),
        (np.array(["a", "b", "b"], dtype=object), {"b": 2}),
    ],
    ids=str,
)
def test_class_weights_name_labels_of_any_type(y, class_weight):
    X = np.random.default_rng(0).normal(size=(30, 16))
    named = make_classifier(class_weight=class_weight).fit(X, np.tile(np.asarray(y), 10))
    numbers = make_classifier(class_weight={1: 2.0}).fit(X, np.tile([0, 1, 1], 10))
    plain = make_classifier().fit(X, np.tile([0, 1, 1], 10))
    assert named.loss_curve_ == numbers.loss_curve_ != plain.loss_curve_


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({7: 1.0}, r"class_weight names \[7\], but the classes are \[0, 1, 2, 3, 4\]"),
        ({"0": 1.0}, r"class_weight names \['0'\]"),
        ({0: -1}, r"class_weight\[0\]=-1 must be a finite number of at least 0"),
        ({0: np.nan}, r"class_weight\[0\]=nan"),
        ({0: np.inf}, r"class_weight\[0\]=inf"),
        ({0: "1"}, r"class_weight\[0\]='1'"),
        ({0: None}, r"class_weight\[0\]=None"),
        (dict.fromkeys(range(5), 0), "sample_weight times class_weight is zero for every sample"),
        ("even", "'class_weight' parameter"),
        ([1, 2], r"class_weight=\[1, 2\] is a list, as for several labels"),
    ],
    ids=str,
)
@fit_and_partial_fit
def test_class_weights_that_make_no_sense_are_a_clear_error(train, class_weight, message, data):
    X, y, _ = data
    model = make_classifier(class_weight=class_weight)
    with pytest.raises(ValueError, match=message):
        train(model, X, y)
    assert not fitted_attributes(model)


def test_string_labels_that_look_like_numbers_are_no_numbers(data):
    X, y, _ = data
    with pytest.raises(ValueError, match=r"class_weight names \[3\]"):
        make_classifier(class_weight={3: 2}).fit(X, y.astype(str))


def test_a_class_that_a_fold_lacks_may_be_named(digits):
    X, y = digits[0], digits[1] % 3
    order = np.argsort(y, kind="stable")  # classes come one after the other, as in a log
    model = make_classifier(class_weight={0: 1, 1: 2, 2: 3}, max_iter=1)
    scores = cross_val_score(model, X[order], y[order], cv=TimeSeriesSplit(3), error_score="raise")
    assert scores.shape == (3,)
    without = y < 2
    got = model.fit(X, y, sample_weight=without)
    plain = make_classifier(class_weight={1: 2}, max_iter=1).fit(X[without], y[without])
    assert_same_bits(got, plain, X)


@fit_and_partial_fit
def test_a_weight_of_zero_of_a_class_that_is_absent_changes_nothing(train, data):
    X, y, _ = data
    got, plain = (
        train(make_classifier(class_weight=given), X, y) for given in ({1: 2, 9: 0}, {1: 2})
    )
    assert_same_bits(got, plain, X)


def test_the_weight_of_an_absent_class_is_checked_too(data):
    with pytest.raises(ValueError, match=r"class_weight\[9\]=-1"):
        make_classifier(class_weight={0: 1, 9: -1}).fit(*data[:2])


def test_partial_fit_does_not_exist_with_balanced_weights(data):
    X, y, _ = data
    model = make_classifier(class_weight="balanced")
    assert not hasattr(model, "partial_fit")
    assert hasattr(clone(model).set_params(class_weight={0: 2}), "partial_fit")
    with pytest.raises(AttributeError) as raised:
        model.fit(X, y).partial_fit(X, y)
    assert "class_weight='balanced'" in str(raised.value.__cause__)
    assert "Pass a dict, or sample_weight" in str(raised.value.__cause__)


def test_the_parameter_is_not_changed(data):
    given = dict(WEIGHTS)
    model = make_classifier(class_weight=given).fit(*data[:2])
    assert model.class_weight is given
    assert given == WEIGHTS


def test_a_rare_class_is_found_more_often(digits):
    X, rare = digits[0], (digits[1] == 8).astype(int)
    recalls = [
        make_classifier(max_iter=3, class_weight=given).fit(X, rare).predict(X)[rare == 1].mean()
        for given in (None, "balanced")
    ]
    assert recalls[1] > recalls[0]


# The loss by its definition, through nothing but predict_log_proba


@dataclass(frozen=True)
class Standstill(Optimizer):
    """Leaves the parameters as they were drawn."""

    def step(self, state, parameters, gradient, learning_rate):
        pass


def loss_at(model, parameters, X, y, weight, mean_weight):
    """Sum of weight * -log p over the samples, by their number times the mean weight of all."""
    model.network_.parameters[:] = parameters
    log_p = model.predict_log_proba(X)[np.arange(len(y)), y]
    return -(weight @ log_p) / (len(y) * mean_weight)


def slope_at(model, parameters, *batch):
    """Gradient of `loss_at` by central differences."""
    h, gradient = 1e-5, np.empty_like(parameters)
    for j in range(len(parameters)):
        ends = [parameters.copy() for _ in range(2)]
        ends[0][j] += h
        ends[1][j] -= h
        gradient[j] = (loss_at(model, ends[0], *batch) - loss_at(model, ends[1], *batch)) / (2 * h)
    return gradient


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("batch_size", [100, 8])
@pytest.mark.parametrize("with_zeros", [True, False])
def test_batch_loss_is_the_weighted_sum_by_samples_times_mean_weight(
    method, batch_size, with_zeros
):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(21, 25)), np.arange(21) % 3
    weight = rng.uniform(0.2, 5, 21)
    weight[[2, 11, 19]] *= not with_zeros
    rate = 0.3
    kind = SMOOTH | {"n_filters": 1, "batch_size": batch_size, "shuffle": False}
    kind |= {"max_iter": 1, "learning_rate": rate, "random_state": 3}

    def one_epoch(solver):
        model = make_classifier(**kind | {"solver": solver})
        classes = {"classes": range(3)} if method == "partial_fit" else {}
        return getattr(model, method)(X, y, sample_weight=weight, **classes)

    start, trained = one_epoch(Standstill()), one_epoch(SGD(momentum=0))
    kept = np.flatnonzero(weight)
    p, losses, sizes = start.network_.parameters.copy(), [], []
    for first in range(0, len(kept), batch_size):
        part = kept[first : first + batch_size]
        batch = X[part], y[part], weight[part], weight[kept].mean()
        losses.append(loss_at(start, p, *batch))
        sizes.append(len(part))
        p = p - rate * slope_at(start, p, *batch)
    np.testing.assert_allclose(trained.network_.parameters, p, rtol=1e-6, atol=1e-8)
    assert trained.loss_ == pytest.approx(np.average(losses, weights=sizes), rel=1e-7)


def test_loss_and_accuracy_of_an_epoch_are_weighted_means(data):
    X, y, weight = data
    model = make_classifier(solver=Standstill(), max_iter=1, batch_size=16)
    model.fit(X, y, sample_weight=weight)
    log_p = model.predict_log_proba(X)[np.arange(len(y)), y]
    assert model.loss_ == pytest.approx(-np.average(log_p, weights=weight), rel=1e-12)
    accuracy = model.score(X, y, sample_weight=weight)
    assert model.history_[0]["accuracy"] == pytest.approx(accuracy, rel=1e-12)


# Regression

REGRESSORS = [
    {},
    {"standardize": False},
    {"standardize": "pixel"},
    {"batch_size": 200},
    {"loss": "absolute_error"},
]


@pytest.mark.parametrize("kind", REGRESSORS, ids=str)
@pytest.mark.parametrize("stopping", [False, True])
def test_a_regressor_takes_equal_weights_for_none_and_zero_for_removal(kind, stopping, numbers):
    X, y = numbers
    kind = kind | {"early_stopping": stopping, "max_iter": 4}
    weights = np.random.default_rng(0).integers(0, 3, len(y)) * 0.7
    keep, kept_val = weights > 0, np.arange(30) % 2 > 0
    val = {"X_val": X[:30], "y_val": y[:30]}
    plain = make_regressor(**kind).fit(X, y, **val)
    assert_same_bits(make_regressor(**kind).fit(X, y, np.full(len(y), 0.3), **val), plain, X)
    weighted = make_regressor(**kind).fit(X, y, weights, **val, sample_weight_val=kept_val)
    val = {name: part[kept_val] for name, part in val.items()}
    removed = make_regressor(**kind).fit(X[keep], y[keep], weights[keep] * 4, **val)
    assert_same_bits(weighted, removed, X)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_integer_weights_of_a_regressor_are_repetition(loss, numbers):
    X, y = numbers
    repeats = np.random.default_rng(0).integers(0, 4, len(y))
    model = make_regressor(
        solver=SGD(momentum=0.0), batch_size=1000, max_iter=20, learning_rate=0.05, loss=loss
    )
    weighted = model.fit(X, y, repeats).predict(X)
    repeated = model.fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats, axis=0)).predict(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9)


# Weights that are all but zero


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("class_weight", [None, "balanced", {2: 1e-320, 1: 1e10}])
def test_a_class_of_tiny_weights_is_a_class(class_weight, dtype, data):
    X, y, _ = data
    weights = np.where(y == 2, 1e-320, 1e10)
    model = make_classifier(class_weight=class_weight, dtype=dtype)
    model.fit(X, y, weights, X_val=X, y_val=y, sample_weight_val=weights)
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]
    assert np.isfinite(model.predict_proba(X)).all()
    found = (model.predict(X) == 2).any()
    assert found == (class_weight == "balanced")


def test_how_tiny_a_tiny_weight_is_does_not_matter(data):
    X, y, _ = data
    tiny, small = (
        make_classifier().fit(X, y, np.where(y == 2, least, 1.0)).predict_proba(X)
        for least in (1e-320, 1e-30)
    )
    np.testing.assert_allclose(tiny, small, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("scale", [2.0**1000, 2.0**-1000, 3])
def test_scores_are_means_whatever_the_scale_of_weights(
    scale, classifier, regressor, digits, numbers
):
    weight = np.random.default_rng(0).uniform(0.5, 1, len(digits[1])) * (2 if scale == 3 else 1)
    for model, (X, y) in ((classifier, digits), (regressor, numbers)):
        expected = model.score(X, y, weight[: len(y)])
        got = model.score(X, y, weight[: len(y)] * scale)
        assert got == (pytest.approx(expected, rel=1e-13) if scale == 3 else expected)
    far = regressor.score(1e30 * numbers[0], numbers[1], weight[: len(numbers[1])] * 2.0**1000)
    assert -np.inf < far < -1e50
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        regressor.score(*numbers, weight)
    assert np.isfinite(classifier.score(*digits, np.full(300, np.finfo(float).max)))
