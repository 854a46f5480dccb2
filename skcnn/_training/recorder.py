"""A run of epochs: what is recorded, when it ends, and which model it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._training.epochs import Epoch
from skcnn._training.evaluation import Validation
from skcnn._training.state import TrainingState
from skcnn._training.statistics import Statistics
from skcnn._training.stopping import Patience
from skcnn.network import Network


class Snapshot(NamedTuple):
    """The model as it predicts after an epoch, in arrays of its own, and the epoch's record.

    `number` counts epochs from 1, those of earlier calls included.
    """

    network: Network
    state: TrainingState
    record: dict[str, Any]
    number: int

    @property
    def score(self) -> float:
        """Validation score of the epoch."""
        return float(self.record["validation_score"])

    @property
    def rank(self) -> tuple[float, float]:
        """Which of two epochs is better: of equal scores, the one of the lower validation loss."""
        return self.score, -float(self.record["validation_loss"])


class Finished(NamedTuple):
    """The last epoch that was finished, and the best by its validation score, if any.

    `outdated` says that the last one has statistics of other weights than its own.
    """

    last: Snapshot
    best: Snapshot | None
    outdated: bool = False


@dataclass
class Recorder:
    """Records epochs as they run.

    Parameters
    ----------
    network : Network
        What is trained.
    state : TrainingState
        Goes on with it.
    earlier : int
        Number of epochs of earlier calls.
    patience : Patience
        When to stop: asked about the negative validation score with `early_stopping`, about the
        training loss without.
    validation : Validation or None
        What to measure after each epoch.
    early_stopping : bool
        See `patience`.
    keep_state : bool
        Whether snapshots hold the optimizer's state and, where weights are averaged, the network
        to go on from.
    after_epoch : callable
        Is given each snapshot; returns whether to stop.
    before_epoch : callable
        Called before each epoch.
    statistics : Statistics or None, default=None
        What recomputes running statistics where weights are averaged: before a measurement, and
        in :meth:`complete`.

    Attributes
    ----------
    finished : Finished or None
        What there is to keep. It changes at once, so that an interrupt leaves it consistent.
    """

    network: Network
    state: TrainingState
    earlier: int
    patience: Patience
    validation: Validation | None
    early_stopping: bool
    keep_state: bool
    after_epoch: Callable[[Snapshot], bool]
    before_epoch: Callable[[], object]
    statistics: Statistics | None = None
    finished: Finished | None = field(default=None, init=False)
    _records: list[dict[str, Any]] = field(default_factory=list, init=False)

    @property
    def n_epochs(self) -> int:
        """Number of epochs that were finished, earlier calls included."""
        return self.earlier if self.finished is None else self.finished.last.number

    @property
    def records(self) -> list[dict[str, Any]]:
        """Records of the epochs of this call that were finished."""
        return self._records[: self.n_epochs - self.earlier]

    def draw(self, epochs: Iterator[Epoch], n_epochs: int) -> None:
        """Run so many epochs, or fewer if it is time to stop."""
        for _ in range(n_epochs):
            self.before_epoch()
            if self.note(next(epochs)):
                return

    def note(self, epoch: Epoch) -> bool:
        """Take note of one epoch; return whether it is time to stop."""
        score = self._record(epoch)
        assert self.finished is not None
        stop = self.after_epoch(self.finished.last)
        return self.patience.is_over(-score if self.early_stopping else epoch.loss) or stop

    def complete(self) -> Finished | None:
        """Return what there is to keep, with running statistics of the weights it has."""
        if self.finished is not None and self.finished.outdated and self.statistics is not None:
            last = self.finished.last
            self.statistics.recompute(last.network, last.state)
            self.finished = self.finished._replace(outdated=False)
        return self.finished

    def _record(self, epoch: Epoch) -> float:
        """Measure, tell the schedule, take a snapshot; return the score."""
        record = {name: value for name, value in epoch._asdict().items() if value is not None}
        score, shown = -epoch.loss, self.state.shown(self.network)
        outdated = self.state.shows_average
        if self.validation is not None:
            if outdated and self.statistics is not None:
                self.statistics.recompute(shown, self.state)
                outdated = False
            measured = self.validation.measure(shown)
            record |= {"validation_loss": measured.loss, "validation_score": measured.score}
            record |= {f"validation_{name}": score for name, score in measured.others.items()}
            score = measured.score
        self.state.note(score)
        copy = partial(self.state.copy, with_optimizer_state=self.keep_state)
        state = with_numpy_settings(copy)  # NumPy's generators use np.errstate
        if self.keep_state and state.averaging is not None:
            state.trained = self.network.copy()
        number = self.n_epochs + 1
        self._records[number - self.earlier - 1 :] = [record]  # an interrupt may have left one
        last = Snapshot(shown, state, record, number)
        best = None if self.finished is None else self.finished.best
        if self.validation is not None and (best is None or last.rank > best.rank):
            best = last
        self.finished = Finished(last, best, outdated)
        return score
