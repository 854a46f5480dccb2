import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skcnn.layers import Conv, MaxPool
from skcnn.optimizers import SGD

ALL_METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


@pytest.fixture
def images():
    """Flat images of 2 x 3 x 4 x 2, small integers in uint8, and labels."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 200, (40, 48), dtype=np.uint8)
    return X, rng.integers(0, 3, 40)


def as_memory_map(X, folder):
    X.tofile(folder / "X")
    return np.memmap(folder / "X", X.dtype, mode="r", shape=X.shape)


def read_only(X):
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
    "read-only": lambda X, folder: read_only(X),
    "every second column": lambda X, folder: np.repeat(X, 2, axis=1)[:, ::2],
    "rows in reverse": lambda X, folder: X[::-1].copy()[::-1],
    "object": lambda X, folder: X.astype(object),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_of_x_give_the_same_bits_as_an_array(
    container, weighted, images, make_classifier, assert_same_bits, tmp_path
):
    X, y = images
    X = X.astype(np.float64)
    X[0, 0] = 0.5  # so that a list is float, too
    weight = np.arange(len(y)) % 4 if weighted else None
    contained = CONTAINERS[container](X, tmp_path)
    model, other = (
        make_classifier(batch_size=7).fit(form, y, sample_weight=weight) for form in (X, contained)
    )
    assert_same_bits(model, other, X, contained)
    model, other = (
        make_classifier(batch_size=7).partial_fit(form, y, range(3), sample_weight=weight)
        for form in (X, contained)
    )
    assert_same_bits(model, other, X, contained)


@pytest.mark.parametrize("container", ["pandas", "polars", "memory map", "column-major"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_containers_of_narrow_x_give_the_same_bits(
    container, dtype, images, make_classifier, assert_same_bits, tmp_path
):
    X, y = images[0].astype(dtype), images[1]
    contained = CONTAINERS[container](X, tmp_path)
    model, other = (make_classifier(batch_size=7).fit(form, y) for form in (X, contained))
    assert model.network_.dtype == np.float32
    assert_same_bits(model, other, X, contained)


@pytest.mark.parametrize(
    "shape", [(6, 8), (48, 1), (2, 12, 2), (4, 4, 3), (6, 8, 1), (2, 3, 4, 2), (2, 3, 8, 1)]
)
@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist])
def test_shaped_x_gives_the_same_bits_as_flat_x(
    shape, form, images, make_classifier, assert_same_bits
):
    X, y = images[0].astype(np.float64), images[1]
    shaped = form(X.reshape(len(X), *shape))
    expected = make_classifier(image_shape=shape, batch_size=7).fit(X, y)
    inferred = make_classifier(batch_size=7).fit(shaped, y)
    assert inferred.image_shape_ == expected.image_shape_ == shape
    assert inferred.n_features_in_ == 48
    assert_same_bits(expected, inferred, X, shaped)
    assert_same_bits(expected, make_classifier(image_shape=shape, batch_size=7).fit(shaped, y), X)
    for method in ALL_METHODS:
        np.testing.assert_array_equal(
            getattr(expected, method)(X), getattr(expected, method)(shaped)
        )
    assert expected.score(X, y) == expected.score(shaped, y)
    continued = make_classifier(image_shape=shape, batch_size=7)
    continued.partial_fit(X, y, classes=range(3)).partial_fit(shaped, y)
    assert_same_bits(expected, continued, X, shaped)


def test_lists_of_images_are_understood(images, make_classifier, assert_same_bits):
    X, y = images
    expected = make_classifier(image_shape=(6, 8)).fit(X, y)
    assert_same_bits(expected, make_classifier().fit(list(X.reshape(-1, 6, 8)), y), X)


DTYPES = {
    "bool": (np.bool_, np.float32),
    "uint8": (np.uint8, np.float32),
    "int8": (np.int8, np.float32),
    "uint16": (np.uint16, np.float32),
    "int16": (np.int16, np.float32),
    "float16": (np.float16, np.float32),
    "float32": (np.float32, np.float32),
    "int32": (np.int32, np.float64),
    "int64": (np.int64, np.float64),
    "float64": (np.float64, np.float64),
}


@pytest.mark.parametrize("name", DTYPES)
def test_working_dtype_follows_from_x_and_is_kept_throughout(name, images, make_classifier):
    X_dtype, dtype = DTYPES[name]
    X, y = (images[0] // 2).astype(X_dtype), images[1]
    for solver in ("adam", "sgd", SGD(momentum=0.0)):
        model = make_classifier(
            solver=solver, hidden_layer_sizes=(4,), dropout=0.1, alpha=0.1, pooling="average"
        )
        model.fit(X, y, sample_weight=np.arange(len(y)))
        assert model.network_.parameters.dtype == dtype
        model.partial_fit(X, y)
        assert model.network_.parameters.dtype == dtype
        state = model._fitted.state.optimizer_state
        assert {part.dtype for part in state.values() if hasattr(part, "dtype")} <= {
            np.dtype(dtype)
        }
    for method in ALL_METHODS[1:]:
        assert getattr(model, method)(X).dtype == dtype


@pytest.mark.parametrize("name", ["bool", "uint8", "int8", "int16", "uint16", "float16"])
def test_narrow_x_gives_the_same_bits_as_its_float32(
    name, images, make_classifier, assert_same_bits
):
    X = (images[0] // 2).astype(DTYPES[name][0])
    wide = X.astype(np.float32)
    models = [make_classifier().fit(form, images[1]) for form in (X, wide)]
    assert_same_bits(*models, X, wide)


@pytest.mark.parametrize("fitted", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("given", [np.float32, np.float64, np.uint8, np.int64])
def test_predict_and_partial_fit_cast_to_the_fitted_dtype(fitted, given, images, make_classifier):
    X, y = images
    model = make_classifier().fit(X.astype(fitted), y)
    dtype = np.float64 if fitted is np.float64 else np.float32
    expected = model.predict_proba(X.astype(fitted))
    assert expected.dtype == dtype
    np.testing.assert_array_equal(model.predict_proba(X.astype(given)), expected)
    assert model.predict_proba(X.astype(given)).dtype == dtype
    model.partial_fit(X.astype(given), y)
    assert model.network_.parameters.dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, np.dtype(np.float64), float])
@pytest.mark.parametrize("X_dtype", [np.uint8, np.float32, np.float64])
def test_dtype_parameter_decides(dtype, X_dtype, images, make_classifier):
    model = make_classifier(dtype=dtype).fit(images[0].astype(X_dtype), images[1])
    assert model.network_.dtype == np.dtype(dtype)
    assert model.predict_proba(images[0]).dtype == np.dtype(dtype)


def test_float64_x_is_standardised_in_float64(make_classifier):
    # 1e9 + noise: in float32 nothing of the noise is left
    rng = np.random.default_rng(0)
    noise, y = rng.normal(size=(60, 16)), np.arange(60) % 2
    noise[y == 1, :8] += 3
    model = make_classifier(max_iter=30).fit(1e9 + noise, y)
    assert model.score(1e9 + noise, y) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3, 30])
def test_probabilities_sum_to_one(dtype, n_classes, make_classifier):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 25)).astype(dtype)
    y = np.arange(120) % n_classes
    p = make_classifier(max_iter=10).fit(X, y).predict_proba(X)
    assert p.shape == (120, n_classes)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e3, 1e10, 1e30])
def test_log_probabilities_of_extreme_models_are_finite(scale, dtype, digits, make_classifier):
    X, y = digits
    model = make_classifier().fit(X.astype(dtype), y)
    *_, last = model.network_.views()
    last["weights"] *= scale
    log_p, p = model.predict_log_proba(X), model.predict_proba(X)
    assert np.isfinite(log_p).all()
    assert (log_p <= 0).all()
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert (p == 0).any()  # the model is extreme
    np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-5)


@pytest.mark.parametrize("learning_rate", [10, 1e3, 1e6])
def test_log_probabilities_after_a_huge_learning_rate_are_finite(
    learning_rate, digits, make_classifier
):
    X, y = digits
    model = make_classifier(learning_rate=learning_rate).fit(X, y)
    assert np.isfinite(model.predict_log_proba(X)).all()


@pytest.mark.parametrize("learning_rate", [1e15, 1e25, 1e35])
def test_a_model_whose_outputs_overflow_is_refused_by_fit(learning_rate, digits, make_classifier):
    # a single step, so that the loss was computed before it became infinite
    X, y = digits
    model = make_classifier(
        learning_rate=learning_rate, max_iter=1, batch_size=len(y), hidden_layer_sizes=(8,)
    )
    with pytest.raises(ValueError, match="learning_rate"):
        model.fit(X, y)


@pytest.mark.parametrize("form", ["array", "shaped", "frame", "column-major"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_x_y_and_weights_are_never_modified(form, dtype, images, make_classifier):
    X, y = images[0].astype(dtype), images[1]
    X = {
        "array": lambda: X,
        "shaped": lambda: X.reshape(-1, 6, 8),
        "frame": lambda: pd.DataFrame(X),
        "column-major": lambda: np.asfortranarray(X),
    }[form]()
    weight = np.arange(len(y), dtype=float)
    before = [np.array(part, copy=True) for part in (X, y, weight)]
    model = make_classifier(dropout=0.2).fit(X, y, sample_weight=weight)
    model.partial_fit(X, y, sample_weight=weight)
    for method in ALL_METHODS:
        getattr(model, method)(X)
    for part, copy in zip((X, y, weight), before, strict=True):
        np.testing.assert_array_equal(part, copy)


def peak_of(function):
    """The largest amount of memory in use at a time during the call, in bytes."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def many_images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (16_000, 784), dtype=np.uint8), np.arange(16_000) % 2


@pytest.fixture
def frugal(make_classifier):
    """A classifier whose own memory is small."""
    return make_classifier(
        n_filters=1, filter_size=2, stride=6, pool_size=1, batch_size=200, max_iter=1
    )


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


@pytest.mark.slow
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


def test_memory_of_predict_is_bounded_for_large_images_and_cheap_layers(make_classifier):
    X = np.random.default_rng(0).integers(0, 256, (16, 512, 512, 3), dtype=np.uint8)
    model = make_classifier(n_filters=1, filter_size=3, batch_size=2, max_iter=1)
    model.fit(X[:4], [0, 1, 0, 1])
    assert peak_of(lambda: model.predict(X)) < 100e6  # all at once would be 190 MB


@pytest.mark.parametrize(
    ("width", "inferred"),
    [(1, (1, 1)), (2, (2,)), (3, (3,)), (4, (2, 2)), (10, (10,)), (16, (4, 4)), (20, (20,))],
)
def test_image_shape_is_inferred_as_square_or_signal(width, inferred, make_classifier):
    X = np.random.default_rng(0).normal(size=(20, width))
    model = make_classifier(n_filters=(2, 3)).fit(X, np.arange(20) % 2)
    assert model.image_shape_ == inferred
    assert model.predict(X).shape == (20,)


# image_shape, filter extents in the first layer, shapes of the input and after the block
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


@pytest.mark.parametrize(("image_shape", "extent", "before", "after"), GEOMETRIES)
def test_image_shape_decides_filters_and_shapes(
    image_shape, extent, before, after, images, make_classifier
):
    X, y = images
    model = make_classifier(n_filters=2, image_shape=image_shape).fit(X, y)
    full = (image_shape,) if isinstance(image_shape, int) else tuple(image_shape)
    assert model.image_shape_ == full
    assert model.get_params()["image_shape"] is image_shape
    assert model.network_.views()[0]["weights"].shape[: len(extent)] == extent
    assert model.network_.shapes[0] == before
    assert after in model.network_.shapes
    assert model.network_.shapes[-1] == (3,)


def test_explicit_padding_and_stride_leave_an_axis_of_length_1_alone(images, make_classifier):
    X, y = images
    model = make_classifier(
        n_filters=2, image_shape=(1, 48), padding=1, stride=2, filter_size=5, pool_size=1
    ).fit(X, y)
    assert model.network_.views()[0]["weights"].shape == (1, 5, 1, 2)
    assert model.network_.shapes[1] == (1, 2, 23)


def test_given_layers_are_narrowed_to_axes_of_length_1_too(images, make_classifier):
    X, y = images
    layers = [Conv(2, 3), MaxPool(2), Conv(3, 3)]
    model = make_classifier(layers=layers, image_shape=(1, 16, 3)).fit(X, y)
    weights = [views["weights"].shape for views in model.network_.views() if "weights" in views]
    assert weights == [(1, 3, 3, 2), (1, 3, 2, 3), (24, 3)]


def test_channels_are_standardised_each_by_itself(make_classifier, assert_same_bits):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 4, 4, 2)), np.arange(50) % 3
    model = make_classifier().fit(X, y)
    # powers of two lose nothing to rounding; the shift is exact to some bits
    scaled = make_classifier().fit(X * [4.0, 0.125], y)
    assert_same_bits(model, scaled, X, X * [4.0, 0.125])
    shifted = make_classifier().fit(X * [100, 1] + [1000, -3], y)
    np.testing.assert_allclose(
        shifted.predict_proba(X * [100, 1] + [1000, -3]), model.predict_proba(X), rtol=1e-6
    )


def test_standardize_false_takes_x_as_it_is(make_classifier, assert_same_bits):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 4, 4, 2)), np.arange(50) % 3
    by_hand = (X - X.mean(axis=(0, 1, 2))) / X.std(axis=(0, 1, 2))
    model = make_classifier(standardize=False).fit(by_hand, y)
    standardised = make_classifier().fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(by_hand), standardised.predict_proba(X), rtol=1e-7
    )
    plain = make_classifier(standardize=False).fit(X, y)
    assert not np.allclose(plain.predict_proba(X), standardised.predict_proba(X), rtol=1e-3)


@pytest.mark.parametrize("size", [5, 8, 100])
@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("n_filters", [(2, 3, 4), (8, 5, 4)])
def test_pool_windows_are_clipped_to_their_axis(size, pooling, n_filters, images, make_classifier):
    X, y = images
    model = make_classifier(
        n_filters=n_filters, pool_size=size, pooling=pooling, image_shape=(4, 12)
    ).fit(X, y)
    assert all(min(shape) >= 1 for shape in model.network_.shapes)
    assert model.network_.shapes[-2] == (4 * 1 * max(1, 12 // size // size // size),)


def test_x_of_one_other_channel_axis_is_the_same_image(images, make_classifier, assert_same_bits):
    X, y = images
    model = make_classifier(image_shape=(6, 8)).fit(X, y)
    for shape in [(6, 8), (6, 8, 1), (1, 6, 8, 1)]:
        np.testing.assert_array_equal(
            model.predict_proba(X), model.predict_proba(X.reshape(-1, *shape))
        )


def test_signals_of_channels_may_come_as_length_by_channels(
    images, make_classifier, assert_same_bits
):
    X, y = images
    model = make_classifier(image_shape=(1, 16, 3)).fit(X, y)
    assert_same_bits(model, make_classifier(image_shape=(1, 16, 3)).fit(X.reshape(-1, 16, 3), y), X)


@pytest.mark.parametrize("scale", [1e200, 1e-200, 2.0**300])
def test_the_scale_of_float64_input_does_not_matter(scale, digits, make_classifier):
    X, y = digits
    X = np.asarray(X, dtype=np.float64)
    plain, scaled = make_classifier().fit(X, y), make_classifier().fit(X * scale, y)
    np.testing.assert_allclose(
        scaled.predict_proba(X * scale), plain.predict_proba(X), rtol=1e-6, atol=1e-9
    )


def test_tiny_float32_input_is_learned_from(digits, make_classifier):
    X, y = digits
    X = np.asarray(X, dtype=np.float32) * np.float32(1e-40)
    assert np.isfinite(make_classifier().fit(X, y).loss_)


def test_constant_input_of_any_size_is_only_centred(digits, make_classifier):
    _, y = digits
    for value in (0.0, 3.0, 1e300):
        assert np.isfinite(make_classifier().fit(np.full((len(y), 64), value), y).loss_)


def test_numbers_beyond_the_working_dtype_are_named(digits, make_classifier):
    X, y = digits
    model = make_classifier(dtype="float32").fit(X, y)
    for too_large in (np.full((2, 64), 1e39), np.full((2, 64), -1e300)):
        with pytest.raises(ValueError, match="too large for dtype float32"):
            model.predict_proba(too_large)
    with pytest.raises(ValueError, match="too large for dtype float32"):
        make_classifier(dtype="float32").fit(np.asarray(X, dtype=float) * 1e300, y)
    with pytest.raises(ValueError, match="too little for dtype float32"):
        make_classifier(dtype="float32").fit(np.asarray(X, dtype=float) * 1e-60, y)


@pytest.mark.parametrize("dtype", ["UInt8", "Int16", "Float32", "boolean"])
def test_nullable_pandas_columns_compute_in_the_dtype_they_stand_for(
    dtype, digits, make_classifier
):
    X, y = digits
    frame = pd.DataFrame(np.asarray(X) > 7).astype("uint8")
    model = make_classifier().fit(frame.astype(dtype), y)
    assert model.network_.dtype == np.float32
    plain = make_classifier().fit(frame, y)
    assert model.network_.parameters.tobytes() == plain.network_.parameters.tobytes()
