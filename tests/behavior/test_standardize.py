"""What `standardize` does with X, whatever its form, and that it helps where it should."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler

from skcnn import ScratchCNNClassifier
from skcnn._engine.workspace import Workspace
from skcnn.augmentation import RandomErasing
from skcnn.exceptions import StandardizationWarning
from tests.support.estimators import assert_same_bits, make_classifier, make_regressor

WAYS = ["channel", "pixel", "sample"]
each_way = pytest.mark.parametrize("way", WAYS)
SHAPES = [(60, 9, 8), (60, 9, 8, 3), (60, 30), (60, 1, 30, 2), (60, 4, 5, 6, 2)]


def spectra(n=200, seed=0):
    """One large curve, and a band that is 0.01 high at one of two places."""
    rng, place, y = np.random.default_rng(seed), np.linspace(0, 1, 300), np.arange(n) % 2
    curve = 3 * np.exp(-(((place - 0.4) / 0.2) ** 2)) + np.sin(5 * place)
    band = np.exp(-(((place - np.where(y, 0.45, 0.55)[:, None]) / 0.02) ** 2))
    return curve + 0.01 * band + 0.001 * rng.normal(size=(n, 300)), y


def samples(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * 20 + 100).astype(dtype), np.arange(len(rng.random(60))) % 3


def seen(model, X):
    """What the network gets of flat X, of shape (n, *lengths, channels)."""
    x = model._fitted.images(X.reshape(len(X), -1)).batch(slice(None), Workspace())
    rank = x.ndim - 2
    return x.transpose(rank + 1, *range(rank - 1), rank, rank - 1)


def test_true_is_channel(digits):
    X, y = digits
    assert_same_bits(
        make_classifier().fit(X, y), make_classifier(standardize="channel").fit(X, y), X
    )


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64", "int64", "bool"])
def test_each_pixel_is_standardized_as_by_a_standard_scaler(dtype):
    X, y = samples((60, 48), dtype) if dtype != "bool" else (samples((60, 48), "f8")[0] > 90, None)
    X[:, 5:8] = X[0, 5]  # constant
    y = np.arange(60) % 3
    weights = np.random.default_rng(1).uniform(0.5, 2, 60)
    for w in (None, weights):
        model = make_classifier(standardize="pixel", image_shape=(4, 4, 3)).fit(X, y, w)
        scaler = StandardScaler().fit(X.astype(np.float64), sample_weight=w)
        expected = scaler.transform(X.astype(np.float64)).reshape(60, 4, 4, 3)
        tolerance = 1e-12 if model.network_.dtype == np.float64 else 2e-5
        np.testing.assert_allclose(seen(model, X), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_channel_of_a_sample_is_standardized_by_itself(shape):
    X, y = samples(shape, "float64")
    X[3, ..., :1] = 0.1  # constant: of a signal or a gray image, a part
    model = make_classifier(standardize="sample", image_shape=shape[1:]).fit(X, y)
    images = X if len(shape) > 3 else X[..., None]
    axes = tuple(range(1, images.ndim - 1))
    deviation = images.std(axis=axes, keepdims=True)
    centered = images - images.mean(axis=axes, keepdims=True)
    expected = centered / np.where(deviation > 1e-12, deviation, np.inf)
    np.testing.assert_allclose(seen(model, X), expected, rtol=0, atol=1e-12)


@each_way
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_bits_depend_neither_on_the_form_of_x_nor_on_other_samples_or_threads(shape, dtype, way):
    X, y = samples(shape, dtype)
    flat = X.reshape(60, -1)
    make = {"standardize": way, "image_shape": shape[1:]}
    model = make_classifier(**make).fit(X, y)
    forms = [flat, np.asfortranarray(flat), np.repeat(flat, 2, axis=1)[:, ::2]]
    for form in forms:
        assert_same_bits(model, make_classifier(**make).fit(form, y), X, form)
    assert_same_bits(model, make_classifier(**make, n_jobs=2).fit(X, y), X)
    together = seen(model, X)
    for size in (1, 7):
        parts = [seen(model, X[start : start + size]) for start in range(0, 60, size)]
        assert np.array_equal(np.concatenate(parts), together)
    assert together.dtype == model.network_.dtype


@each_way
def test_weights_of_zero_are_removal_and_equal_ones_are_none(way, digits):
    X, y = digits
    make = {"standardize": way}
    plain = make_classifier(**make).fit(X, y)
    assert_same_bits(plain, make_classifier(**make).fit(X, y, np.full(len(y), 0.3)), X)
    weights = np.arange(len(y)) % 4
    kept = weights > 0
    assert_same_bits(
        make_classifier(**make).fit(X, y, weights),
        make_classifier(**make).fit(X[kept], y[kept], weights[kept]),
        X,
    )


@pytest.mark.parametrize("way", ["pixel", "sample"])
@pytest.mark.parametrize("value", [0.0, 0.1, 255, 5e-324, 8e307])
def test_constant_and_huge_numbers_are_fitted_without_a_warning(value, way):
    rng = np.random.default_rng(0)
    X = np.full((50, 64), float(value))
    y = rng.normal(size=50)
    assert np.isfinite(make_regressor(standardize=way).fit(X, y).predict(X)).all()
    X[:, 10:30] *= rng.uniform(-1, 1, (50, 20))
    assert np.isfinite(make_regressor(standardize=way).fit(X, y).predict(X)).all()


def test_pixels_that_vary_very_little_do_not_stand_in_the_way_of_float32():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 64)) * np.exp(-10.0 * np.arange(64))
    model = make_classifier(standardize="pixel", dtype="float32").fit(X, np.arange(60) % 2)
    images = seen(model, X)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images.std(axis=0), 1, rtol=1e-5)


def test_pixels_far_from_zero_are_centered_before_they_are_cast():
    rng = np.random.default_rng(0)
    X = 1e6 + 1e-3 * rng.normal(size=(60, 64))
    for way, expected in [
        ("pixel", StandardScaler().fit_transform(X).reshape(60, 8, 8, 1)),
        ("sample", StandardScaler().fit_transform(X.T).T.reshape(60, 8, 8, 1)),
    ]:
        model = make_classifier(standardize=way, dtype="float32").fit(X, np.arange(60) % 2)
        np.testing.assert_allclose(seen(model, X), expected, rtol=0, atol=1e-5)


@each_way
@pytest.mark.parametrize("call", ["partial_fit", "fit"])
def test_later_calls_keep_what_the_first_has_learned(call, way, digits):
    X, y = digits
    model = make_classifier(standardize=way, warm_start=True)
    getattr(model.partial_fit(X, y, classes=range(10)), call)(X, y)
    before = seen(model, X)
    getattr(model, call)(3 * X + 5, y)
    assert np.array_equal(seen(model, X), before)
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert_same_bits(getattr(copy, call)(X, y), getattr(model, call)(X, y), X)
    other = next(each for each in WAYS if each != way)
    with pytest.raises(ValueError, match=r"changed after the first fit: \['standardize'\]"):
        getattr(model.set_params(standardize=other), call)(X, y)


def test_k_epochs_and_m_are_k_plus_m(digits):
    X, y = digits
    for way in WAYS:
        model = make_classifier(standardize=way, warm_start=True).fit(X, y).fit(X, y)
        assert_same_bits(model, make_classifier(standardize=way, max_iter=4).fit(X, y), X)


@each_way
def test_what_augmentation_fills_in_is_the_mean(way, digits):
    images = []

    def look(X, rng):
        images.append(X.copy())
        return X

    erase = RandomErasing(1, scale=(1, 1), ratio=(1, 1))
    make_classifier(standardize=way, augment=[erase, look], max_iter=1).fit(*digits)
    assert not any(each.any() for each in images)


@each_way
def test_other_parts_of_a_fit_see_the_same_images(way, digits):
    X, y = digits
    held = {"early_stopping": True, "scoring": "accuracy", "max_iter": 4}
    model = make_classifier(standardize=way, **held).fit(X, y)
    assert model.validation_scores_[-1] > 0
    given = make_classifier(standardize=way, max_iter=4).fit(X, y, X_val=X, y_val=y)
    assert given.history_[-1]["validation_score"] == pytest.approx(
        -np.log(given.predict_proba(X)[np.arange(len(y)), y]).mean() * -1, rel=1e-4
    )


def test_lbfgs_takes_each_way(digits):
    for way in WAYS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = make_classifier(standardize=way, solver="lbfgs", batch_size="auto", max_iter=40)
            assert model.fit(*digits).score(*digits) > 0.9


def test_a_first_call_of_few_samples_learns_nothing_of_samples_standardized_by_themselves(digits):
    X, y = digits
    make_classifier(standardize="sample").partial_fit(X[:2], y[:2], classes=range(10))
    with pytest.warns(UserWarning, match="of X are learned"):
        make_classifier(standardize="pixel").partial_fit(X[:2], y[:2], classes=range(10))


def test_a_band_beside_a_large_common_curve_is_learned_where_pixels_are_standardized():
    X, y = spectra()
    model = ScratchCNNClassifier(max_iter=15, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StandardizationWarning)
        warnings.filterwarnings("ignore", "The fit has learned nothing")
        assert cross_val_score(model, X, y, cv=4).mean() < 0.65
    assert cross_val_score(model.set_params(standardize="pixel"), X, y, cv=4).mean() > 0.99


@pytest.mark.parametrize("make", [make_classifier, make_regressor])
@pytest.mark.parametrize("standardize", [True, "channel", "sample", False])
def test_a_first_fit_warns_once_of_a_large_common_curve(standardize, make):
    X, y = spectra(80)
    classes = {"classes": [0, 1]} if make is make_classifier else {}
    model = make(standardize=standardize, warm_start=True, image_shape=(300,))
    with pytest.warns(StandardizationWarning, match="Pass standardize='pixel'") as found:
        model.fit(X, y)
    assert [warning.filename for warning in found] == [__file__]
    model.fit(X, y).partial_fit(X, y)  # no second time
    with pytest.warns(StandardizationWarning) as found:
        make(standardize=standardize).partial_fit(X, y, **classes)
    assert [warning.filename for warning in found] == [__file__]
    make(standardize="pixel").fit(X, y)


def test_a_search_finds_how_to_standardize():
    X, y = spectra(60)
    grid = {"standardize": [True, "pixel", "sample"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StandardizationWarning)
        search = GridSearchCV(make_classifier(max_iter=15), grid, cv=2).fit(X, y)
    assert search.best_params_ == {"standardize": "pixel"}


@pytest.mark.parametrize("value", ["yes", "Pixel", "image", None, 2, ["pixel"]])
def test_other_values_are_named_with_what_there_is(value, digits):
    with pytest.raises(ValueError, match=r"'standardize' parameter.*'pixel'") as error:
        make_classifier(standardize=value).fit(*digits)
    assert repr(value) in str(error.value)
