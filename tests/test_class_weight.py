import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from skcnn._data.class_weights import weight_of_each_class
from skcnn.optimizers import SGD

SMOOTH = {"solver": SGD(momentum=0.5), "activation": "tanh", "pooling": "average"}
WEIGHTS = {0: 0.3, 1: 2, 3: 5.5}  # 2 and 4 count 1


@pytest.fixture
def data(digits):
    """Digits of five classes in float64, sample weights of which a third are zero."""
    X, y = digits
    few = y < 5
    X, y = X[few].astype(np.float64), y[few]
    rng = np.random.default_rng(0)
    return X, y, rng.uniform(0.1, 3, len(y)) * (rng.uniform(size=len(y)) > 1 / 3)


def by_fit(model, X, y, weight=None):
    return model.fit(X, y, sample_weight=weight)


def by_early_stopping(model, X, y, weight=None):
    """Validates on rows of its own, weighted in the same way."""
    model.set_params(early_stopping=True, max_iter=4, n_iter_no_change=2)
    return model.fit(X, y, weight, X_val=X, y_val=y, sample_weight_val=weight)


def by_partial_fit(model, X, y, weight=None):
    for _ in range(2):
        model.partial_fit(X, y, classes=np.unique(y), sample_weight=weight)
    return model


every_way = pytest.mark.parametrize("train", [by_fit, by_early_stopping, by_partial_fit])
fit_ways = pytest.mark.parametrize("train", [by_fit, by_early_stopping])
batches = pytest.mark.parametrize("batch_size", [16, 10_000])
standardized = pytest.mark.parametrize("standardize", [True, False])


def assert_same_validation(one, other, rtol=0):
    """Assert equal validation records, if there are any."""
    for name in ("validation_scores_", "best_validation_score_", "best_iter_"):
        if hasattr(one, name):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol)


# Weights


def test_balanced_is_what_scikit_learn_computes():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 4, 50)
    got = weight_of_each_class("balanced", np.arange(4), targets, None)
    np.testing.assert_allclose(
        got, compute_class_weight("balanced", classes=np.arange(4), y=targets)
    )


def test_balanced_counts_weights():
    rng = np.random.default_rng(0)
    targets, times = rng.integers(0, 4, 50), rng.integers(1, 5, 50)
    got = weight_of_each_class("balanced", np.arange(4), targets, times.astype(float))
    repeated = targets.repeat(times)
    np.testing.assert_allclose(
        got, compute_class_weight("balanced", classes=np.arange(4), y=repeated)
    )


@pytest.mark.parametrize(
    ("y", "class_weight"),
    [
        (["a", "b", "b"], {"b": 2.0}),
        (["1", "2", "2"], {"2": 2.0}),
        ([1, 2, 2], {2: 2.0}),
        ([1, 2, 2], {np.int64(2): 2}),
        ([1.5, 2.5, 2.5], {2.5: np.float32(2)}),
        ([False, True, True], {True: 2}),
        (np.array(["a", "b", "b"], dtype=object), {"b": 2}),
        ([b"a", b"b", b"b"], {b"b": 2}),
    ],
)
def test_labels_may_be_of_any_type(y, class_weight):
    classes, targets = np.unique(np.asarray(y), return_inverse=True)
    got = weight_of_each_class(class_weight, classes, targets, None)
    assert got.tolist() == [1.0, 2.0]


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
        (dict.fromkeys(range(5), 0), "sample_weight times class_weight is zero for every row"),
        ("even", "'class_weight' parameter"),
        ([1, 2], "'class_weight' parameter"),
    ],
)
@pytest.mark.parametrize("train", [by_fit, by_partial_fit])
def test_class_weights_that_make_no_sense_are_a_clear_error(
    train, class_weight, message, data, make_classifier
):
    X, y, _ = data
    model = make_classifier(class_weight=class_weight)
    with pytest.raises(ValueError, match=message):
        train(model, X, y)
    assert not [name for name in vars(model) if name.endswith("_")]


def test_string_labels_that_look_like_numbers_are_no_numbers(data, make_classifier):
    X, y, _ = data
    with pytest.raises(ValueError, match=r"class_weight names \[3\]"):
        make_classifier(class_weight={3: 2}).fit(X, y.astype(str))
    names = {str(label): weight for label, weight in WEIGHTS.items()}
    as_strings = make_classifier(class_weight=names).fit(X, y.astype(str))
    as_numbers = make_classifier(class_weight=WEIGHTS).fit(X, y)
    assert as_strings.loss_curve_ == as_numbers.loss_curve_


def test_balanced_in_partial_fit_is_a_clear_error(data, make_classifier):
    X, y, _ = data
    model = make_classifier(class_weight="balanced")
    with pytest.raises(ValueError, match="class_weight='balanced' is not known in partial_fit"):
        model.partial_fit(X, y, classes=range(5))
    assert not hasattr(model, "network_")
    model.fit(X, y)
    with pytest.raises(ValueError, match="class_weight='balanced'"):
        model.partial_fit(X, y)


# Equivalences


@every_way
@batches
@standardized
def test_a_class_weight_is_a_factor_of_the_sample_weights(
    train, batch_size, standardize, data, make_classifier, assert_same_bits
):
    X, y, weight = data
    kind = {"batch_size": batch_size, "standardize": standardize, "dropout": 0.2}
    factors = np.array([WEIGHTS.get(label, 1) for label in y])
    got = train(make_classifier(**kind, class_weight=WEIGHTS), X, y)
    expected = train(make_classifier(**kind), X, y, factors)
    assert_same_bits(got, expected, X)
    assert_same_validation(got, expected)
    got = train(make_classifier(**kind | SMOOTH, class_weight=WEIGHTS), X, y, weight)
    expected = train(make_classifier(**kind | SMOOTH), X, y, weight * factors)
    np.testing.assert_allclose(
        got.network_.parameters, expected.network_.parameters, rtol=1e-8, atol=1e-11
    )
    assert_same_validation(got, expected, rtol=1e-8)


@every_way
@batches
@standardized
@pytest.mark.parametrize("value", [1, 0.1, 3])
def test_equal_weights_are_no_weights_to_the_last_bit(
    train, value, batch_size, standardize, data, make_classifier, assert_same_bits
):
    X, y, _ = data
    kind = {"batch_size": batch_size, "standardize": standardize, "dropout": 0.2}
    plain = train(make_classifier(**kind), X, y)
    weight = np.full(len(y), value)
    for model in (
        train(make_classifier(**kind, class_weight=dict.fromkeys(range(5), value)), X, y),
        train(make_classifier(**kind), X, y, weight),
        train(make_classifier(**kind, class_weight={}), X, y, weight),
    ):
        assert_same_bits(model, plain, X)
        assert_same_validation(model, plain)


@fit_ways
@batches
@standardized
@pytest.mark.parametrize("class_weight", [None, WEIGHTS, "balanced"])
def test_zero_weight_is_removal_to_the_last_bit(
    train, class_weight, batch_size, standardize, data, make_classifier, assert_same_bits
):
    X, y, weight = data
    kind = {"batch_size": batch_size, "standardize": standardize, "class_weight": class_weight}
    kept = weight > 0
    got = train(make_classifier(**kind, dropout=0.2), X, y, weight)
    expected = train(make_classifier(**kind, dropout=0.2), X[kept], y[kept], weight[kept])
    assert_same_bits(got, expected, X)
    assert_same_validation(got, expected)


@fit_ways
@batches
def test_a_class_of_zero_weight_is_no_class(
    train, batch_size, data, make_classifier, assert_same_bits
):
    X, y, _ = data
    got = train(make_classifier(batch_size=batch_size, class_weight={2: 0}), X, y)
    assert got.classes_.tolist() == [0, 1, 3, 4]
    expected = train(make_classifier(batch_size=batch_size), X[y != 2], y[y != 2])
    assert_same_bits(got, expected, X)
    assert_same_validation(got, expected)


def test_a_class_of_zero_weight_stays_a_class_in_partial_fit(data, make_classifier):
    X, y, _ = data
    model = by_partial_fit(make_classifier(class_weight={2: 0}), X, y)
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]


@every_way
@standardized
@pytest.mark.parametrize("class_weight", [{0: 3, 2: 2}, {1: 0, 3: 4}])
def test_integer_weight_is_repetition(train, class_weight, standardize, data, make_classifier):
    X, y, _ = data
    times = np.random.default_rng(1).integers(0, 4, len(y))
    kind = SMOOTH | {"batch_size": 10_000, "standardize": standardize, "max_iter": 5}
    each = times * np.array([class_weight.get(label, 1) for label in y])
    got = train(make_classifier(**kind, class_weight=class_weight), X, y, times)
    if train is by_partial_fit:
        expected = make_classifier(**kind)
        for _ in range(2):
            expected.partial_fit(X.repeat(each, axis=0), y.repeat(each), classes=range(5))
    else:
        expected = train(make_classifier(**kind), X.repeat(each, axis=0), y.repeat(each))
    np.testing.assert_allclose(
        got.network_.parameters, expected.network_.parameters, rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(got.loss_curve_, expected.loss_curve_, rtol=1e-10)
    assert_same_validation(got, expected, rtol=1e-10)


def test_balanced_with_integer_weights_is_balanced_with_repetition(data, make_classifier):
    X, y, _ = data
    times = np.random.default_rng(1).integers(0, 4, len(y))
    kind = SMOOTH | {"batch_size": 10_000, "class_weight": "balanced"}
    got = by_early_stopping(make_classifier(**kind), X, y, times)
    expected = by_early_stopping(
        make_classifier(**kind), X.repeat(times, axis=0), y.repeat(times), None
    )
    np.testing.assert_allclose(
        got.network_.parameters, expected.network_.parameters, rtol=1e-9, atol=1e-12
    )
    assert_same_validation(got, expected, rtol=1e-10)


@fit_ways
@batches
@standardized
@pytest.mark.parametrize("class_weight", [WEIGHTS, "balanced"])
@pytest.mark.parametrize("power", [-20, 7])
def test_a_common_factor_that_is_a_power_of_two_changes_no_bit(
    train, power, class_weight, batch_size, standardize, data, make_classifier, assert_same_bits
):
    X, y, weight = data
    kind = {"batch_size": batch_size, "standardize": standardize, "class_weight": class_weight}
    one, other = (train(make_classifier(**kind), X, y, w) for w in (weight, weight * 2.0**power))
    assert_same_bits(one, other, X)
    assert_same_validation(one, other)
    if class_weight is WEIGHTS:
        all_weights = {label: WEIGHTS.get(label, 1) * 2.0**power for label in range(5)}
        other = train(make_classifier(**kind | {"class_weight": all_weights}), X, y, weight)
        assert_same_bits(one, other, X)
        assert_same_validation(one, other)


@fit_ways
@batches
@pytest.mark.parametrize("class_weight", [WEIGHTS, "balanced"])
def test_a_common_factor_changes_nothing_but_rounding(
    train, class_weight, batch_size, data, make_classifier
):
    X, y, weight = data
    kind = SMOOTH | {"batch_size": batch_size, "class_weight": class_weight}
    one, other = (train(make_classifier(**kind), X, y, w) for w in (weight, weight * 0.3))
    np.testing.assert_allclose(
        one.network_.parameters, other.network_.parameters, rtol=1e-9, atol=1e-12
    )
    assert_same_validation(one, other, rtol=1e-9)


# What it is for


def test_a_rare_class_is_found_more_often(digits, make_classifier):
    X, y = digits
    rare = (y == 8).astype(int)
    model = make_classifier(max_iter=3).fit(X, rare)
    balanced = make_classifier(max_iter=3, class_weight="balanced").fit(X, rare)
    recalls = [fitted.predict(X)[rare == 1].mean() for fitted in (model, balanced)]
    assert recalls[1] > recalls[0]


def test_the_parameter_is_not_changed(data, make_classifier):
    X, y, _ = data
    given = dict(WEIGHTS)
    model = make_classifier(class_weight=given).fit(X, y)
    assert model.class_weight is given
    assert given == WEIGHTS


@pytest.mark.parametrize("kind", [int, str])
def test_partial_fit_goes_on_without_the_class_of_zero_weight(data, kind, make_classifier):
    X, y, _ = data
    labels = y.astype(kind)
    model = make_classifier(class_weight={kind(3): 0.0}, warm_start=True).fit(X, labels)
    kept = y != 3
    expected = make_classifier(warm_start=True).fit(X[kept], labels[kept])
    model.partial_fit(X, labels)
    expected.partial_fit(X[kept], labels[kept])
    assert model.network_.parameters.tobytes() == expected.network_.parameters.tobytes()
    model.partial_fit(X[kept], labels[kept])


@pytest.mark.parametrize("huge", [1e200, np.finfo(np.float64).max])
def test_a_row_of_zero_weight_may_hold_any_number(huge, data, make_classifier):
    X, y, _ = data
    X = X.copy()
    X[5] = huge
    weight = np.ones(len(y))
    weight[5] = 0
    for dtype in ("float64", "float32"):
        one = make_classifier(dtype=dtype).fit(X, y, weight)
        other = make_classifier(dtype=dtype).fit(np.delete(X, 5, 0), np.delete(y, 5))
        assert one.network_.parameters.tobytes() == other.network_.parameters.tobytes()
