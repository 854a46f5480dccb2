"""A fit from its first epoch on: epochs, what is told of them, and the model they leave behind."""

from __future__ import annotations

from typing import Any

from skcnn._data.mini_batches import mini_batches
from skcnn._data.samples import Data, Samples
from skcnn._engine.blas import with_one_blas_thread
from skcnn._engine.threads import Team, thread_count
from skcnn._estimator.fitted import Fitted
from skcnn._estimator.outcome import (
    check_finite,
    divergence,
    warn_if_nothing_learned,
    warn_if_still_falling,
)
from skcnn._estimator.parameters import (
    make_patience,
    make_settings,
    resolve_alpha,
    takes_all_samples,
)
from skcnn._estimator.progress_bar import EpochBar
from skcnn._estimator.scoring import validation_score
from skcnn._estimator.scorings import each_scoring
from skcnn._estimator.sklearn_callbacks import FitTasks
from skcnn._training.epochs import TrainingSettings, train
from skcnn._training.evaluation import Validation
from skcnn._training.lbfgs import Objective, train_lbfgs
from skcnn._training.recorder import Recorder, Snapshot
from skcnn._training.statistics import Statistics
from skcnn._training.stopping import DivergenceError, Patience
from skcnn.layers import BatchNorm
from skcnn.network import Network

# How many records partial_fit keeps: each call copies them.
STREAM_RECORDS = 1000


def train_model(
    estimator: Any,
    start: Fitted,
    training: Data,
    held_out: Data | None,
    n_epochs: int | None,
    tasks: FitTasks,
    *,
    keep_state: bool,
) -> tuple[Fitted, KeyboardInterrupt | None]:
    """Return the trained model, and an interrupt that left finished epochs behind.

    Parameters
    ----------
    estimator : BaseCNN
        Its parameters.
    start : Fitted
        The model before the first epoch; its network and its state change.
    training, held_out : Data
        What to learn from, and what to measure after each epoch.
    n_epochs : int or None
        The most there will be; None: one epoch of an unknown number.
    tasks : FitTasks
        Told of each epoch.
    keep_state : bool
        Whether to keep what only further training needs.
    """
    samples = start.samples(training, "y", estimator.augment)
    settings = make_settings(estimator, len(samples), n_epochs)
    full_batch = takes_all_samples(estimator.solver)
    _check_mini_batches(
        start.network, len(samples), len(samples) if full_batch else settings.batch_size
    )
    bar = EpochBar(len(samples), shown=estimator.verbose > 1 and not full_batch)
    keep_best = estimator.early_stopping
    first_step = start.state.steps

    def left_behind() -> Fitted:
        finished = with_one_blas_thread(recorder.complete)
        most = None if n_epochs else STREAM_RECORDS
        return start.after(finished, recorder.records, keep_best=keep_best, most_records=most)

    def attributes() -> dict[str, Any]:
        # names of columns of an earlier fit count for nothing
        hidden = {"feature_names_in_": None} if hasattr(estimator, "feature_names_in_") else {}
        return hidden | left_behind().attributes

    def before_epoch() -> None:
        tasks.begin_epoch(attributes)
        bar.begin(f"Epoch {recorder.n_epochs + 1}")

    def after_epoch(snapshot: Snapshot) -> bool:
        if estimator.verbose:
            print(_line(snapshot))
        return tasks.end_epoch(attributes)

    recorder = Recorder(
        start.network,
        start.state,
        start.n_iter,
        make_patience(estimator) if n_epochs else Patience(None, 1),
        None if held_out is None else _validation(estimator, start, held_out),
        keep_best,
        keep_state and not keep_best,
        after_epoch,
        before_epoch,
        _statistics(estimator, samples, settings) if n_epochs else None,
    )
    tasks.begin(n_epochs)
    interrupt = None
    try:
        with_one_blas_thread(
            lambda: _run_epochs(estimator, start, samples, settings, recorder, bar)
        )
        trained = left_behind()
        check_finite(estimator, start, trained, training, samples.images)
        if n_epochs:
            length = recorder.n_epochs - start.n_iter, start.state.steps - first_step
            warn_if_nothing_learned(estimator, trained, samples, *length)
    except DivergenceError as error:
        epoch = min(recorder.n_epochs, start.n_iter + (n_epochs or 1) - 1) + 1
        what = divergence(estimator, settings, start, training, held_out)
        raise ValueError(f"Training diverged: {error} in epoch {epoch} with {what}") from error
    except KeyboardInterrupt as stop:
        if recorder.finished is None:
            raise
        interrupt = stop
    return left_behind(), interrupt


def _run_epochs(
    estimator: Any,
    start: Fitted,
    samples: Samples,
    settings: TrainingSettings,
    recorder: Recorder,
    bar: EpochBar,
) -> None:
    """Run epochs, or the iterations in their place, until it is time to stop."""
    network, state, loss = start.network, start.state, start.targets.loss
    with Team(thread_count(estimator.n_jobs)) as team, bar:
        if not takes_all_samples(estimator.solver):
            epochs = train(network, loss, samples, settings, state, team, bar.advance)
            recorder.draw(epochs, settings.n_epochs or 1)
            recorder.complete()
            return
        objective = Objective(network, loss, samples, resolve_alpha(estimator), state, team)
        state.start(network.parameters)
        point = network.parameters.copy()
        most = estimator.max_iter
        if not train_lbfgs(objective, point, most, recorder.before_epoch, recorder.note):
            warn_if_still_falling(estimator, recorder.records)


def _check_mini_batches(network: Network, n: int, batch_size: int) -> None:
    """Raise a ValueError if n samples make mini-batches too small for a layer."""
    mini_batches(n, batch_size, network.minimum_batch_size, _strictest_layer(network))


def _statistics(estimator: Any, samples: Samples, settings: TrainingSettings) -> Statistics:
    """Return what takes batch normalization's statistics anew; a stream's call has too few."""
    return Statistics(samples, settings.batch_size, thread_count(estimator.n_jobs))


def _strictest_layer(network: Network) -> str:
    """Return which layer asks for the largest mini-batches, "" if it is batch normalization."""
    layer = max(network.layers, key=lambda layer: layer.minimum_batch_size)
    return "" if isinstance(layer, BatchNorm) else str(layer)


def _validation(estimator: Any, start: Fitted, held_out: Data) -> Validation:
    """Return what to measure after each epoch."""
    samples = start.samples(held_out, "y_val")
    asked = each_scoring(estimator.scoring)
    scores = {
        name: validation_score(estimator, scoring, start, held_out)
        for name, scoring in asked.items()
    }
    first = next(iter(scores.values()))
    named = isinstance(estimator.scoring, list | tuple | dict)
    others = {name: score for name, score in scores.items() if named and name != "loss"}
    n_threads = thread_count(estimator.n_jobs)
    return Validation(samples, start.targets.loss.measured, first, n_threads, others)


def _line(snapshot: Snapshot) -> str:
    """Return what verbose training says of an epoch."""
    record = snapshot.record
    names = ("loss", "accuracy", "validation_loss", "validation_score")
    told = [f"{name.replace('_', ' ')} {record[name]:.4f}" for name in names if name in record]
    return f"Epoch {snapshot.number}: {', '.join(told)}, {record['seconds']:.2f} s"
