"""What X may be: containers, dtypes, shapes and ranges; what it costs in memory."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from PIL import Image
from sklearn import config_context

from skcnn.layers import Conv, MaxPool
from skcnn.optimizers import SGD, Adam
from tests.support.estimators import assert_same_bits, make_classifier, make_regressor
from tests.support.memory import measures_memory, peak_of
from tests.support.shapes import sparse_cubes

ALL_METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


@pytest.fixture(scope="module")
def images():
    """Flat images of 2 x 3 x 4 x 2, small integers in uint8, and labels."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 200, (40, 48), dtype=np.uint8), rng.integers(0, 3, 40)


# Containers


def as_memory_map(X, folder):
    X.tofile(folder / "X")
    return np.memmap(folder / "X", X.dtype, mode="r", shape=X.shape)


def read_only(X, folder):
    X = X.copy()
    X.setflags(write=False)
    return X


CONTAINERS = {
    "list": lambda X, folder: X.tolist(),
    "list of rows": lambda X, folder: list(X),
    "tuple": lambda X, folder: tuple(X.tolist()),
    "pandas": lambda X, folder: pd.DataFrame(X),
    "polars": lambda X, folder: pl.DataFrame(X),
    "memory map": as_memory_map,
    "column-major": lambda X, folder: np.asfortranarray(X),
    "read-only": read_only,
    "every second column": lambda X, folder: np.repeat(X, 2, axis=1)[:, ::2],
    "rows in reverse": lambda X, folder: X[::-1].copy()[::-1],
    "object": lambda X, folder: X.astype(object),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_of_x_give_the_same_bits_as_an_array(container, weighted, images, tmp_path):
    X, y = images
    X = X.astype(np.float64)
    X[0, 0] = 0.5  # so that a list is float, too
    weight = np.arange(len(y)) % 4 if weighted else None
    contained = CONTAINERS[container](X, tmp_path)
    one, other = (make_classifier(batch_size=7).fit(form, y, weight) for form in (X, contained))
    assert_same_bits(one, other, X, contained)
    one, other = (
        make_classifier(batch_size=7).partial_fit(form, y, range(3), sample_weight=weight)
        for form in (X, contained)
    )
    assert_same_bits(one, other, X, contained)


@pytest.mark.parametrize("container", ["pandas", "polars", "memory map", "column-major"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_containers_of_narrow_x_give_the_same_bits(container, dtype, images, tmp_path):
    X, y = images[0].astype(dtype), images[1]
    contained = CONTAINERS[container](X, tmp_path)
    one, other = (make_classifier(batch_size=7).fit(form, y) for form in (X, contained))
    assert one.network_.dtype == np.float32
    assert_same_bits(one, other, X, contained)


@pytest.mark.parametrize("dtype", ["UInt8", "Int16", "Float32", "boolean"])
def test_nullable_pandas_columns_compute_in_the_dtype_they_stand_for(dtype, digits):
    frame = pd.DataFrame(digits[0] > 7).astype("uint8")
    model = make_classifier().fit(frame.astype(dtype), digits[1])
    assert model.network_.dtype == np.float32
    assert_same_bits(model, make_classifier().fit(frame, digits[1]))


@pytest.mark.parametrize(
    "shape", [(6, 8), (48, 1), (2, 12, 2), (4, 4, 3), (6, 8, 1), (2, 3, 4, 2), (2, 3, 8, 1)]
)
@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist])
def test_shaped_x_gives_the_same_bits_as_flat_x(shape, form, images):
    X, y = images[0].astype(np.float64), images[1]
    shaped = form(X.reshape(len(X), *shape))
    given = {"image_shape": shape, "batch_size": 7}
    expected = make_classifier(**given).fit(X, y)
    inferred = make_classifier(batch_size=7).fit(shaped, y)
    assert inferred.image_shape_ == expected.image_shape_ == shape
    assert inferred.n_features_in_ == 48
    assert_same_bits(expected, inferred, X, shaped)
    assert_same_bits(expected, make_classifier(**given).fit(shaped, y), X)
    for method in ALL_METHODS:
        np.testing.assert_array_equal(
            getattr(expected, method)(X), getattr(expected, method)(shaped)
        )
    assert expected.score(X, y) == expected.score(shaped, y)
    continued = make_classifier(**given).partial_fit(X, y, classes=range(3)).partial_fit(shaped, y)
    assert_same_bits(expected, continued, X, shaped)


def test_lists_of_images_are_understood(images):
    X, y = images
    expected = make_classifier(image_shape=(6, 8)).fit(X, y)
    assert_same_bits(expected, make_classifier().fit(list(X.reshape(-1, 6, 8)), y), X)


def objects(entries):
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array


COLUMNS = {
    "array": objects,
    "frame": lambda images: pd.DataFrame({"image": images}),
    "Series": pd.Series,
}


@pytest.mark.parametrize("make", [make_classifier, make_regressor])
@pytest.mark.parametrize("column", COLUMNS)
def test_object_arrays_and_columns_of_images_are_understood(column, make, images):
    X, y = images
    held = COLUMNS[column](list(X.reshape(-1, 6, 8)))
    expected = make(image_shape=(6, 8)).fit(X, y, X_val=X, y_val=y)
    model = make().fit(held, y, X_val=held, y_val=y)
    assert not hasattr(model, "feature_names_in_")
    assert_same_bits(expected, model, X, held)
    assert expected.score(X, y) == model.score(held, y)
    assert_same_bits(expected.partial_fit(X, y), model.partial_fit(held, y), X, held)


@pytest.mark.parametrize("make", [make_classifier, make_regressor])
def test_a_series_and_sparse_x_get_the_message_of_scikit_learn(make, images):
    X, y = images
    model = make()
    for series in (pd.Series(X[:, 0]), pd.Series(X[:, 0], dtype="Int64")):
        with pytest.raises(ValueError, match="Expected a 2-dimensional container but got"):
            model.fit(series, y)
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.fit(pl.Series(X[:, 0]), y)
    sparse = [sp.csr_array(X), *sparse_cubes((len(X), 6, 8))]
    for given in sparse:
        with pytest.raises(TypeError, match="dense data is required"):
            model.fit(given, y)
    model.fit(X, y)
    for given in sparse:
        with pytest.raises(TypeError, match="dense data is required"):
            model.predict(given)
    with pytest.raises(ValueError, match="Expected a 2-dimensional container but got"):
        model.predict(pd.Series(X[0]))


@pytest.mark.parametrize("shape", [(48,), (6, 8), (4, 4, 3), (2, 3, 4, 2)])
@pytest.mark.parametrize("make", [make_classifier, make_regressor])
def test_one_image_without_its_samples_axis_is_named(make, shape, images):
    X, y = images
    model = make(image_shape=shape).fit(X, y)
    one = X[0].reshape(shape)
    for wrong in (one, one.tolist(), one[..., np.newaxis], X[0]):
        remedy = r"\[X\]" if isinstance(wrong, list) else r"X\[np.newaxis\]"
        with pytest.raises(ValueError, match=f"looks like one image; pass {remedy}"):
            model.predict(wrong)
        with pytest.raises(ValueError, match=f"looks like one image; pass {remedy}"):
            model.partial_fit(wrong, y[:1])
    assert model.predict(one[np.newaxis]) == model.predict([one]) == model.predict(X[:1])


def test_one_image_of_pillow_is_named(images):
    X, y = images
    model = make_classifier(image_shape=(6, 8)).fit(X, y)
    one = Image.fromarray(X[0].reshape(6, 8))
    with pytest.raises(ValueError, match=r"one image; pass np.asarray\(X\)\[np.newaxis\]"):
        model.predict(one)
    assert model.predict(np.asarray(one)[np.newaxis]) == model.predict(X[:1])


def test_x_of_one_other_channel_axis_is_the_same_image(images):
    X, y = images
    model = make_classifier(image_shape=(6, 8)).fit(X, y)
    for shape in [(6, 8), (6, 8, 1), (1, 6, 8, 1)]:
        np.testing.assert_array_equal(
            model.predict_proba(X), model.predict_proba(X.reshape(-1, *shape))
        )


def test_signals_of_channels_may_come_as_length_by_channels(images):
    X, y = images
    model = make_classifier(image_shape=(1, 16, 3)).fit(X, y)
    assert_same_bits(model, make_classifier(image_shape=(1, 16, 3)).fit(X.reshape(-1, 16, 3), y), X)


@pytest.mark.parametrize("form", ["array", "shaped", "frame", "column-major"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_x_y_and_weights_are_never_modified(form, dtype, images):
    X, y = images[0].astype(dtype), images[1]
    X = {
        "array": lambda: X,
        "shaped": lambda: X.reshape(-1, 6, 8),
        "frame": lambda: pd.DataFrame(X),
        "column-major": lambda: np.asfortranarray(X),
    }[form]()
    weight = np.arange(len(y), dtype=float)
    before = [np.array(part, copy=True) for part in (X, y, weight)]
    model = make_classifier(dropout=0.2).fit(
        X, y, weight, X_val=X, y_val=y, sample_weight_val=weight
    )
    model.partial_fit(X, y, sample_weight=weight)
    for method in ALL_METHODS:
        getattr(model, method)(X)
    for part, copy in zip((X, y, weight), before, strict=True):
        np.testing.assert_array_equal(part, copy)


# Dtypes

DTYPES = {
    np.bool_: np.float32,
    np.uint8: np.float32,
    np.int8: np.float32,
    np.uint16: np.float32,
    np.int16: np.float32,
    np.float16: np.float32,
    np.float32: np.float32,
    np.int32: np.float64,
    np.int64: np.float64,
    np.float64: np.float64,
}
NARROW = [np.bool_, np.uint8, np.int8, np.int16, np.uint16, np.float16]


@pytest.mark.parametrize("X_dtype", DTYPES)
def test_working_dtype_follows_from_x_and_is_kept_throughout(X_dtype, images):
    X, y = (images[0] // 2).astype(X_dtype), images[1]
    for solver in ("adam", "sgd", SGD(momentum=0.0)):
        model = make_classifier(
            solver=solver, hidden_layer_sizes=(4,), dropout=0.1, alpha=0.1, pooling="average"
        )
        model.fit(X, y, sample_weight=np.arange(len(y)))
        assert model.network_.parameters.dtype == DTYPES[X_dtype]
        model.partial_fit(X, y)
        assert model.network_.parameters.dtype == DTYPES[X_dtype]
    for method in ALL_METHODS[1:]:
        assert getattr(model, method)(X).dtype == DTYPES[X_dtype]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [Adam, SGD])
def test_an_optimizer_computes_in_the_working_dtype(kind, dtype, images):
    seen = set()

    class Seen(kind):
        def step(self, state, parameters, gradient, learning_rate):
            super().step(state, parameters, gradient, learning_rate)
            arrays = parameters, gradient, *state.values()
            seen.update(part.dtype for part in arrays if isinstance(part, np.ndarray))

    make_classifier(solver=Seen()).fit(images[0].astype(dtype), images[1])
    assert seen == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", NARROW)
def test_narrow_x_gives_the_same_bits_as_its_float32(dtype, images):
    X = (images[0] // 2).astype(dtype)
    wide = X.astype(np.float32)
    one, other = (make_classifier().fit(form, images[1]) for form in (X, wide))
    assert_same_bits(one, other, X, wide)


@pytest.mark.parametrize("fitted", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("given", [np.float32, np.float64, np.uint8, np.int64])
def test_predict_and_partial_fit_cast_to_the_fitted_dtype(fitted, given, images):
    X, y = images
    model = make_classifier().fit(X.astype(fitted), y)
    dtype = np.float64 if fitted is np.float64 else np.float32
    expected, got = (model.predict_proba(X.astype(part)) for part in (fitted, given))
    assert expected.dtype == got.dtype == dtype
    np.testing.assert_array_equal(got, expected)
    model.partial_fit(X.astype(given), y)
    assert model.network_.parameters.dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, np.dtype(np.float64), float])
@pytest.mark.parametrize("X_dtype", [np.uint8, np.float32, np.float64])
def test_dtype_parameter_decides(dtype, X_dtype, images):
    model = make_classifier(dtype=dtype).fit(images[0].astype(X_dtype), images[1])
    assert model.network_.dtype == np.dtype(dtype)
    assert model.predict_proba(images[0]).dtype == np.dtype(dtype)


# Range


def test_float64_x_is_standardized_in_float64():
    # 1e9 + noise: in float32 nothing of the noise is left
    rng = np.random.default_rng(0)
    noise, y = rng.normal(size=(60, 16)), np.arange(60) % 2
    noise[y == 1, :8] += 3
    model = make_classifier(max_iter=30).fit(1e9 + noise, y)
    assert model.score(1e9 + noise, y) == 1


@pytest.mark.parametrize("kind", ["float64", "int64", "list", "pandas"])
@pytest.mark.parametrize("offset", [1e8, 1e12])
def test_float32_learns_from_differences_that_it_could_not_hold(offset, kind):
    rng = np.random.default_rng(0)
    X, y = np.round(rng.normal(0, 50, (150, 64))), np.arange(150) % 2
    X[y == 1, 20:28] += 100
    forms = {
        "float64": np.asarray,
        "int64": lambda X: X.astype(np.int64),
        "list": np.ndarray.tolist,
        "pandas": pd.DataFrame,
    }
    moved = forms[kind](X + offset)
    model = make_classifier(max_iter=8, dtype="float32")
    validated = model.fit(moved, y, X_val=moved, y_val=y)
    assert validated.score(moved, y) > 0.95
    assert validated.history_[-1]["validation_loss"] < 0.3
    plain = make_classifier(max_iter=8, dtype="float32").fit(X, y)
    np.testing.assert_allclose(validated.predict_proba(moved), plain.predict_proba(X), atol=1e-3)
    assert model.partial_fit(moved, y).score(moved, y) > 0.95


@pytest.mark.parametrize("scale", [1e200, 1e-200, 2.0**300])
def test_the_scale_of_float64_input_does_not_matter(scale, digits):
    X, y = digits[0].astype(np.float64), digits[1]
    plain, scaled = make_classifier().fit(X, y), make_classifier().fit(X * scale, y)
    np.testing.assert_allclose(
        scaled.predict_proba(X * scale), plain.predict_proba(X), rtol=1e-6, atol=1e-9
    )


def test_tiny_and_constant_input_is_learned_from(digits):
    X, y = digits
    assert np.isfinite(make_classifier().fit(X * np.float32(1e-40), y).loss_)
    for value in (0.0, 3.0, 1e300):
        assert np.isfinite(make_classifier().fit(np.full((len(y), 64), value), y).loss_)


def test_numbers_beyond_the_working_dtype_are_named(digits, classifier):
    X, y = digits[0].astype(np.float64), digits[1]
    for too_large in (np.full((2, 64), 1e39), np.full((2, 64), -1e300)):
        with pytest.raises(ValueError, match="too large for dtype float32"):
            classifier.predict_proba(too_large)
    for factor, message in [(1e300, "too large"), (1e-60, "too little")]:
        with pytest.raises(ValueError, match=f"{message} for dtype float32"):
            make_classifier(dtype="float32").fit(X * factor, y)


def test_channels_are_standardized_each_by_itself():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 4, 4, 2)), np.arange(50) % 3
    model = make_classifier().fit(X, y)
    # powers of two lose nothing to rounding; the shift is exact to some bits
    assert_same_bits(model, make_classifier().fit(X * [4.0, 0.125], y), X, other_X=X * [4.0, 0.125])
    moved = X * [100, 1] + [1000, -3]
    np.testing.assert_allclose(
        make_classifier().fit(moved, y).predict_proba(moved), model.predict_proba(X), rtol=1e-6
    )


def test_standardize_false_takes_x_as_it_is():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 4, 4, 2)), np.arange(50) % 3
    by_hand = (X - X.mean(axis=(0, 1, 2))) / X.std(axis=(0, 1, 2))
    expected = make_classifier().fit(X, y).predict_proba(X)
    plain = make_classifier(standardize=False)
    np.testing.assert_allclose(plain.fit(by_hand, y).predict_proba(by_hand), expected, rtol=1e-7)
    assert not np.allclose(plain.fit(X, y).predict_proba(X), expected, rtol=1e-3)


# Outputs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3, 30])
def test_probabilities_sum_to_one(dtype, n_classes):
    X = np.random.default_rng(0).normal(size=(120, 25)).astype(dtype)
    p = make_classifier(max_iter=10).fit(X, np.arange(120) % n_classes).predict_proba(X)
    assert p.shape == (120, n_classes)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e3, 1e10, 1e30])
def test_log_probabilities_of_extreme_models_are_finite(scale, dtype, digits):
    X, y = digits
    model = make_classifier(dtype=dtype).fit(X, y)
    *_, last = model.network_.views()
    last["weights"] *= scale
    log_p, p = model.predict_log_proba(X), model.predict_proba(X)
    assert np.isfinite(log_p).all()
    assert (log_p <= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert (p == 0).any()  # the model is extreme
    np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-5)


@pytest.mark.parametrize("learning_rate", [10, 1e3])
@pytest.mark.filterwarnings("ignore:The fit has learned nothing")
def test_log_probabilities_after_a_huge_learning_rate_are_finite(learning_rate, digits):
    model = make_classifier(learning_rate=learning_rate).fit(*digits)
    assert np.isfinite(model.predict_log_proba(digits[0])).all()


@pytest.mark.parametrize("learning_rate", [1e15, 1e25, 1e35])
def test_a_model_whose_outputs_overflow_is_refused_by_fit(learning_rate, digits):
    # a single step, so that the loss was computed before it became infinite
    one_step = {"max_iter": 1, "batch_size": 300, "hidden_layer_sizes": (8,)}
    with pytest.raises(ValueError, match="learning_rate"):
        make_classifier(learning_rate=learning_rate, **one_step).fit(*digits)


# Finite X whose outputs overflow

LOWEST = float(np.finfo(np.float32).min)  # a usual mark of missing values in images


def with_value(X, value, row):
    X = X.copy()
    X[row, 7] = value
    return X


def predictions(model, X):
    """Everything that a model says of X."""
    names = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    return [getattr(model, name)(X) for name in names if hasattr(model, name)]


@pytest.fixture(scope="module")
def noise():
    """Images of 8 x 8 whose numbers have a deviation of 1e-3, and three classes at random."""
    X = np.random.default_rng(0).normal(0, 1e-3, (60, 64)).astype(np.float32)
    return X, np.arange(60) % 3


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("make", [make_classifier, make_regressor])
def test_a_mark_of_missing_values_is_named(make, n_jobs, noise):
    X, y = noise
    model = make(n_jobs=n_jobs).fit(X, y)
    for name in ALL_METHODS:
        if hasattr(model, name):
            with pytest.raises(ValueError, match=r"X holds .* 3\.403e\+38.*\(sample 7\)"):
                getattr(model, name)(with_value(X, LOWEST, row=7))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [{}, {"batch_norm": True}, {"activation": "tanh"}], ids=str)
def test_any_finite_input_gives_finite_predictions_or_an_error_that_names_it(kind, dtype, noise):
    X, y = noise[0].astype(dtype), noise[1]
    model, messages = make_classifier(**kind).fit(X, y), []
    largest = np.finfo(dtype).maxexp + 8  # of X, whose numbers are less than 2**-7
    for power in range(0, largest, 3):
        try:
            results = predictions(model, np.ldexp(X, power - 1))
        except ValueError as error:
            messages.append(str(error))
        else:
            assert not messages  # all larger numbers are refused, too
            assert all(np.isfinite(result).all() for result in results)
            np.testing.assert_allclose(results[1].sum(axis=1), 1, atol=1e-6)
    assert 0 < len(messages) < 10
    assert all("X holds a number of magnitude" in message for message in messages)


def test_outputs_as_far_apart_as_can_be_have_finite_logarithms(digits):
    model = make_classifier().fit(digits[0], digits[1] % 2)
    *_, last = model.network_.views()
    last["weights"][:] = 0
    last["bias"][:] = [3e38, -3e38]
    (label, *_), p, log_p, decision = predictions(model, digits[0])
    lowest = np.finfo(np.float32).min
    assert label == 0
    assert (p == [1, 0]).all()
    assert (log_p == [0, lowest]).all()
    assert (decision == lowest).all()


def test_what_assume_finite_let_pass_is_not_called_an_overflow(noise):
    X = with_value(noise[0], np.nan, row=3)
    model = make_classifier().fit(*noise)
    with config_context(assume_finite=True):
        p = model.predict_proba(X)
        assert np.isnan(p).any(axis=1).tolist() == [row == 3 for row in range(len(X))]
        with pytest.raises(ValueError, match=r"sample 5"):
            model.predict_proba(with_value(X, LOWEST, row=5))


# Memory


@pytest.fixture(scope="module")
def many_images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (16_000, 784), dtype=np.uint8), np.arange(16_000) % 2


@pytest.fixture
def frugal():
    """A classifier whose own memory is small."""
    return make_classifier(
        n_filters=1, filter_size=2, stride=6, pool_size=1, batch_size=200, max_iter=1
    )


@measures_memory
@pytest.mark.parametrize("shape", [(784,), (28, 28)])
@pytest.mark.parametrize("zero_weights", [False, True])
def test_fit_of_8_bit_images_makes_no_copy_of_them(shape, zero_weights, many_images, frugal):
    X, y = many_images
    weight = (np.arange(len(y)) % 10).astype(float) if zero_weights else None
    shaped = X.reshape(-1, *shape)
    frugal.fit(X[:500], y[:500])  # imports and caches
    # not even one of 8 bits, let alone one of floats, which takes four times as much
    assert peak_of(lambda: frugal.fit(shaped, y, sample_weight=weight)) < 0.7 * X.nbytes
    assert peak_of(lambda: frugal.partial_fit(shaped, y, sample_weight=weight)) < 0.7 * X.nbytes


@measures_memory
@pytest.mark.parametrize("method", ALL_METHODS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_memory_of_predict_is_bounded(dtype, method, many_images, frugal):
    X, y = many_images
    frugal.set_params(stride=1, n_filters=4, filter_size=3).fit(X[:500], y[:500])
    few, many = X[:500].astype(dtype), X[:4000].astype(dtype)
    predict = getattr(frugal, method)
    predict(few)  # imports and caches
    outputs = 4 * (4000 - 500) * 2 * 8  # logits, probabilities, some temporaries
    peak = peak_of(lambda: predict(many))
    assert peak < peak_of(lambda: predict(few)) + outputs
    assert peak < 3e6


@measures_memory
@pytest.mark.filterwarnings("ignore:The fit has learned nothing")
def test_memory_of_predict_is_bounded_for_large_images_and_cheap_layers():
    X = np.random.default_rng(0).integers(0, 256, (16, 512, 512, 3), dtype=np.uint8)
    model = make_classifier(n_filters=1, batch_size=2, max_iter=1).fit(X[:4], [0, 1, 0, 1])
    assert peak_of(lambda: model.predict(X)) < 100e6  # all at once would be 190 MB


# Shapes


@pytest.mark.parametrize(
    ("width", "inferred"),
    [(1, (1, 1)), (2, (2,)), (3, (3,)), (4, (2, 2)), (10, (10,)), (16, (4, 4)), (20, (20,))],
)
def test_image_shape_is_inferred_as_square_or_signal(width, inferred):
    X = np.random.default_rng(0).normal(size=(20, width))
    model = make_classifier(n_filters=(2, 3)).fit(X, np.arange(20) % 2)
    assert model.image_shape_ == inferred
    assert model.predict(X).shape == (20,)


# image_shape, kernel size in the first layer, shapes of the input and after the block
GEOMETRIES = [
    ((6, 8), (3, 3), (6, 1, 8), (3, 2, 4)),
    ((48,), (3,), (1, 48), (2, 24)),
    (48, (3,), (1, 48), (2, 24)),
    ([6, 8], (3, 3), (6, 1, 8), (3, 2, 4)),
    ((4, 4, 3), (3, 3), (4, 3, 4), (2, 2, 2)),
    ((1, 16, 3), (1, 3), (1, 3, 16), (1, 2, 8)),
    ((16, 1, 3), (3, 1), (16, 3, 1), (8, 2, 1)),
    ((1, 48), (1, 3), (1, 1, 48), (1, 2, 24)),
    ((2, 3, 4, 2), (3, 3, 3), (2, 3, 2, 4), (1, 1, 2, 2)),
    ((1, 6, 4, 2), (1, 3, 3), (1, 6, 2, 4), (1, 3, 2, 2)),
    ((1, 1, 48), (1, 1), (1, 48, 1), (1, 2, 1)),
]


@pytest.mark.parametrize(("image_shape", "kernel", "before", "after"), GEOMETRIES)
def test_image_shape_decides_filters_and_shapes(image_shape, kernel, before, after, images):
    X, y = images
    model = make_classifier(n_filters=2, image_shape=image_shape).fit(X, y)
    full = (image_shape,) if isinstance(image_shape, int) else tuple(image_shape)
    assert model.image_shape_ == full
    assert model.get_params()["image_shape"] is image_shape
    assert model.network_.views()[0]["weights"].shape[: len(kernel)] == kernel
    assert model.network_.shapes[0] == before
    assert after in model.network_.shapes
    assert model.network_.shapes[-1] == (3,)


def test_explicit_padding_and_stride_leave_an_axis_of_length_1_alone(images):
    model = make_classifier(
        n_filters=2, image_shape=(1, 48), padding=1, stride=2, filter_size=5, pool_size=1
    ).fit(*images)
    assert model.network_.views()[0]["weights"].shape == (1, 5, 1, 2)
    assert model.network_.shapes[1] == (1, 2, 23)


def test_given_layers_are_narrowed_to_axes_of_length_1_too(images):
    layers = [Conv(2, 3), MaxPool(2), Conv(3, 3)]
    model = make_classifier(layers=layers, image_shape=(1, 16, 3)).fit(*images)
    weights = [views["weights"].shape for views in model.network_.views() if "weights" in views]
    assert weights == [(1, 3, 3, 2), (1, 3, 2, 3), (24, 3)]


@pytest.mark.parametrize("size", [5, 8, 100])
@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("n_filters", [(2, 3, 4), (8, 5, 4)])
def test_pool_windows_are_clipped_to_their_axis(size, pooling, n_filters, images):
    model = make_classifier(
        n_filters=n_filters, pool_size=size, pooling=pooling, image_shape=(4, 12)
    ).fit(*images)
    assert all(min(shape) >= 1 for shape in model.network_.shapes)
    assert model.network_.shapes[-2] == (4 * 1 * max(1, 12 // size // size // size),)


def test_a_regressor_takes_shaped_images_frames_and_lists(numbers):
    X, y = numbers
    flat = make_regressor().fit(X, y).predict(X)
    shaped = X.reshape(-1, 6, 6)
    assert np.array_equal(flat, make_regressor().fit(shaped, pd.DataFrame(y)).predict(shaped))
    frame = pd.DataFrame(X).add_prefix("p")
    assert np.array_equal(flat, make_regressor().fit(frame, y.tolist()).predict(frame))
