from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skcnn._engine.convolution.geometry import sliding_axes
from skcnn._engine.workspace import Workspace
from skcnn.layers import AveragePool, MaxPool
from skcnn.testing import check_layer
from tests.support.strategies import poolings


def per_axis(value, rank):
    return value if isinstance(value, tuple) else (value,) * rank


def windows(layer, input_shape):
    """Index of each output (all channels) and the box it reads, straight from the definition."""
    *leading, _, last = input_shape
    lengths = (*leading, last)
    size = per_axis(layer.pool_size, len(lengths))
    stride = size if layer.stride is None else per_axis(layer.stride, len(lengths))
    size = [min(k, n) for k, n in zip(size, lengths, strict=True)]
    starts = [range(0, n - k + 1, s) for n, k, s in zip(lengths, size, stride, strict=True)]
    everything = slice(None)
    for at in product(*(range(len(positions)) for positions in starts)):
        box = [slice(r[o], r[o] + k) for r, o, k in zip(starts, at, size, strict=True)]
        yield (*at[:-1], everything, at[-1]), (*box[:-1], everything, box[-1])


def spatial_axes(x):
    return (*range(x.ndim - 3), x.ndim - 2)


def loop_pool(layer, x, function):
    y = np.full((*layer.output_shape(x.shape[:-1]), x.shape[-1]), np.nan, x.dtype)
    for at, box in windows(layer, x.shape[:-1]):
        y[at] = function(x[box], axis=spatial_axes(x))
    return y


def forward_backward(layer, x, dy=None):
    workspace = Workspace()
    y, cache = layer.forward({}, x, workspace, training=True)
    y = y.copy()
    dy = np.ones_like(y) if dy is None else dy.copy()
    return y, layer.backward({}, {}, dy, cache, workspace, need_dx=True)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(poolings([MaxPool]))
def test_max_pooling_is_the_maximum_of_every_window_and_its_gradient_goes_there(
    global_random_seed, case
):
    layer, input_shape = case
    rng = np.random.default_rng(global_random_seed)
    x = rng.permutation(2.0 * np.prod(input_shape) * np.arange(2 * np.prod(input_shape)))
    x = x.reshape(*input_shape, 2)  # no ties
    dy = rng.standard_normal((*layer.output_shape(input_shape), 2))
    y, dx = forward_backward(layer, x, dy)
    assert np.array_equal(y, loop_pool(layer, x, np.max))
    single, _ = layer.forward({}, x.astype(np.float32), Workspace(), training=False)
    assert single.dtype == np.float32
    assert np.array_equal(single, y.astype(np.float32))
    expected = np.zeros_like(x)
    for at, box in windows(layer, input_shape):
        won = x[box] == np.expand_dims(y[at], spatial_axes(x))
        expected[box] += won * np.expand_dims(dy[at], spatial_axes(x))
    np.testing.assert_allclose(dx, expected, rtol=0, atol=1e-13)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(poolings([MaxPool]), st.integers(1, 3), st.integers(0, 99))
def test_ties_give_the_gradient_to_exactly_one_maximum(case, n_values, seed):
    layer, input_shape = case
    rng = np.random.default_rng(seed)
    x = rng.integers(0, n_values, (*input_shape, 2)).astype(np.float64)
    dy = rng.integers(1, 9, (*layer.output_shape(input_shape), 2)).astype(np.float64)
    _, dx = forward_backward(layer, x, dy)
    axes = spatial_axes(x)
    assert np.array_equal(dx.sum(axis=axes), dy.sum(axis=axes))  # integers: exact
    may_receive = np.zeros(x.shape, bool)
    coverage = np.zeros(x.shape, int)
    for _, box in windows(layer, input_shape):
        may_receive[box] |= x[box] == x[box].max(axis=axes, keepdims=True)
        coverage[box] += 1
    assert not dx[~may_receive].any()
    if coverage.max() == 1:
        for at, box in windows(layer, input_shape):
            assert np.array_equal(np.count_nonzero(dx[box], axis=axes), np.ones_like(dy[at]))
            assert np.array_equal(dx[box].sum(axis=axes), dy[at])


def test_first_of_the_tied_elements_wins():
    _, dx = forward_backward(MaxPool(2), np.zeros((2, 1, 4, 1)))
    assert dx[:, 0, :, 0].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_the_winner_does_not_depend_on_the_other_images_of_the_batch(global_random_seed):
    x = np.random.default_rng(global_random_seed).integers(0, 3, (6, 2, 6, 5)).astype(np.float32)
    _, together = forward_backward(MaxPool(3, 2), x)
    for i in range(5):
        _, alone = forward_backward(MaxPool(3, 2), np.ascontiguousarray(x[..., i : i + 1]))
        assert np.array_equal(together[..., i : i + 1], alone)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(poolings([AveragePool]))
def test_average_pooling_is_the_mean_of_every_window(global_random_seed, case):
    layer, input_shape = case
    rng = np.random.default_rng(global_random_seed)
    x = rng.standard_normal((*input_shape, 2))
    dy = rng.standard_normal((*layer.output_shape(input_shape), 2))
    y, dx = forward_backward(layer, x, dy)
    np.testing.assert_allclose(y, loop_pool(layer, x, np.mean), rtol=0, atol=1e-14)
    expected = np.zeros_like(x)
    for at, box in windows(layer, input_shape):
        size = x[box].size / (x.shape[-1] * x.shape[-3])
        expected[box] += np.expand_dims(dy[at], spatial_axes(x)) / size
    np.testing.assert_allclose(dx, expected, rtol=0, atol=1e-14)


CHOSEN = [((1, 8), 2, 3), ((5, 1, 7), (3, 2), None), ((5, 1, 5), 3, 1), ((3, 3, 1, 3), 2, 1)]
EDGES = [
    ((1, 1), 2, None), ((2, 7), 2, None), ((1, 7), 3, 2), ((1, 3), 5, None), ((4, 2, 4), 2, None),
    ((5, 2, 4), (2, 1), (1, 2)), ((5, 1, 5), 1, 2), ((2, 1, 9), 4, None), ((1, 2, 1), 2, None),
    ((2, 3, 1, 4), 2, None), ((4, 1, 2, 3), (3, 2, 1), (1, 1, 2)),
]  # fmt: skip


@pytest.mark.parametrize("kind", [MaxPool, AveragePool])
@pytest.mark.parametrize(("input_shape", "size", "stride"), CHOSEN)
def test_gradients_are_finite_differences(kind, input_shape, size, stride):
    check_layer(kind(size, stride), input_shape)


@pytest.mark.parametrize("kind", [MaxPool, AveragePool])
def test_gradients_of_every_combination_are_those_along_directions(kind):
    for input_shape, size, stride in EDGES:
        check_layer(kind(size, stride), input_shape, directions=8)
    shapes = [(2, 7), (5, 2, 6), (3, 4, 1, 5)]
    for input_shape, size, stride in product(shapes, [1, 2, 3, 4], [None, 1, 2, 3]):
        check_layer(kind(size, stride), input_shape, n_samples=2, directions=8)


def test_windows_are_clipped_to_their_axis_and_what_does_not_fit_at_the_edge_is_dropped():
    assert MaxPool(2).output_shape((5, 3, 7)) == (2, 3, 3)
    assert MaxPool(5).output_shape((3, 2, 12)) == (1, 2, 2)
    assert AveragePool(2).output_shape((1, 4, 1)) == (1, 4, 1)
    assert MaxPool(4, stride=1).output_shape((3, 1, 5)) == (1, 1, 2)


@pytest.mark.parametrize("kind", [MaxPool, AveragePool])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("pool_size", 0, "at least 1"),
        ("pool_size", 2.5, "integer"),
        ("pool_size", (2, 2, 2), "tuple of 2"),
        ("stride", 0, "at least 1"),
        ("stride", (1,), "tuple of 2"),
    ],
)
def test_errors_name_the_parameter_its_value_and_the_fix(kind, name, value, words):
    with pytest.raises(ValueError, match="must be") as caught:
        kind(**{name: value}).output_shape((4, 1, 4))
    assert f"{name}={value!r}" in str(caught.value)
    assert words in str(caught.value)


def test_pooling_of_flat_features_says_where_it_belongs():
    with pytest.raises(
        ValueError, match=r"MaxPool\(\) needs feature maps .* got \(8,\). Put it before"
    ):
        MaxPool().output_shape((8,))


PADDED = [
    ((7, 2), 3, 1, "same"),
    ((7, 2), 2, 3, (1,)),
    ((2, 9), 3, 1, "same"),
    ((6, 2, 5), 3, 1, "same"),
    ((6, 2, 5), (3, 2), (2, 1), (1, (0, 1))),
    ((1, 2, 9), (1, 3), 1, "same"),
    ((5, 2, 4), 2, None, ((1, 0), 1)),
    ((4, 3, 2, 5), 3, (1, 2, 1), "same"),
    ((2, 2, 2), 3, 1, "same"),
]


@pytest.mark.parametrize("kind", [MaxPool, AveragePool])
@pytest.mark.parametrize(("input_shape", "size", "stride", "padding"), PADDED)
def test_what_padding_adds_counts_for_nothing(
    kind, input_shape, size, stride, padding, global_random_seed
):
    """As windows that reach beyond the edge and see what is there."""
    layer = kind(size, stride, padding)
    x = np.random.default_rng(global_random_seed).normal(size=(*input_shape, 2)) - 5
    y, dx = forward_backward(layer, x)
    *leading, _, last = input_shape
    lengths = (*leading, last)
    kernel = [min(k, n) for k, n in zip(per_axis(size, len(lengths)), lengths, strict=True)]
    steps = kernel if stride is None else per_axis(stride, len(lengths))
    axes = sliding_axes(lengths, tuple(kernel), tuple(steps), padding)
    expected, expected_dx = np.full_like(y, np.nan), np.zeros_like(x)
    for at in product(*(range(axis.output) for axis in axes)):
        box = []
        for o, axis in zip(at, axes, strict=True):
            start = o * axis.stride - axis.before
            box.append(slice(max(start, 0), start + axis.kernel))
        box = (*box[:-1], slice(None), box[-1])
        index = (*at[:-1], slice(None), at[-1])
        function = np.max if kind is MaxPool else np.mean
        expected[index] = function(x[box], axis=spatial_axes(x))
        if kind is MaxPool:
            expected_dx[box] += x[box] == x[box].max(axis=spatial_axes(x), keepdims=True)
        else:
            expected_dx[box] += x.shape[-3] * x.shape[-1] / x[box].size
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(dx, expected_dx, rtol=0, atol=1e-13)
    check_layer(layer, input_shape)


@pytest.mark.parametrize("kind", [MaxPool, AveragePool])
def test_a_window_of_padding_alone_is_refused(kind):
    with pytest.raises(ValueError, match=r"padding=2 leaves windows of pool_size=\(2, 2\)"):
        kind(2, padding=2).output_shape((6, 1, 6))
    with pytest.raises(ValueError, match="padding='around' must be"):
        kind(2, padding="around").output_shape((6, 1, 6))
    assert kind(3, 1, "same").output_shape((6, 1, 5)) == (6, 1, 5)
