from dataclasses import dataclass

import numpy as np
import pytest

from skcnn._training.epochs import Epoch
from skcnn._training.evaluation import Measured
from skcnn._training.gradient import RandomStreams
from skcnn._training.recorder import Recorder
from skcnn._training.state import TrainingState
from skcnn._training.stopping import Patience
from skcnn.layers import Dense, Flatten
from skcnn.network import Network
from skcnn.optimizers import SGD


@dataclass
class Scores:
    """Measures what it was told: scores, or losses and scores."""

    scores: list

    def measure(self, network):
        score = self.scores.pop(0)
        return Measured(*score) if isinstance(score, tuple) else Measured(9.0, score)


def run(scores=None, tol=None, early_stopping=False, stop_after=None, n_epochs=5, **more):
    """A run over epochs of losses 5, 4, 3, ... that set all parameters to the epoch's number."""
    network = Network((Flatten(), Dense(2)), (1, 3))
    drawing = RandomStreams(np.random.SeedSequence(0))
    state = TrainingState(SGD(), np.random.default_rng(0), drawing)
    state.start(network.parameters)
    seen = []

    def after_epoch(snapshot):
        seen.append(snapshot)
        return len(seen) == stop_after

    def epochs():
        for number in range(1, n_epochs + 1):
            network.parameters[:] = number
            yield Epoch(6.0 - number, None, 0.1, 0.0)

    got = Recorder(
        network,
        state,
        more.get("earlier", 0),
        Patience(tol, 1),
        None if scores is None else Scores([*scores]),
        early_stopping,
        more.get("keep_state", False),
        after_epoch,
        lambda: begun.append(len(seen)),
    )
    begun = []
    got.draw(epochs(), n_epochs)
    assert begun == list(range(len(seen)))
    return got, seen


def test_without_validation_the_last_epoch_is_left():
    got, seen = run()
    last, best, _ = got.finished
    assert best is None
    assert len(seen) == len(got.records) == last.number == 5
    assert got.records[0] == {"loss": 5.0, "learning_rate": 0.1, "seconds": 0.0}
    assert [snapshot.network.parameters[0] for snapshot in seen] == [1, 2, 3, 4, 5]


def test_the_best_epoch_is_remembered():
    got, _ = run([1.0, 3.0, 3.0, 2.0, 0.0])
    _, best, _ = got.finished
    assert best.network.parameters[0] == 2
    assert best.score == 3
    assert best.number == 2
    assert got.records[4]["validation_loss"] == 9
    assert [record["validation_score"] for record in got.records] == [1, 3, 3, 2, 0]


@pytest.mark.parametrize(
    ("losses", "number"),
    [
        ([0.1, 0.9, 0.5, 0.4, 0.6], 4),  # of scores 0, 3, 3, 3, 3
        ([0.1, 0.9, 0.4, 0.4, 0.6], 3),
        ([0.1, 0.4, 0.5, 0.5, 0.6], 2),
    ],
)
def test_of_equal_scores_the_lowest_validation_loss_is_the_best(losses, number):
    got, _ = run(list(zip(losses, [0.0, 3.0, 3.0, 3.0, 3.0], strict=True)))
    assert got.finished.best.number == got.finished.best.network.parameters[0] == number


def test_a_lower_loss_of_an_equal_score_is_no_progress():
    scores = [(0.9, 1.0), (0.5, 1.0), (0.4, 1.0)]
    got, seen = run(scores, tol=0.0, early_stopping=True)
    assert len(seen) == 2
    assert got.finished.best.number == 2


@pytest.mark.parametrize(
    ("kind", "n_epochs"),
    [
        ({"tol": 1.5}, 2),  # the loss falls by 1
        ({"tol": 1.5, "scores": [0.0, 9.0, 9.0, 9.0, 9.0]}, 2),
        ({"tol": 0.5, "scores": [0.0] * 5}, 5),
        ({"tol": 0.5, "scores": [0.0] * 5, "early_stopping": True}, 2),
        ({"tol": 0.5, "scores": [0.0, 1.0, 1.5, 9.0], "early_stopping": True}, 3),
        ({"stop_after": 4}, 4),
    ],
)
def test_it_ends_by_score_by_loss_or_when_told(kind, n_epochs):
    got, seen = run(**kind)
    assert len(seen) == len(got.records) == n_epochs


def test_epochs_of_earlier_calls_count():
    got, seen = run(earlier=7, n_epochs=2)
    assert [record["loss"] for record in got.records] == [5, 4]
    assert got.n_epochs == 9
    assert [(snapshot.number, snapshot.record["loss"]) for snapshot in seen] == [(8, 5), (9, 4)]


def test_a_record_counts_once_its_epoch_is_finished():
    got, _ = run(n_epochs=2)
    got._records.append({"loss": 3.0})  # an interrupt may come then
    assert [record["loss"] for record in got.records] == [5, 4]
    got.note(Epoch(2.0, None, 0.1, 0.0))
    assert [record["loss"] for record in got.records] == [5, 4, 2]


@pytest.mark.parametrize("keep_state", [True, False])
def test_snapshots_hold_the_optimizers_state_if_asked(keep_state):
    got, seen = run(keep_state=keep_state)
    states = [snapshot.state.optimizer_state for snapshot in seen]
    assert all((state is not None) == keep_state for state in states)
    assert all(state is not got.state.optimizer_state for state in states)
