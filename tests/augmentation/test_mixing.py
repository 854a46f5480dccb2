"""Images mixed with others, and targets in the same shares."""

import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.augmentation import Compose, CutMix, HorizontalFlip, Mixing, Mixture, Mixup, Shift
from skcnn.augmentation.base import batch_first, batch_last
from skcnn.augmentation.compose import augment_and_mix

SHAPES = [(9, 2), (8, 6, 1), (8, 6, 3), (4, 8, 6, 2)]


def mixed(augment, X, seed=0, weights=None):
    """Return the images mixed, and the mixtures."""
    x = np.ascontiguousarray(batch_last(X))
    rng = np.random.default_rng(seed)
    x, mixtures = augment_and_mix(x, augment, rng, Workspace(), 0.0, weights)
    return batch_first(x), mixtures


def images(shape, n=40, dtype=np.float64):
    return np.random.default_rng(1).standard_normal((n, *shape)).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mixup_is_the_weighted_mean_of_an_image_and_its_partner(shape, dtype, global_random_seed):
    X = images(shape, dtype=dtype)
    Y, [(partners, shares)] = mixed(Mixup(0.7), X, global_random_seed)
    for image, own, partner, share in zip(Y, X, partners, shares, strict=True):
        expected = share * own + (1 - share) * X[partner]
        np.testing.assert_allclose(image, expected, rtol=0, atol=8 * np.finfo(dtype).eps)
    assert Y.dtype == dtype
    assert sorted(partners) == list(range(len(X)))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cutmix_takes_a_box_of_the_partner_and_shares_are_those_of_the_pixels(
    shape, global_random_seed
):
    X = np.arange(1.0, 41).reshape(-1, *[1] * len(shape)) * np.ones(shape)
    Y, [(partners, shares)] = mixed(CutMix(), X, global_random_seed)
    for number, (image, partner, share) in enumerate(zip(Y, partners, shares, strict=True)):
        taken = image != number + 1
        assert np.array_equal(image[taken], np.full(taken.sum(), partner + 1.0))
        if partner == number:
            continue
        assert np.mean(~taken) == pytest.approx(share, abs=1e-12)
        where = np.argwhere(taken)
        if len(where):
            assert len(where) == np.prod(np.ptp(where, axis=0) + 1)  # all of a box
        assert (taken == taken[..., :1]).all()  # of all channels
    assert np.ptp(shares) > 0.3


def test_shares_are_drawn_from_a_beta_distribution():
    from scipy.stats import beta, kstest

    X = np.zeros((4000, 1, 1))
    for alpha in (0.2, 1.0, 3.0):
        _, [(_, shares)] = mixed(Mixup(alpha), X)
        assert kstest(shares, beta(alpha, alpha).cdf).pvalue > 1e-3


@pytest.mark.parametrize("kind", [Mixup, CutMix])
def test_probability_is_that_of_being_mixed(kind):
    X = images((16, 16, 1), 2000)
    Y, [(_, shares)] = mixed(kind(1.0, probability=0.3), X)
    unchanged = np.array([np.array_equal(*pair) for pair in zip(X, Y, strict=True)])
    assert (shares[unchanged] == 1).mean() > 0.97  # others are their own partner
    assert 0.25 < np.mean(shares < 1) < 0.35
    Y, [(_, shares)] = mixed(kind(probability=0), X)
    assert np.array_equal(X, Y)
    assert (shares == 1).all()


def test_partners_are_drawn_by_their_weights():
    weights = np.repeat([1.0, 3.0, 0.25], 1000).astype(np.float32)
    _, [(partners, _)] = mixed(Mixup(), np.zeros((3000, 1, 1)), weights=weights)
    frequencies = np.bincount(partners // 1000, minlength=3) / 3000
    np.testing.assert_allclose(frequencies, np.array([1, 3, 0.25]) / 4.25, atol=0.03)


def test_targets_are_mixed_as_the_images_are():
    mixture = Mixture(np.array([1, 2, 0]), np.array([1, 0.5, 0.25]))
    numbers = np.array([1.0, 2, 6])
    assert mixture.of_targets(numbers).tolist() == [1, 4, 2.25]
    assert mixture.of_targets(np.eye(3)).tolist() == [[1, 0, 0], [0, 0.5, 0.5], [0.75, 0, 0.25]]
    assert mixture.of_targets(np.eye(3, dtype=np.float32)).dtype == np.float32


def test_mixtures_follow_one_another():
    X = images((6, 6, 1))
    steps = [Mixup(1.0), HorizontalFlip(1.0), Compose([Mixup(0.5)]), Shift(1), CutMix()]
    _, mixtures = mixed(steps, X)
    assert [type(each) for each in mixtures] == [Mixture] * 3
    flat = X.copy()
    Y, mixtures = mixed([Mixup(1.0), Mixup(0.5)], X)
    for mixture in mixtures:
        flat = mixture.of_targets(flat)
    np.testing.assert_allclose(Y, flat, rtol=0, atol=1e-14)


def test_one_image_is_its_own_partner():
    X = images((6, 6, 1), 1)
    for kind in (Mixup, CutMix):
        np.testing.assert_allclose(mixed(kind(), X)[0], X, rtol=1e-14)


@pytest.mark.parametrize("kind", [Mixup, CutMix])
@pytest.mark.parametrize("value", [0, -1, np.nan, "0.2", None, 1e4, True])
def test_parameters_that_are_none_are_named(kind, value):
    with pytest.raises(ValueError, match=f"alpha={value!r} must be a number between"):
        kind(value).check((8, 8))
    if value != 0:
        with pytest.raises(ValueError, match=f"probability={value!r} must be a number between"):
            kind(probability=value).check((8, 8))


def test_the_base_asks_for_mix():
    with pytest.raises(NotImplementedError, match="Mixing must define `mix`"):
        mixed(Mixing(), images((6, 6, 1)))
