"""Channels first and last, and warnings where a shape was guessed against the data."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from skcnn.augmentation import HorizontalFlip, Shift
from skcnn.exceptions import ImageShapeWarning
from tests.support.estimators import (
    assert_same_bits,
    few_iterations,
    make_classifier,
    make_regressor,
    unchanged,
)
from tests.support.memory import measures_memory, peak_of

# of an image, channels last, and as it is with channels first
SHAPES = {
    "signals": ((1, 16, 3), (3, 16)),
    "images": ((4, 6, 2), (2, 4, 6)),
    "gray images": ((6, 8, 1), (1, 6, 8)),
    "volumes": ((2, 4, 3, 2), (2, 2, 4, 3)),
}
WAYS = {
    "plain": {},
    "not standardized": {"standardize": False, "augment": Shift(0.2)},
    "each pixel": {"standardize": "pixel"},
    "each sample": {"standardize": "sample"},
    "augmented": {"augment": [HorizontalFlip(), Shift(0.2)]},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.2},
    "a scorer": {"early_stopping": True, "scoring": lambda model, X, y: model.predict(X).sum()},
    "lbfgs": {"solver": "lbfgs", "batch_size": "auto"},
}
MAKE = {"classifier": make_classifier, "regressor": make_regressor}


def pair(shape, dtype=np.uint8, n=40, seed=0):
    """Return images with channels last and first, and targets."""
    rng = np.random.default_rng(seed)
    last = rng.integers(0, 200, (n, *shape)).astype(dtype)
    last[..., 0] //= 4  # channels differ
    return last, np.ascontiguousarray(np.moveaxis(last, -1, 1)), rng.integers(0, 3, n)


def flat(X):
    return X.reshape(len(X), -1)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("shape", SHAPES)
def test_channels_first_give_the_same_bits_as_channels_last(shape, kind, dtype):
    image_shape, given = SHAPES[shape]
    last, first, y = pair(image_shape, dtype)
    first = first.reshape(len(y), *given)
    expected = MAKE[kind]().fit(last, y, np.arange(len(y)) % 4)
    inferred = MAKE[kind](channels="first").fit(first, y, np.arange(len(y)) % 4)
    assert inferred.image_shape_ == expected.image_shape_ == image_shape
    assert_same_bits(expected, inferred, last, first)
    assert_same_bits(expected, inferred, flat(last), flat(first))
    model = MAKE[kind](channels="first", image_shape=given)
    for X in (flat(first), first, first.tolist(), np.asfortranarray(flat(first))):
        model.fit(np.asarray(X, dtype), y, np.arange(len(y)) % 4)
        assert_same_bits(expected, model, last, first)
    assert model.get_params()["image_shape"] is given


@few_iterations
@pytest.mark.parametrize("way", WAYS)
def test_channels_first_count_in_all_that_is_learned(way):
    last, first, y = pair((4, 6, 2))
    expected = make_classifier(**WAYS[way]).fit(last, y)
    model = make_classifier(channels="first", **WAYS[way]).fit(first, y)
    assert_same_bits(expected, model, last, first)


def test_a_validation_set_has_its_channels_where_x_has_them():
    last, first, y = pair((4, 6, 2))
    expected = make_classifier().fit(last, y, X_val=last[:9], y_val=y[:9])
    for X_val in (first[:9], flat(first[:9])):
        model = make_classifier(channels="first").fit(first, y, X_val=X_val, y_val=y[:9])
        assert_same_bits(expected, model, last, first)
    with pytest.raises(ValueError, match=r"validation set .* pass np.moveaxis\(X, -1, 1\)"):
        make_classifier(channels="first").fit(first, y, X_val=last[:9], y_val=y[:9])


def test_partial_fit_warm_starts_and_copies_keep_the_channels_first():
    last, first, y = pair((4, 6, 2))
    expected = make_classifier().partial_fit(last, y, classes=range(3)).partial_fit(last, y)
    model = make_classifier(channels="first").partial_fit(first, y, classes=range(3))
    model = pickle.loads(pickle.dumps(model)).partial_fit(first, y)
    assert_same_bits(expected, model, last, first)
    expected = make_classifier(warm_start=True).fit(last, y).fit(last, y)
    model = make_classifier(warm_start=True, channels="first").fit(first, y).fit(flat(first), y)
    assert_same_bits(expected, model, last, first)


def test_other_channels_are_for_the_next_fit_and_no_way_to_continue():
    last, first, y = pair((4, 6, 2))
    model = make_classifier(channels="first", warm_start=True).fit(first, y)
    before = model.predict_proba(first)
    model.set_params(channels="last")
    np.testing.assert_array_equal(model.predict_proba(first), before)
    with unchanged(model), pytest.raises(ValueError, match=r"changed .*channels.*'first'"):
        model.fit(first.reshape(len(y), -1), y)
    assert model.set_params(warm_start=False).fit(last, y).image_shape_ == (4, 6, 2)


@pytest.mark.parametrize(
    ("channels", "remedy"),
    [
        ("first", r"pass np.moveaxis\(X, -1, 1\), or fit with channels='last'"),
        ("last", r"pass np.moveaxis\(X, 1, -1\), or fit with channels='first'"),
    ],
)
def test_images_with_their_channels_at_the_other_end_are_refused(channels, remedy):
    last, first, y = pair((4, 6, 2))
    right, wrong = (first, last) if channels == "first" else (last, first)
    model = make_classifier(channels=channels).fit(right, y)
    with pytest.raises(ValueError, match=remedy):
        model.predict(wrong)
    given = {"channels": channels, "image_shape": right.shape[1:]}
    with pytest.raises(ValueError, match=remedy):
        make_classifier(**given).fit(wrong, y)


def test_image_shape_is_that_of_x_with_channels_first():
    _, first, y = pair((4, 6, 2))
    words = r"image_shape=\(2, 4, 7\) has 56 .*\(L,\), \(C, L\), \(C, H, W\) or \(C, D, H, W\)"
    with pytest.raises(ValueError, match=words):
        make_classifier(channels="first", image_shape=(2, 4, 7)).fit(first, y)
    with pytest.raises(ValueError, match="'channels' parameter"):
        make_classifier(channels="middle").fit(first, y)


def test_one_channel_is_read_alike_from_either_end():
    X = np.random.default_rng(0).random((20, 64))
    y = np.arange(20) % 2
    expected, model = make_classifier().fit(X, y), make_classifier(channels="first").fit(X, y)
    assert model.image_shape_ == (8, 8)
    assert_same_bits(expected, model, X, X.reshape(-1, 8, 8))
    assert make_classifier(channels="first", image_shape=64).fit(X, y).image_shape_ == (64,)


@measures_memory
def test_x_with_channels_first_is_not_copied_as_a_whole():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (5000, 3, 16, 16), dtype=np.uint8), np.arange(5000) % 2
    model = make_classifier(
        n_filters=1, filter_size=2, stride=6, batch_size=100, max_iter=1, channels="first"
    ).fit(X[:500], y[:500])  # imports and caches
    assert peak_of(lambda: model.fit(X, y)) < 0.7 * X.nbytes


# Warnings


def signals():
    return np.random.default_rng(0).normal(size=(40, 100)).cumsum(axis=1)


@pytest.mark.parametrize("kind", MAKE)
def test_a_doubtful_guess_is_one_warning_a_fit(kind):
    X, y = signals(), np.arange(40) % 2
    model = MAKE[kind](early_stopping=True)
    with pytest.warns(ImageShapeWarning, match="as in signals") as caught:
        model.fit(X, y, X_val=X, y_val=y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    model.predict(X)  # without one
    model.score(X, y)


def test_only_the_first_of_several_calls_warns():
    X, y = signals(), np.arange(40) % 2
    for model in (make_classifier(warm_start=True), make_classifier()):
        with pytest.warns(ImageShapeWarning):
            model.partial_fit(X, y, classes=[0, 1])
        model.partial_fit(X, y)
        if model.warm_start:
            model.fit(X, y)


def test_each_fit_of_a_cross_validation_warns_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cross_val_score(make_classifier(), signals(), np.arange(40) % 2, cv=3)
    assert [warning.category for warning in caught] == [ImageShapeWarning] * 3


@pytest.mark.parametrize(
    ("parameters", "shape"),
    [
        ({"image_shape": (100,)}, (100,)),
        ({"image_shape": (10, 10)}, (100,)),
        ({"image_shape": (4, 5, 5)}, (4, 5, 5)),
        ({"channels": "first"}, (4, 5, 5)),
    ],
)
def test_no_warning_where_the_shape_is_given(parameters, shape):
    make_classifier(**parameters).fit(signals().reshape(-1, *shape), np.arange(40) % 2)


def test_a_warning_made_an_error_leaves_everything_as_it_was():
    model = make_classifier()
    with unchanged(model), warnings.catch_warnings():
        warnings.simplefilter("error", ImageShapeWarning)
        with pytest.raises(ImageShapeWarning):
            model.fit(signals(), np.arange(40) % 2)
