"""What a fit learned, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skcnn._data.batches import Images
from skcnn._data.image_shape import Channels, array_shape
from skcnn._data.sample_standardizer import SampleStandardizer
from skcnn._data.samples import Data, Samples
from skcnn._data.standardizer import Standardizer
from skcnn._estimator.targets import Targets
from skcnn._training.recorder import Finished
from skcnn._training.state import TrainingState
from skcnn.augmentation import Augment
from skcnn.network import Network

Array = npt.NDArray[Any]


def unfitted_copy(estimator: Any) -> Any:
    """Return a shallow copy of an estimator without what an earlier fit learned."""
    earlier = vars(estimator).get("_fitted")
    gone = {} if earlier is None else earlier.attributes
    twin = object.__new__(type(estimator))
    twin.__dict__ = {name: value for name, value in vars(estimator).items() if name not in gone}
    return twin


class Columns(NamedTuple):
    """What scikit-learn notes of the columns of X."""

    number: int
    names: Array | None


@dataclass(frozen=True)
class Fitted:
    """The model after a fit, or before its first epoch.

    Parameters
    ----------
    columns : Columns
        Of flat X.
    image_shape : tuple of int
        Shape of one image.
    standardizer : Standardizer, SampleStandardizer or None
        What X is standardized with; None: X is used as it is.
    targets : Targets
        What y is.
    seed : ndarray of int
        What all generators are made from.
    fill : ndarray of shape (channels,) or None
        Fill value of augmentation, the training mean; None: zeros.
    network : Network
        As it predicts.
    state : TrainingState
        To continue training from.
    history : list of dict
        A record of each epoch, but for the first ones that are not kept.
    validation : dict
        Fitted attributes of the last call that had a validation set.
    dropped : int
        How many epochs have no record any more.
    channels : {"last", "first"}
        Where the rows of X have their channels.
    temperature : float or None
        What logits are divided by for probabilities; None: 1.
    taken : tuple of str or None
        Layers that began with weights of another model; None: there was none.
    """

    columns: Columns
    image_shape: tuple[int, ...]
    standardizer: Standardizer | SampleStandardizer | None
    targets: Targets
    seed: Array
    fill: Array | None
    network: Network
    state: TrainingState
    history: list[dict[str, Any]] = field(default_factory=list)
    validation: dict[str, Any] = field(default_factory=dict)
    dropped: int = 0
    channels: Channels = "last"
    temperature: float | None = None
    taken: tuple[str, ...] | None = None

    @property
    def n_iter(self) -> int:
        """Number of epochs so far."""
        return self.dropped + len(self.history)

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Shape of one image as the rows of X hold it."""
        return array_shape(self.image_shape, self.channels)

    def images(self, X: Array, rows: Array | None = None, check: Any = None) -> Images:
        """Return samples of X as the network takes them; `check` is asked about them."""
        return Images(
            X,
            self.image_shape,
            self.standardizer,
            self.network.dtype,
            rows,
            check,
            self.channels,
        )

    def samples(self, data: Data, name: str, augment: Augment = None) -> Samples:
        """Return data as the network and the loss take them; `name` is what errors call y."""
        targets = self.targets.encode(data, name, self.network.dtype)
        fill = 0.0 if self.fill is None else self.fill
        images = self.images(data.X, data.rows)
        return Samples(images, targets, data.relative_weights, augment, fill)

    def after(
        self,
        finished: Finished | None,
        records: list[dict[str, Any]],
        *,
        keep_best: bool,
        most_records: int | None = None,
    ) -> Fitted:
        """Return the model that training leaves behind after these epochs.

        Parameters
        ----------
        finished : Finished or None
            The last epoch and the best; None: there was none.
        records : list of dict
            Of these epochs.
        keep_best : bool
            Whether to keep the network of the best.
        most_records : int, default=None
            How many of the last records to keep; None: all there are.
        """
        if finished is None:
            return replace(self, network=self.state.shown(self.network))
        last, best = finished.last, finished.best
        history = [*self.history, *records]
        if most_records is not None:
            history = history[-most_records:]
        validation = dict(self.validation)
        if best is not None:
            validation |= {"best_validation_score_": best.score, "best_iter_": best.number}
        if validation:
            scores = [record.get("validation_score", np.nan) for record in history]
            validation["validation_scores_"] = scores
        return replace(
            self,
            network=(best if best is not None and keep_best else last).network,
            state=last.state,
            history=history,
            validation=validation,
            dropped=last.number - len(history),
        )

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the fitted estimator by name, this value itself included."""
        attributes = {
            "n_features_in_": self.columns.number,
            "image_shape_": self.image_shape,
            **self.targets.attributes,
            "network_": self.network,
            "history_": self.history,
            **self.validation,
            "_fitted": self,
        }
        if self.taken is not None:
            attributes["initialized_layers_"] = self.taken
        if self.temperature is not None:
            attributes["temperature_"] = self.temperature
        if self.columns.names is not None:
            attributes["feature_names_in_"] = self.columns.names
        if self.history:
            losses = [record["loss"] for record in self.history]
            attributes |= {"n_iter_": self.n_iter, "loss_": losses[-1], "loss_curve_": losses}
        return attributes
