"""What a fit came to: whether it diverged, and because of what; whether it learned anything."""

from __future__ import annotations

import warnings
from math import sqrt
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skcnn._data.dtypes import largest_magnitude
from skcnn._data.sample_standardizer import SampleStandardizer
from skcnn._data.samples import Data, Samples
from skcnn._engine.blas import with_one_blas_thread
from skcnn._engine.threads import thread_count
from skcnn._estimator.blocks import given_layers
from skcnn._estimator.fitted import Fitted
from skcnn._estimator.parameters import resolve_alpha, takes_all_samples
from skcnn._training.epochs import TrainingSettings
from skcnn._training.evaluation import Validation
from skcnn._training.prediction import outputs_of
from skcnn._training.stopping import DivergenceError
from skcnn.layers import (
    GELU,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Layer,
    Logistic,
    MaxPool,
    Parallel,
    ReLU,
    Residual,
    SiLU,
    SpatialDropout,
    Tanh,
)
from skcnn.layers.base import Parameters, Shape
from skcnn.layers.container import Container
from skcnn.network import Network

# Fits of fewer epochs, or of fewer steps, may well end before they have learned anything.
LEAST_EPOCHS, LEAST_STEPS = 5, 20
# Where nearly all samples are of one class, always predicting it has a smaller loss than this.
LEAST_CONSTANT = 0.01
# A loss within this fraction of a constant's is no better.
NO_BETTER = 1e-4
# Short fits are told only of a loss that is so many times as large.
MUCH_WORSE = 10.0
# "lbfgs" has converged if so many iterations lowered the loss, which begins near 1, by no more than
# this, relative and absolute.
LAST_ITERATIONS, WORTHWHILE, WORTHWHILE_AT_ALL = 10, 1e-4, 1e-5
# From here on an alpha, a fraction or a bound of the gradient may leave nothing to be learned.
LARGE_ALPHA, LARGE_FRACTION, SMALL_NORM = 1.0, 0.5, 0.01
# Magnitudes of X that are not scaled, where nothing else explains that training diverged.
UNSCALED = 1e3
# From here on an L2 term makes the loss so steep that "lbfgs" may step too far.
STEEP_ALPHA = 1e6
# Layers that make nothing larger but by their parameters.
BOUNDED = (
    AveragePool, BatchNorm, Conv, Dense, Dropout, Flatten, GELU, GlobalAveragePool, GlobalMaxPool,
    Logistic, MaxPool, ReLU, SiLU, SpatialDropout, Tanh,
)  # fmt: skip
# Between a bound of the outputs and the largest number: intermediate results may be larger.
MARGIN = 1e6


def check_finite(estimator: Any, start: Fitted, trained: Fitted, data: Data, images: Any) -> None:
    """Raise a DivergenceError if predictions for the training data are not finite.

    Parameters that cannot make anything overflow settle it, as those of nearly every fit; otherwise
    the predictions are computed.

    Parameters
    ----------
    estimator : BaseCNN
        Its parameters.
    start, trained : Fitted
        The model before and after training.
    data : Data
        What was learned from.
    images : Images
        Its images.
    """
    network = trained.network
    largest = float(np.finfo(network.dtype).max)
    if bound_of_outputs(network, _largest_input(start, data)) < largest / MARGIN:
        return
    n_threads = thread_count(estimator.n_jobs)
    outputs = with_one_blas_thread(lambda: outputs_of(network, images, n_threads))
    if not np.isfinite(outputs).all():
        raise DivergenceError("predictions for the training data are NaN or infinite")


def warn_if_nothing_learned(
    estimator: Any, trained: Fitted, samples: Samples, n_epochs: int, n_steps: int
) -> None:
    """Give a ConvergenceWarning if a constant has as small a loss on the training data.

    The loss that training recorded is compared first; only where it is as large is that of the
    model computed, without what acts in training alone. Short fits may be worse, up to a factor.

    Parameters
    ----------
    estimator : BaseCNN
        Its parameters.
    trained : Fitted
        The model after training.
    samples : Samples
        What was learned from.
    n_epochs, n_steps : int
        How long this fit was.
    """
    full_batch = takes_all_samples(estimator.solver)
    # L-BFGS ends by itself where it finds nothing smaller, after however few iterations
    length = estimator.max_iter if full_batch else n_epochs
    is_short = length < LEAST_EPOCHS or (n_steps < LEAST_STEPS and not full_batch)
    if full_batch and estimator.early_stopping and n_epochs < estimator.max_iter:
        return  # of noise, the iteration that suits other samples best may be the first
    targets = trained.targets
    constant = targets.loss_of_constant(samples.targets, samples.weights)
    worst = constant * (MUCH_WORSE if is_short else 1 - NO_BETTER)
    if constant < LEAST_CONSTANT or trained.history[-1]["loss"] < worst:
        return
    measured = targets.loss.measured
    validation = Validation(samples, measured, "loss", thread_count(estimator.n_jobs))
    loss = with_one_blas_thread(lambda: validation.measure(trained.network).loss)
    if loss < worst:
        return
    remedies = _too_strong(estimator)
    if not full_batch:
        remedies.append(f"another learning_rate (now {estimator.learning_rate})")
    remedies.append(f"more epochs (now max_iter={estimator.max_iter})")
    scaling = "scaled X" if estimator.standardize else "standardize=True or scaled X"
    warnings.warn(
        f"The fit has learned nothing: the loss on the training data is {loss:.4g} in the end, no "
        f"better than the {constant:.4g} of always predicting {targets.constant}. Try "
        f"{', '.join(remedies)} or {scaling}.",
        ConvergenceWarning,
        stacklevel=9,  # where the user calls fit
    )


def _too_strong(estimator: Any) -> list[str]:
    """Return what to do about regularization so strong that it may leave nothing to learn."""
    remedies, alpha = [], resolve_alpha(estimator)
    if alpha >= LARGE_ALPHA:
        remedies.append(f"a smaller alpha (now {alpha:g})")
    names = ["label_smoothing"]
    if estimator.layers is None:
        names = ["dropout", "block_dropout", *names]
    else:
        remedies += [
            f"a smaller rate of {layer}"
            for layer in given_layers(estimator.layers)
            if isinstance(layer, Dropout | SpatialDropout) and layer.rate > LARGE_FRACTION
        ]
    for name in names:
        value = getattr(estimator, name, 0.0)  # the regressor has no label_smoothing
        if value > LARGE_FRACTION:
            remedies.append(f"a smaller {name} (now {value})")
    norm = estimator.max_grad_norm
    if norm is not None and norm < SMALL_NORM:
        remedies.append(f"a larger max_grad_norm (now {norm})")
    return remedies


def warn_if_still_falling(estimator: Any, history: list[dict[str, Any]]) -> None:
    """Give a ConvergenceWarning if the last iterations of "lbfgs" still lowered the loss.

    Parameters
    ----------
    estimator : BaseCNN
        Its parameters.
    history : list of dict
        Records of the iterations of this fit, which `max_iter` has ended.
    """
    losses = [record["loss"] for record in history[-LAST_ITERATIONS - 1 :]]
    worthwhile = max(WORTHWHILE * losses[0], WORTHWHILE_AT_ALL)
    if len(losses) > 1 and losses[0] - losses[-1] <= worthwhile:
        return
    tol = "a tol such as 1e-4" if not estimator.tol else f"a larger tol than {estimator.tol}"
    warnings.warn(
        f"solver='lbfgs' was stopped by max_iter={estimator.max_iter} before it converged. Set a "
        f"larger max_iter, usually of some hundreds, or {tol}, which ends sooner.",
        ConvergenceWarning,
        stacklevel=12,  # where the user calls fit
    )


def divergence(
    estimator: Any, settings: TrainingSettings, start: Fitted, training: Data, held_out: Data | None
) -> str:
    """Return what the message of the error that ends a fit says after the number of the epoch."""
    if takes_all_samples(estimator.solver):
        text = "solver='lbfgs'. "
        alpha = resolve_alpha(estimator)
        remedy = "Scale the input, use a larger alpha, or another solver."
        if alpha > STEEP_ALPHA:
            remedy = f"Use a smaller alpha (now {alpha:g})."
    else:
        text = f"learning_rate={settings.learning_rate:g} and alpha={settings.alpha:g}. "
        remedy = _remedy_of_steps(estimator, settings, start)
    return text + (remedy or _remedy_of_input(estimator, start, training, held_out))


def _remedy_of_steps(estimator: Any, settings: TrainingSettings, start: Fitted) -> str:
    """Return what to do about steps that are too long by themselves; "" if none is."""
    rate, alpha, state = settings.learning_rate, settings.alpha, start.state
    if not isinstance(estimator.learning_rate_schedule, str) and state.schedule_state is not None:
        factor = state.factor(None)
        if rate <= 1 < rate * factor:
            return (
                f"learning_rate_schedule multiplies the learning rate by {factor:.3g}: use smaller "
                f"factors."
            )
    if rate > 1:
        return "Use a smaller learning_rate."
    return "Use a smaller alpha." if rate * alpha > 1 else ""


def _remedy_of_input(estimator: Any, start: Fitted, training: Data, held_out: Data | None) -> str:
    """Return what to do about numbers that are too large, or about the learning rate."""
    largest = float(largest_magnitude(training.X, training.rows))
    if held_out is not None:
        other = float(largest_magnitude(held_out.X, held_out.rows))
        if other > UNSCALED * max(largest, 1):
            return f"X_val holds a number of magnitude {other:.3g}: scale X_val as X is scaled."
    said = f"X holds a number of magnitude {largest:.3g}"
    if start.standardizer is not None and start.history:
        strangest = _largest_input(start, training)
        if strangest > UNSCALED:
            return (
                f"{said}, {strangest:.3g} standard deviations from the mean of what the first call "
                f"was given: scale X as it was scaled then, or fit a clone to start again."
            )
    if start.standardizer is None and largest > UNSCALED:
        return f"{said} and standardize=False: use standardize=True, or scale X."
    if largest > np.finfo(start.network.dtype).max / 4:
        return f"{said}, near the largest of {start.network.dtype}: scale X down."
    return "Use a smaller learning_rate."


def bound_of_outputs(network: Network, largest: float) -> float:
    """Return what outputs do not exceed for inputs up to `largest`; infinite if nobody knows.

    A layer makes its input larger by no more than the sum of the magnitudes of an output's weights.
    """
    with np.errstate(all="ignore"):
        for layer, shape, parameters in zip(
            network.layers, network.shapes, network.views(), strict=False
        ):
            largest = _bound_of_layer(layer, shape, parameters, largest)
    return largest if largest < np.inf else np.inf  # NaN is no bound


def _bound_of_layer(layer: Layer, shape: Shape, parameters: Parameters, largest: float) -> float:
    """Return what a layer's outputs do not exceed for inputs up to `largest`."""
    if type(layer) is Parallel:
        return max(_bounds_of_chains(layer, shape, parameters, largest).values())
    if type(layer) is Residual:
        bounds = _bounds_of_chains(layer, shape, parameters, largest)
        return bounds["body"] + bounds.get("shortcut", largest)
    if type(layer) not in BOUNDED:
        return np.inf
    largest = max(largest, 1.0)
    # magnitudes of the weights of each output, and of biases
    sums = {
        name: np.abs(values).sum(axis=tuple(range(values.ndim - 1)), dtype=np.float64)
        for name, values in parameters.items()
    }
    if isinstance(layer, BatchNorm):
        scale = sums["gamma"] / np.sqrt(sums["variance"] + float(layer.epsilon))
        return float((scale * (sums["mean"] + largest) + sums["beta"]).max())
    return largest * float(sum(each.max() for each in sums.values())) if sums else largest


def _bounds_of_chains(
    layer: Container, shape: Shape, parameters: Parameters, largest: float
) -> dict[str, float]:
    """Return what the outputs of each chain that a layer runs do not exceed."""
    bounds = {}
    for name, chain in layer._chains(shape).items():
        bound = largest
        views = chain.views(parameters, name)
        for inner, before, own in zip(chain.layers, chain.shapes, views, strict=False):
            bound = _bound_of_layer(inner, before, own, bound)
        bounds[name] = bound
    return bounds


def _largest_input(start: Fitted, data: Data) -> float:
    """Return what no input of the network exceeds in magnitude."""
    standardizer = start.standardizer
    if standardizer is not None and not start.history:  # it knows these samples
        weights = data.relative_weights
        least = 1.0 if weights is None else float(weights.min())
        return sqrt(len(data) * data.X.shape[1]) / sqrt(least)
    if isinstance(standardizer, SampleStandardizer):  # no number of a sample is farther from others
        return sqrt(data.X.shape[1])
    with np.errstate(all="ignore"):
        largest = float(largest_magnitude(data.X, data.rows))
        if standardizer is None:
            return largest
        return float(((largest + np.abs(standardizer.mean)) / standardizer.deviation).max())
