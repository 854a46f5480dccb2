import numpy as np

from skcnn._training.gradient import RandomStreams
from skcnn._training.state import TrainingState
from skcnn.optimizers import SGD, Adam
from skcnn.schedules import Constant, Plateau


def new_state(optimizer, seed=2):
    drawing = RandomStreams(np.random.SeedSequence(seed + 1))
    return TrainingState(optimizer, np.random.default_rng(seed), drawing)


def test_a_copy_of_progress_goes_on_in_the_same_way():
    state = new_state(Adam())
    state.start(np.zeros(3))
    copy = state.copy()
    assert state.shuffling.random() == copy.shuffling.random()
    assert state.drawing[0].random() == copy.drawing[0].random()
    copy.optimizer_state["mean"] += 1
    assert not state.optimizer_state["mean"].any()
    assert state.copy(with_optimizer_state=False).optimizer_state is None


def test_progress_starts_afresh_with_another_optimizer_or_schedule_only():
    state = new_state(Adam())
    state.optimizer_state, state.schedule_state = {"t": 3}, {"stale": 1}
    state.use(Adam(), Constant(), "loss")
    assert (state.optimizer_state, state.schedule_state) == ({"t": 3}, {"stale": 1})
    state.use(SGD(), Constant(), "loss")
    assert (state.optimizer, state.optimizer_state) == (SGD(), None)
    assert state.schedule_state == {"stale": 1}
    state.use(SGD(), Plateau(), "loss")
    assert (state.schedule, state.schedule_state) == (Plateau(), None)
    state.start(np.zeros(3))
    state.use(SGD(), Plateau(), "validation accuracy")  # another score to follow
    assert state.schedule_state is None
