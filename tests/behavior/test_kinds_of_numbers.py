"""Numbers of unusual kinds as parameters, weights, X and y: computed with, or named."""

from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skcnn.augmentation import HorizontalFlip, RandomErasing, Rotation
from skcnn.layers import BatchNorm, Conv, Dropout, SpatialDropout
from skcnn.optimizers import SGD, Adam
from skcnn.schedules import Cosine, OneCycle, Plateau
from skcnn.weight_averaging import ExponentialMovingAverage, StochasticWeightAveraging
from tests.support.estimators import assert_same_bits, make_classifier, make_regressor, unchanged

HUGE = 10**400
HALF = np.float16(0.5)
X = np.random.default_rng(0).normal(size=(24, 64))
Y = np.arange(24) % 3


def dates(X):
    return (X * 1e9).astype("datetime64[s]")


# Parameters

NUMBERS = ("alpha", "learning_rate", "max_grad_norm", "tol", "max_iter")
PARTS = {
    "momentum": lambda v: {"solver": SGD(v)},
    "beta_1": lambda v: {"solver": Adam(beta_1=v)},
    "beta_2": lambda v: {"solver": Adam(beta_2=v)},
    "epsilon": lambda v: {"layers": [Conv(2, 3), BatchNorm(epsilon=v)]},
    "rate": lambda v: {"layers": [Conv(2, 3), Dropout(v)]},
    "rate of maps": lambda v: {"layers": [Conv(2, 3), SpatialDropout(v)]},
    "decay": lambda v: {"weight_averaging": ExponentialMovingAverage(v)},
    "begin": lambda v: {"weight_averaging": StochasticWeightAveraging(v)},
    "warm_up": lambda v: {"learning_rate_schedule": Cosine(v)},
    "rise": lambda v: {"learning_rate_schedule": OneCycle(v, v, v)},
    "reduction": lambda v: {"learning_rate_schedule": Plateau(v, 1, lowest=v)},
    "tol of a plateau": lambda v: {"learning_rate_schedule": Plateau(tol=v)},
    "learning_rate_schedule": lambda v: {"learning_rate_schedule": lambda step: v},
    "probability": lambda v: {"augment": HorizontalFlip(v)},
    "angle": lambda v: {"augment": Rotation(v)},
    "erasing": lambda v: {"augment": RandomErasing(v)},
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [HUGE, 10**5000], ids=["400 digits", "5000 digits"])
def test_an_integer_that_no_float_can_hold_is_named(name, value):
    model = make_classifier(**{name: value})
    with unchanged(model), pytest.raises(ValueError, match=f"{name} is an integer of .* bits"):
        model.fit(X, Y)


FLOATS = (
    "dropout",
    "block_dropout",
    "label_smoothing",
    "learning_rate",
    "alpha",
    "max_grad_norm",
    "tol",
    "validation_fraction",
)


@pytest.mark.parametrize("name", [*FLOATS, "n_filters", "n_jobs", "verbose"])
def test_a_fraction_is_named(name):
    model = make_classifier(**{name: Fraction(1, 2)})
    message = rf"{name}=Fraction\(1, 2\) is a Fraction, .* such as 0\.5\."
    with unchanged(model), pytest.raises(ValueError, match=message):
        model.fit(X, Y)
    with unchanged(model), pytest.raises(ValueError, match=message):
        model.partial_fit(X, Y, classes=range(3))
    fitted = make_classifier().fit(X, Y).set_params(**{name: Fraction(1, 2)})
    for method in (fitted.fit, fitted.partial_fit):
        with unchanged(fitted), pytest.raises(ValueError, match=message):
            method(X, Y)


@pytest.mark.parametrize("value", [HUGE, -HUGE, 10**5000], ids=["400", "-400", "5000 digits"])
def test_a_number_of_threads_that_no_float_can_hold_is_named(value):
    message = r"n_jobs is an integer of \d+ bits, too large"
    model = make_classifier(n_jobs=value)
    with unchanged(model), pytest.raises(ValueError, match=message):
        model.fit(X, Y)
    fitted = make_classifier().fit(X, Y).set_params(n_jobs=value)
    with unchanged(fitted), pytest.raises(ValueError, match=message):
        fitted.predict(X)


@pytest.mark.parametrize("name", PARTS)
def test_parts_refuse_integers_that_no_float_can_hold(name):
    with pytest.raises(ValueError, match=r"must (be|give)"):
        make_classifier(**PARTS[name](HUGE)).fit(X, Y)


@pytest.mark.parametrize("name", PARTS)
def test_parts_take_half_precision_as_they_take_floats(name):
    half, single = (make_classifier(**PARTS[name](value)).fit(X, Y) for value in (HALF, 0.5))
    assert_same_bits(half, single, X)


@pytest.mark.parametrize(
    "name", ["dropout", "block_dropout", "alpha", "learning_rate", "max_grad_norm", "tol"]
)
def test_half_precision_is_taken_as_floats_are(name):
    half, single = (make_classifier(**{name: value}).fit(X, Y) for value in (HALF, 0.5))
    assert_same_bits(half, single, X)


def test_decays_near_one_keep_their_distance_from_it_in_half_precision():
    value = np.float16(0.9995)
    one, other = (
        make_classifier(max_iter=20, solver=Adam(beta_2=v)).fit(X, Y) for v in (value, float(value))
    )
    assert_same_bits(one, other, X)


def test_a_score_that_no_float_can_hold_is_no_score():
    model = make_classifier(early_stopping=True, scoring=lambda estimator, X, y: HUGE)
    with pytest.raises(ValueError, match=r"scoring gave .* must give one number"):
        model.fit(X, Y)


@pytest.mark.filterwarnings("ignore:The fit has learned nothing")
def test_integers_that_float64_cannot_hold_are_rounded_to_it():
    """As the page on input shapes says; what is subtracted first, in integers, is exact."""
    pixels = np.random.default_rng(0).integers(0, 2000, (24, 64))
    large = pixels + 2**60
    rounded = large.astype(float)
    assert (rounded.astype(int) != large).any()
    assert_same_bits(make_classifier().fit(large, Y), make_classifier().fit(rounded, Y), large)
    exact = make_classifier().fit(pixels.astype(float), Y)
    assert_same_bits(make_classifier().fit(large - 2**60, Y), exact, pixels)


# Weights


@pytest.mark.parametrize("make", [make_classifier, make_regressor])
@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -np.inf, HUGE, 1j, "a"], ids=lambda v: str(v)[:4]
)
def test_one_number_for_all_weights_must_be_finite(value, make):
    model = make()
    for method in ("fit", "partial_fit"):
        further = (
            {"classes": range(3)} if (make, method) == (make_classifier, "partial_fit") else {}
        )
        with unchanged(model), pytest.raises(ValueError, match="sample_weight="):
            getattr(model, method)(X, Y, sample_weight=value, **further)
    with pytest.raises(ValueError, match="sample_weight_val="):
        model.fit(X, Y, X_val=X, y_val=Y, sample_weight_val=value)


def test_one_number_for_all_weights_is_as_good_as_none():
    assert_same_bits(make_classifier().fit(X, Y, 3), make_classifier().fit(X, Y), X)
    with pytest.raises(ValueError, match=r"(?i)negative"):
        make_classifier().fit(X, Y, -1.0)


def test_weights_that_no_float_can_hold_are_named():
    with pytest.raises(ValueError, match="sample_weight holds an integer"):
        make_classifier().fit(X, Y, [HUGE] * 24)
    with pytest.raises(ValueError, match=r"class_weight\[0\]=.* must be a finite number"):
        make_classifier(class_weight={0: HUGE}).fit(X, Y)


# X


@pytest.mark.parametrize(
    ("spoiled", "message"),
    [
        (dates(X), "X holds dates or times"),
        (dates(X) - dates(X)[0, 0], "X holds dates or times"),
        (np.where(X > 2, np.datetime64("NaT", "s"), dates(X)), "X holds dates or times"),
        (pd.DataFrame(dates(X)), "X holds dates or times"),
        (X.astype(np.dtypes.StringDType()), "X holds variable-length strings"),
        (pl.DataFrame(X + 1j), "X holds complex numbers"),
        (X + 1j, "(?i)complex data not supported"),
        (pd.DataFrame(X + 1j), "(?i)complex data not supported"),
        ([[HUGE] * 64] * 24, "X holds an integer that no float can hold"),
        (np.full((24, 64), HUGE, dtype=object), "X holds an integer that no float can hold"),
    ],
    ids=range(10),
)
def test_x_of_no_real_numbers_is_named(spoiled, message):
    model = make_classifier()
    with unchanged(model), pytest.raises(ValueError, match=message):
        model.fit(spoiled, Y)
    model.fit(X, Y)
    with pytest.raises(ValueError, match=message):
        model.predict(np.asarray(spoiled) if isinstance(spoiled, pd.DataFrame) else spoiled)


def test_the_largest_numbers_of_float64_are_named_without_a_warning():
    largest = np.where(np.random.default_rng(0).random(X.shape) < 0.1, -1.7e308, 1.7e308)
    with pytest.raises(
        ValueError, match=r"X holds a number of magnitude 1\.7e\+308.* scale X down"
    ):
        make_classifier().fit(largest, Y)
    wide = X.astype(np.longdouble) * np.longdouble("1e4000")
    with pytest.raises(ValueError, match=r"magnitude \d\.\d+e\+4000, too large for dtype float64"):
        make_classifier(dtype="float64").fit(wide, Y)


# y


def test_labels_that_are_no_dates_are_named():
    days = Y.astype("datetime64[D]")
    with pytest.raises(ValueError, match="y contains NaN, NaT"):
        make_classifier().fit(X, np.where(Y > 1, np.datetime64("NaT", "D"), days))
    assert (make_classifier().fit(X, days).predict(X).dtype) == days.dtype


def test_strings_of_variable_length_are_labels():
    words = np.array(["a", "b", "long " * 9])
    variable = words.astype(np.dtypes.StringDType())[Y]
    model, plain = make_classifier().fit(X, variable), make_classifier().fit(X, words[Y])
    assert model.predict(X).tolist() == plain.predict(X).tolist()
    assert model.score(X, variable) == plain.score(X, words[Y])


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        ([0, 0.5, 1], ValueError, "Unknown label type"),
        # scikit-learn warned before 1.7
        ([b"a", b"b", b"c"], (TypeError, FutureWarning), "bytes"),
        ([0j, 1j, 2j], ValueError, "(?i)complex"),
    ],
)
def test_partial_fit_refuses_the_labels_that_fit_refuses(classes, error, message):
    y, model = np.array(classes)[Y], make_classifier()
    for call in (lambda: model.fit(X, y), lambda: model.partial_fit(X, y, classes=classes)):
        with unchanged(model), pytest.raises(error, match=message):
            call()


def test_many_classes_that_come_one_at_a_time_are_no_regression():
    model = make_classifier().partial_fit(X, np.arange(24), classes=range(100))
    assert len(model.classes_) == 100


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.where(Y > 0, 5e-324, 0), "y varies by no more than 4.94e-324, too little"),
        (np.where(Y > 0, 1.7e308, -1.7e308), r"y holds a number of magnitude 1\.7e\+308"),
        ([HUGE, 1, 2] * 8, "y holds an integer that no float can hold"),
    ],
    ids=["tiny", "large", "huge"],
)
def test_numbers_that_cannot_be_standardized_are_named(y, message):
    model = make_regressor()
    with unchanged(model), pytest.raises(ValueError, match=message):
        model.fit(X, y)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_numbers_of_any_other_magnitude_are_learned(scale):
    model = make_regressor().fit(X, Y * scale)
    expected = make_regressor().fit(X, Y * 1.0).predict(X)
    np.testing.assert_allclose(model.predict(X) / scale, expected, rtol=1e-6)
