"""Model: what estimators share besides fitting: validated data, the network, its outputs."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from skcnn._data.batches import Images
from skcnn._data.dtypes import check_range, compute_dtype, declared_dtype, has_finite_sum
from skcnn._data.image_shape import (
    check_same_shape,
    flatten_images,
    layer_shape,
    resolve_image_shape,
    split_channels,
)
from skcnn._data.samples import Data, Samples
from skcnn._data.standardizer import Standardizer
from skcnn._engine.blas import with_one_blas_thread
from skcnn._engine.threads import thread_count
from skcnn._estimator.parameters import Parameters
from skcnn._estimator.sklearn_compat import _check_sample_weight, takes_sample_weight
from skcnn._training.evaluation import Validation
from skcnn._training.gradient import RandomStreams
from skcnn._training.prediction import outputs_of
from skcnn._training.state import TrainingState
from skcnn.augmentation import check_augment
from skcnn.losses import Loss
from skcnn.network import Network

Array = npt.NDArray[Any]

# What the user's seed is split into; the order is part of what a seed gives.
INITIAL, SHUFFLING, DRAWING, SPLITTING = range(4)


class Model(Parameters, BaseEstimator):
    """Data, network and outputs, whatever the targets are.

    A subclass stores its parameters with :meth:`_store` and defines :meth:`_check_y`,
    :meth:`_take_note_of_y`, :meth:`_encode`, :meth:`_n_outputs` and :meth:`_loss`.
    """

    _seed: Array
    _progress: TrainingState
    _standardizer: Standardizer | None
    _fill: Array | None  # the training mean, where augmentation needs it and it is not 0

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

    def _learn_targets(self, data: Data) -> None:
        """Learn from the targets that a fresh model is trained on, such as their scale."""

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

    # Data

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

    def _check_images(
        self, X: Any, *, reset: bool, numbers: bool = True
    ) -> tuple[Array, tuple[int, ...] | None]:
        """Return X as a flat array, and the shape of one image if X came shaped.

        Without `numbers`, they are left to :meth:`_number_check`.
        """
        X, X_shape = flatten_images(X)
        if not reset:
            check_same_shape(X_shape, self.image_shape_)
        X = validate_data(self, X, reset=reset, ensure_all_finite=numbers)
        if not reset and numbers:
            check_range(X, self.network_.dtype)
        return X, X_shape

    def _number_check(self) -> Callable[[Array], None]:
        """Return what raises a ValueError for rows of X that are not finite or too large."""
        finite = not get_config()["assume_finite"]  # a thread's own setting, read in the caller's

        def check(rows: Array) -> None:
            if finite and not has_finite_sum(rows):
                with config_context(assume_finite=False):
                    assert_all_finite(rows, estimator_name=type(self).__name__, input_name="X")
            check_range(rows, self.network_.dtype)

        return check

    def _samples(self, data: Data, name: str) -> Samples:
        network, standardizer = self.network_, self._standardizer
        images = Images(data.X, self.image_shape_, standardizer, network.dtype, data.rows)
        return Samples(images, self._encode(data, name), data.relative_weights)

    def _augmented(self, samples: Samples, data: Data) -> Samples:
        """Return samples whose mini-batches are augmented; what moves in is the training mean."""
        if self.augment is None:
            return samples
        lengths, channels = split_channels(self.image_shape_)
        check_augment(self.augment, lengths)
        if self._standardizer is None and self._fill is None:
            weights = data.relative_weights
            self._fill = Standardizer.learn(data.X, data.rows, weights, channels).mean
        fill = 0.0 if self._fill is None else self._fill
        return replace(samples, augment=self.augment, fill=fill)

    def _validation(self, held_out: Data, loss: Loss) -> Validation:
        scoring = self.scoring
        if not isinstance(scoring, str) or scoring not in ("loss", "accuracy"):
            scoring = self._scorer(held_out)
        samples = self._samples(held_out, "y_val")
        return Validation(samples, loss.measured, scoring, thread_count(self.n_jobs))

    def _scorer(self, held_out: Data) -> Callable[[Network], Any]:
        """Return a function that asks the scorer about a network."""
        scorer = check_scoring(self, self.scoring)
        model = copy(self)
        model.__dict__.pop("feature_names_in_", None)  # what is held out is an array
        weights = held_out.relative_weights
        if weights is not None and not takes_sample_weight(scorer):
            raise ValueError(
                f"scoring={self.scoring!r} does not take sample_weight, but rows of the validation "
                f"set differ in weight. Use a scorer with a parameter sample_weight."
            )
        weighing = {} if weights is None else {"sample_weight": weights}
        images = held_out.chosen_images

        def score(network: Network) -> Any:
            model.network_ = network
            return scorer(model, images, held_out.y, **weighing)

        if isinstance(self.scoring, str):  # a function of the user's may count its calls
            try:
                score(self.network_)
            except ValueError as error:
                raise ValueError(
                    f"scoring={self.scoring!r} cannot score this validation set: {error} Choose "
                    f"another scorer, such as 'loss' or 'accuracy', or pass an X_val that has all "
                    f"classes."
                ) from error
        return score

    # The network

    def _seed_sequence(self, purpose: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self._seed, spawn_key=(purpose,))

    def _begin(self, data: Data, followed: str) -> None:
        """Set everything that a fresh model starts from."""
        self.image_shape_ = resolve_image_shape(self.image_shape, data.X_shape, data.X.shape[1])
        layers = self._architecture().build(self.image_shape_, self._n_outputs())
        dtype = compute_dtype(self.dtype, data.X_dtype)
        if dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype={self.dtype!r} must be 'auto', float32 or float64.")
        check_range(data.X, dtype, data.rows)
        self.network_ = Network(layers, layer_shape(self.image_shape_), dtype)
        self.network_.initialize(np.random.default_rng(self._seed_sequence(INITIAL)))
        self._progress = TrainingState(
            self._optimizer(),
            np.random.default_rng(self._seed_sequence(SHUFFLING)),
            RandomStreams(self._seed_sequence(DRAWING)),
            self._schedule(),
            followed=followed,
            averaging=self._averaging(),
        )
        self._standardizer = None
        self._fill = None
        if self.standardize:
            _, channels = split_channels(self.image_shape_)
            weights = data.relative_weights
            self._standardizer = Standardizer.learn(data.X, data.rows, weights, channels)
        self._learn_targets(data)
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
                f"{[str(layer) for layer in self.network_.layers]}; the parameters now make "
                f"{[str(layer) for layer in layers]}. Set the parameters back, or fit a clone to "
                f"start again."
            )
        self._progress = self._progress.copy()
        self._progress.use(self._optimizer(), self._schedule(), followed, self._averaging())
        trained, self._progress.trained = self._progress.trained, None
        self.network_ = (self.network_ if trained is None else trained).copy()

    def summary(self) -> str:
        """Return a table of the layers as built, their output shapes and parameter counts."""
        check_is_fitted(self)
        return self.network_.summary()

    def _outputs(self, X: Any) -> Array:
        """Return the network's outputs, of shape (n_outputs, n_samples)."""
        check_is_fitted(self)
        # numbers are checked chunk by chunk, while they are in the cache
        X, _ = self._check_images(X, reset=False, numbers=False)
        network, check = self.network_, self._number_check()
        images = Images(X, self.image_shape_, self._standardizer, network.dtype, check=check)
        n_threads = thread_count(self.n_jobs)
        return with_one_blas_thread(lambda: outputs_of(network, images, n_threads))
