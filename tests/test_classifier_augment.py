"""Augmentation, seen from the estimator."""

import numpy as np
import pytest

from skcnn.augmentation import HorizontalFlip, RandomErasing, Rotation, Shift

EVERY = [Shift(1), HorizontalFlip(), Rotation(10), RandomErasing()]


@pytest.mark.parametrize("augment", [*EVERY, EVERY, tuple(EVERY)], ids=str)
def test_threads_change_no_bit(make_classifier, digits, assert_same_bits, augment):
    X, y = digits
    plain = make_classifier(batch_size=150).fit(X, y)
    one = make_classifier(batch_size=150, augment=augment).fit(X, y)
    two = make_classifier(batch_size=150, augment=augment, n_jobs=2).fit(X, y)
    assert_same_bits(one, two, X)
    assert not np.array_equal(plain.network_.parameters, one.network_.parameters)


def test_only_training_is_augmented(make_classifier, digits):
    X, y = digits
    model = make_classifier(augment=EVERY).fit(X, y)
    assert np.array_equal(model.predict_proba(X), model.predict_proba(X))


def test_partial_fit_goes_on_with_the_generator(make_classifier, digits, assert_same_bits):
    X, y = digits
    parameters = {"augment": EVERY, "learning_rate_schedule": "constant"}
    fitted = make_classifier(max_iter=3, **parameters).fit(X, y)
    partly = make_classifier(**parameters)
    for _ in range(3):
        partly.partial_fit(X, y, classes=np.unique(y))
    assert fitted.network_.parameters.tobytes() == partly.network_.parameters.tobytes()


@pytest.mark.parametrize("standardize", [True, False])
def test_what_moves_in_is_the_training_mean(make_classifier, digits, standardize):
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


def test_a_function_gets_images_as_users_know_them(make_classifier, digits):
    X, y = digits
    shapes = []

    def look(images, rng):
        shapes.append((images.shape, images.dtype.name))
        return images

    make_classifier(augment=look, max_iter=1, batch_size=100).fit(X, y)
    assert {shape[1:] for shape, _ in shapes} == {(8, 8, 1)}
    assert sum(shape[0] for shape, _ in shapes) == 300
    assert {dtype for _, dtype in shapes} == {"float32"}


def test_an_augment_that_changes_nothing_gives_the_bits_of_none(
    make_classifier, digits, assert_same_bits
):
    X, y = digits
    plain = make_classifier().fit(X, y)
    for augment in (lambda images, rng: images, [], Shift(0), HorizontalFlip(0)):
        assert_same_bits(plain, make_classifier(augment=augment).fit(X, y), X)


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
)
def test_bad_values_are_named_and_leave_no_model(make_classifier, digits, augment, words):
    model = make_classifier(augment=augment)
    with pytest.raises(ValueError, match=words):
        model.fit(*digits)
    assert not hasattr(model, "network_")


def test_a_rotation_of_signals_is_an_error_before_any_work(make_classifier, digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"Rotation\(.*\) needs images or volumes"):
        make_classifier(augment=Rotation(), image_shape=(64,)).fit(X, y)


@pytest.mark.parametrize("image_shape", [(64,), (4, 16), (4, 4, 4, 1), (8, 4, 2)], ids=str)
def test_signals_images_and_volumes_are_augmented(make_classifier, digits, image_shape):
    X, y = digits
    augment = [Shift(0.25), HorizontalFlip(), RandomErasing()]
    model = make_classifier(augment=augment, image_shape=image_shape, max_iter=1).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
