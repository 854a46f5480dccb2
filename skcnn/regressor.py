"""ScratchCNNRegressor: numbers as targets around BaseCNN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if

from skcnn._data.samples import Data
from skcnn._data.sklearn_compat import StrOptions, _fit_context
from skcnn._data.validate import moderate_weights
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._estimator.auto import AutoNetwork
from skcnn._estimator.base import BaseCNN
from skcnn._estimator.number_targets import NumberTargets
from skcnn._estimator.parameters import (
    REGRESSION_LOSSES,
    AutoAlpha,
    can_continue,
    scorer_names_for_regression,
)
from skcnn.layers import Activation
from skcnn.losses import Loss
from skcnn.optimizers import Optimizer
from skcnn.schedules import Schedule
from skcnn.weight_averaging import WeightAveraging

__all__ = ["ScratchCNNRegressor"]

Array = npt.NDArray[Any]


class ScratchCNNRegressor(RegressorMixin, BaseCNN):
    """Convolutional network that predicts numbers from images, signals and volumes.

    The same network and the same training as in :class:`ScratchCNNClassifier`, with one linear
    output for each column of y. Targets are standardized internally, each column by its (weighted)
    mean and standard deviation; predictions are in the units of y.

    Parameters
    ----------
    n_filters : int, tuple of int or "auto", default="auto"
        Number of filters of each block; the length of the tuple is the number of blocks. An
        integer makes one block, an empty tuple none. "auto": see Notes.
    filter_size : int, tuple or "auto", default="auto"
        Kernel size: one integer, or a tuple with one entry for each block. Sizes per axis are
        nested: ``((3, 5),)`` is one block of filters three high and five wide. On an input axis
        of length 1 the kernel size is 1.
    pool_size : int, tuple or "auto", default="auto"
        Size of the pooling windows, which do not overlap, in the same form; 1 pools nothing.
        A window is clipped to its axis; incomplete windows at the edge are dropped. "auto": see
        Notes.
    pooling : {"max", "average"}, default="max"
        The value of each pooling window.
    padding : {"same", "valid"}, int or tuple, default="same"
        Zeros around the input of a convolution, one value or a tuple with one entry for each
        block. "same": ceil(length / stride) outputs; "valid": none; an integer: so many at both
        ends; nested, for each axis an integer or a pair (before, after).
    stride : int or tuple, default=1
        Step of the convolutions, in the form of `filter_size`.
    hidden_layer_sizes : int or tuple of int, default=()
        Number of units of each dense layer between the blocks and the output.
    activation : str or Activation, default="relu"
        Activation of convolutions and hidden dense layers: "relu", "leaky_relu", "elu", "gelu",
        "silu", "tanh", "logistic", or an instance.
    dropout : float or "auto", default="auto"
        Probability that an input of a dense layer, the output layer included, is set to zero in
        training. "auto": see Notes.
    layers : sequence of Layer or str, default=None
        The layers of the network, in place of all parameters above, and of `block_dropout`,
        `batch_norm` and `convolutions_per_block`. The output layer is added. A name is that of a
        function of :mod:`skcnn.architectures`, called without arguments: "fcn", "inception_time",
        "lenet5", "resnet", "resnet1d", "vgg" or "wide_resnet".
    loss : str or Loss, default="squared_error"
        The training loss, of standardized targets, averaged over outputs: "squared_error", half of
        it, minimal at the mean; "absolute_error", minimal at the median, so that outliers hardly
        count; in between "huber" and "log_cosh"; for counts and rates "poisson", whose predictions
        are positive; "quantile", by itself the median. An instance of :mod:`skcnn.losses` says
        more: ``Huber(delta=2)`` in standard deviations of y, ``Quantile(0.9)``, or several
        quantiles, ``Quantile((0.1, 0.5, 0.9))``, which are the last axis of predictions. So may be
        a :class:`~skcnn.losses.Loss` of your own.
    nan_targets : {"error", "ignore"}, default="error"
        Whether NaN in y is an error, or a missing entry that counts for nothing: not in the loss,
        not in mean and deviation, not in scores. The other columns of its sample count.
    block_dropout : float, default=0.0
        Probability that a whole feature map is set to zero in training, after each block.
    batch_norm : bool or "auto", default="auto"
        Whether to normalize each channel after each convolution, and each feature after each
        hidden dense layer, before the activation: in training over the mini-batch (more exactly
        over its micro-batches), in prediction by running statistics. Mini-batches then need at
        least two samples; a last sample on its own joins the mini-batch before it. Sample weights
        count in the loss but not in these statistics. "auto": see Notes.
    global_pooling : {"average", "max", "auto"} or None, default="auto"
        What ends the convolutional part: one number for each feature map, its mean or maximum,
        wherever in the image. None: all elements of the feature maps. "auto": see Notes.
    residual : bool, default=False
        Whether each block adds its input to what its convolutions make of it, before the last
        activation and the pooling: :class:`~skcnn.layers.Residual`. Needs ``padding="same"``.
    convolutions_per_block : int or tuple of int, default=1
        Convolutions before each pooling, for all blocks or for each. The first has the `stride`.
    image_shape : tuple of int, default=None
        Shape of one sample of X: ``(H, W)``, ``(H, W, C)``, ``(L,)`` for a signal, ``(1, L, C)``
        for a signal of C channels, ``(D, H, W, C)`` for a volume. None: the shape that X came
        in, or for flat X a square image if the number of columns is a square, else a signal; if X
        looks like something else, an :class:`~skcnn.exceptions.ImageShapeWarning` says so.
    channels : {"last", "first"}, default="last"
        Where X has its channels. "first", as arrays of PyTorch have them: X is of shape
        ``(n, C, H, W)``, ``(n, C, L)`` or ``(n, C, D, H, W)``, or has such images as flat rows, and
        `image_shape` is ``(C, H, W)``, ``(C, L)``, ``(C, D, H, W)``, or ``(L,)`` for one channel.
        One channel is an axis, too: gray images are ``(1, H, W)``. Nothing else changes:
        `image_shape_`, `network_` and what `augment` gets have their channels last.
    standardize : bool or {"channel", "pixel", "sample"}, default=True
        What is centered by its mean and divided by its standard deviation. True or "channel": each
        channel, over all pixels. "pixel": each pixel of each channel by itself, as
        :class:`~sklearn.preprocessing.StandardScaler` does with columns. Both are learned
        (weighted) at the first fit or partial_fit. "sample": each channel of each sample by itself,
        in spectroscopy the standard normal variate. False: nothing.
    dtype : {"auto", "float32", "float64"} or dtype, default="auto"
        Of all computation. "auto": float32 for float32, float16, bool and integers of up to 16
        bits, else float64.
    solver : {"adam", "sgd", "lbfgs"} or Optimizer, default="adam"
        The optimization method. "sgd" has Nesterov momentum of 0.9, as in
        :class:`~sklearn.neural_network.MLPClassifier`; ``SGD(momentum=0)`` is plain. "lbfgs", for
        small data, is full-batch training, and an iteration takes the place of an epoch. It uses no
        learning rate and cannot be combined with `batch_size`, `dropout`, `block_dropout`,
        `batch_norm`, `augment`, `max_grad_norm` and `weight_averaging`.
    learning_rate : float, default=2e-3
        Step size, which the schedule multiplies.
    learning_rate_schedule : {"constant", "cosine", "one_cycle", "plateau"}, Schedule or callable, \
            default="cosine"
        "cosine": in `fit` the learning rate falls to zero over `max_iter` epochs, along half a
        cosine; ``Cosine(warm_up=0.1)`` rises first. "one_cycle": up, and down to almost nothing.
        "plateau": halved when the validation score, or without a validation set the training
        loss, has not improved for three epochs. A callable takes the number of steps taken
        so far and returns the factor. In `partial_fit` the number of epochs is unknown: with
        "cosine" and "one_cycle" its rate is constant. See :mod:`skcnn.schedules`.
    alpha : float or "auto", default="auto"
        Decoupled weight decay: before each step weights shrink by the factor
        ``1 - learning_rate * alpha``. Biases do not. With "lbfgs" it is an L2 term: ``alpha / 2``
        times the sum of the squares of these weights is added to the loss, which is a mean.
        "auto": 0.
    augment : Augmentation, callable, or sequence of them, default=None
        How the images of a mini-batch are changed in training, such as ``Shift(2)`` or
        ``[Shift(0.1), HorizontalFlip()]`` of :mod:`skcnn.augmentation`. A function
        ``augment(X, rng)`` gets and returns images of shape ``(n, *lengths, channels)``, as floats,
        standardized as `standardize` says. The fill value is the training mean, with "sample"
        that of the sample. ``Mixup()`` and ``CutMix()`` mix targets, too.
    max_grad_norm : float, default=None
        Gradient clipping: the largest Euclidean norm of the gradient over all parameters.
    weight_averaging : {"ema", "swa"} or WeightAveraging, default=None
        Which average of the weights during training predicts, is validated and is kept, in place of
        the last weights: "ema" decays over about the last hundred steps, "swa" is the plain mean
        over the ends of the last quarter of the epochs. Training itself does not change.
        See :mod:`skcnn.weight_averaging`.
    batch_size : int or "auto", default="auto"
        Samples per mini-batch. "auto": a fiftieth of the samples, but at least 8 and at most 32,
        and from 16,000 samples a five-hundredth, at most 128; up to 32 samples are one
        mini-batch.
    max_iter : int or "auto", default="auto"
        Number of epochs. With "lbfgs" the maximum number of iterations; it ends sooner if no step
        decreases the loss, and usually needs some hundreds. If they were too few, there is a
        :class:`~sklearn.exceptions.ConvergenceWarning`. "auto": 200 with "lbfgs", else see Notes.
    shuffle : bool, default=True
        Whether to shuffle the samples in each epoch.
    tol : float, default=None
        Stop when the training loss has not been below its best by more than `tol` for
        `n_iter_no_change` consecutive epochs. None: run `max_iter` epochs. With `early_stopping`
        the same for the validation score, and None is 0.
    n_iter_no_change : int or infinity, default=10
        See `tol`. ``np.inf``: never stop early; `early_stopping` still keeps the best epoch.
    early_stopping : bool, default=False
        Whether to stop by the validation score, and to keep the weights of the epoch where it
        was best. Without, a validation set given to `fit` is only recorded, and followed by a
        "plateau".
    validation_fraction : float or splitter, default=0.1
        Fraction of the samples that `early_stopping` holds out if no validation set is given,
        rounded up. A splitter of :mod:`sklearn.model_selection`, such as ``GroupShuffleSplit()``,
        holds out what its first split does; its `random_state`, if None, comes from that of this
        estimator.
    scoring : str, callable, list or dict, default="loss"
        The validation score; greater is better: "loss" (the negative loss), the name of a
        scikit-learn scorer, such as "r2", or ``scorer(estimator, X, y)``. Flat X is passed.
        Of a list of names, or a dict of names and scorers, the first decides; all are recorded in
        `history_`, as "validation_f1_macro".
    warm_start : bool, default=False
        Whether another call of `fit` continues from the last one, for `max_iter` more epochs.
    n_jobs : int, default=None
        Number of threads for training and prediction. None: 1 unless a joblib context says
        otherwise; -1: all cores. Results do not depend on it, to the last bit. In a worker
        process, as of a grid search, it is limited to the process's part of the cores.
    random_state : int, RandomState instance or None, default=None
        For weight initialization, shuffling and stochastic layers. The same integer gives the same
        bits on one machine.
    verbose : int, default=0
        1 prints a line per epoch. 2 also shows a progress bar within the epoch, on a terminal where
        rich or tqdm is installed (the extra `progress`).

    Attributes
    ----------
    n_outputs_ : int
        Number of columns of y.
    image_shape_ : tuple of int
        Shape of one image, channels last.
    initialized_layers_ : tuple of str
        With `init_from`: the layers that began with its weights.
    network_ : Network
        Layers and weights; ``network_.views()`` gives the weights of each layer by name.
    n_features_in_ : int
        Number of columns of flat X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X had names that are all strings.
    n_iter_ : int
        Number of epochs so far.
    loss_ : float
        Loss of the last epoch, of standardized targets.
    loss_curve_ : list of float
        Loss of each epoch in `history_`. With "lbfgs" it is that after each iteration, the L2 term
        included, and there is no learning rate.
    history_ : list of dict
        For each epoch `loss` (on the training batches, each before its step), `learning_rate`
        (of the first step) and `seconds`, and with a validation set `validation_loss` and
        `validation_score`. `fit` keeps all epochs, `partial_fit` the last 1,000.
    validation_scores_ : list of float
        Validation score of each epoch in `history_`, NaN where there was no validation set. This
        and the following exist only if there was one.
    best_validation_score_ : float
        The best within the last call that had a validation set.
    best_iter_ : int
        Number of its epoch, counted from 1 as `n_iter_` is; of equal scores, that of the lowest
        validation loss. With `early_stopping` the weights are those after it.
        ``validation_scores_[best_iter_ - n_iter_ - 1]`` is its score, also after calls of
        `partial_fit`, which keep the last 1,000 records.

    See Also
    --------
    ScratchCNNClassifier : The same for classes.
    sklearn.neural_network.MLPRegressor : Dense layers only.

    Notes
    -----
    "auto" is two blocks of 16 and 32 filters of 5, all elements of the last feature maps, neither
    batch normalization nor dropout, and 20 epochs; for signals of n samples and at least 32
    positions 60,000 / n epochs, but at least 20 and at most 200.

    The statistics that standardize the targets are learned from the training samples, at the first
    fit or partial_fit, and kept with `warm_start` and in `partial_fit`. A constant column is only
    centered. The notes of :class:`ScratchCNNClassifier` on saving and on interrupts hold here too.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skcnn import ScratchCNNRegressor
    >>> X, _ = load_digits(return_X_y=True)  # 8x8 images, flat
    >>> y = X.reshape(-1, 8, 8)[:, :, 4:].mean(axis=(1, 2))  # how dark the right half is
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> reg = ScratchCNNRegressor(max_iter=10, random_state=0).fit(X_train, y_train)
    >>> bool(reg.score(X_test, y_test) > 0.95)
    True
    """

    _auto_alpha: ClassVar[AutoAlpha] = AutoAlpha(weight_decay=0.0, l2=0.0)
    _auto_networks: ClassVar[dict[str, AutoNetwork]] = {
        "small": AutoNetwork((20, 20)),
        "image": AutoNetwork((20, 20)),
        "signal": AutoNetwork((20, 200), 60_000),
    }
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseCNN._parameter_constraints,
        "loss": [StrOptions(set(REGRESSION_LOSSES)), Loss],
        "nan_targets": [StrOptions({"error", "ignore"})],
        "scoring": [
            StrOptions({"loss", *scorer_names_for_regression()}),
            callable,
            list,
            tuple,
            dict,
        ],
    }

    def __init__(
        self,
        n_filters: Any = "auto",
        filter_size: Any = "auto",
        pool_size: Any = "auto",
        pooling: str = "max",
        padding: Any = "same",
        stride: Any = 1,
        hidden_layer_sizes: Any = (),
        activation: str | Activation = "relu",
        dropout: float | Literal["auto"] = "auto",
        layers: Any = None,
        *,
        loss: Any = "squared_error",
        nan_targets: Literal["error", "ignore"] = "error",
        block_dropout: float = 0.0,
        batch_norm: bool | Literal["auto"] = "auto",
        global_pooling: str | None = "auto",
        residual: bool = False,
        convolutions_per_block: Any = 1,
        image_shape: Any = None,
        channels: Literal["last", "first"] = "last",
        standardize: bool | Literal["channel", "pixel", "sample"] = True,
        dtype: Any = "auto",
        solver: str | Optimizer = "adam",
        learning_rate: float = 2e-3,
        learning_rate_schedule: str | Schedule | Callable[[int], float] = "cosine",
        alpha: float | str = "auto",
        augment: Any = None,
        max_grad_norm: float | None = None,
        weight_averaging: str | WeightAveraging | None = None,
        batch_size: int | str = "auto",
        max_iter: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        tol: float | None = None,
        n_iter_no_change: float = 10,
        early_stopping: bool = False,
        validation_fraction: Any = 0.1,
        scoring: Any = "loss",
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_filters = n_filters
        self.filter_size = filter_size
        self.pool_size = pool_size
        self.pooling = pooling
        self.padding = padding
        self.stride = stride
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.layers = layers
        self.loss = loss
        self.nan_targets = nan_targets
        self.block_dropout = block_dropout
        self.batch_norm = batch_norm
        self.global_pooling = global_pooling
        self.residual = residual
        self.convolutions_per_block = convolutions_per_block
        self.image_shape = image_shape
        self.channels = channels
        self.standardize = standardize
        self.dtype = dtype
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.alpha = alpha
        self.augment = augment
        self.max_grad_norm = max_grad_norm
        self.weight_averaging = weight_averaging
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        groups: Any = None,
        init_from: Any = None,
    ) -> Self:
        """Train a new network for `max_iter` epochs, or with `warm_start` the one so far.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped, of any real dtype; `channels` says where theirs are.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers, finite but for NaN with ``nan_targets="ignore"``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample. Samples of zero weight are left out.
        X_val : array-like of shape (n_val, n_features) or (n_val, *image_shape), default=None
            Validation set. After each epoch its loss and score are recorded; with `early_stopping`
            the score decides when to stop.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation set.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights for the validation score and loss.
        groups : array-like of shape (n_samples,), default=None
            For a splitter as `validation_fraction`: samples of a group are all trained on, or all
            held out. Only used where `early_stopping` holds samples out.
        init_from : estimator or Network, default=None
            A fitted model, of other classes, targets or images as it may be. Layers of the same
            class and shapes, in the same order, begin with its weights and running statistics;
            `initialized_layers_` names them. The others begin anew.

        Returns
        -------
        self : ScratchCNNRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data do not fit together, or if training diverges; with `warm_start`
            also if features, the number of outputs or the architecture are not those of before.
            The estimator is left as it was before the call.

        Warns
        -----
        ConvergenceWarning
            If the final loss on the training data is no better than that of always predicting
            the weighted mean of y (the median for "absolute_error"), after at least 5 epochs and 20
            steps.
        """
        validation = (X_val, y_val, sample_weight_val)
        return with_numpy_settings(
            lambda: self._fit(X, y, sample_weight, groups, validation, init_from)
        )

    @available_if(can_continue)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one more epoch.

        The statistics that standardize the input and the targets, the working dtype and the
        architecture are fixed at the first call. The optimizer's state is kept between calls. The
        method does not exist with `early_stopping` or ``solver="lbfgs"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped, of any real dtype; `channels` says where theirs are.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers, finite but for NaN with ``nan_targets="ignore"``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample. Samples of zero weight are left out.

        Returns
        -------
        self : ScratchCNNRegressor
            The estimator, one epoch further.

        Raises
        ------
        ValueError
            As in :meth:`fit`, and if the number of outputs or the architecture's parameters were
            changed in between.
        """
        return with_numpy_settings(
            lambda: self._partial_fit(X, y, sample_weight, self._learn_targets)
        )

    def predict(self, X: Any) -> Array:
        """Return the numbers that the network predicts for each image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.

        Returns
        -------
        y : ndarray of float64 of shape (n_samples,) or (n_samples, n_outputs)
            In the form of the y seen in fit. Several quantiles are one more axis at the end.
        """
        return self._predict(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination R2, a mean over outputs.

        Of several quantiles it is the mean of D2, the fraction of the pinball loss explained.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample.

        Returns
        -------
        r2 : float
            At most 1; predicting the mean of y gives 0.

        Raises
        ------
        ValueError
            If y has not as many columns as that of the first fit.
        """
        numbers, weights = self._check_y(y, "y"), moderate_weights(sample_weight)
        predicted, targets = self.predict(X), self._fitted.targets
        assert isinstance(targets, NumberTargets)
        targets.check_columns(numbers, "y")
        several = targets.has_quantile_axis
        if not several and not np.isnan(numbers).any():
            return float(r2_score(y, predicted, sample_weight=weights))
        quantiles = targets.loss.quantiles if several else (None,)
        each = predicted if several else predicted[..., np.newaxis]
        scores = [
            _score_of_column(*columns, weights, quantile)
            for quantile, part in zip(quantiles, np.moveaxis(each, -1, 0), strict=True)
            for columns in zip(_columns(numbers), _columns(part), strict=True)
        ]
        return float(np.mean(scores))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _check_y(self, y: Any, name: str) -> Array:
        return NumberTargets.check(y, name, self.nan_targets)

    def _learn_targets(self, data: Data, known: NumberTargets | None) -> tuple[NumberTargets, Data]:
        loss = REGRESSION_LOSSES[self.loss]() if isinstance(self.loss, str) else self.loss
        return NumberTargets.learn(data, loss, known), data


def _columns(numbers: Array) -> Array:
    """Return the columns of numbers."""
    return numbers.reshape(len(numbers), -1).T


def _score_of_column(y: Array, predicted: Array, weights: Any, quantile: float | None) -> float:
    """Return R2 of the entries that are not missing, or D2 of a quantile."""
    kept = ~np.isnan(y)
    weights = None if weights is None else np.asarray(weights)[kept]
    if quantile is None:
        return float(r2_score(y[kept], predicted[kept], sample_weight=weights))
    return float(d2_pinball_score(y[kept], predicted[kept], sample_weight=weights, alpha=quantile))
