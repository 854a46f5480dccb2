from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.signal import correlate

from skcnn import ScratchCNNClassifier
from skcnn._engine.workspace import Workspace
from skcnn.layers import Conv, Flatten, MaxPool, ReLU
from skcnn.network import Network
from skcnn.testing import check_layer
from tests.support.strategies import convolutions


def pad(array, pads, value=0):
    """np.pad of the last axes, where a negative number crops."""
    lead = array.ndim - len(pads)
    widths = [(0, 0)] * lead + [(max(b, 0), max(a, 0)) for b, a in pads]
    array = np.pad(array, widths, constant_values=value)
    crop = [
        slice(max(-b, 0), n - max(-a, 0))
        for (b, a), n in zip(pads, array.shape[lead:], strict=True)
    ]
    return array[(..., *crop)]


def batch_first(x):
    """(*leading, C, last, N) -> (N, C, *spatial)."""
    rank = x.ndim - 2
    return x.transpose(rank + 1, rank - 1, *range(rank - 1), rank)


def batch_last(x):
    """(N, C, *spatial) -> (*leading, C, last, N)."""
    rank = x.ndim - 2
    return x.transpose(*range(2, rank + 1), 1, rank + 1, 0)


def scipy_forward(x, weights, bias, stride, pads):
    """Sum over channels of scipy's correlation, of every stride-th window."""
    images = pad(batch_first(x), pads)
    steps = tuple(slice(None, None, s) for s in stride)
    y = [
        [
            sum(
                correlate(channel, weights[..., c, f], mode="valid", method="direct")[steps]
                for c, channel in enumerate(image)
            )
            + bias[f]
            for f in range(weights.shape[-1])
        ]
        for image in images
    ]
    return batch_last(np.array(y))


def dense(weights, dilation, groups):
    """Weights of one group without gaps, with zeros where a filter sees nothing, and where not."""
    *kernel, channels, filters = weights.shape
    lengths = [range(0, k * d, d)[-1] + 1 for k, d in zip(kernel, dilation, strict=True)]
    part = np.zeros((*lengths, channels * groups, filters))
    seen = np.zeros(part.shape, bool)
    steps = tuple(slice(None, None, d) for d in dilation)
    for filter_ in range(filters):
        first = filter_ // (filters // groups) * channels
        index = (*steps, slice(first, first + channels), filter_)
        part[index], seen[index] = weights[..., filter_], True
    return part, seen


def loop_backward(x, dy, weights, stride, pads):
    """Gradients by a loop over windows: of x, weights and bias."""
    images, dy = batch_first(x), batch_first(dy)
    n, channels, *lengths = images.shape
    *kernel, _, filters = weights.shape
    index = pad(np.arange(np.prod(lengths)).reshape(lengths), pads, value=-1)
    flat = images.reshape(n, channels, -1)
    dx, dw = np.zeros_like(flat), np.zeros((*kernel, channels, filters))
    for out in product(*(range(length) for length in dy.shape[2:])):
        window = index[
            tuple(slice(o * s, o * s + k) for o, s, k in zip(out, stride, kernel, strict=True))
        ]
        d_window = dy[(..., *out)]  # (N, F)
        for kernel_position in product(*(range(k) for k in kernel)):
            if window[kernel_position] >= 0:
                dw[kernel_position] += flat[:, :, window[kernel_position]].T @ d_window
                dx[:, :, window[kernel_position]] += d_window @ weights[kernel_position].T
    return batch_last(dx.reshape(images.shape)), dw, dy.sum(axis=(0, *range(2, dy.ndim)))


class Run:
    """One convolution with random numbers, forward and backward."""

    def __init__(self, layer, input_shape, n=2, dtype=np.float64, seed=0):
        rng = np.random.default_rng(seed)
        network = Network((layer,), input_shape, dtype)
        network.parameters[:] = rng.standard_normal(network.parameters.shape)
        self.parameters = network.views()[0]
        self.gradients = network.views(np.full_like(network.parameters, np.nan))[0]
        self.x = rng.standard_normal((*input_shape, n)).astype(dtype)
        workspace = Workspace()
        self.y, cache = layer.forward(self.parameters, self.x, workspace, training=True)
        self.dy = rng.standard_normal(self.y.shape).astype(dtype)
        dy = self.dy.copy()
        self.dx = layer.backward(
            self.parameters, self.gradients, dy, cache, workspace, need_dx=True
        )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(convolutions())
def test_forward_is_the_correlation_of_scipy_and_backward_the_loop_over_windows(
    global_random_seed, case
):
    layer, input_shape, stride, pads = case
    run, single = (
        Run(layer, input_shape, dtype=dtype, seed=global_random_seed)
        for dtype in (np.float64, np.float32)
    )
    weights, seen = dense(run.parameters["weights"], layer.dilation, layer.groups)
    bias = run.parameters["bias"]
    y = scipy_forward(run.x, weights, bias, stride, pads)
    assert run.y.shape[:-1] == layer.output_shape(input_shape)
    np.testing.assert_allclose(run.y, y, rtol=0, atol=1e-12)
    assert single.y.dtype == np.float32
    np.testing.assert_allclose(single.y, y, rtol=0, atol=2e-5)  # of the same numbers, rounded
    dx, dw, db = loop_backward(run.x, run.dy, weights, stride, pads)
    np.testing.assert_allclose(run.dx, dx, rtol=0, atol=1e-12)
    ours, _ = dense(run.gradients["weights"], layer.dilation, layer.groups)
    np.testing.assert_allclose(ours, np.where(seen, dw, 0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.gradients["bias"], db, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "input_shape"),
    [
        (Conv(2, 3), (2, 7)),
        (Conv(3, 4, stride=2), (2, 7)),
        (Conv(2, 2, padding=((-1, -2),)), (1, 8)),
        (Conv(3, 3), (4, 2, 5)),
        (Conv(2, (1, 3), padding="valid", use_bias=False), (3, 2, 4)),
        (Conv(2, (2, 3), stride=(3, 2)), (7, 1, 5)),
        (Conv(1, 2, padding=((2, -1), (-2, 1))), (5, 2, 5)),
        (Conv(1, 2, stride=2, padding=((1, 0), 0, (-1, 1))), (3, 3, 2, 4)),
        (Conv(2, 3, dilation=2), (2, 9)),
        (Conv(2, 2, dilation=(2, 1), stride=(1, 2)), (5, 1, 4)),
        (Conv(4, 3, groups=2), (4, 4, 5)),
        (Conv(4, 3, groups=2), (2, 7)),
        (Conv(6, 2, stride=2, padding=1, dilation=2, groups=3), (5, 3, 4)),
        (Conv(2, 2, dilation=(1, 2, 1), groups=2), (3, 4, 2, 3)),
    ],
    ids=str,
)
def test_gradients_are_finite_differences(layer, input_shape, global_random_seed):
    check_layer(layer, input_shape, seed=global_random_seed)


EDGES = [
    (Conv(2, 3), (1, 1)), (Conv(1, 2, stride=3), (1, 8)), (Conv(2, 1), (3, 1, 3)),
    (Conv(2, 3, padding="valid", use_bias=False), (2, 5)), (Conv(2, 3), (1, 2, 1)),
    (Conv(2, 2, padding="valid"), (4, 1, 3)), (Conv(2, (3, 1), padding="valid"), (4, 2, 3)),
    (Conv(2, 4), (3, 1, 4)), (Conv(1, 1, stride=3), (5, 1, 4)), (Conv(1, 2, padding=3), (2, 1, 2)),
    (Conv(1, 3, padding=(2, (0, 1))), (3, 1, 3)), (Conv(2, 2), (2, 3, 1, 2)),
    (Conv(1, (1, 3, 2), (1, 2, 1), "valid"), (2, 4, 1, 3)), (Conv(1, 3), (1, 3, 1, 1)),
]  # fmt: skip


def test_gradients_at_the_edges_are_those_along_directions():
    for layer, input_shape in EDGES:
        check_layer(layer, input_shape, directions=8)


@pytest.mark.parametrize("padding", ["same", "valid", 1, "crop"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_gradients_of_every_combination_are_those_along_directions(rank, padding):
    if padding == "crop":
        padding = ((-1, 2), (1, -1), (0, 1))[:rank]
    input_shape = {1: (2, 7), 2: (5, 2, 4), 3: (4, 4, 1, 4)}[rank]
    for size, stride in product([1, 2, 3, 4], [1, 2, 3]):
        check_layer(Conv(1, size, stride, padding), input_shape, n_samples=2, directions=8)


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_same_padding_gives_ceil_of_length_over_stride_and_puts_the_odd_zero_last(stride):
    for kernel, length in product([1, 2, 3, 4, 5, 6], [1, 2, 5, 6]):
        run = Run(Conv(1, kernel, stride), (1, length), n=1)
        x, w, b = run.x[0, :, 0], run.parameters["weights"][:, 0, 0], run.parameters["bias"][0]
        n_outputs = -(-length // stride)
        assert run.y.shape == (1, n_outputs, 1)
        before = max((n_outputs - 1) * stride + kernel - length, 0) // 2
        padded = np.zeros(before + length + stride + kernel)
        padded[before : before + length] = x
        windows = [padded[o * stride : o * stride + kernel] for o in range(n_outputs)]
        np.testing.assert_allclose(run.y[0, :, 0], windows @ w + b, rtol=0, atol=1e-13)


DILATED_AND_GROUPED = [
    ("dilated", {"dilation": 2}, 2, 3),
    ("dilated along one axis", {"dilation": "last"}, 1, 2),
    ("grouped", {"groups": 2}, 4, 6),
    ("grouped and dilated", {"groups": 2, "dilation": 3}, 4, 2),
    ("depthwise", {"groups": 3}, 3, 3),
    ("depthwise, two filters a channel", {"groups": 2}, 2, 4),
    ("depthwise and dilated", {"groups": 2, "dilation": 2}, 2, 2),
]


@pytest.mark.parametrize("padding", ["same", "valid", 2, "crop"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    ("options", "channels", "filters"),
    [case[1:] for case in DILATED_AND_GROUPED],
    ids=[case[0] for case in DILATED_AND_GROUPED],
)
def test_dilated_and_grouped_gradients_of_every_padding_and_stride(
    options, channels, filters, rank, padding
):
    if padding == "crop":
        padding = ((-1, 2), (1, -1), (0, 1))[:rank]
    if options.get("dilation") == "last":
        options = {**options, "dilation": (1,) * (rank - 1) + (2,)}
    length = 7 if rank < 3 else 5
    shape = (*[length] * (rank - 1), channels, length + 1)
    for size, stride in product([1, 2], [1, 2, 3]):
        check_layer(
            Conv(filters, size, stride, padding, **options), shape, n_samples=2, directions=4
        )


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv(16, 3, groups=16), (12, 16, 19)),
        (Conv(16, 3, groups=16), (16, 37)),
        (Conv(8, 11, groups=8), (8, 50)),  # tiles of as many columns as the kernel has
        (Conv(8, 3, groups=8, dilation=4), (9, 8, 30)),
        (Conv(8, 3, groups=8, stride=2), (9, 8, 30)),
        (Conv(8, 3, groups=4), (9, 8, 30)),
        (Conv(8, 3, dilation=2), (9, 8, 30)),
    ],
    ids=str,
)
def test_dilated_and_grouped_maps_of_several_tiles_are_dense_ones_with_zeros(layer, shape):
    run = Run(layer, shape, n=9)
    dilation = (layer.dilation,) * (len(shape) - 1)
    weights, seen = dense(run.parameters["weights"], dilation, layer.groups)
    size = weights.shape[:-2]
    plain = Conv(layer.n_filters, size, layer.stride)
    parameters = {"weights": weights, "bias": run.parameters["bias"]}
    gradients = {name: np.empty_like(values) for name, values in parameters.items()}
    workspace = Workspace()
    y, cache = plain.forward(parameters, run.x, workspace, training=True)
    np.testing.assert_allclose(run.y, y, rtol=0, atol=1e-11)
    dx = plain.backward(parameters, gradients, run.dy.copy(), cache, workspace, need_dx=True)
    np.testing.assert_allclose(run.dx, dx, rtol=0, atol=1e-11)
    ours, _ = dense(run.gradients["weights"], dilation, layer.groups)
    np.testing.assert_allclose(ours, np.where(seen, gradients["weights"], 0), rtol=0, atol=1e-10)


def test_output_is_one_filter_applied_by_hand():
    x = np.arange(12.0).reshape(3, 1, 4, 1)
    layer = Conv(1, 2, padding="valid")
    weights = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(2, 2, 1, 1)
    y, _ = layer.forward(
        {"weights": weights, "bias": np.array([0.5])}, x, Workspace(), training=False
    )
    assert y[..., 0].tolist() == [[[5410.5, 6521.5, 7632.5]], [[9854.5, 10965.5, 12076.5]]]


@pytest.mark.parametrize(
    ("size", "input_shape"), [((3,), (2, 7)), ((3, 1), (6, 2, 5)), ((3, 1, 1), (4, 3, 2, 5))]
)
def test_input_and_gradient_need_not_be_contiguous(size, input_shape):
    layer = Conv(2, size, padding="valid")
    run = Run(layer, input_shape)
    x = np.repeat(run.x, 2, axis=0)[::2]
    dy = np.repeat(run.dy, 2, axis=0)[::2]
    gradients = {name: np.empty_like(part) for name, part in run.gradients.items()}
    workspace = Workspace()
    y, cache = layer.forward(run.parameters, x, workspace, training=True)
    assert np.array_equal(y, run.y)
    dx = layer.backward(run.parameters, gradients, dy, cache, workspace, need_dx=True)
    assert np.array_equal(dx, run.dx)
    assert all(np.array_equal(gradients[name], run.gradients[name]) for name in gradients)


def test_narrowed_has_kernel_size_one_on_input_axes_of_length_one():
    layer = Conv(2, 3, stride=2, padding=1)
    assert layer.narrowed((1, 9)) == Conv(2, (1, 3), (1, 2), ((0, 0), (1, 1)))
    assert Conv(2, (5, 3)).narrowed((9, 1)) == Conv(2, (5, 1), (1, 1))
    assert layer.narrowed((5, 9)) is layer
    assert Conv(2, 3, dilation=2).narrowed((1, 9)) == Conv(2, (1, 3), (1, 1), dilation=(1, 2))
    assert Conv(2, 3, dilation=(4, 1)).narrowed((1, 9)) == Conv(2, (1, 3), (1, 1))
    cropped = Conv(1, 3, padding=((-1, 0), (1, 1))).narrowed((6, 1))
    assert cropped == Conv(1, (3, 1), (1, 1), ((-1, 0), (0, 0)))


@pytest.mark.parametrize("padding", ["same", "valid", 1, ((1, 1), (-2, 0))])
def test_narrowed_image_of_one_row_is_a_signal(padding):
    image = Run(Conv(2, 3, 2, padding).narrowed((1, 8)), (1, 3, 8))
    along = padding if isinstance(padding, str | int) else (padding[1],)
    signal = Run(Conv(2, 3, 2, along), (3, 8))
    assert np.array_equal(image.y[0], signal.y)
    np.testing.assert_allclose(image.dx[0], signal.dx, rtol=0, atol=1e-13)


def test_initializers_count_the_kernel_positions_of_a_filter():
    def initial(layer, input_shape):
        network = Network((layer,), input_shape, np.float64)
        network.initialize(np.random.default_rng(0))
        return network.views()[0]

    parameters = initial(Conv(64, 3), (4, 16, 4))
    assert parameters["weights"].std() == pytest.approx(np.sqrt(2 / (3 * 3 * 16)), rel=0.03)
    assert not parameters["bias"].any()
    grouped = initial(Conv(64, 3, groups=4), (4, 32, 4))["weights"]
    assert grouped.shape == (3, 3, 8, 64)
    assert grouped.std() == pytest.approx(np.sqrt(2 / (3 * 3 * 8)), rel=0.03)
    largest = np.abs(initial(Conv(8, 3, initializer="glorot_uniform"), (4, 4, 4))["weights"]).max()
    bound = np.sqrt(6 / (9 * 4 + 9 * 8))
    assert 0.95 * bound < largest <= bound


@pytest.mark.parametrize(
    ("layer", "input_shape", "words"),
    [
        (Conv(2, 6, padding="valid"), (5, 1, 9), "filter_size=(6, 6)|(5, 9)|padding='same'"),
        (Conv(2, 2, padding=((-4, 0), 0)), (5, 1, 5), "filter_size=(2, 2)|(1, 5)"),
        (Conv(2), (7,), "Conv(n_filters=2)|(7,)|before Flatten()"),
        (Conv(2), (1, 2, 3, 4, 5), "Conv(n_filters=2)|(1, 2, 3, 4, 5)"),
        (Conv(0), (4, 1, 4), "n_filters=0|at least 1"),
        (Conv(2.0), (4, 1, 4), "n_filters=2.0|integer"),
        (Conv(True), (4, 1, 4), "n_filters=True must be an integer of at least 1."),
        (Conv((2,)), (4, 1, 4), "n_filters=(2,) must be an integer of at least 1."),
        (Conv(2, True), (4, 1, 4), "filter_size=True|integer"),
        (Conv(2, stride=(1, True)), (4, 1, 4), "stride=(1, True)|integer"),
        (Conv(2, padding=True), (4, 1, 4), "padding=True|integer"),
        (Conv(2, 0), (4, 1, 4), "filter_size=0|at least 1"),
        (Conv(2, (3, 3, 3)), (4, 1, 4), "filter_size=(3, 3, 3)|tuple of 2"),
        (Conv(2, [3, 3]), (4, 1, 4), "filter_size=[3, 3]|tuple of 2"),
        (Conv(2, 3, 0), (4, 1, 4), "stride=0|at least 1"),
        (Conv(2, 3, (1, 1.5)), (4, 1, 4), "stride=(1, 1.5)|integer"),
        (Conv(2, 3, padding="full"), (4, 1, 4), "padding='full'|'same', 'valid'"),
        (Conv(2, 3, padding=-1), (4, 1, 4), "padding=-1|at least 0"),
        (Conv(2, 3, padding=1.0), (4, 1, 4), "padding=1.0|integer"),
        (Conv(2, 3, padding=[1, 1]), (4, 1, 4), "padding=[1, 1]|tuple of 2"),
        (Conv(2, 3, padding=(1, 2, 3)), (4, 1, 4), "padding=(1, 2, 3)|tuple of 2"),
        (Conv(2, 3, padding=None), (4, 1, 4), "padding=None|'same', 'valid'"),
        (Conv(2, 3, dilation=0), (4, 1, 4), "dilation=0|at least 1"),
        (Conv(2, 3, dilation=(1, 2, 1)), (4, 1, 4), "dilation=(1, 2, 1)|tuple of 2"),
        (Conv(2, 3, dilation=1.0), (4, 1, 4), "dilation=1.0|integer"),
        (
            Conv(2, 3, padding="valid", dilation=2),
            (4, 1, 9),
            "filter_size=(3, 3)|dilation=(2, 2)|(5, 5) wide|(4, 9)|smaller filter_size or dilation",
        ),
        (Conv(2, groups=0), (4, 2, 4), "groups=0|at least 1"),
        (Conv(2, groups=True), (4, 2, 4), "groups=True|integer"),
        (Conv(4, groups=2), (4, 3, 4), "groups=2|channels, 3|n_filters=4"),
        (Conv(3, groups=2), (4, 4, 4), "groups=2|channels, 4|n_filters=3"),
    ],
    ids=str,
)
def test_errors_name_the_parameter_its_value_and_the_fix(layer, input_shape, words):
    with pytest.raises(ValueError, match=r"must|needs|larger") as caught:
        layer.output_shape(input_shape)
    assert all(word in str(caught.value) for word in words.split("|")), str(caught.value)


def test_unknown_initializer_is_named():
    network = Network((Conv(1, initializer="ones"),), (3, 1, 3))
    with pytest.raises(ValueError, match=r"initializer='ones' must be one of .*'he_normal'"):
        network.initialize(np.random.default_rng(0))


@pytest.mark.parametrize(
    "options",
    [{"dilation": 2}, {"groups": 2}, {"groups": 4}, {"groups": 4, "dilation": 2}],
    ids=str,
)
def test_bits_do_not_depend_on_the_number_of_threads(options):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 10, 12)), np.arange(300) % 2
    layers = [Conv(4, 3), Conv(8, 3, **options), ReLU(), MaxPool(2), Flatten()]
    fits = [
        ScratchCNNClassifier(
            layers=layers, batch_size=256, max_iter=2, n_jobs=n_jobs, random_state=0
        ).fit(X, y)
        for n_jobs in (1, 2)
    ]
    one, two = (fit.network_.parameters for fit in fits)
    assert np.array_equal(one, two)
    assert np.array_equal(*(fit.predict_proba(X) for fit in fits))
