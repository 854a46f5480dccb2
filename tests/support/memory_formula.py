"""The peak memory of fit and predict, by the formula in docs/memory.md: from shapes alone.

Nothing here is measured. Numbers are bytes, `size` is that of one number in the working dtype.
"""

from dataclasses import dataclass
from functools import singledispatch
from itertools import pairwise
from math import prod

from skcnn._data.common_curve import LEAST_SAMPLES, SOME_ELEMENTS
from skcnn._data.dtypes import CHUNK_ELEMENTS
from skcnn._data.mini_batches import mini_batches
from skcnn._engine.block_length import block_length
from skcnn._engine.convolution.choose import batch_class
from skcnn._engine.convolution.im2col import Im2col
from skcnn._engine.convolution.segments import SegmentedWinograd
from skcnn._engine.convolution.winograd import Winograd
from skcnn._training.gradient import ROUNDS, SHARED_MULTIPLY_ADDS, split
from skcnn._training.lbfgs import CHUNK_SAMPLES
from skcnn._training.prediction import STRETCH_IMAGES, chunk_size
from skcnn.layers import (
    Activation,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    ReLU,
    SpatialDropout,
)
from skcnn.layers.bias import Bias
from skcnn.layers.conv import _algorithm
from skcnn.layers.dense import LEAST_FEATURES
from skcnn.layers.pool import _steps
from skcnn.optimizers import SGD

FORWARD, PREDICTION, BACKWARD = "forward", "prediction", "backward"
# Vectors of float64 with "lbfgs": 25 of SciPy's work space for ten pairs; the others are points and
# gradients, its own and those of the objective.
LBFGS_VECTORS = 40
# Sums over samples for each pixel, with what they are computed with.
PIXEL_VECTORS = 11


@dataclass(frozen=True)
class Call:
    """What a step of the execution plan is asked to do.

    Parameters
    ----------
    before, after : tuple of int
        Shapes of its input and output without the batch.
    n : int
        Samples of the largest (micro-)batch.
    size : int
        Bytes of a number.
    task : {"forward", "backward", "prediction"}
        Forward in training; the same with backward; or inference.
    need_dx : bool
        Whether backward computes the gradient for the input.
    """

    before: tuple
    after: tuple
    n: int
    size: int
    task: str
    need_dx: bool

    @property
    def backward(self):
        return self.task == BACKWARD

    @property
    def dx(self):
        return self.backward and self.need_dx

    def bytes(self, *shapes):
        return self.size * sum(prod(shape) for shape in shapes)


@singledispatch
def scratch(layer, call):
    """Return the bytes of a step's workspace."""
    raise NotImplementedError(f"docs/memory.md says nothing of {layer}")


@scratch.register
def _(layer: Flatten, call):
    return 0


@scratch.register
def _(layer: Bias, call):
    return 0 if call.task == PREDICTION else call.bytes((*call.before, call.n))


@scratch.register
def _(layer: Activation, call):
    y = call.n * prod(call.before)
    if call.task == PREDICTION and layer.in_place:
        return 0
    slope = (1 if isinstance(layer, ReLU) else call.size) if call.dx else 0
    return y * (call.size + slope)


@scratch.register
def _(layer: BatchNorm, call):
    return 0 if call.task == PREDICTION else 2 * call.bytes((*call.before, call.n))


@scratch.register
def _(layer: Dropout, call):
    if call.task == PREDICTION or not layer.rate:
        return 0
    y = (*call.before, call.n)
    spatial = isinstance(layer, SpatialDropout) and len(call.before) > 1
    return call.bytes(y, y[-3:] if spatial else y)


@scratch.register
def _(layer: Dense, call):
    features, y = call.before[0], (layer.n_units, call.n)
    block = block_length(features, prod(y), least=LEAST_FEATURES)
    parts = 0 if block == features else features // block * call.bytes(y)
    return call.bytes(y) + parts + (call.bytes((features, call.n)) if call.dx else 0)


@scratch.register
def _(layer: MaxPool, call):
    total = 0
    for step in _steps(layer, call.before):
        y = call.n * prod(step.after)
        total += y * (call.size + step.axis.kernel)  # maxima, and a flag for each comparison
        if call.dx:
            total += call.bytes((*step.before, call.n)) + step.overlaps * call.size * y
    return total


@scratch.register
def _(layer: AveragePool, call):
    total = 0
    for step in _steps(layer, call.before):
        total += call.bytes((*step.after, call.n))
        total += call.bytes((*step.before, call.n)) if call.dx else 0
    return total


@scratch.register
def _(layer: Conv, call):
    algorithm = _algorithm(layer, call.before, batch_class(call.n))
    return scratch_of(algorithm, call) + weights_of(algorithm, call)


@singledispatch
def scratch_of(algorithm, call):
    """Return the bytes that an algorithm of convolution takes for images."""
    raise NotImplementedError


@scratch_of.register
def _(algorithm: Im2col, call):
    x, y = (*call.before, call.n), (*call.after, call.n)
    copies = 0 if algorithm.is_plain else call.bytes(algorithm.shape(call.n))
    total = copies + call.bytes(y)
    if call.dx:
        total += call.bytes(algorithm.shape(call.n))
        total += 0 if algorithm.is_plain else call.bytes(x)
    return total


@scratch_of.register
def _(algorithm: Winograd, call):
    points = algorithm.n_points * algorithm.n_tiles * call.n
    x = (algorithm.height.length, algorithm.channels, points)
    y = (algorithm.height.output, algorithm.n_filters, points)
    total = call.bytes(x, y, (*call.after, call.n))
    return total + (call.bytes(x, (*call.before, call.n)) if call.dx else 0)


@scratch_of.register
def _(algorithm: SegmentedWinograd, call):
    points = algorithm.n_segments * algorithm.n_points * algorithm.tiles * call.n
    x = (algorithm.height.length, algorithm.channels, points)
    y = (algorithm.height.output, algorithm.n_filters, points)
    window = algorithm.n_segments * algorithm.side.length
    windows = (algorithm.height.length, algorithm.channels, window, call.n)
    total = call.bytes(x, y, (*call.after, call.n))
    return total + (call.bytes(x, windows, (*call.before, call.n)) if call.dx else 0)


def weights_of(algorithm, call):
    """Return the bytes of transformed weights and of their gradients, which no batch enlarges."""
    winograd = isinstance(algorithm, Winograd)
    together = 1 if winograd else prod(algorithm.together)
    points = algorithm.n_points if winograd else 1
    lines = algorithm.channels if winograd else algorithm.lines
    position = points * lines * together * algorithm.n_filters
    weights = algorithm.height.kernel * position
    total = call.bytes((weights,)) if winograd or together > 1 else 0
    if not call.backward:
        return total
    outer = 1 if winograd else prod(algorithm.outputs)
    if isinstance(algorithm, SegmentedWinograd):
        outer = algorithm.n_segments
    # of each row of windows by itself, then summed up
    rows = [
        len(range(group.target.start, group.target.stop, group.target.step or 1))
        * (group.positions.stop - group.positions.start)
        for group in algorithm.forward_rows
    ]
    uniform = len(rows) == 1 and not algorithm.forward_rows[0].is_empty
    positions = [group.positions.stop - group.positions.start for group in algorithm.forward_rows]
    summed = 0 if uniform else max(positions) * position
    turned = -(-algorithm.height.kernel // algorithm.height.stride) * position if call.dx else 0
    return total + call.bytes((max(rows) * outer * position,), (weights,), (summed,), (turned,))


def workspaces(network, sizes, task):
    """Return the bytes of one thread's workspaces for the steps of a network.

    Parameters
    ----------
    network : Network
        Its plan says what runs.
    sizes : set of int
        Samples of its batches. What is largest counts, but constants of each size are kept.
    task : {"forward", "backward", "prediction"}
        See `Call`.
    """
    plan, size = network._plan, network.dtype.itemsize
    total = 0
    for number, (step, shapes) in enumerate(zip(plan.steps, pairwise(plan.shapes), strict=True)):
        need_dx = number > plan.first_trained
        total += scratch(step.operation, Call(*shapes, max(sizes), size, task, need_dx))
        if isinstance(step.operation, ReLU):
            total += size * shapes[1][-1] * sum(sizes)  # zeros to compare with
        if "bias" in step.operation.parameter_shapes(shapes[0]) and task == BACKWARD:
            total += size * (shapes[1][-1] if len(shapes[1]) > 1 else 1) * sum(sizes)  # ones
    return total


def standardizing(network, standardize):
    """Return the bytes of moments of each pixel, and of a number of a sample in float64."""
    moments = 2 * network.dtype.itemsize * prod(network.shapes[0])
    return moments * (standardize == "pixel"), 8 * (standardize == "sample")


def prediction(network, n, threads=1, rows_itemsize=0, standardize=True):
    """Return the bytes of outputs for n samples, and those of what computes them.

    Rows that are chosen from X are copied, chunk by chunk, with `rows_itemsize` bytes a number.
    """
    moments, of_sample = standardizing(network, standardize)
    size, features = network.dtype.itemsize, prod(network.shapes[0])
    n_chunks = -(-n // chunk_size(network))
    chunk = -(-n // n_chunks)
    stretch = chunk * max(1, min(STRETCH_IMAGES // chunk, n_chunks // (2 * threads)))
    threads = min(threads, -(-n // stretch))
    last = n - (n - 1) // stretch * stretch  # of the last stretch
    sizes = {chunk, (last - 1) % chunk + 1} if n >= chunk else {n}
    images = features * chunk * (size + rows_itemsize + of_sample)
    outputs = size * prod(network.shapes[-1]) * n
    return outputs, moments + threads * (images + workspaces(network, sizes, PREDICTION))


def peak_of_predict(model, n, method="predict"):
    """Return the bytes that a prediction for n samples takes at most, besides X and the model."""
    outputs, computing = prediction(
        model.network_, n, model.n_jobs or 1, standardize=model.standardize
    )
    if method == "predict_proba":
        return max(outputs + computing, 3 * outputs)
    return outputs + max(computing, 2 * 8 * n)  # indices and labels


@dataclass(frozen=True)
class Fit:
    """What a fit is like besides its network and its parameters.

    Parameters
    ----------
    n : int
        Samples to train on.
    X_itemsize : int
        Bytes of a number of X.
    n_held_out : int, default=0
        Samples that are only measured.
    taken_from_x : bool, default=False
        Whether they are rows of X.
    """

    n: int
    X_itemsize: int
    n_held_out: int = 0
    taken_from_x: bool = False


def optimizer_vectors(solver):
    """Return how many vectors an optimizer keeps, or "lbfgs" starts from."""
    if isinstance(solver, SGD):
        return int(solver.momentum > 0)
    return {"adam": 2, "sgd": 1, "lbfgs": 1}[solver]


def micro_batches(model, network, n):
    """Return the micro-batches of the largest mini-batch, and all sizes that occur."""
    batch = min(CHUNK_SAMPLES if model.solver == "lbfgs" else model.batch_size, n)
    least = network.minimum_batch_size
    parts = {part.stop - part.start for part in mini_batches(n, batch, least)}
    split_parts = [split(range(part), network.multiply_adds, least) for part in parts]
    return max(map(len, split_parts)), {len(rows) for part in split_parts for rows in part}


def training(model, fit, task=BACKWARD):
    """Return the bytes of the mini-batches, of all threads, and those of gradients."""
    network = model.network_
    features, size = prod(network.shapes[0]), network.dtype.itemsize
    count, sizes = micro_batches(model, network, fit.n)
    threads = model.n_jobs or 1
    slots = min(count, (ROUNDS * threads if threads > 1 else 1) + 1)
    if max(sizes) * network.multiply_adds < SHARED_MULTIPLY_ADDS:
        threads = 1
    moments, of_sample = standardizing(network, model.standardize)
    images = features * max(sizes) * (size + fit.X_itemsize + of_sample)
    each = images + workspaces(network, sizes, task) + size * max(sizes) * network.shapes[-1][0]
    return moments + min(threads, count) * each, slots * network.parameters.nbytes


def peak_of_fit(model, fit):
    """Return the bytes that a fit takes at most, besides X and y.

    Parameters
    ----------
    model : estimator
        Fitted: its layers and shapes are read. `n_jobs` and `batch_size` are numbers.
    fit : Fit
        How much data there is.
    """
    network = model.network_
    vector = network.parameters.nbytes
    batches, gradients = training(model, fit)
    kept = (1 + optimizer_vectors(model.solver) + (model.weight_averaging is not None)) * vector
    if model.solver == "lbfgs":
        kept += LBFGS_VECTORS * 8 * len(network.parameters)
    snapshots = min(model.n_iter_, 2)  # as it is shown, and that of the epoch before
    if fit.n_held_out:
        snapshots += model.n_iter_ > 2 and model.best_iter_ < model.n_iter_ - 1
    integers = 8 * (2 * fit.n + (fit.n + fit.n_held_out) * fit.taken_from_x)  # classes, order, rows
    held_out = given = 0
    if fit.n_held_out:
        rows = fit.X_itemsize if fit.taken_from_x else 0
        held_out = sum(
            prediction(network, fit.n_held_out, model.n_jobs or 1, rows, model.standardize)
        )
    recomputing = 0
    if model.weight_averaging and any(isinstance(layer, BatchNorm) for layer in network.layers):
        recomputing, _ = training(model, fit, FORWARD)
    if fit.n_held_out and model.scoring not in ("loss", "accuracy"):
        given = fit.n_held_out * prod(network.shapes[0]) * fit.X_itemsize * fit.taken_from_x
    training_peak = given + kept + gradients + batches + snapshots * vector
    before = vector + before_training(model, fit)
    return integers + max(training_peak + max(held_out, recomputing), before)


def before_training(model, fit):
    """Return the bytes of what a fit takes before its first epoch, and no longer."""
    network = model.network_
    largest = max(view.size for views in network.views() for view in views.values())
    drawn = 2 * 8 * largest  # of weights, in float64
    features, width = prod(network.shapes[0]), 8 + fit.X_itemsize * fit.taken_from_x
    sums = PIXEL_VECTORS * 8 * features
    elements = min(CHUNK_ELEMENTS, fit.n * features)
    compared = min(elements, max(SOME_ELEMENTS, LEAST_SAMPLES * features)) * (8 + fit.X_itemsize)
    if model.standardize == "pixel":
        return max(drawn, elements * width + sums)
    learned = elements * width if model.standardize in (True, "channel") else 0
    return max(drawn, learned, compared + sums)
