import numpy as np
import pytest

from skcnn._engine.workspace import Workspace
from skcnn.layers import Dropout, SpatialDropout
from skcnn.testing import check_layer
from tests.support.shapes import SHAPES

KINDS = [Dropout, SpatialDropout]


def drop(layer, x, seed=0, training=True):
    """Return output, cache and workspace."""
    workspace = Workspace(np.random.default_rng(seed))
    y, cache = layer.forward({}, x, workspace, training=training)
    return y, cache, workspace


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_differences(kind):
    check_layer(kind(0.3), (3, 2, 4))
    for shape in SHAPES:
        check_layer(kind(0.3), shape, directions=8)
        check_layer(kind(0), shape, directions=8)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_elements_are_dropped_at_the_rate_and_the_mean_stays(rate):
    n = 200_000
    y, *_ = drop(Dropout(rate), np.ones((n // 100, 100)))
    assert np.mean(y == 0) == pytest.approx(rate, abs=5 * np.sqrt(rate * (1 - rate) / n))
    kept = np.unique(y[y != 0])
    assert kept == pytest.approx([1 / (1 - rate)], rel=1e-4 / (1 - rate))
    assert y.mean() == pytest.approx(1, abs=5 * np.sqrt(rate / (1 - rate) / n))


@pytest.mark.parametrize("shape", [(40, 500), (5, 30, 6, 400), (3, 4, 10, 2, 300)], ids=str)
def test_spatial_dropout_drops_whole_feature_maps_at_its_rate(shape):
    y, *_ = drop(SpatialDropout(0.3), np.ones(shape))
    axis = 0 if len(shape) == 2 else len(shape) - 3
    maps = np.moveaxis(y, (axis, -1), (0, 1)).reshape(shape[axis], shape[-1], -1)
    assert np.array_equal(maps.min(axis=-1), maps.max(axis=-1))
    kept = maps[..., 0] != 0
    assert kept.mean() == pytest.approx(0.7, abs=5 * np.sqrt(0.21 / kept.size))


@pytest.mark.parametrize("kind", KINDS)
def test_scale_makes_the_expectation_exactly_one(kind):
    y, *_ = drop(kind(0.3), np.ones((30, 2, 30)))
    assert y.max() == 2**16 / (2**16 - round(0.3 * 2**16))


@pytest.mark.parametrize("kind", KINDS)
def test_each_element_or_feature_map_of_each_sample_is_drawn_by_itself(kind):
    kept = (drop(kind(0.5), np.ones((400, 1, 500)))[0][:, 0] != 0).astype(float)
    for one, other in ((kept[:-1], kept[1:]), (kept[:, :-1], kept[:, 1:])):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] == pytest.approx(0, abs=0.02)


def test_every_step_draws_anew_and_a_generator_decides():
    x = np.random.default_rng(1).standard_normal((6, 2, 5, 3))
    y, _, workspace = drop(Dropout(0.4), x, seed=7)
    first = y.copy()
    assert not np.array_equal(Dropout(0.4).forward({}, x, workspace, training=True)[0], first)
    assert np.array_equal(drop(Dropout(0.4), x, seed=7)[0], first)
    assert not np.array_equal(drop(Dropout(0.4), x, seed=8)[0], first)


def test_spatial_dropout_of_features_is_dropout():
    x = np.random.default_rng(0).standard_normal((7, 5))
    assert np.array_equal(drop(Dropout(0.4), x)[0], drop(SpatialDropout(0.4), x)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_both_directions_have_one_mask(kind):
    x = np.full((2, 8, 3, 9), 3.0)
    y, cache, workspace = drop(kind(0.4), x)
    y = y.copy()
    dx = kind(0.4).backward({}, {}, x.copy(), cache, workspace, need_dx=True)
    assert np.array_equal(dx, y)


@pytest.mark.parametrize("kind", KINDS)
def test_inference_is_the_identity_and_training_needs_a_generator(kind):
    x = np.random.default_rng(0).standard_normal((4, 3, 2, 5))
    rng = np.random.default_rng(0)
    for workspace in (Workspace(), Workspace(rng)):
        assert np.array_equal(kind(0.9).forward({}, x, workspace, training=False)[0], x)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
    words = rf"{kind.__name__}\(rate=0.9\) draws in training.*generator, rng="
    with pytest.raises(ValueError, match=words):
        kind(0.9).forward({}, x, Workspace(), training=True)
    assert np.array_equal(kind(0).forward({}, x, Workspace(), training=True)[0], x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [1, 1.5, -0.1, float("nan"), "a", None])
def test_rate_that_is_none_is_named(kind, rate):
    words = f"rate={rate!r} must be a number of at least 0 and less than 1"
    with pytest.raises(ValueError, match=words):
        kind(rate).output_shape((4,))
