"""L-BFGS: full-batch gradients, and steps that follow an estimate of the curvature."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import OptimizeResult, minimize

from skcnn._data.mini_batches import mini_batches
from skcnn._data.samples import Samples
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.threads import Team
from skcnn._training.epochs import Epoch
from skcnn._training.gradient import BatchGradient
from skcnn._training.state import TrainingState
from skcnn._training.stopping import DivergenceError
from skcnn.losses import Loss
from skcnn.network import Network

Array = npt.NDArray[Any]

# Samples whose gradient is computed at a time: memory does not grow with the samples.
CHUNK_SAMPLES = 1024
# Trials along one direction, and evaluations for each iteration, are as good as unlimited.
LINE_SEARCH_STEPS = 50
EVALUATIONS = 100
LIMIT_REACHED = 1  # SciPy's status


class Objective:
    """The weighted mean loss over all samples, with an L2 term, and its gradient.

    objective = mean of weight * loss + alpha / 2 * sum of weights**2, where biases, and whatever
    else has one axis, are left out of the sum.

    Parameters
    ----------
    network : Network
        Its parameters are set to each point that is asked about.
    loss : Loss
        Training loss.
    samples : Samples
        What to learn from.
    alpha : float
        Strength of the L2 term.
    state : TrainingState
        For its generators.
    team : Team
        Who computes; any number of threads gives the same bits.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        samples: Samples,
        alpha: float,
        state: TrainingState,
        team: Team,
    ) -> None:
        self._network, self._alpha, self._n = network, alpha, len(samples)
        self._step = BatchGradient(network, loss, samples, state.drawing, team)
        least = network.minimum_batch_size
        self._parts = mini_batches(self._n, max(CHUNK_SAMPLES, least), least)
        self._point: Array | None = None
        self.value = np.inf
        self.accuracy: float | None = None

    def __call__(self, point: Array) -> tuple[float, Array]:
        """Return the value and the gradient at a point, in float64.

        Raises
        ------
        DivergenceError
            If the value is not finite.
        """
        evaluate = partial(self._evaluate, point)
        gradient = with_numpy_settings(evaluate, short_buffers=True, all="ignore")
        if not (np.isfinite(self.value) and np.isfinite(gradient).all()):
            raise DivergenceError("the loss is no longer finite, but NaN or infinite,")
        self._point = point.copy()
        return self.value, gradient

    def _evaluate(self, point: Array) -> Array:
        """Set value and accuracy; return the gradient."""
        self._network.parameters[:] = point
        total, correct, gradient = 0.0, [], np.zeros(len(point))
        for part in self._parts:
            rows = np.arange(part.start, part.stop)
            value, chunk_correct = self._step.run(rows)
            total += value
            correct.append(chunk_correct)
            gradient += np.multiply(self._step.gradient, len(rows) / self._n, dtype=np.float64)
        weights = point[self._network.decayed]
        gradient[self._network.decayed] += self._alpha * weights
        for where in self._network.frozen:
            gradient[where] = 0
        self.value = total / self._n + self._alpha / 2 * float(weights @ weights)
        right = [weight for weight in correct if weight is not None]
        self.accuracy = sum(right) / self._n if right else None
        return gradient

    def move_to(self, point: Array) -> None:
        """Set network, value and accuracy to those of a point, asked about last or not."""
        if self._point is None or not np.array_equal(point, self._point):
            self(point)


def train_lbfgs(
    objective: Objective,
    start: Array,
    n_iterations: int,
    before_iteration: Callable[[], object],
    after_iteration: Callable[[Epoch], bool],
) -> bool:
    """Minimize by L-BFGS, in place of epochs; return whether `n_iterations` were enough.

    It ends after `n_iterations`, when `after_iteration` says so, or when no step makes the
    objective smaller; one iteration is told of even so.

    Parameters
    ----------
    objective : Objective
        What to minimize; its network changes.
    start : ndarray of shape (n_parameters,)
        Where to begin; not changed.
    n_iterations : int
        The most there will be.
    before_iteration : callable
        Told when an iteration begins.
    after_iteration : callable
        Given what an iteration came to, with the network as it is then; returns whether to stop.

    References
    ----------
    Liu, Nocedal. On the Limited Memory BFGS Method for Large Scale Optimization. Mathematical
    Programming 45, 1989.
    """
    begun: float | None = None
    n_told = 0

    def evaluate(point: Array) -> tuple[float, Array]:
        nonlocal begun
        if begun is None:
            begun = perf_counter()
            before_iteration()
        return objective(point)

    def tell(point: Array) -> bool:
        nonlocal begun, n_told
        objective.move_to(point)
        assert begun is not None
        seconds, begun = perf_counter() - begun, None
        n_told += 1
        return after_iteration(Epoch(objective.value, objective.accuracy, None, seconds))

    def callback(intermediate_result: OptimizeResult) -> None:
        if tell(intermediate_result.x):
            raise StopIteration  # understood by SciPy

    epsilon = float(np.finfo(start.dtype).eps)
    result = minimize(
        evaluate,
        start.astype(np.float64),
        method="L-BFGS-B",
        jac=True,
        callback=callback,
        options={
            "maxiter": n_iterations,
            "maxfun": n_iterations * EVALUATIONS,
            "maxls": LINE_SEARCH_STEPS,
            "ftol": epsilon,
            "gtol": epsilon,
        },
    )
    objective.move_to(result.x)
    if not n_told:
        tell(result.x)
    return int(result.status) != LIMIT_REACHED
