import copy
import pickle

import numpy as np
import pytest

from skcnn._data.batches import Images
from skcnn._engine.workspace import Workspace
from skcnn.augmentation import (
    Compose,
    CutMix,
    HorizontalFlip,
    Mixup,
    RandomErasing,
    Rotation,
    Shift,
    augment_batch,
    check_augment,
)
from skcnn.augmentation.base import batch_first, batch_last
from tests.support.memory import measures_memory, peak_of

OURS = [Shift(2), HorizontalFlip(), Rotation(20), RandomErasing(), Mixup(1.0), CutMix()]
ALL = Compose(OURS)
SHAPES = [(9, 2), (8, 6, 1), (8, 6, 3), (4, 8, 6, 2)]


def batch(shape, n=12, dtype=np.float64):
    X = np.random.default_rng(0).standard_normal((n, *shape)).astype(dtype)
    return np.ascontiguousarray(batch_last(X))


@pytest.mark.parametrize("augment", [*OURS, ALL], ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_call_and_a_batch_give_the_same(augment, dtype):
    # a signal cannot be rotated
    for shape in SHAPES[isinstance(augment, Rotation | Compose) :]:
        x = batch(shape, dtype=dtype)
        X = np.ascontiguousarray(batch_first(x))
        before = X.copy()
        called = augment(X, np.random.default_rng(5))
        assert np.array_equal(X, before)
        y = augment_batch(x, augment, np.random.default_rng(5), Workspace())
        assert called.dtype == y.dtype == dtype
        assert called.shape == X.shape
        assert y.shape == x.shape
        assert np.array_equal(called, batch_first(y))
        assert not np.array_equal(called, X)


@pytest.mark.parametrize("augment", [*OURS, ALL], ids=lambda a: type(a).__name__)
def test_neither_a_used_workspace_nor_batch_sizes_nor_pixels_change_what_is_drawn(augment):
    workspace, rng, fresh, blank = Workspace(), *(np.random.default_rng(0) for _ in range(3))
    for n in (12, 5, 12, 1):
        used = augment_batch(batch((8, 6, 2), n), augment, rng, workspace)
        assert np.array_equal(used, augment_batch(batch((8, 6, 2), n), augment, fresh, Workspace()))
        augment_batch(0 * batch((8, 6, 2), n), augment, blank, Workspace())
    assert rng.bit_generator.state == fresh.bit_generator.state == blank.bit_generator.state


@pytest.mark.parametrize("kind", [list, tuple, Compose])
def test_a_sequence_is_one_after_the_other_with_one_generator(kind):
    steps = [Shift(2), Shift(1), lambda X, rng: X + rng.standard_normal(), HorizontalFlip()]
    y = augment_batch(batch((8, 6, 2)), kind(steps), np.random.default_rng(0), Workspace())
    rng, X = np.random.default_rng(0), batch_first(batch((8, 6, 2)))
    for step in steps:
        X = step(X, rng)
    assert np.array_equal(batch_first(y), X)


def test_none_changes_nothing():
    x = batch((8, 6, 1))
    assert augment_batch(x, None, np.random.default_rng(0), Workspace()) is x


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_function_gets_images_in_the_layout_of_users(shape):
    x = batch(shape, dtype=np.float32)
    expected = batch_first(x).copy()
    seen = []

    def darker(X, rng):
        seen.append((X.copy(), X.flags.c_contiguous, rng))
        X -= np.arange(len(X)).reshape(-1, *[1] * len(shape))
        return X

    rng = np.random.default_rng(0)
    y = augment_batch(x, darker, rng, Workspace())
    [(X, contiguous, given)] = seen
    assert np.array_equal(X, expected)
    assert X.dtype == np.float32
    assert contiguous
    assert given is rng
    for i in range(12):
        assert np.array_equal(batch_first(y)[i], expected[i] - np.float32(i))


def test_a_function_may_return_floats_of_another_width():
    x = batch((8, 6, 1), dtype=np.float32)
    y = augment_batch(
        x.copy(), lambda X, rng: X.astype(np.float64), np.random.default_rng(0), Workspace()
    )
    assert y.dtype == np.float32
    assert np.array_equal(y, x)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda X, rng: None, "augment returned NoneType"),
        (lambda X, rng: X.tolist(), "augment returned list"),
        (lambda X, rng: X[:-1], r"augment returned an array of shape \(11, 8, 6, 1\)"),
        (lambda X, rng: X[..., 0], r"augment returned an array of shape \(12, 8, 6\)"),
        (lambda X, rng: X.astype(int), "augment returned an array of dtype int64"),
        (lambda X, rng: X.astype(complex), "augment returned an array of dtype complex128"),
        (lambda X, rng: X.astype(object), "augment returned an array of dtype object"),
        (lambda X, rng: X * np.nan, "augment returned NaN or infinity"),
        (lambda X, rng: X + np.inf, "augment returned NaN or infinity"),
    ],
)
def test_what_a_function_must_not_return_is_named(function, words):
    with pytest.raises(ValueError, match=words) as caught:
        augment_batch(batch((8, 6, 1)), function, np.random.default_rng(0), Workspace())
    assert "finite floats of shape (12, 8, 6, 1), as it was given." in str(caught.value)


@pytest.mark.parametrize("augment", [3, "shift", Shift, [Shift(1), "flip"], Compose([None, 3])])
def test_what_cannot_augment_is_named(augment):
    with pytest.raises(ValueError, match=r"augment=.* must be an augmentation, such as Shift\(2\)"):
        check_augment(augment, (8, 8))


def test_what_can_augment_passes_the_check_and_every_step_is_checked_against_the_images():
    for augment in (None, Shift(2), [Shift(2), lambda X, rng: X], (), Compose([]), ALL):
        check_augment(augment, (8, 8))
    with pytest.raises(ValueError, match="needs images or volumes"):
        check_augment([Shift(2), Compose([Rotation()])], (9,))
    with pytest.raises(ValueError, match="max_shift=9"):
        check_augment(Shift(9), (8, 8))


def test_a_compose_of_no_sequence_is_named():
    with pytest.raises(ValueError, match=r"steps=Shift\(max_shift=0.1\) must be a list or tuple"):
        Compose(Shift())


def test_augmentations_are_values():
    for augment in (*OURS, ALL):
        assert pickle.loads(pickle.dumps(augment)) == augment
        assert copy.deepcopy(augment) == augment
        hash(augment)
    assert Shift(1) != Shift(2)
    assert Compose([Shift(1)]) == Compose((Shift(1),)) != Compose([Shift(2)])


@measures_memory
def test_no_step_after_the_first_allocates_a_large_array():
    x = np.zeros((28, 1, 28, 64), np.float32)
    workspace, rng = Workspace(), np.random.default_rng(0)
    augment_batch(x, ALL, rng, workspace)
    assert peak_of(lambda: augment_batch(x, ALL, rng, workspace)) < 1_000_000


def test_batch_of_images_is_augmented_where_layers_will_see_it():
    X = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 20)
    x = Images(X, (4, 5), None, np.dtype(np.float32)).batch(np.array([2, 0]), Workspace())
    y = augment_batch(x, HorizontalFlip(1.0), np.random.default_rng(0), Workspace())
    assert np.array_equal(batch_first(y)[..., 0], X.reshape(3, 4, 5)[[2, 0], :, ::-1])
