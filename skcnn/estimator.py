"""BaseCNN: what estimators share, from the validation of X to the run of epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from itertools import islice
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from skcnn._sklearn_compat import _check_sample_weight, takes_sample_weight
from skcnn.architecture import summarize
from skcnn.data import Data
from skcnn.fitting import Finished, Run, Snapshot
from skcnn.inference import outputs_of
from skcnn.inputs import (
    Images,
    Standardizer,
    check_range,
    check_same_shape,
    compute_dtype,
    declared_dtype,
    flatten_images,
    layer_shape,
    resolve_image_shape,
    split_channels,
)
from skcnn.losses import Loss
from skcnn.network import Network
from skcnn.parallel import Team, thread_count, with_one_blas_thread
from skcnn.parameters import Parameters
from skcnn.step import RandomStreams, Samples
from skcnn.training import DivergenceError, Patience, Plan, Progress, train
from skcnn.validation import Validation, hold_out

Array = npt.NDArray[Any]

# What the user's seed is split into; the order is part of what a seed gives.
INITIAL, SHUFFLING, DRAWING, SPLITTING = range(4)


def can_continue(estimator: BaseCNN) -> bool:
    """Return whether partial_fit exists; raise an AttributeError that says why it does not."""
    if estimator.early_stopping:
        raise AttributeError(
            "partial_fit is not available with early_stopping=True, since a single epoch cannot "
            "be stopped early. Set early_stopping=False, or use warm_start=True."
        )
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is not available with solver='lbfgs', which needs all data at once. Use "
            "solver='adam' or 'sgd'."
        )
    return True


class BaseCNN(Parameters, BaseEstimator):
    """Data, network and epochs, whatever the targets are.

    A subclass stores its parameters with :meth:`_store` and defines :meth:`_check_y`,
    :meth:`_take_note_of_y`, :meth:`_encode`, :meth:`_n_outputs` and :meth:`_loss`.
    """

    # What the targets are

    def _check_y(self, y: Any, name: str) -> Array:
        """Return y as an array with one entry a row, or raise a ValueError."""
        raise NotImplementedError

    def _take_note_of_y(self, data: Data, *, first: bool) -> Data:
        """Learn from all of y what a fit needs to know, or compare; return the data, weighted."""
        raise NotImplementedError

    def _weighted(self, data: Data) -> Data:
        """Return held-out data with weights as in training."""
        return data

    def _strata(self, data: Data) -> Array:
        """Return what the validation set is stratified by, as integers from 0."""
        return np.zeros(len(data), dtype=int)

    def _encode(self, data: Data, name: str) -> Array:
        """Return y as the loss takes it, one row a sample; `name` is what errors call it."""
        raise NotImplementedError

    def _n_outputs(self) -> int:
        """Return the number of the network's outputs."""
        raise NotImplementedError

    def _loss(self) -> Loss:
        """Return what training makes small."""
        raise NotImplementedError

    # Fitting

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any, Any]) -> Self:
        """Train for `max_iter` epochs, afresh or with `warm_start` further."""
        first = not (self.warm_start and hasattr(self, "network_"))
        with _restored_on_error(self):
            data = self._check_data(X, y, sample_weight, reset=first)
            data = self._take_note_of_y(data, first=first)
            held_out, held_out_by_user = None, _is_given(*validation)
            if first:
                self._seed = check_random_state(self.random_state).randint(2**31 - 1, size=4)
            if self.early_stopping and not held_out_by_user:
                rng = np.random.default_rng(self._seed_sequence(SPLITTING))
                parts = hold_out(self._strata(data), self.validation_fraction, rng)
                data, held_out = (data.take(part) for part in parts)
            followed = self._followed(held_out_by_user or self.early_stopping)
            self._begin(data, followed) if first else self._continue(followed)
            if held_out_by_user:
                held_out = self._check_validation_data(*validation)
            interrupt = self._train(data, held_out, self.max_iter, keep_state=self.warm_start)
        if interrupt is not None:
            raise interrupt
        return self

    def _partial_fit(
        self, X: Any, y: Any, sample_weight: Any, take_note_of_y: Callable[[Data], Data]
    ) -> Self:
        """Train for one epoch; `take_note_of_y` does what the method does for fit."""
        first = not hasattr(self, "network_")
        with _restored_on_error(self):
            data = self._check_data(X, y, sample_weight, reset=first)
            data = take_note_of_y(data)
            if first:
                self._seed = check_random_state(self.random_state).randint(2**31 - 1, size=4)
                self._begin(data, "loss")
            else:
                self._continue("loss")
            interrupt = self._train(data, None, n_epochs=None, keep_state=True)
            if interrupt is not None:
                raise interrupt
        return self

    def _seed_sequence(self, purpose: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self._seed, spawn_key=(purpose,))

    def _followed(self, validated: bool) -> str:
        """Return the name of the score that a schedule is told."""
        scoring = self.scoring if isinstance(self.scoring, str) else "by a function"
        return f"validation {scoring}" if validated else "loss"

    def _check_data(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, suffix: str = ""
    ) -> Data:
        """Validate X, y and weights; leave rows of zero weight out."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        X_dtype = declared_dtype(X)
        X, X_shape = self._check_images(X, reset=reset)
        y = self._check_y(y, f"y{suffix}")
        check_consistent_length(X, y)
        data = Data(X, X_shape, X_dtype or X.dtype, y)
        if sample_weight is None:
            return data
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return data.weighted_by(weights, f"sample_weight{suffix}")

    def _check_validation_data(self, X_val: Any, y_val: Any, sample_weight_val: Any) -> Data:
        """Validate what is held out by the user, with the network built."""
        try:
            data = self._check_data(X_val, y_val, sample_weight_val, reset=False, suffix="_val")
            return self._weighted(data)
        except ValueError as error:
            raise ValueError(
                f"The validation set (X_val, y_val, sample_weight_val) does not fit: {error}"
            ) from error

    def _check_images(self, X: Any, *, reset: bool) -> tuple[Array, tuple[int, ...] | None]:
        """Return X as a flat array, and the shape of one image if X came shaped."""
        X, X_shape = flatten_images(X)
        if not reset:
            check_same_shape(X_shape, self.image_shape_)
        X = validate_data(self, X, reset=reset)
        if not reset:
            check_range(X, self.network_.dtype)
        return X, X_shape

    def _begin(self, data: Data, followed: str) -> None:
        """Set everything that a fresh model starts from."""
        self.image_shape_ = resolve_image_shape(self.image_shape, data.X_shape, data.X.shape[1])
        layers = self._architecture().build(self.image_shape_, self._n_outputs())
        dtype = compute_dtype(self.dtype, data.X_dtype)
        if dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype={self.dtype!r} must be 'auto', float32 or float64.")
        check_range(data.X, dtype)
        self.network_ = Network(layers, layer_shape(self.image_shape_), dtype)
        self.network_.initialize(np.random.default_rng(self._seed_sequence(INITIAL)))
        self._progress = Progress(
            self._optimizer(),
            np.random.default_rng(self._seed_sequence(SHUFFLING)),
            RandomStreams(self._seed_sequence(DRAWING)),
            self._schedule(),
            followed=followed,
        )
        self._standardizer = None
        if self.standardize:
            _, channels = split_channels(self.image_shape_)
            weights = data.relative_weights
            self._standardizer = Standardizer.learn(data.X, data.rows, weights, channels)
        self.history_: list[dict[str, Any]] = []
        for name in ("validation_scores_", "best_validation_score_", "best_iter_"):
            self.__dict__.pop(name, None)

    def _continue(self, followed: str) -> None:
        """Copy what training changes, so that a failure leaves the model as it was."""
        self._validate_params()  # scikit-learn does not, once fitted
        layers = self._architecture().build(self.image_shape_, self._n_outputs())
        dtype = compute_dtype(self.dtype, self.network_.dtype)
        kept = {
            "the layers": layers == self.network_.layers,
            "image_shape": self.image_shape in (None, self.image_shape_)
            or self.image_shape_
            == resolve_image_shape(self.image_shape, None, self.n_features_in_),
            "dtype": dtype == self.network_.dtype,
            "standardize": self.standardize == (self._standardizer is not None),
        }
        if not all(kept.values()):
            changed = [name for name, same in kept.items() if not same]
            raise ValueError(
                f"What makes up the network was changed after the first fit: {changed}. It has "
                f"image_shape={self.image_shape_}, dtype={self.network_.dtype} and the layers "
                f"{[str(layer) for layer in self.network_.layers]}. Set the parameters back, or "
                f"fit a clone to start again."
            )
        self.network_, self._progress = self.network_.copy(), self._progress.copy()
        self._progress.use(self._optimizer(), self._schedule(), followed)

    def _train(
        self, data: Data, held_out: Data | None, n_epochs: int | None, *, keep_state: bool
    ) -> KeyboardInterrupt | None:
        """Train and record; return an interrupt that left finished epochs behind.

        n_epochs=None is one epoch of nobody knows how many.
        """
        samples, loss = self._samples(data, "y"), self._loss()
        validation = None if held_out is None else self._validation(held_out, loss)
        plan = Plan(
            self._batch_size(len(data)),
            self.learning_rate,
            self.alpha,
            self.shuffle,
            self.max_grad_norm,
            n_epochs,
        )
        team = Team(thread_count(self.n_jobs))
        run = Run(
            self.network_,
            self._progress,
            self.history_,
            self._patience() if n_epochs else Patience(None, 1),
            validation,
            self.early_stopping,
            keep_state and not self.early_stopping,
            self._after_epoch,
        )
        epochs = train(self.network_, loss, samples, plan, self._progress, team)

        def work() -> None:
            with team:
                run.draw(islice(epochs, n_epochs or 1))

        interrupt = None
        try:
            with_one_blas_thread(work)
        except DivergenceError as error:
            self._diverged(run, error)
        except KeyboardInterrupt as stop:
            if run.finished is None:
                raise
            interrupt = stop
        assert run.finished is not None
        self._keep(run.finished)
        return interrupt

    def _samples(self, data: Data, name: str) -> Samples:
        network, standardizer = self.network_, self._standardizer
        images = Images(data.X, self.image_shape_, standardizer, network.dtype, data.rows)
        return Samples(images, self._encode(data, name), data.relative_weights)

    def _validation(self, held_out: Data, loss: Loss) -> Validation:
        scoring = self.scoring
        if not isinstance(scoring, str) or scoring not in ("loss", "accuracy"):
            scoring = self._scorer(held_out)
        samples = self._samples(held_out, "y_val")
        return Validation(samples, loss, scoring, thread_count(self.n_jobs))

    def _scorer(self, held_out: Data) -> Callable[[], Any]:
        """Return a function that asks the scorer about the network as it is."""
        scorer = check_scoring(self, self.scoring)
        model = copy(self)  # shares the network
        model.__dict__.pop("feature_names_in_", None)  # what is held out is an array
        weights = held_out.relative_weights
        if weights is None:
            return partial(scorer, model, held_out.chosen_images, held_out.y)
        if not takes_sample_weight(scorer):
            raise ValueError(
                f"scoring={self.scoring!r} does not take sample_weight, but rows of the validation "
                f"set differ in weight. Use a scorer with a parameter sample_weight."
            )
        return partial(scorer, model, held_out.chosen_images, held_out.y, sample_weight=weights)

    def _after_epoch(self, snapshot: Snapshot) -> bool:
        """Report an epoch; return whether to stop."""
        if self.verbose:
            print(_line(snapshot.history))
        return False

    def _diverged(self, run: Run, error: DivergenceError) -> NoReturn:
        done = self.history_ if run.finished is None else run.finished.last.history
        raise ValueError(
            f"Training diverged: the loss became NaN or infinite in epoch {len(done) + 1} with "
            f"learning_rate={self.learning_rate}. Use a smaller learning_rate."
        ) from error

    def _keep(self, finished: Finished) -> None:
        """Set the attributes of the model that a run leaves behind."""
        last, best = finished
        kept = best if best is not None and self.early_stopping else last
        attributes = {
            "network_": kept.network,
            "_progress": last.progress,
            "history_": last.history,
            "n_iter_": len(last.history),
            "loss_": last.history[-1]["loss"],
            "loss_curve_": [record["loss"] for record in last.history],
        }
        if best is not None:
            attributes |= {
                "validation_scores_": [
                    record["validation_score"]
                    for record in last.history
                    if "validation_score" in record
                ],
                "best_validation_score_": best.score,
                "best_iter_": len(best.history),
            }
        self.__dict__.update(attributes)

    # Using the model

    def summary(self) -> str:
        """Return a table of the layers as built, their output shapes and parameter counts."""
        check_is_fitted(self)
        return summarize(self.network_)

    def _outputs(self, X: Any) -> Array:
        """Return the network's outputs, of shape (n_outputs, n_samples)."""
        check_is_fitted(self)
        X, _ = self._check_images(X, reset=False)
        images = Images(X, self.image_shape_, self._standardizer, self.network_.dtype)
        n_threads = thread_count(self.n_jobs)
        return with_one_blas_thread(lambda: outputs_of(self.network_, images, n_threads))


def _is_given(X_val: Any, y_val: Any, sample_weight_val: Any) -> bool:
    """Return whether there is a validation set; a part of one is a ValueError."""
    if (X_val is None) != (y_val is None):
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"X_val and y_val belong together, but {missing} is missing.")
    if X_val is None and sample_weight_val is not None:
        raise ValueError("sample_weight_val needs X_val and y_val, which are missing.")
    return X_val is not None


def _line(history: list[dict[str, Any]]) -> str:
    """Return what verbose training says of the last epoch."""
    record = history[-1]
    names = ("loss", "accuracy", "validation_loss", "validation_score")
    told = [f"{name.replace('_', ' ')} {record[name]:.4f}" for name in names if name in record]
    return f"Epoch {len(history)}: {', '.join(told)}, {record['seconds']:.2f} s"


@contextmanager
def _restored_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Undo every change of attributes if the block raises."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
