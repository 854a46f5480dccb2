"""Any number of threads gives the same bits, and none is left behind."""

import contextlib
import gc
import hashlib
import signal
import sys
import threading
import time
import weakref
from copy import copy

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn import _config, config_context
from sklearn.base import clone
from threadpoolctl import threadpool_info, threadpool_limits

from skcnn import ScratchCNNClassifier
from skcnn._engine.threads import Team, thread_count
from skcnn._training import gradient
from skcnn._training.gradient import split
from skcnn.layers import AveragePool, Conv, Dropout, Flatten, Tanh

ARCHITECTURES = {
    "seed": {"n_filters": 1, "filter_size": 6, "padding": "valid", "batch_size": 128},
    "few filters": {"n_filters": 2, "filter_size": 5, "batch_size": 300},
    "wide": {"n_filters": (24, 40), "filter_size": 3, "padding": "valid", "batch_size": 128},
    "two blocks": {"n_filters": (8, 16), "filter_size": 5, "batch_size": 96},
    "dropout": {"n_filters": 16, "hidden_layer_sizes": 32, "dropout": 0.5, "batch_size": 96},
    "strided": {"n_filters": (32, 32), "stride": (2, 1), "activation": "tanh", "batch_size": 70},
    "layers": {
        "layers": [Conv(16, 5), Tanh(), AveragePool(3), Dropout(0.2), Conv(8), Flatten()],
        "batch_size": 130,
        "solver": "sgd",
    },
}


@pytest.fixture(autouse=True)
def _share_also_what_is_done_sooner_alone(monkeypatch):
    monkeypatch.setattr(gradient, "SHARED_MULTIPLY_ADDS", 0)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    X = rng.integers(0, 200, (300, 20, 20), dtype=np.uint8)
    X[np.arange(300), 5 * y + 3] += 55
    return X.reshape(300, -1), y


@pytest.fixture(scope="module")
def fitted(images):
    """A model that is only read."""
    return make("two blocks", 1, max_iter=1).fit(*images)


@pytest.fixture
def model(fitted):
    """A copy of it, whose parameters may be set."""
    return copy(fitted)


def digest(model):
    return hashlib.sha256(model.network_.parameters.tobytes()).hexdigest()


def make(name, n_jobs, **parameters):
    settings = {"max_iter": 2, "random_state": 0, **ARCHITECTURES[name], **parameters}
    return ScratchCNNClassifier(n_jobs=n_jobs, **settings)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_fit_gives_the_same_bits_for_any_number_of_threads(name, images):
    models = [make(name, n_jobs).fit(*images) for n_jobs in (1, 2, 4)]
    assert len({digest(model) for model in models}) == 1
    assert len({tuple(model.loss_curve_) for model in models}) == 1
    probabilities = {model.predict_proba(images[0]).tobytes() for model in models}
    assert len(probabilities) == 1


def test_stopping_by_tol_happens_at_the_same_epoch_and_bits(images):
    stop = {"tol": 10.0, "n_iter_no_change": 2, "max_iter": 8}
    models = [make("two blocks", n_jobs, **stop).fit(*images) for n_jobs in (1, 2)]
    assert {model.n_iter_ for model in models} == {3}
    assert len({digest(model) for model in models}) == 1
    assert len({model.loss_ for model in models}) == 1


@pytest.mark.parametrize("name", ["two blocks", "dropout", "layers"])
def test_partial_fit_gives_the_same_bits_also_when_threads_change(name, images):
    X, y = images
    digests = set()
    for counts in [(1, 1, 1), (1, 4, 2)]:
        model = make(name, 1)
        for n_jobs in counts:
            model.set_params(n_jobs=n_jobs).partial_fit(X, y, classes=[0, 1, 2])
        digests.add(digest(model))
    assert len(digests) == 1


def test_the_architectures_are_really_split_over_threads(images):
    sizes = {}
    for name in ARCHITECTURES:
        model = make(name, 1, max_iter=1).fit(*images)
        parts = split(np.arange(model.batch_size), model.network_.multiply_adds)
        sizes[name] = len(parts)
    assert sizes.pop("seed") == 1  # too little work
    assert len(sizes) >= 5
    assert min(sizes.values()) > 1


@pytest.mark.parametrize(("least", "names"), [(0, 2), (10**15, 1)])
def test_short_micro_batches_are_left_to_the_calling_thread(least, names, images, monkeypatch):
    monkeypatch.setattr(gradient, "SHARED_MULTIPLY_ADDS", least)
    threads = set()
    forward = gradient.MicroBatches.forward

    def noting(self, thread, task, views):
        threads.add(thread)
        return forward(self, thread, task, views)

    monkeypatch.setattr(gradient.MicroBatches, "forward", noting)
    make("two blocks", 2, max_iter=4).fit(*images)
    assert len(threads) == names


def test_the_split_depends_on_samples_and_work_only():
    rows = np.arange(128)
    assert [len(part) for part in split(rows, 10**6)] == [64, 64]
    assert [len(part) for part in split(rows[:64], 10**6)] == [64]
    # an even number, so that two threads have the same to do
    assert [len(part) for part in split(np.arange(150), 10**6)] == [37, 38, 37, 38]
    assert [len(part) for part in split(np.arange(1000), 10**6)] == [62, 63] * 8
    assert [len(part) for part in split(rows, 10)] == [128]
    for n in range(1, 200):
        np.testing.assert_array_equal(np.concatenate(split(rows[:n], 10**6)), rows[:n])


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_is_restored_when_fits_overlap_and_when_one_fails(images):
    X, y = images
    before = blas_threads()
    assert 2 in before
    good, bad = make("two blocks", 2), make("two blocks", 2, learning_rate=1e30)
    failures = []

    def fit(model):
        try:
            model.fit(X, y)
        except ValueError as error:
            failures.append(error)

    threads = [
        threading.Thread(target=fit, args=(clone(model),)) for model in (good, bad, good, bad)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 2
    assert blas_threads() == before


def test_a_limit_that_the_user_set_is_kept(images):
    with threadpool_limits(1, user_api="blas"):
        make("seed", 2, max_iter=1).fit(*images)
        assert set(blas_threads()) == {1}


@pytest.mark.parametrize("n_jobs", [0, "2", 1.5])
def test_a_wrong_n_jobs_is_an_error_that_names_it(n_jobs, images):
    with pytest.raises(ValueError, match="'n_jobs' parameter"):
        make("seed", n_jobs).fit(*images)


@pytest.mark.parametrize("n_jobs", [0, "2", "all", 2.0, True, [2]])
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_a_wrong_n_jobs_after_fit_is_an_error_too(n_jobs, method, model, images):
    with pytest.raises(ValueError, match=r"n_jobs=.* must be None, an integer"):
        getattr(model.set_params(n_jobs=n_jobs), method)(images[0])


def test_none_is_one_unless_a_joblib_context_says_otherwise():
    assert thread_count(None) == 1
    with parallel_config(backend="threading", n_jobs=3):
        assert thread_count(None) == 3
    assert thread_count(4) == 4
    assert thread_count(-1) >= 1


@pytest.mark.slow
def test_workers_of_a_grid_search_take_no_more_threads_than_they_were_given():
    counts = Parallel(n_jobs=2)(delayed(thread_count)(64) for _ in range(2))
    assert max(counts) < 64


def test_team_keeps_the_order_of_tasks():
    for n_threads in (1, 2, 5):
        with Team(n_threads) as team:
            assert team.map(lambda thread, task: task**2, 20) == [k**2 for k in range(20)]
            assert team.map(lambda thread, task: thread < 5, 7) == [True] * 7
            assert team.map(lambda thread, task: task, 0) == []


@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_exception_in_any_task_reaches_the_caller_and_stops_the_others(n_threads):
    done = []

    def work(thread, task):
        if task == 5:
            raise IndexError("task 5")
        done.append(task)

    with Team(n_threads) as team:
        with pytest.raises(IndexError, match="task 5"):
            team.map(work, 10_000)
        assert len(done) < 10_000
        assert team.map(lambda thread, task: task, 3) == [0, 1, 2]


def test_a_team_that_is_left_by_an_exception_has_finished_its_work():
    running = []

    def work(thread, task):
        running.append(task)
        time.sleep(0.02)
        if task == 0:
            raise KeyboardInterrupt
        running.remove(task)

    with pytest.raises(KeyboardInterrupt), Team(4) as team:
        team.map(work, 4)
    assert running == [0]


def test_helpers_treat_floating_point_errors_as_the_caller_does():
    def work(thread, task):
        time.sleep(0.01)
        return np.float32(3e38) * np.float32(10)

    with Team(3) as team:
        with np.errstate(over="ignore"):
            assert np.isinf(team.map(work, 6)).all()
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            team.map(work, 6)


def test_helpers_call_what_the_caller_wants_told_of_errors():
    told = []

    def work(thread, task):
        time.sleep(0.01)
        return np.float32(3e38) * np.float32(10)

    with Team(3) as team, np.errstate(over="call", call=lambda *about: told.append(about)):
        assert np.isinf(team.map(work, 6)).all()
    assert len(told) == 6


def helpers():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("skcnn")]


@pytest.mark.thread_unsafe(reason="looks at all threads")
def test_helpers_have_names_and_end_with_their_team():
    def work(thread, task):
        meeting.wait(10)
        return helpers()

    meeting = threading.Barrier(4)
    with Team(4) as team:
        for names in team.map(work, 4):
            assert sorted(names) == ["skcnn_0", "skcnn_1", "skcnn_2"]
    assert not helpers()


@pytest.mark.thread_unsafe(reason="looks at all threads")
def test_no_thread_is_left_after_a_fit_a_prediction_or_a_failure(model, images):
    before = threading.enumerate()
    make("two blocks", 2, max_iter=1).fit(*images)
    assert threading.enumerate() == before
    X = np.tile(images[0], (5, 1)).astype(np.float32)
    model.set_params(n_jobs=2).predict(X)
    assert threading.enumerate() == before
    X[-1, 7] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(X)
    assert threading.enumerate() == before
    with pytest.raises(ValueError, match="Training diverged"):
        make("two blocks", 2, learning_rate=1e30).fit(*images)
    assert threading.enumerate() == before


@pytest.mark.parametrize("kind", ["trace", "profile"])
def test_debuggers_and_profilers_see_helpers(kind):
    def hook(frame, event, argument):
        return None

    def work(thread, task):
        meeting.wait(10)
        return thread, getattr(sys, f"get{kind}")()

    meeting, before = threading.Barrier(2), getattr(threading, f"get{kind}")()
    getattr(threading, f"set{kind}")(hook)
    try:
        with Team(2) as team:
            hooks = dict(team.map(work, 2))
    finally:
        getattr(threading, f"set{kind}")(before)
    assert hooks[1] is hook


@pytest.mark.parametrize("row", [0, 700, 1499])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_numbers_are_checked_in_every_part_of_what_is_predicted(row, value, n_jobs, model, images):
    model.set_params(n_jobs=n_jobs)
    X = np.tile(images[0], (5, 1)).astype(np.float32)
    X[row, 7] = value
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        model.predict(X)
    # a setting of the calling thread, as is the treatment of errors
    with config_context(assume_finite=True), np.errstate(invalid="ignore"):
        assert model.predict(X).shape == (1500,)


def test_numbers_are_checked_also_where_other_threads_would_not(model, images, monkeypatch):
    model.set_params(n_jobs=2)
    X = np.tile(images[0], (5, 1)).astype(np.float32)
    X[::200, 7] = np.nan
    monkeypatch.setitem(_config._global_config, "assume_finite", True)
    with config_context(assume_finite=False), pytest.raises(ValueError, match="contains NaN"):
        model.predict(X)


@pytest.mark.parametrize("_", range(5))
def test_a_failed_prediction_does_not_keep_its_images(_, model, images):
    model.set_params(n_jobs=2)
    X = np.tile(images[0], (5, 1)).astype(np.float32)
    X[-1, 7] = np.nan  # of a helper or not
    kept = weakref.ref(X)
    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            model.predict(X)
        del X
        assert kept() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("number", [0, 1])
def test_where_threads_cannot_start_fewer_do_the_work(number, monkeypatch):
    start, left = threading.Thread.start, list(range(number))

    def limited(thread):
        if not left:
            raise RuntimeError("can't start new thread")
        left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with Team(4) as team:
        for _ in range(3):
            threads = team.map(lambda thread, task: time.sleep(0.01) or thread, 20)
            assert len(set(threads)) == 1 + number


@pytest.mark.parametrize("interrupts", [1, 2])
def test_an_interrupt_while_helpers_work_is_raised_when_they_have_finished(interrupts):
    started, finished = [], []

    def work(thread, task):
        if thread == 0:
            meeting.wait(10)  # and no more to do
            return
        started.append(task)
        meeting.wait(10)
        for _ in range(interrupts):
            time.sleep(0.05)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # which waits
        time.sleep(0.05)
        finished.append(task)

    meeting = threading.Barrier(2)
    with pytest.raises(KeyboardInterrupt), Team(2) as team:
        team.map(work, 2)
    if interrupts > 1:  # who interrupts the waiting, too, need not wait
        deadline = time.perf_counter() + 10
        while helpers() and time.perf_counter() < deadline:
            time.sleep(0.01)
    assert len(finished) == len(started) == 1
    assert not helpers()


def test_an_interrupt_while_a_helper_starts_waits_for_it_too(monkeypatch):
    working, finished = threading.Event(), threading.Event()

    def work(thread, task):
        working.set()
        time.sleep(0.1)
        finished.set()

    start = threading.Thread.start

    def interrupted(thread):
        start(thread)
        assert working.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with Team(2) as team:
        with pytest.raises(KeyboardInterrupt):
            team.map(work, 50)
        assert finished.is_set()
        monkeypatch.undo()
        assert team.map(lambda thread, task: task, 3) == [0, 1, 2]


def test_a_sum_that_overflows_is_no_error(images):
    model = make("seed", 2, max_iter=1, standardize=False).fit(*images)
    X = np.full((600, 400), 2e34, np.float32)
    with np.errstate(over="ignore"):
        assert np.isinf(X.sum())
    assert np.isfinite(model.predict_proba(X)).all()
