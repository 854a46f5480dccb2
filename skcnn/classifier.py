"""ScratchCNNClassifier: the one file that faces scikit-learn's estimator API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from itertools import islice
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from skcnn._sklearn_compat import Interval, StrOptions, _check_sample_weight, _fit_context
from skcnn.architecture import ACTIVATIONS, POOLINGS, Architecture, summarize
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
from skcnn.labels import check_labels, encode
from skcnn.layers import Activation
from skcnn.losses import CrossEntropy
from skcnn.network import Network
from skcnn.optimizers import OPTIMIZERS, Optimizer
from skcnn.parallel import Team, thread_count, with_one_blas_thread
from skcnn.step import RandomStreams, Samples
from skcnn.training import DivergenceError, Epoch, Patience, Progress, Schedule, train

Array = npt.NDArray[Any]

# batch_size="auto" makes about so many steps an epoch, within these sizes.
AUTO_STEPS = 50
AUTO_BATCH_SIZES = (8, 32)


class ScratchCNNClassifier(ClassifierMixin, BaseEstimator):
    """Convolutional network for the classification of images, signals and volumes.

    A stack of blocks (convolution, activation, pooling), then dense layers, then a softmax over
    the classes, trained on mini-batches by a stochastic gradient method. Flat X is the contract,
    as everywhere in scikit-learn; `image_shape` says how to read its rows.

    Parameters
    ----------
    n_filters : int or tuple of int, default=(16, 32)
        Number of filters of each block; the length of the tuple is the number of blocks. An
        integer makes one block, an empty tuple none.
    filter_size : int or tuple, default=5
        Extent of the filters: one integer, or a tuple with one entry for each block. What
        differs by axis is nested: ``((3, 5),)`` is one block of filters three high and five
        wide. On an input axis of length 1 filters have extent 1.
    pool_size : int or tuple, default=2
        Extent of the pooling windows, which do not overlap, in the same form; 1 pools nothing.
        A window is clipped to its axis; what does not fit at the edge is dropped.
    pooling : {"max", "average"}, default="max"
        What is taken of each pooling window.
    padding : {"same", "valid"}, int or tuple, default="same"
        Zeros around the input of a convolution, one value or a tuple with one entry for each
        block. "same": ceil(length / stride) outputs; "valid": none; an integer: so many at both
        ends; nested, for each axis an integer or a pair (before, after).
    stride : int or tuple, default=1
        Step of the convolutions, in the form of `filter_size`.
    hidden_layer_sizes : int or tuple of int, default=()
        Number of units of each dense layer between the blocks and the output.
    activation : {"relu", "tanh", "logistic"} or Activation, default="relu"
        Activation of convolutions and hidden dense layers.
    dropout : float, default=0.0
        Probability with which an input of a dense layer, the output layer included, is set to
        zero in training.
    layers : sequence of Layer, default=None
        The body of the network, in place of all parameters above and of `block_dropout` and
        `batch_norm`. The output layer is added.
    block_dropout : float, default=0.0
        Probability with which a whole feature map is set to zero in training, after each block.
    batch_norm : bool, default=False
        Whether to normalise each channel after each convolution, and each feature after each
        hidden dense layer, before the activation: in training over the mini-batch (more exactly
        over its shards), in prediction by running statistics. Mini-batches then need at least
        two rows; a last row on its own joins the mini-batch before it. Sample weights count in
        the loss but not in these statistics.
    image_shape : tuple of int, default=None
        Shape of one row of X: ``(H, W)``, ``(H, W, C)``, ``(L,)`` for a signal, ``(1, L, C)``
        for a signal of C channels, ``(D, H, W, C)`` for a volume. None: the shape that X came
        in, or for flat X a square image if the number of columns is a square, else a signal.
    standardize : bool, default=True
        Whether to subtract the mean of each channel and divide by its standard deviation, both
        learned (weighted) at the first fit or partial_fit.
    dtype : {"auto", "float32", "float64"} or dtype, default="auto"
        Of all computation. "auto": float32 for float32, float16, bool and integers of up to 16
        bits, else float64.
    solver : {"adam", "sgd"} or Optimizer, default="adam"
        How gradients move the weights. "sgd" has Nesterov momentum of 0.9, as in
        :class:`~sklearn.neural_network.MLPClassifier`; ``SGD(momentum=0)`` is plain.
    learning_rate : float, default=2e-3
        Step size, with "cosine" that of the first step.
    learning_rate_schedule : {"constant", "cosine"}, default="cosine"
        "cosine": in `fit` the learning rate falls to zero over `max_iter` epochs, along half a
        cosine. `partial_fit` does not know how many epochs there will be: its rate is constant.
    alpha : float, default=0.0
        Decoupled weight decay: before each step weights shrink by the factor
        ``1 - learning_rate * alpha``. Biases do not.
    batch_size : int or "auto", default="auto"
        Rows of a mini-batch, never more than there are. "auto": a fiftieth of the rows, but at
        least 8 and at most 32; up to 32 rows are one mini-batch.
    max_iter : int, default=20
        Number of epochs.
    shuffle : bool, default=True
        Whether each epoch goes through the rows in another random order.
    tol : float, default=None
        Stop when the training loss has not been below its best by more than `tol` for
        `n_iter_no_change` epochs in a row. None: run all `max_iter` epochs.
    n_iter_no_change : int, default=10
        See `tol`.
    n_jobs : int, default=None
        Number of threads for training and prediction. None: 1 unless a joblib context says
        otherwise; -1: all cores. Results do not depend on it, to the last bit. In a worker
        process, as of a grid search, no more threads are used than are the process's share.
    random_state : int, RandomState instance or None, default=None
        For initial weights, shuffling and dropout. The same integer gives the same bits on one
        machine.
    verbose : int, default=0
        1 prints a line an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    image_shape_ : tuple of int
        Shape of one image.
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
        Loss of each epoch.
    history_ : list of dict
        For each epoch `loss`, `accuracy` (on the training batches, each before its step),
        `learning_rate` and `seconds`.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : Dense layers only.

    Notes
    -----
    `fit` drops the optimizer's state, so that a saved model is about the size of its weights;
    a later `partial_fit` starts it afresh. An interrupt (Ctrl-C) in `fit` is raised again and
    leaves the model of the last finished epoch behind.

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_filters": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "filter_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "pool_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "pooling": [StrOptions(set(POOLINGS))],
        "padding": [
            StrOptions({"same", "valid"}),
            Interval(Integral, 0, None, closed="left"),
            tuple,
            list,
        ],
        "stride": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "hidden_layer_sizes": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "activation": [StrOptions(set(ACTIVATIONS)), Activation],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "layers": [tuple, list, None],
        "block_dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
        "image_shape": [tuple, list, Interval(Integral, 1, None, closed="left"), None],
        "standardize": ["boolean"],
        "dtype": [StrOptions({"auto", "float32", "float64"}), type, np.dtype],
        "solver": [StrOptions(set(OPTIMIZERS)), Optimizer],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions({"constant", "cosine"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_filters: Any = (16, 32),
        filter_size: Any = 5,
        pool_size: Any = 2,
        pooling: str = "max",
        padding: Any = "same",
        stride: Any = 1,
        hidden_layer_sizes: Any = (),
        activation: str | Activation = "relu",
        dropout: float = 0.0,
        layers: Any = None,
        *,
        block_dropout: float = 0.0,
        batch_norm: bool = False,
        image_shape: Any = None,
        standardize: bool = True,
        dtype: Any = "auto",
        solver: str | Optimizer = "adam",
        learning_rate: float = 2e-3,
        learning_rate_schedule: str = "cosine",
        alpha: float = 0.0,
        batch_size: int | str = "auto",
        max_iter: int = 20,
        shuffle: bool = True,
        tol: float | None = None,
        n_iter_no_change: int = 10,
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
        self.image_shape = image_shape
        self.standardize = standardize
        self.dtype = dtype
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network for `max_iter` epochs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped, channels last, of any real dtype.
        y : array-like of shape (n_samples,)
            Labels of any kind that can be sorted.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row. Rows of zero weight are left out.

        Returns
        -------
        self : ScratchCNNClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data do not fit together, or if training diverges. The estimator
            is left as it was before the call.
        """
        with _restored_on_error(self):
            data = self._check_training_data(X, y, sample_weight, reset=True)
            check_classification_targets(data.labels)
            self.classes_, targets = np.unique(data.labels, return_inverse=True)
            self._begin(data)
            cosine_epochs = self.max_iter if self.learning_rate_schedule == "cosine" else None
            interrupt = self._train(data, targets, self.max_iter, self.tol, cosine_epochs)
            self._progress.optimizer_state = None  # a later partial_fit starts it afresh
        if interrupt is not None:
            raise interrupt
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch, going on from where the last call ended.

        What standardises the input is learned at the first call and kept from then on, and so
        are the working dtype and the architecture. The optimizer's state is kept between calls.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped, channels last, of any real dtype.
        y : array-like of shape (n_samples,)
            Labels, all of them among the classes.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be. Needed at the first call unless `fit` came before.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row. Rows of zero weight are left out.

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
        with _restored_on_error(self):
            first = not hasattr(self, "classes_")
            data = self._check_training_data(X, y, sample_weight, reset=first)
            self._check_classes(classes)
            targets = encode(data.labels, self.classes_)
            if first:
                self._begin(data)
            else:
                self._continue()
            interrupt = self._train(data, targets, n_epochs=1, tol=None, cosine_epochs=None)
            if interrupt is not None:
                raise interrupt
        return self

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            In the dtype of the labels seen in fit.
        """
        best = self._logits(X).argmax(axis=0)
        labels: Array = self.classes_[best]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, the softmax of the network's outputs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            In the working dtype, classes in the order of `classes_`.
        """
        return np.ascontiguousarray(CrossEntropy().predict(self._logits(X)).T)

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
        return np.ascontiguousarray(CrossEntropy().predict_log(self._logits(X)).T)

    def decision_function(self, X: Any) -> Array:
        """Return the network's outputs before the softmax.

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
        if len(self.classes_) <= 2:
            scores: Array = logits[-1] - logits[0]
            return scores
        return np.ascontiguousarray(logits.T)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of images whose class is predicted right.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *image_shape)
            Images, flat or shaped.
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        accuracy : float
            Between 0 and 1.
        """
        return float(super().score(X, check_labels(y), sample_weight))

    def summary(self) -> str:
        """Return a table of the layers as built, their output shapes and parameter counts."""
        check_is_fitted(self)
        return summarize(self.network_)

    def _check_training_data(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> _Data:
        """Validate what fit and partial_fit are given; leave rows of zero weight out."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        X_dtype = declared_dtype(X)
        X, X_shape = self._check_images(X, reset=reset)
        labels = check_labels(y)
        check_consistent_length(X, labels)
        rows = weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
            if not weights.any():
                raise ValueError("sample_weight is zero for every row: nothing is left to learn.")
            if not weights.all():
                rows = np.flatnonzero(weights)
                weights, labels = weights[rows], labels[rows]
            # equal weights are no weights, to the last bit; a large sum must not overflow
            equal = weights.min() == weights.max()
            weights = weights / weights.max()
            weights = None if equal else weights / weights.mean()
        return _Data(X, X_shape, X_dtype or X.dtype, labels, rows, weights)

    def _check_images(self, X: Any, *, reset: bool) -> tuple[Array, tuple[int, ...] | None]:
        """Return X as a flat array, and the shape of one image if X came shaped."""
        X, X_shape = flatten_images(X)
        if not reset:
            check_same_shape(X_shape, self.image_shape_)
        X = validate_data(self, X, reset=reset)
        if not reset:
            check_range(X, self.network_.dtype)
        return X, X_shape

    def _check_classes(self, classes: Any) -> None:
        """Set classes_ at the first partial_fit; later compare."""
        first = not hasattr(self, "classes_")
        if classes is None:
            if first:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return
        classes = np.unique(check_labels(classes, "classes"))
        if first:
            self.classes_ = classes
        elif not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} differ from those of the first call, "
                f"{self.classes_.tolist()}. Leave classes out, or fit a clone."
            )

    def _begin(self, data: _Data) -> None:
        """Set everything that a fresh model starts from."""
        self.image_shape_ = resolve_image_shape(self.image_shape, data.X_shape, data.X.shape[1])
        layers = self._architecture().build(self.image_shape_, len(self.classes_))
        dtype = compute_dtype(self.dtype, data.X_dtype)
        if dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype={self.dtype!r} must be 'auto', float32 or float64.")
        check_range(data.X, dtype)
        self.network_ = Network(layers, layer_shape(self.image_shape_), dtype)
        seed = check_random_state(self.random_state).randint(2**31 - 1, size=4)
        initial, shuffling, drawing = np.random.SeedSequence(seed).spawn(3)
        self.network_.initialize(np.random.default_rng(initial))
        self._progress = Progress(
            self._optimizer(), np.random.default_rng(shuffling), RandomStreams(drawing)
        )
        self._standardizer = None
        if self.standardize:
            _, channels = split_channels(self.image_shape_)
            self._standardizer = Standardizer.learn(data.X, data.rows, data.weights, channels)
        self.history_: list[dict[str, float]] = []

    def _continue(self) -> None:
        """Copy what training changes, so that a failure leaves the model as it was."""
        self._validate_params()  # scikit-learn does not, once fitted
        layers = self._architecture().build(self.image_shape_, len(self.classes_))
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
                f"call fit to start again."
            )
        self.network_, self._progress = deepcopy((self.network_, self._progress))
        self._progress.use(self._optimizer())

    def _train(
        self,
        data: _Data,
        targets: Array,
        n_epochs: int,
        tol: float | None,
        cosine_epochs: int | None,
    ) -> KeyboardInterrupt | None:
        """Train and record; return an interrupt that left finished epochs behind."""
        images = Images(
            data.X, self.image_shape_, self._standardizer, self.network_.dtype, data.rows
        )
        schedule = Schedule(
            self._batch_size(len(targets)),
            self.learning_rate,
            self.alpha,
            self.shuffle,
            cosine_epochs,
        )
        samples = Samples(images, targets, data.weights)
        team = Team(thread_count(self.n_jobs))
        epochs = train(self.network_, CrossEntropy(), samples, schedule, self._progress, team)
        patience = Patience(tol, self.n_iter_no_change)
        finished: dict[str, Any] = {}

        def run() -> None:
            with team:
                for epoch in islice(epochs, n_epochs):
                    finished.update(self._after(epoch))
                    if self.verbose:
                        print(_line(finished["n_iter_"], epoch))
                    if patience.is_over(epoch.loss):
                        break

        interrupt = None
        try:
            with_one_blas_thread(run)
        except DivergenceError as error:
            raise ValueError(
                f"Training diverged: the loss became NaN or infinite in epoch "
                f"{finished.get('n_iter_', len(self.history_)) + 1} with "
                f"learning_rate={self.learning_rate}. Use a smaller learning_rate."
            ) from error
        except KeyboardInterrupt as stop:
            if not finished:
                raise
            interrupt = stop
        self.__dict__.update(finished)
        return interrupt

    def _after(self, epoch: Epoch) -> dict[str, Any]:
        """Return the attributes of the model as it is after this epoch."""
        self.history_ = [*self.history_, epoch._asdict()]
        shuffling, drawing = deepcopy((self._progress.shuffling, self._progress.drawing))
        return {
            "network_": self.network_.copy(),
            "_progress": replace(self._progress, shuffling=shuffling, drawing=drawing),
            "history_": self.history_,
            "n_iter_": len(self.history_),
            "loss_": epoch.loss,
            "loss_curve_": [record["loss"] for record in self.history_],
        }

    def _architecture(self) -> Architecture:
        names = (part.name for part in fields(Architecture))
        return Architecture(**{name: getattr(self, name) for name in names})

    def _batch_size(self, n: int) -> int:
        if self.batch_size != "auto":
            return int(self.batch_size)
        least, most = AUTO_BATCH_SIZES
        return most if n <= most else min(max(n // AUTO_STEPS, least), most)

    def _optimizer(self) -> Optimizer:
        if isinstance(self.solver, Optimizer):
            return self.solver
        return OPTIMIZERS[self.solver]()

    def _logits(self, X: Any) -> Array:
        """Return the network's outputs, of shape (n_classes, n_samples)."""
        check_is_fitted(self)
        X, _ = self._check_images(X, reset=False)
        images = Images(X, self.image_shape_, self._standardizer, self.network_.dtype)
        n_threads = thread_count(self.n_jobs)
        return with_one_blas_thread(lambda: outputs_of(self.network_, images, n_threads))


@dataclass(frozen=True)
class _Data:
    """Validated training data; labels and weights belong to `rows` of X (None: to all)."""

    X: Array
    X_shape: tuple[int, ...] | None
    X_dtype: np.dtype[Any]
    labels: Array
    rows: Array | None
    weights: Array | None


def _line(number: int, epoch: Epoch) -> str:
    """Return what verbose training says of an epoch."""
    return (
        f"Epoch {number}: loss {epoch.loss:.4f}, accuracy {epoch.accuracy:.4f}, "
        f"{epoch.seconds:.2f} s"
    )


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
