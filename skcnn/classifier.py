"""ScratchCNNClassifier: labels, classes and probabilities around BaseCNN."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if

from skcnn._data.indicators import as_indicator, warn_if_one_hot
from skcnn._data.labels import check_classes, check_labels
from skcnn._data.samples import Data
from skcnn._data.sklearn_compat import Interval, StrOptions, _fit_context
from skcnn._data.validate import moderate_weights
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._estimator.auto import AutoNetwork
from skcnn._estimator.base import BaseCNN
from skcnn._estimator.class_targets import ClassTargets
from skcnn._estimator.indicator_targets import IndicatorTargets
from skcnn._estimator.parameters import AutoAlpha, can_continue
from skcnn._estimator.targets import Targets
from skcnn.layers import Activation
from skcnn.losses import BinaryCrossEntropy, CrossEntropy, Loss
from skcnn.optimizers import Optimizer
from skcnn.schedules import Schedule
from skcnn.weight_averaging import WeightAveraging

__all__ = ["ScratchCNNClassifier"]

Array = npt.NDArray[Any]

Learned = tuple[Targets, Data]


class ScratchCNNClassifier(ClassifierMixin, BaseCNN):
    """Convolutional network for the classification of images, signals and volumes.

    A stack of blocks (convolution, activation, pooling), then dense layers, then a softmax over
    the classes, trained on mini-batches by a stochastic gradient method. X is flat, as
    everywhere in scikit-learn; `image_shape` says how to read its rows.

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
    learning_rate : float, default=3e-3
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
        "auto": 0.1, and 0.001 with "lbfgs".
    loss : "cross_entropy" or Loss, default="cross_entropy"
        The training loss: cross-entropy of softmax probabilities, or for several labels a sample of
        a logistic probability for each; or a :class:`~skcnn.losses.Loss` of your own, which gets
        class indices, or the matrix of labels, and whose `predict` gives probabilities.
    label_smoothing : float, default=0.0
        Fraction of each target's probability that is spread evenly over all classes.
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
        rounded up and stratified. Each class of at least two samples is in both parts if so many
        are held out, or else a warning names it; a class of one sample stays in training. A
        splitter of :mod:`sklearn.model_selection`, such as ``GroupShuffleSplit()``, holds out what
        its first split does; its `random_state`, if None, comes from that of this estimator.
    scoring : str, callable, list or dict, default="loss"
        The validation score; greater is better: "loss" (the negative loss), "accuracy",
        the name of another scikit-learn scorer, or ``scorer(estimator, X, y)``. Flat X is passed.
        Of a list of names, or a dict of names and scorers, the first decides; all are recorded in
        `history_`, as "validation_f1_macro".
    calibrate : bool, default=False
        Whether to divide all logits by one temperature, which after training minimizes the loss of
        the validation set, so that probabilities are as frequent as they say. Predictions stay the
        same. Without a validation set or `early_stopping` there is nothing to fit it on, and
        `partial_fit` does not exist then.
    class_weight : dict, list of dict or "balanced", default=None
        Factor of the sample weights of each class, in training and validation. A class that the
        dict does not name has the factor 1; a label that is no class of this y is passed over, but
        one at least must be. "balanced": inversely proportional to the sum of the class's sample
        weights; `partial_fit` does not exist then. For several labels a sample a list of dicts, one
        for each label; weights are multiplied.
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
    classes_ : ndarray of shape (n_classes,)
        Sorted labels; for several labels a sample the numbers of the columns of y.
    image_shape_ : tuple of int
        Shape of one image, channels last.
    temperature_ : float
        With `calibrate`: what logits are divided by, between 1/20 and 20; above 1 where the network
        was too sure.
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
        Loss of the last epoch, the weighted mean of the cross-entropy.
    loss_curve_ : list of float
        Loss of each epoch in `history_`. With "lbfgs" it is that after each iteration, the L2 term
        included, and there is no learning rate.
    history_ : list of dict
        For each epoch `loss`, `accuracy` (on the training batches, each before its step),
        `learning_rate` (of the first step) and `seconds`, and with a validation set
        `validation_loss` and `validation_score`. `fit` keeps all epochs, `partial_fit` the last
        1,000.
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
    sklearn.neural_network.MLPClassifier : Dense layers only.

    Notes
    -----
    "auto" depends on the shape of the samples, and `max_iter` on their number n too:

    - images and volumes of at least 16 pixels a side: three blocks of 16, 48 and 64 filters of 3,
      two poolings, all elements of the last feature maps, no batch normalization, dropout of 0.4,
      and 150,000 / n epochs, but at least 14 and at most 30. With `n_filters` or `padding` of your
      own: two blocks, filters of 5, a pooling in every block, no dropout;
    - smaller ones, and signals of less than 32 positions: two blocks of 16 and 32 filters of 5, all
      elements, neither batch normalization nor dropout, 15 epochs;
    - longer signals, a network of time series classification: three blocks of 32, 64 and 64 filters
      of 9, 5 and 3, batch normalization, the average of each feature map, no dropout, and
      60,000 / n epochs, but at least 15 and at most 200. With ``standardize="pixel"`` positions
      mean something, and the network is that of small images.

    Tuples for another number of blocks shorten this, or repeat its end. "lbfgs" is without dropout
    and batch normalization.

    Without `warm_start`, `fit` drops the optimizer's state, so that a saved model is about the
    size of its weights; a later `partial_fit` starts it afresh. An interrupt (Ctrl-C) in `fit` is
    raised again and leaves the model of the last finished epoch behind, with `early_stopping`
    that of the best.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skcnn import ScratchCNNClassifier
    >>> X, y = load_digits(return_X_y=True)  # 8x8 images, flat
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> clf = ScratchCNNClassifier(max_iter=10, random_state=0).fit(X_train, y_train)
    >>> bool(clf.score(X_test, y_test) > 0.95)
    True
    """

    _auto_alpha: ClassVar[AutoAlpha] = AutoAlpha(weight_decay=0.1, l2=0.001)
    _auto_networks: ClassVar[dict[str, AutoNetwork]] = {
        "small": AutoNetwork((15, 15)),
        "image": AutoNetwork(
            (14, 30),
            150_000,
            n_filters=(16, 48, 64),
            filter_size=(3,),
            pool_size=(2, 2, 1),
            dropout=0.4,
        ),
        "signal": AutoNetwork(
            (15, 200), 60_000, (32, 64, 64), (9, 5, 3), batch_norm=True, global_pooling="average"
        ),
    }
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseCNN._parameter_constraints,
        "loss": [StrOptions({"cross_entropy"}), Loss],
        "label_smoothing": [Interval(Real, 0, 1, closed="both")],
        "calibrate": ["boolean"],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
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
        learning_rate: float = 3e-3,
        learning_rate_schedule: str | Schedule | Callable[[int], float] = "cosine",
        alpha: float | str = "auto",
        loss: Any = "cross_entropy",
        label_smoothing: float = 0.0,
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
        calibrate: bool = False,
        class_weight: dict[Any, float] | str | None = None,
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
        self.loss = loss
        self.label_smoothing = label_smoothing
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
        self.calibrate = calibrate
        self.class_weight = class_weight
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
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels of any kind that can be sorted; or for several labels a sample 1 for each label
            that it has, and 0.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample. Samples of zero weight are left out.
        X_val : array-like of shape (n_val, n_features) or (n_val, *image_shape), default=None
            Validation set. After each epoch its loss and score are recorded; with `early_stopping`
            the score decides when to stop.
        y_val : array-like of shape (n_val,), default=None
            Labels of the validation set, all of them among those of y.
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
        self : ScratchCNNClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data do not fit together, or if training diverges; with `warm_start`
            also if features, classes or the architecture changed. The estimator is left as it was
            before the call.

        Warns
        -----
        ConvergenceWarning
            If the final loss on the training data is no better than that of always predicting
            the class frequencies, after at least 5 epochs and 20 steps.
        """
        validation = (X_val, y_val, sample_weight_val)
        return with_numpy_settings(
            lambda: self._fit(X, y, sample_weight, groups, validation, init_from)
        )

    @available_if(can_continue)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch.

        The statistics that standardize the input, the working dtype and the architecture are fixed
        at the first call. The optimizer's state is kept between calls. The method does not exist
        with `early_stopping`, ``solver="lbfgs"`` or ``class_weight="balanced"``, since one call
        does not know the other samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped, of any real dtype; `channels` says where theirs are.
        y : array-like of shape (n_samples,)
            Labels, all of them among the classes.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be. Needed at the first call unless `fit` came before.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample. Samples of zero weight are left out.

        Returns
        -------
        self : ScratchCNNClassifier
            The estimator, one epoch further.

        Raises
        ------
        ValueError
            As in :meth:`fit`, and if `classes` is missing at first or changed later, if a label
            is none of them, or if the architecture's parameters were changed in between.
        """

        def learn_targets(data: Data, known: Any) -> Learned:
            if data.y.ndim == 2 or isinstance(known, IndicatorTargets):
                return self._learn_targets(data, known, classes)
            all_classes = check_classes(classes, known.classes if known else None)
            loss = self._loss(CrossEntropy)
            return ClassTargets.of_classes(data, all_classes, self.class_weight, loss)

        return with_numpy_settings(lambda: self._partial_fit(X, y, sample_weight, learn_targets))

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            In the dtype of the labels seen in fit, or a matrix of 0 and 1.
        """
        return self._predict(X)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, the softmax of the network's outputs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            In the working dtype, classes in the order of `classes_`. Those of several labels a
            sample do not add up to 1.
        """
        logits = self._logits(X)
        return np.ascontiguousarray(self._fitted.targets.loss.predict(logits).T)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of the probability of each class, always finite.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            In the working dtype, classes in the order of `classes_`.
        """
        logits = self._logits(X)
        return np.ascontiguousarray(self._fitted.targets.loss.predict_log(logits).T)

    def decision_function(self, X: Any) -> Array:
        """Return the network's outputs before the softmax, divided by any `temperature_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes), or (n_samples,) up to two classes
            For two classes the output of the second less that of the first.
        """
        logits = self._logits(X)
        if len(self.classes_) <= 2 and isinstance(self._fitted.targets, ClassTargets):
            with np.errstate(over="ignore"):
                scores: Array = logits[-1] - logits[0]
            largest = np.finfo(scores.dtype).max
            return np.clip(scores, -largest, largest, out=scores)
        return np.ascontiguousarray(logits.T)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy, the fraction of images whose predicted class is correct.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample.

        Returns
        -------
        accuracy : float
            Between 0 and 1.
        """
        labels = as_indicator(y)
        labels = check_labels(y) if labels is None else labels
        return float(super().score(X, labels, moderate_weights(sample_weight)))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _check_y(self, y: Any, name: str) -> Array:
        indicator = as_indicator(y)
        if indicator is None:
            return check_labels(y, name)
        if name == "y":
            warn_if_one_hot(indicator)
        return indicator

    def _learn_targets(self, data: Data, known: Any, classes: Any = None) -> Learned:
        """Return labels or several labels a sample; `classes` is for partial_fit."""
        if data.y.ndim == 2:
            logistic = self._loss(BinaryCrossEntropy)
            return IndicatorTargets.learn(data, self.class_weight, logistic, known, classes)
        if isinstance(known, IndicatorTargets):
            raise ValueError(
                f"y has one label a sample, but that of the first call has {known.n_outputs}. Pass "
                f"a matrix of 0 and 1 with as many columns, or fit a clone to start again."
            )
        loss = self._loss(CrossEntropy)
        return ClassTargets.learn(data, self.class_weight, loss, known)

    def _logits(self, X: Any) -> Array:
        """Return the network's outputs, divided by the temperature if there is one."""
        outputs = self._outputs(X)
        temperature = self._fitted.temperature
        return outputs if temperature is None else outputs / outputs.dtype.type(temperature)

    def _loss(self, kind: type[BinaryCrossEntropy] | type[CrossEntropy]) -> Loss:
        """Return the training loss: of this kind, or the user's own."""
        if isinstance(self.loss, str):
            return kind(self.label_smoothing)
        if self.label_smoothing:
            raise ValueError(
                f"label_smoothing={self.label_smoothing} is for loss='cross_entropy', but loss="
                f"{self.loss!r}. Leave one of them out."
            )
        loss: Loss = self.loss
        return loss
