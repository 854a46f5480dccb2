"""BaseCNN: what fit, partial_fit and predictions do, whatever the targets are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from inspect import signature
from typing import Any, ClassVar, Self
from warnings import warn

import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skcnn._data.dtypes import has_finite_sum
from skcnn._data.samples import Data
from skcnn._data.validate import (
    check_images,
    check_outputs,
    errors_of_validation_set,
    number_check,
)
from skcnn._engine.blas import with_one_blas_thread
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.threads import thread_count
from skcnn._estimator.advice import warn_of_first
from skcnn._estimator.auto import AutoNetwork
from skcnn._estimator.build import build, continued, draw_seed
from skcnn._estimator.calibration import calibrated, check_can_calibrate
from skcnn._estimator.feature_network import arranged, network_up_to
from skcnn._estimator.fitted import Fitted, unfitted_copy
from skcnn._estimator.given import Given, check_given
from skcnn._estimator.parameters import (
    PARAMETER_CONSTRAINTS,
    AutoAlpha,
    check_numbers,
    followed_score,
    inner_of_list,
    replace_inner,
)
from skcnn._estimator.parts import Parts, split_off
from skcnn._estimator.sklearn_callbacks import CallbackSupportMixin, FitTasks
from skcnn._estimator.targets import Targets
from skcnn._estimator.train import train_model
from skcnn._training.prediction import outputs_of
from skcnn.augmentation import Augment
from skcnn.exceptions import (
    IncompatibleVersionError,
    InconsistentVersionWarning,
    __version__,
)
from skcnn.layers import Activation
from skcnn.network import VERSION_KEY, VERSION_NOT_KEPT, Network, Summary
from skcnn.optimizers import Optimizer
from skcnn.schedules import Schedule
from skcnn.weight_averaging import WeightAveraging

Array = npt.NDArray[Any]
Learn = Callable[[Data, Any], tuple[Targets, Data]]


class BaseCNN(CallbackSupportMixin, BaseEstimator):
    """An estimator but for its targets: a subclass checks and learns these.

    No attribute changes before a fit or an epoch of partial_fit has ended well.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = PARAMETER_CONSTRAINTS

    n_filters: Any
    filter_size: Any
    pool_size: Any
    pooling: str
    padding: Any
    stride: Any
    hidden_layer_sizes: Any
    activation: str | Activation
    dropout: float | str
    layers: Any
    block_dropout: float
    batch_norm: bool | str
    global_pooling: str | None
    residual: bool
    convolutions_per_block: Any
    augment: Augment
    image_shape: Any
    channels: Any
    standardize: bool | str
    dtype: Any
    solver: str | Optimizer
    learning_rate: float
    learning_rate_schedule: str | Schedule | Callable[[int], float]
    alpha: float | str
    _auto_alpha: ClassVar[AutoAlpha]
    _auto_networks: ClassVar[dict[str, AutoNetwork]]
    max_grad_norm: float | None
    weight_averaging: str | WeightAveraging | None
    batch_size: int | str
    max_iter: int | str
    shuffle: bool
    tol: float | None
    n_iter_no_change: float
    early_stopping: bool
    validation_fraction: Any
    scoring: Any
    warm_start: bool
    n_jobs: int | None
    random_state: Any
    verbose: int

    _fitted: Fitted
    network_: Network
    image_shape_: tuple[int, ...]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return parameters by name, as everywhere in scikit-learn.

        Parameters
        ----------
        deep : bool, default=True
            Whether to name those of values within, too, as ``augment__shift__max_shift``.

        Returns
        -------
        params : dict
            By name.
        """
        params: dict[str, Any] = super().get_params(deep=deep)
        return params | inner_of_list(params.get("augment")) if deep else params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, as everywhere in scikit-learn.

        Parameters
        ----------
        **params : dict
            By name. ``solver__momentum=0.5`` is a parameter of the optimizer that `solver` holds,
            which is replaced, not changed; so with `learning_rate_schedule`, `weight_averaging`,
            `augment`, also a list, and `activation`.

        Returns
        -------
        self : estimator
            With these parameters.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        super().set_params(**replace_inner(params, self.get_params(deep=False)))
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), VERSION_KEY: __version__}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        version = saved.get(VERSION_KEY, VERSION_NOT_KEPT)
        if version != __version__:
            versions = (type(self).__name__, version, __version__)
            if version == VERSION_NOT_KEPT and "network_" in saved:
                raise IncompatibleVersionError(*versions)
            warn(InconsistentVersionWarning(*versions), stacklevel=2)
        parameters = signature(type(self)).parameters.values()
        new = {part.name: part.default for part in parameters if part.default is not part.empty}
        state = new | saved
        state.pop(VERSION_KEY, None)
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True  # images; there is no tag for four and five axes
        return tags

    def _validate_params(self) -> None:
        """Check each parameter by itself; scikit-learn's check fails at numbers of some kinds."""
        check_numbers(self)
        super()._validate_params()

    def _check_y(self, y: Any, name: str) -> Array:
        """Return y as an array with one entry a sample, or raise a ValueError."""
        raise NotImplementedError

    def _learn_targets(self, data: Data, known: Any) -> tuple[Targets, Data]:
        """Return what y is, compared with the targets of an earlier call, and weighted data."""
        raise NotImplementedError

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: Any,
        validation: tuple[Any, Any, Any],
        init_from: Any = None,
    ) -> Self:
        """Train for `max_iter` epochs, afresh or with `warm_start` further."""
        earlier = self._earlier() if self.warm_start else None
        tasks = FitTasks(self, self.max_iter, X, y, sample_weight)
        given = check_given(self, X, y, sample_weight, validation, earlier, groups)
        targets, parts, seed = self._encode(given, self._learn_targets, earlier)
        check_can_calibrate(self, parts.held_out)
        start = given.estimator._build(
            given, targets, parts, seed, earlier, goes_on=self.warm_start, init_from=init_from
        )
        most = given.estimator.max_iter
        trained, interrupt = train_model(
            given.estimator, start, *parts, most, tasks, keep_state=self.warm_start
        )
        before = self._publish(calibrated(self, trained, parts.held_out))
        if interrupt is not None:
            raise interrupt
        try:
            tasks.end()
        except BaseException:
            self.__dict__ = before
            raise
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, learn_targets: Learn) -> Self:
        """Train for one epoch; `learn_targets` does what the method does for fit."""
        self._validate_params()  # scikit-learn does not, once fitted
        earlier = self._earlier()
        given = check_given(self, X, y, sample_weight, (None, None, None), earlier)
        targets, parts, seed = self._encode(given, learn_targets, earlier)
        start = given.estimator._build(given, targets, parts, seed, earlier, goes_on=True)
        trained, interrupt = train_model(
            given.estimator, start, *parts, None, FitTasks(), keep_state=True
        )
        if interrupt is not None:
            raise interrupt
        self._publish(trained)
        return self

    def _encode(
        self, given: Given, learn_targets: Learn, earlier: Fitted | None
    ) -> tuple[Targets, Parts, Array]:
        """Learn what y is, and hold samples out; return the seed that did so, too."""
        targets, data = learn_targets(given.data, earlier.targets if earlier else None)
        seed = earlier.seed if earlier else draw_seed(self.random_state)
        if given.held_out is not None:
            with errors_of_validation_set():
                return targets, Parts(data, targets.weigh(given.held_out)), seed
        if not self.early_stopping:
            return targets, Parts(data, None), seed
        return targets, split_off(self, targets, data, seed), seed

    def _build(
        self,
        given: Given,
        targets: Targets,
        parts: Parts,
        seed: Array,
        earlier: Fitted | None,
        *,
        goes_on: bool,
        init_from: Any = None,
    ) -> Fitted:
        """Return the model that training starts from, with which further calls may go on."""
        followed = followed_score(self, validated=parts.held_out is not None)
        if earlier:
            if init_from is not None:
                raise ValueError(
                    "init_from is for a new network, but with warm_start=True that of the last "
                    "call goes on. Leave init_from out, or set warm_start=False."
                )
            return continued(self, earlier, parts.training, targets, followed)
        if goes_on:
            warn_of_first(self, targets, parts.training)
        *_, columns, image_shape, dtype = given
        arguments = (targets, columns, image_shape, dtype, seed, followed, init_from)
        make = partial(build, self, parts.training, *arguments)
        return with_one_blas_thread(make)  # with several, sums may be in another order

    def _earlier(self) -> Fitted | None:
        """Return the model of an earlier call, with the network that the estimator shows."""
        fitted: Fitted | None = vars(self).get("_fitted")
        network = vars(self).get("network_")
        if fitted is None or network is None:
            return None
        return fitted if network is fitted.network else replace(fitted, network=network)

    def _publish(self, fitted: Fitted) -> dict[str, Any]:
        """Set all fitted attributes at once, in place of earlier ones; return all as before."""
        before = self.__dict__
        self.__dict__ = vars(unfitted_copy(self)) | fitted.attributes
        return before

    def summary(self) -> Summary:
        """Return a table of the layers as asked for, their output shapes and parameter counts.

        It is a string, which prompts and notebooks show as a table without `print`.
        """
        check_is_fitted(self)
        return self.network_.summary()

    def features(self, X: Any, layer: int | str = -1, *, flatten: bool = True) -> Array:
        """Return the activations of a layer, by default of the last before the output layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.
        layer : int or str, default=-1
            Which layer of `network_.layers`, the output layer left out: its number, or its name as
            in "conv" or, if there are several, "conv-2", and of layers inside of others
            "residual-1.body.0". :meth:`summary` lists them in this order.
        flatten : bool, default=True
            Whether to return one row for each sample. Without, feature maps keep their shape, with
            their channels where `channels` says.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out) or (n_samples, *shape)
            In the working dtype.

        Raises
        ------
        ValueError
            If there is no such layer, or X is not as in predict.
        """
        check_is_fitted(self)
        network = network_up_to(self.network_, layer)
        outputs = self._outputs(X, network)
        return arranged(outputs, self._fitted.channels, flatten=flatten)

    def _predict(self, X: Any) -> Array:
        """Return predictions in the form of y."""
        outputs = self._outputs(X)
        predictions = self._fitted.targets.decode(outputs)
        if predictions.dtype.kind == "f" and not has_finite_sum(predictions):
            X, _ = check_images(self, X, self._fitted.array_shape)
            check_outputs(predictions.reshape(len(predictions), -1).T, X)
        return predictions

    def _outputs(self, X: Any, network: Network | None = None) -> Array:
        """Return outputs, of shape (n_outputs, n_samples), of the network or of a part of it."""
        check_is_fitted(self)
        # numbers are checked chunk by chunk, while they are in the cache
        check_shape = partial(check_images, self, X, self._fitted.array_shape, numbers=False)
        X, _ = with_numpy_settings(check_shape)
        network = self.network_ if network is None else network
        images = self._fitted.images(X, check=number_check(self, network.dtype))
        n_threads = thread_count(self.n_jobs)
        outputs = with_one_blas_thread(lambda: outputs_of(network, images, n_threads))
        check_outputs(outputs.reshape(-1, outputs.shape[-1]), X)
        return outputs
