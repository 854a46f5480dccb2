from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from skcnn.optimizers import SGD, Optimizer

# Adam turns differences of rounding around zero into whole steps; what is equal up to rounding is
# therefore shown with SGD, and with tanh, which has no kinks.
SMOOTH = {"solver": SGD(momentum=0.5), "activation": "tanh", "pooling": "average"}


@pytest.fixture
def data(digits):
    """Digits of five classes in float64, and weights of which a third are zero."""
    X, y = digits
    few = y < 5
    X, y = X[few].astype(np.float64), y[few]
    rng = np.random.default_rng(0)
    return X, y, rng.uniform(0.1, 3, len(y)) * (rng.uniform(size=len(y)) > 1 / 3)


def by_fit(model, X, y, weight=None, classes=None):
    return model.fit(X, y, sample_weight=weight)


def by_partial_fit(model, X, y, weight=None, classes=None):
    classes = np.unique(y) if classes is None else classes
    for _ in range(2):
        model.partial_fit(X, y, classes=classes, sample_weight=weight)
    return model


both_ways = pytest.mark.parametrize("train", [by_fit, by_partial_fit])


@both_ways
@pytest.mark.parametrize("value", [1, 1.0, 3, 0.1, 1e-30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_weights_are_no_weights_to_the_last_bit(
    train, value, dtype, data, make_classifier, assert_same_bits
):
    X, y, _ = data
    X = X.astype(dtype)
    plain = train(make_classifier(dropout=0.2), X, y)
    weighted = train(make_classifier(dropout=0.2), X, y, np.full(len(y), value))
    assert_same_bits(plain, weighted, X)
    assert plain.history_[-1]["accuracy"] == weighted.history_[-1]["accuracy"]


@both_ways
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("order", "CF")
def test_zero_weight_is_removal_to_the_last_bit(
    train, dtype, order, data, make_classifier, assert_same_bits
):
    X, y, weight = data
    X = np.asarray(X, dtype, order=order)
    kept = weight > 0
    assert 0 < kept.sum() < len(y)
    parameters = {"batch_size": 16, "max_iter": 3, "dropout": 0.2}
    weighted = train(make_classifier(**parameters), X, y, weight)
    without = train(make_classifier(**parameters), X[kept], y[kept], weight[kept])
    assert_same_bits(weighted, without, X)
    same = train(make_classifier(**parameters), X, y, kept)  # zero or one
    assert_same_bits(same, train(make_classifier(**parameters), X[kept], y[kept]), X)


def test_what_zero_weight_rows_hold_does_not_matter(data, make_classifier, assert_same_bits):
    X, y, weight = data
    noisy = np.where(weight[:, None] > 0, X, 1e6)
    models = (make_classifier().fit(form, y, sample_weight=weight) for form in (X, noisy))
    assert_same_bits(*models, X)


def test_a_class_of_zero_weight_only_is_no_class(data, make_classifier, assert_same_bits):
    X, y, _ = data
    weight = (y != 2).astype(float)
    model = make_classifier().fit(X, y, sample_weight=weight)
    assert model.classes_.tolist() == [0, 1, 3, 4]
    assert_same_bits(model, make_classifier().fit(X[y != 2], y[y != 2]), X)


def test_partial_fit_keeps_a_class_whose_rows_have_zero_weight(data, make_classifier):
    X, y, _ = data
    model = make_classifier().partial_fit(X, y, range(5), sample_weight=(y != 2).astype(float))
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]


def test_one_class_of_positive_weight_is_predicted_with_probability_1(data, make_classifier):
    X, y, _ = data
    model = make_classifier().fit(X, y, sample_weight=y == 3)
    assert model.classes_.tolist() == [3]
    assert (model.predict_proba(X) == 1).all()


@both_ways
@pytest.mark.parametrize("alpha", [0, 0.1])
def test_integer_weight_is_repetition(train, alpha, data, make_classifier):
    X, y, _ = data
    times = np.random.default_rng(1).integers(0, 4, len(y))
    parameters = SMOOTH | {"batch_size": 10_000, "max_iter": 8, "alpha": alpha}
    weighted = train(make_classifier(**parameters), X, y, times)
    repeated = train(make_classifier(**parameters), X.repeat(times, axis=0), y.repeat(times))
    np.testing.assert_allclose(
        weighted.network_.parameters, repeated.network_.parameters, rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-10)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(
            [record[name] for record in weighted.history_],
            [record[name] for record in repeated.history_],
            rtol=1e-10,
        )


@both_ways
@pytest.mark.parametrize("power", [-20, -1, 1, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_common_factor_that_is_a_power_of_two_changes_no_bit(
    train, power, dtype, data, make_classifier, assert_same_bits
):
    X, y, weight = data
    X = X.astype(dtype)
    models = [train(make_classifier(), X, y, w) for w in (weight, weight * 2.0**power)]
    assert_same_bits(*models, X)


@both_ways
@pytest.mark.parametrize("factor", [0.1, 3, 1e-100, 1e100])
def test_a_common_factor_changes_nothing_but_rounding(train, factor, data, make_classifier):
    X, y, weight = data
    models = [train(make_classifier(**SMOOTH), X, y, w) for w in (weight, weight * factor)]
    np.testing.assert_allclose(
        *(model.network_.parameters for model in models), rtol=1e-9, atol=1e-12
    )


FORMS = {
    "list": np.ndarray.tolist,
    "float32": lambda weight: weight.astype(np.float32),
    "int": lambda weight: weight.astype(int),
    "pandas": lambda weight: pd.Series(weight, index=range(len(weight), 0, -1)),
}


@both_ways
@pytest.mark.parametrize("form", FORMS)
def test_weights_may_be_of_any_real_type(train, form, data, make_classifier, assert_same_bits):
    X, y, weight = data
    weight = np.round(weight)
    given = FORMS[form](weight)
    assert_same_bits(*(train(make_classifier(), X, y, w) for w in (weight, given)), X)


BAD_WEIGHTS = {
    "negative": (lambda w: np.where(w == 0, -1, w), "(?i)negative"),
    "NaN": (lambda w: np.where(w == 0, np.nan, w), "(?i)sample_weight.*NaN"),
    "infinite": (lambda w: np.where(w == 0, np.inf, w), "(?i)sample_weight.*inf"),
    "all zero": (lambda w: 0 * w, "(?i)sample.weight.*zero"),
    "too few": (lambda w: w[:-1], "(?i)sample_weight"),
    "two columns": (lambda w: np.stack([w, w], axis=1), "(?i)sample.weight"),
}


@both_ways
@pytest.mark.parametrize("kind", BAD_WEIGHTS)
def test_weights_that_make_no_sense_are_a_clear_error(train, kind, data, make_classifier):
    X, y, weight = data
    spoil, message = BAD_WEIGHTS[kind]
    model = make_classifier()
    with pytest.raises(ValueError, match=message):
        train(model, X, y, spoil(weight))
    assert not hasattr(model, "classes_")


# The loss by its definition, through nothing but predict_log_proba


@dataclass(frozen=True)
class Standstill(Optimizer):
    """Leaves the parameters as they were drawn."""

    def step(self, state, parameters, gradient, learning_rate):
        pass


def loss_at(model, parameters, X, y, weight, mean_weight):
    """Sum of weight * -log p over the rows, by their number times the mean weight of all rows."""
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


@both_ways
@pytest.mark.parametrize("batch_size", [100, 8])
@pytest.mark.parametrize("with_zeros", [True, False])
def test_batch_loss_is_the_weighted_sum_by_rows_times_mean_weight(
    train, batch_size, with_zeros, make_classifier
):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(21, 25)), np.arange(21) % 3
    weight = rng.uniform(0.2, 5, 21)
    weight[[2, 11, 19]] *= not with_zeros
    rate = 0.3
    parameters = SMOOTH | {
        "n_filters": 1,
        "batch_size": batch_size,
        "shuffle": False,
        "max_iter": 1,
        "learning_rate": rate,
    }
    model = make_classifier(**parameters, random_state=3)

    def one_epoch(model):
        if train is by_fit:
            return model.fit(X, y, sample_weight=weight)
        return model.partial_fit(X, y, classes=range(3), sample_weight=weight)

    start = one_epoch(make_classifier(**parameters | {"solver": Standstill()}, random_state=3))
    trained = one_epoch(model.set_params(solver=SGD(momentum=0)))
    kept = np.flatnonzero(weight)
    mean_weight = weight[kept].mean()
    p, losses, rows = start.network_.parameters.copy(), [], []
    for first in range(0, len(kept), batch_size):
        part = kept[first : first + batch_size]
        batch = X[part], y[part], weight[part], mean_weight
        losses.append(loss_at(start, p, *batch))
        rows.append(len(part))
        p = p - rate * slope_at(start, p, *batch)
    np.testing.assert_allclose(trained.network_.parameters, p, rtol=1e-6, atol=1e-8)
    assert trained.loss_ == pytest.approx(np.average(losses, weights=rows), rel=1e-7)


def test_loss_and_accuracy_of_an_epoch_are_weighted_means(data, make_classifier):
    X, y, weight = data
    model = make_classifier(solver=Standstill(), max_iter=1, batch_size=16)
    model.fit(X, y, sample_weight=weight)
    log_p = model.predict_log_proba(X)[np.arange(len(y)), y]
    assert model.loss_ == pytest.approx(-np.average(log_p, weights=weight), rel=1e-12)
    assert model.history_[0]["accuracy"] == pytest.approx(
        model.score(X, y, sample_weight=weight), rel=1e-12
    )


def test_statistics_of_the_input_are_weighted(make_classifier):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4, 4, 2)) * [5, 0.1] + [7, -3], np.arange(30) % 2
    times = rng.integers(0, 4, 30)
    model = make_classifier().fit(X, y, sample_weight=times)
    repeated = X.repeat(times, axis=0)
    np.testing.assert_allclose(
        model._fitted.standardizer.mean, repeated.mean(axis=(0, 1, 2)), rtol=1e-12
    )
    np.testing.assert_allclose(
        model._fitted.standardizer.deviation, repeated.std(axis=(0, 1, 2)), rtol=1e-12
    )


def test_weights_whose_sum_would_overflow_are_only_a_common_factor(digits, make_classifier):
    X, y = digits
    weights = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
    plain = make_classifier().fit(X, y, weights)
    huge = make_classifier().fit(X, y, weights * 2.0**1020)
    assert huge.network_.parameters.tobytes() == plain.network_.parameters.tobytes()
