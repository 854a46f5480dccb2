"""Batch normalization, dropout, label smoothing and augmentation, seen from the estimators."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from skcnn._engine.workspace import Workspace
from skcnn.augmentation import CutMix, HorizontalFlip, Mixup, RandomErasing, Rotation, Shift
from tests.support.estimators import assert_same_bits, make_classifier, make_regressor, unchanged

NORMALIZED = {"batch_norm": True, "hidden_layer_sizes": 6, "batch_size": 16}
EVERY = [Shift(1), HorizontalFlip(), Rotation(10), RandomErasing()]


@pytest.mark.parametrize(
    "parameters",
    [
        NORMALIZED,
        {"block_dropout": 0.3},
        NORMALIZED | {"block_dropout": 0.3},
        *[{"augment": augment} for augment in (*EVERY, EVERY, tuple(EVERY))],
    ],
    ids=str,
)
def test_threads_change_no_bit(parameters, digits, plain):
    X, y = digits
    parameters = parameters | {"batch_size": 150}
    one, two = (make_classifier(n_jobs=n, **parameters).fit(X, y) for n in (1, 2))
    assert_same_bits(one, two, X)
    assert not np.array_equal(one.predict_proba(X), plain.predict_proba(X))


@pytest.fixture(scope="module")
def plain(digits):
    return make_classifier(batch_size=150).fit(*digits)


@pytest.mark.parametrize("augment", [None, [Shift(1), HorizontalFlip(), RandomErasing()]], ids=str)
def test_threads_change_no_bit_of_a_regressor(augment, numbers):
    one, two = (
        make_regressor(batch_size=120, n_jobs=n, augment=augment).fit(*numbers) for n in (1, 2)
    )
    assert_same_bits(one, two, numbers[0])


# Batch normalization


def test_with_batch_norm_a_sample_is_predicted_as_it_is_among_others(digits):
    X, y = digits
    model = make_classifier(**NORMALIZED).fit(X, y)
    together = model.predict_proba(X[:40])
    alone = np.concatenate([model.predict_proba(X[[i]]) for i in range(40)])
    np.testing.assert_allclose(alone, together, rtol=2e-5, atol=1e-6)


def test_with_batch_norm_an_integer_weight_is_not_repetition(digits):
    """A repeated sample counts twice in the statistics of its mini-batch, a heavy one once."""
    X, y = digits[0][:40].astype(float), digits[1][:40]
    repeats = np.random.default_rng(0).integers(1, 4, 40)

    def distance(**parameters):
        model = make_classifier(batch_size=200, **parameters)
        weighted = model.fit(X, y, repeats).predict_proba(X)
        repeated = model.fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats))
        return np.abs(weighted - repeated.predict_proba(X)).max()

    assert distance() < 1e-10
    assert distance(batch_norm=True) > 1e-4


@pytest.mark.parametrize("parameters", [{"batch_norm": True}, {"block_dropout": 0.1}], ids=str)
def test_it_still_learns(parameters, digits):
    X, y = digits
    model = make_classifier(n_filters=8, max_iter=10, **parameters).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.85


@pytest.mark.parametrize("n", [33, 65, 97])
def test_with_batch_norm_a_last_sample_on_its_own_joins_the_batch_before(digits, n):
    X, y = digits
    model = make_classifier(**NORMALIZED | {"batch_size": 32}).fit(X[:n], y[:n])
    assert np.isfinite(model.predict_proba(X)).all()


def test_label_smoothing_keeps_probabilities_from_the_extremes(digits):
    X, y = digits
    largest = [
        make_classifier(max_iter=30, label_smoothing=fraction)
        .fit(X, y)
        .predict_proba(X)
        .max(axis=1)
        for fraction in (0.0, 0.3)
    ]
    assert largest[0].mean() > 0.98
    # the best that training can do is 1 - 0.3 + 0.3 / 10
    assert largest[1].mean() == pytest.approx(0.73, abs=0.08)


# Augmentation


def test_only_training_is_augmented(digits):
    model = make_classifier(augment=EVERY).fit(*digits)
    assert np.array_equal(model.predict_proba(digits[0]), model.predict_proba(digits[0]))


def test_partial_fit_goes_on_with_the_generator_and_the_running_statistics(digits):
    X, y = digits
    parameters = NORMALIZED | {"augment": EVERY}
    fitted = make_classifier(max_iter=3, **parameters).fit(X, y)
    partly = make_classifier(**parameters)
    for _ in range(3):
        partly = pickle.loads(pickle.dumps(partly.partial_fit(X, y, classes=range(10))))
    assert_same_bits(fitted, partly, X)


@pytest.mark.parametrize("standardize", [True, False])
def test_the_fill_value_is_the_training_mean(standardize, digits):
    """With weights, the weighted mean; seen by a function that comes after a full erasing."""
    X, y = digits
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
    seen = []

    def look(images, rng):
        seen.append(images.copy())
        return images

    erase = RandomErasing(1, scale=(1, 1), ratio=(1, 1))
    model = make_classifier(augment=[erase, look], standardize=standardize, max_iter=1)
    model.fit(X, y, weights)
    mean = np.average(X.mean(axis=1, dtype=float), weights=weights)
    for images in seen:
        np.testing.assert_allclose(images, 0 if standardize else mean, rtol=1e-6, atol=1e-7)


def test_a_function_gets_images_as_users_know_them(digits):
    shapes = []

    def look(images, rng):
        shapes.append((images.shape, images.dtype.name))
        return images

    make_classifier(augment=look, max_iter=1, batch_size=100).fit(*digits)
    assert {shape[1:] for shape, _ in shapes} == {(8, 8, 1)}
    assert sum(shape[0] for shape, _ in shapes) == 300
    assert {dtype for _, dtype in shapes} == {"float32"}


@pytest.mark.parametrize(
    "augment",
    [lambda images, rng: images, [], Shift(0), HorizontalFlip(0)],
    ids=["function", "none", "shift", "flip"],
)
def test_an_augment_that_changes_nothing_gives_the_bits_of_none(augment, digits, classifier):
    assert_same_bits(classifier, make_classifier(augment=augment).fit(*digits), digits[0])


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        (3, "'augment' parameter"),
        ([3], r"augment=3 must be an augmentation, such as Shift\(2\)"),
        (Shift, "augment=.* must be an augmentation"),
        (Shift(8), r"max_shift=8 must be pixels"),
        (lambda images, rng: images[:1], "augment returned an array of shape"),
        (lambda images, rng: None, "augment returned NoneType"),
    ],
    ids=["number", "list", "class", "too far", "fewer", "none"],
)
def test_an_augment_that_makes_no_sense_is_named_and_leaves_no_model(augment, words, digits):
    model = make_classifier(augment=augment)
    attributes = vars(model).copy()
    with pytest.raises(ValueError, match=words):
        model.fit(*digits)
    assert vars(model) == attributes


def test_a_rotation_of_signals_is_an_error_before_any_work(digits):
    model = make_classifier(augment=Rotation(), image_shape=(64,))
    message = r"Rotation\(.*\) needs images or volumes"
    with unchanged(model), pytest.raises(ValueError, match=message):
        model.fit(*digits)


@pytest.mark.parametrize("image_shape", [(64,), (4, 16), (4, 4, 4, 1), (8, 4, 2)], ids=str)
def test_signals_images_and_volumes_are_augmented(image_shape, digits):
    augment = [Shift(0.25), HorizontalFlip(), RandomErasing()]
    model = make_classifier(augment=augment, image_shape=image_shape, max_iter=1).fit(*digits)
    assert np.isfinite(model.predict_proba(digits[0])).all()


MIXING = {"mixup": Mixup(0.4), "cutmix": [Shift(1), CutMix()], "both": [Mixup(), CutMix()]}


@pytest.mark.parametrize("augment", MIXING.values(), ids=MIXING)
@pytest.mark.parametrize("n_jobs", [2, 3])
def test_mixed_samples_are_the_same_for_any_number_of_threads(augment, n_jobs, digits, numbers):
    for make, data in ((make_classifier, digits), (make_regressor, numbers)):
        one, other = (make(augment=augment, n_jobs=jobs).fit(*data) for jobs in (1, n_jobs))
        assert_same_bits(one, other, data[0])


@pytest.mark.parametrize("augment", MIXING.values(), ids=MIXING)
def test_mixed_samples_are_learned_from(augment, digits):
    X, y = digits
    model = make_classifier(augment=augment, max_iter=30, batch_norm=True).fit(X, y)
    assert model.score(X, y) > 0.9
    assert 0 < model.history_[-1]["accuracy"] < 1


def test_of_mixed_samples_equal_weights_are_none_and_zero_weights_are_left_out(digits):
    X, y = digits
    model = make_classifier(augment=[Mixup(), CutMix()])
    plain = clone(model).fit(X, y)
    assert_same_bits(plain, clone(model).fit(X, y, sample_weight=np.full(len(y), 3)), X)
    weights = np.ones(len(y))
    weights[::5] = 0
    kept = weights > 0
    left = clone(model).fit(X, y, sample_weight=weights)
    assert_same_bits(left, clone(model).fit(X[kept], y[kept]), X)


def test_a_weight_counts_as_repeated_samples_where_samples_are_mixed():
    """Two images, one of weight 3: in the long run mixtures are those of four images."""
    rng, X = np.random.default_rng(0), np.array([[0.0], [1.0], [1.0], [1.0]])

    def mean_mixture(X, weights, own):
        total = np.zeros(2)
        for _ in range(4000):
            x = X.T.reshape(1, 1, -1).copy()
            Mixup(1.0).mix(x, rng, Workspace(), weights)
            total += [own @ x.ravel(), own @ (x.ravel() ** 2)]
        return total / 4000 / own.sum()

    weights = np.array([1.0, 3.0])
    np.testing.assert_allclose(
        mean_mixture(X[:2], weights, weights), mean_mixture(X, np.ones(4), np.ones(4)), atol=0.02
    )
