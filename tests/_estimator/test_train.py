"""A fit from its first epoch on."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import skcnn._estimator.train
from skcnn import ScratchCNNRegressor
from skcnn._estimator.given import check_given
from skcnn._estimator.sklearn_callbacks import FitTasks
from skcnn._estimator.train import train_model
from skcnn.layers import BatchNorm, Layer


@pytest.fixture
def start(numbers):
    """An estimator, its model after an epoch, and its data."""
    X, y = numbers
    model = ScratchCNNRegressor(2, 3, max_iter=1, warm_start=True, random_state=0).fit(X, y)
    given = check_given(model, X, y, None, (X, y, None), model._fitted)
    targets, parts = model._encode(given, model._learn_targets, model._fitted)[:2]
    seed, earlier = model._fitted.seed, model._fitted
    return (
        given.estimator,
        given.estimator._build(given, targets, parts, seed, earlier, goes_on=True),
        parts,
    )


def test_history_goes_on_and_the_model_before_is_left_alone(start):
    model, before, parts = start
    trained, interrupt = train_model(model, before, *parts, 2, FitTasks(), keep_state=True)
    assert interrupt is None
    assert len(before.history) == 1
    assert len(trained.history) == 3
    assert [*np.isnan(trained.validation["validation_scores_"])] == [True, False, False]
    assert trained.state.optimizer_state is not None
    dropped, _ = train_model(model, before, *parts, 1, FitTasks(), keep_state=False)
    assert dropped.state.optimizer_state is None


@dataclass(frozen=True)
class Whitening(Layer):
    """Asks for a few samples, and does nothing."""

    minimum_batch_size: ClassVar[int] = 8

    def forward(self, parameters, x, workspace, *, training):
        return x, None

    def backward(self, parameters, gradients, dy, cache, workspace, *, need_dx):
        return dy


@pytest.mark.parametrize("layers", [[Whitening()], [BatchNorm(), Whitening(), BatchNorm()]])
def test_a_layer_that_asks_for_more_samples_is_named(layers, numbers):
    X, y = numbers
    model = ScratchCNNRegressor(layers=layers, max_iter=1, batch_size=4)
    with pytest.raises(ValueError, match=r"batch_size=4 is too small for Whitening\(\), whose"):
        model.fit(X, y)
    model.set_params(batch_size="auto")
    with pytest.raises(ValueError, match=r"n_samples=7 is too few for Whitening\(\), whose .* 8"):
        model.fit(X[:7], y[:7])
    model.set_params(layers=[BatchNorm()])
    assert model.fit(X[:7], y[:7]).n_iter_ == 1


def test_epochs_are_found_from_the_end_of_the_records_that_a_stream_keeps(numbers, monkeypatch):
    monkeypatch.setattr(skcnn._estimator.train, "STREAM_RECORDS", 5)
    X, y = numbers
    model = ScratchCNNRegressor(2, 3, max_iter=3, warm_start=True, random_state=0)
    model.fit(X, y, X_val=X, y_val=y)
    for n_more in range(1, 6):
        model.partial_fit(X, y)
        assert model.n_iter_ == 3 + n_more
        assert len(model.validation_scores_) == len(model.history_) == min(3 + n_more, 5)
        at = model.best_iter_ - model.n_iter_ - 1
        if -at <= 5:
            assert model.validation_scores_[at] == model.best_validation_score_
    assert np.isnan(model.validation_scores_).all()  # those of `fit` are gone
    model.fit(X, y, X_val=X, y_val=y)
    at = model.best_iter_ - model.n_iter_ - 1
    assert (model.n_iter_, len(model.validation_scores_)) == (11, 8)
    assert model.validation_scores_[at] == model.best_validation_score_


def test_tasks_are_told_of_each_epoch_with_the_model_as_it_is(start):
    model, before, parts = start
    told = []

    class Tasks(FitTasks):
        def begin_epoch(self, attributes):
            told.append(("begin", attributes()["n_iter_"]))

        def end_epoch(self, attributes):
            told.append(("end", attributes()["n_iter_"]))
            return len(told) == 4

    train_model(model, before, *parts, 9, Tasks(), keep_state=False)
    assert told == [("begin", 1), ("end", 2), ("begin", 2), ("end", 3)]


def test_an_interrupt_leaves_the_epochs_before_it_or_is_raised(start):
    model, before, parts = start

    class Tasks(FitTasks):
        def __init__(self, after):
            super().__init__()
            self.left = after

        def begin_epoch(self, attributes):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1

    trained, interrupt = train_model(model, before, *parts, 9, Tasks(2), keep_state=False)
    assert isinstance(interrupt, KeyboardInterrupt)
    assert len(trained.history) == 3
    with pytest.raises(KeyboardInterrupt):
        train_model(model, before, *parts, 9, Tasks(0), keep_state=False)


def test_verbose_training_prints_a_line_an_epoch(start, capsys):
    model, before, parts = start
    model.set_params(verbose=1)
    train_model(model, before, *parts, 2, FitTasks(), keep_state=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Epoch 2", "Epoch 3"]
    assert "validation loss" in lines[0]


def test_divergence_names_what_to_change(start):
    model, before, parts = start
    model.set_params(learning_rate=1e90)
    with pytest.raises(ValueError, match=r"diverged: .* in epoch 2 with learning_rate=1e\+90"):
        train_model(model, before, *parts, 2, FitTasks(), keep_state=False)
