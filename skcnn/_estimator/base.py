"""BaseCNN: what fit and partial_fit do, whatever the targets are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from skcnn._data.holdout import hold_out
from skcnn._data.mini_batches import mini_batches
from skcnn._data.samples import Data, Samples
from skcnn._engine.blas import with_one_blas_thread
from skcnn._engine.threads import Team, thread_count
from skcnn._estimator.model import SPLITTING, Model
from skcnn._estimator.progress_bar import EpochBar
from skcnn._estimator.sklearn_callbacks import CallbackSupportMixin, FitTasks
from skcnn._training.epochs import Plan, train
from skcnn._training.lbfgs import Objective, train_lbfgs
from skcnn._training.recorder import Finished, Recorder, Snapshot
from skcnn._training.stopping import DivergenceError, Patience
from skcnn.losses import Loss

Array = npt.NDArray[Any]


def can_continue(estimator: BaseCNN) -> bool:
    """Return whether partial_fit exists; raise an AttributeError that says why it does not."""
    if estimator.early_stopping:
        raise AttributeError(
            "partial_fit is not available with early_stopping=True, since a single epoch cannot "
            "be stopped early. Set early_stopping=False, or use warm_start=True."
        )
    if estimator._full_batch:
        raise AttributeError(
            "partial_fit is not available with solver='lbfgs', which needs all data at once. Use "
            "solver='adam' or 'sgd'."
        )
    return True


class BaseCNN(CallbackSupportMixin, Model):
    """Fits, whatever the targets are. What a subclass defines stands in Model."""

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any, Any]) -> Self:
        """Train for `max_iter` epochs, afresh or with `warm_start` further."""
        first = not (self.warm_start and hasattr(self, "network_"))
        tasks = FitTasks(self, self.max_iter, X, y, sample_weight)
        with _restored_on_error(self):
            self._check_full_batch()
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
            interrupt = self._train(
                data, held_out, self.max_iter, tasks, keep_state=self.warm_start
            )
            if interrupt is None:
                tasks.end()
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
            interrupt = self._train(data, None, None, FitTasks(), keep_state=True)
            if interrupt is not None:
                raise interrupt
        return self

    def _followed(self, validated: bool) -> str:
        """Return the name of the score that a schedule is told."""
        scoring = self.scoring if isinstance(self.scoring, str) else "by a function"
        return f"validation {scoring}" if validated else "loss"

    def _train(
        self,
        data: Data,
        held_out: Data | None,
        n_epochs: int | None,
        tasks: FitTasks,
        *,
        keep_state: bool,
    ) -> KeyboardInterrupt | None:
        """Train and record; return an interrupt that left finished epochs behind.

        n_epochs=None is one epoch of nobody knows how many.
        """
        samples, loss = self._augmented(self._samples(data, "y"), data), self._loss()
        plan = self._plan(len(data), n_epochs)
        mini_batches(len(data), plan.batch_size, self.network_.minimum_batch_size)  # or raise
        bar = EpochBar(len(data), shown=self.verbose > 1 and not self._full_batch)
        run = Recorder(
            self.network_,
            self._progress,
            self.history_,
            self._patience() if n_epochs else Patience(None, 1),
            None if held_out is None else self._validation(held_out, loss),
            self.early_stopping,
            keep_state and not self.early_stopping,
            lambda snapshot: self._after_epoch(snapshot, run, tasks),
            lambda: self._before_epoch(run, tasks, bar),
        )
        tasks.begin()
        interrupt = None
        try:
            with_one_blas_thread(lambda: self._draw(run, loss, samples, plan, bar))
        except DivergenceError as error:
            self._diverged(run, error)
        except KeyboardInterrupt as stop:
            if run.finished is None:
                raise
            interrupt = stop
        assert run.finished is not None
        self.__dict__.update(self._attributes(run.finished))
        return interrupt

    def _draw(self, run: Recorder, loss: Loss, samples: Samples, plan: Plan, bar: EpochBar) -> None:
        """Run epochs, or the iterations that stand in for them, until it is time to stop."""
        network, progress = self.network_, self._progress
        with Team(thread_count(self.n_jobs)) as team, bar:
            if self._full_batch:
                objective = Objective(network, loss, samples, self.alpha, progress, team)
                progress.start(network.parameters)
                start = network.parameters.copy()
                train_lbfgs(objective, start, self.max_iter, run.before_epoch, run.note)
            else:
                epochs = train(network, loss, samples, plan, progress, team, bar.advance)
                run.draw(epochs, plan.n_epochs or 1)

    def _before_epoch(self, run: Recorder, tasks: FitTasks, bar: EpochBar) -> None:
        """Announce an epoch."""
        tasks.begin_epoch(lambda: self._attributes(run.finished))
        bar.begin(f"Epoch {len(run.recorded) + 1}")

    def _after_epoch(self, snapshot: Snapshot, run: Recorder, tasks: FitTasks) -> bool:
        """Report an epoch; return whether to stop."""
        if self.verbose:
            print(_line(snapshot.history))
        return tasks.end_epoch(lambda: self._attributes(run.finished))

    def _diverged(self, run: Recorder, error: DivergenceError) -> NoReturn:
        remedy = (
            "solver='lbfgs'. Scale the input, use a larger alpha, or another solver."
            if self._full_batch
            else f"learning_rate={self.learning_rate} and alpha={self.alpha}. Use a smaller "
            f"{'alpha' if self.learning_rate * self.alpha > 1 else 'learning_rate'}."
        )
        raise ValueError(
            f"Training diverged: {error} in epoch {len(run.recorded) + 1} with {remedy}"
        ) from error

    def _attributes(self, finished: Finished | None) -> dict[str, Any]:
        """Return the attributes of the model that a run leaves behind after these epochs."""
        if finished is None:
            return {"network_": self._progress.shown(self.network_)}
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
                    record.get("validation_score", np.nan) for record in last.history
                ],
                "best_validation_score_": best.score,
                "best_iter_": len(best.history),
            }
        return attributes


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
