"""BLAS has one thread for those who compute, and everybody's own setting afterwards."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from skcnn import ScratchCNNClassifier
from skcnn._engine import blas
from skcnn._engine.blas import threads_outside, with_one_blas_thread
from skcnn._engine.threads import Team
from skcnn._training import gradient
from skcnn.layers import Conv, Flatten, ReLU
from tests.support.estimators import few_iterations


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


class OneSetting:
    """OpenBLAS built with pthreads, as threadpoolctl 3.8 controls it: one setting, one master."""

    internal_api, threading_layer = "openblas", "pthreads"

    def __init__(self):
        self.threads, self._master = 2, None

    def get_num_threads(self):
        return self.threads

    def set_num_threads(self, number):
        self._master = self._master or threading.get_ident()
        if self._master == threading.get_ident():
            self.threads = number

    def clear_controlling_thread(self, *, force):
        self._master = None

    def set_own(self, number):
        self.threads = number

    def product(self):
        """Return how many threads compute a product."""
        return self.threads


class OpenMP(threading.local):
    """A setting for each thread, as OpenMP has it."""

    threads = 2

    def omp_get_max_threads(self):
        return self.threads

    def omp_set_num_threads(self, number):
        self.threads = number


class SettingOfEachThread:
    """OpenBLAS from 0.3.22 on, with OpenMP: products take as many threads as the caller may have.

    What is set by its own functions is forgotten at the next product.
    """

    internal_api, threading_layer = "openblas", "openmp"

    def __init__(self):
        self.dynlib, self._threads = OpenMP(), 2

    def get_num_threads(self):
        return self._threads

    def set_num_threads(self, number):
        self._threads = number

    def set_own(self, number):
        self.dynlib.omp_set_num_threads(number)

    def product(self):
        """Return how many threads compute a product."""
        if self.dynlib.omp_get_max_threads() == 1:
            return 1
        self._threads = self.dynlib.omp_get_max_threads()
        return self._threads


@pytest.fixture(params=[OneSetting, SettingOfEachThread])
def library(request, monkeypatch):
    """The only BLAS that is found, with two threads."""
    library = request.param()
    monkeypatch.setattr(blas, "_limit", blas._BlasLimit(lambda: [library]))
    return library


@pytest.fixture
def openmp(monkeypatch):
    """The only BLAS that is found, which has a setting for each thread."""
    library = SettingOfEachThread()
    monkeypatch.setattr(blas, "_limit", blas._BlasLimit(lambda: [library]))
    return library


@pytest.fixture
def two_threads():
    """NumPy's own BLAS has two threads."""
    with threadpool_limits(2, user_api="blas"):
        for library in ThreadpoolController().lib_controllers:
            # from 3.8 on, only one thread at a time may set limits
            getattr(library, "clear_controlling_thread", lambda **_: None)(force=True)
        assert set(blas_threads()) == {2}
        yield


@pytest.mark.usefixtures("two_threads")
def test_numpys_blas_has_one_thread_inside_and_gets_the_others_back():
    assert set(with_one_blas_thread(blas_threads)) == {1}
    assert set(blas_threads()) == {2}


@pytest.mark.usefixtures("two_threads")
def test_what_the_user_set_is_what_comes_back():
    with threadpool_limits(1, user_api="blas"):
        with_one_blas_thread(lambda: None)
        assert set(blas_threads()) == {1}
    with_one_blas_thread(lambda: None)
    assert set(blas_threads()) == {2}


@pytest.mark.usefixtures("two_threads")
def test_other_threads_may_set_their_own_limit_afterwards():
    with_one_blas_thread(lambda: None)

    def other():
        with threadpool_limits(1, user_api="blas"):
            return set(blas_threads())

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(other).result(10) == {1}


@pytest.mark.usefixtures("two_threads")
def test_any_thread_limits_and_restores_numpys_blas():
    with_one_blas_thread(lambda: None)
    with ThreadPoolExecutor(1) as pool:
        assert set(pool.submit(with_one_blas_thread, blas_threads).result(10)) == {1}
        assert set(pool.submit(blas_threads).result(10)) == {2}


@pytest.mark.usefixtures("two_threads")
def test_many_threads_leave_nothing_behind():
    with ThreadPoolExecutor(4) as pool:
        inside = list(pool.map(lambda _: with_one_blas_thread(blas_threads), range(100)))
    assert all(set(threads) == {1} for threads in inside)
    assert set(blas_threads()) == {2}


def test_calls_inside_calls_restore_at_the_end_only(library):
    def outer():
        return with_one_blas_thread(library.product), library.product()

    assert with_one_blas_thread(outer) == (1, 1)
    assert library.product() == 2


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_the_setting_comes_back_after_an_exception(error, library):
    def fail():
        assert library.product() == 1
        raise error

    with pytest.raises(error):
        with_one_blas_thread(fail)
    assert library.product() == 2


@pytest.mark.parametrize("first_out", [0, 1])
def test_callers_that_overlap_are_all_limited_until_they_leave(first_out, library):
    both_inside, may_leave = threading.Barrier(2), [threading.Event(), threading.Event()]

    def work(number):
        def compute():
            before = library.product()
            both_inside.wait(10)
            assert may_leave[number].wait(10)
            return before, library.product()

        return with_one_blas_thread(compute)

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(work, number) for number in range(2)]
        may_leave[first_out].set()
        assert jobs[first_out].result(10) == (1, 1)
        may_leave[1 - first_out].set()
        assert jobs[1 - first_out].result(10) == (1, 1)
        assert pool.submit(library.product).result(10) == 2
    assert library.product() == 2


@pytest.mark.parametrize("first_out", [0, 1])
def test_each_threads_own_setting_comes_back(first_out, openmp):
    both_inside, may_leave = threading.Barrier(2), [threading.Event(), threading.Event()]

    def work(number):
        openmp.set_own(3 + number)

        def compute():
            both_inside.wait(10)
            assert may_leave[number].wait(10)
            return openmp.product()

        return with_one_blas_thread(compute), openmp.product()

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(work, number) for number in range(2)]
        may_leave[first_out].set()
        assert jobs[first_out].result(10) == (1, 3 + first_out)
        may_leave[1 - first_out].set()
        assert jobs[1 - first_out].result(10) == (1, 4 - first_out)
    assert openmp.product() == 2


def test_helpers_are_limited_and_a_callers_setting_is_not_theirs(library):
    meeting = threading.Barrier(3)

    def work(thread, task):
        meeting.wait(10)
        return thread, library.product()

    with Team(3) as team:
        products = with_one_blas_thread(lambda: team.map(work, 9))
    assert {thread for thread, _ in products} == {0, 1, 2}
    assert {product for _, product in products} == {1}
    assert library.product() == 2


class Products(ReLU):
    """Notes how many threads products take in each thread that computes, once two have come."""

    seen: ClassVar[dict] = {}

    def function(self, x, out, workspace):
        self.seen.setdefault(threading.get_ident(), set()).add(self.blas.product())
        deadline = time.perf_counter() + 30
        while len(self.seen) < 2 and time.perf_counter() < deadline:
            time.sleep(0.001)
        super().function(x, out, workspace)


@few_iterations
@pytest.mark.parametrize("solver", [{"batch_size": 600}, {"solver": "lbfgs"}])
def test_a_fit_and_a_prediction_are_limited_in_all_their_threads(solver, openmp, monkeypatch):
    monkeypatch.setattr(Products, "blas", openmp, raising=False)
    monkeypatch.setattr(gradient, "SHARED_MULTIPLY_ADDS", 0)
    X, y = np.random.default_rng(0).random((600, 144), np.float32), np.arange(600) % 2
    model = ScratchCNNClassifier(
        layers=[Conv(8), Products(), Flatten()], max_iter=2, n_jobs=2, **solver
    )
    # fit predicts in the end, with a helper of its own, which may get the number of the first
    calls = {lambda: model.fit(X, y): {2, 3}, lambda: model.predict(np.tile(X, (4, 1))): {2}}
    for call, n_threads in calls.items():
        Products.seen.clear()
        call()
        assert len(Products.seen) in n_threads
        assert set.union(*Products.seen.values()) == {1}
        assert openmp.product() == 2


def test_settings_are_seen_as_they_are_outside(library):
    library.set_own(5)
    assert threads_outside() == 5
    assert with_one_blas_thread(threads_outside) == 5
    assert with_one_blas_thread(lambda: with_one_blas_thread(threads_outside)) == 5


def test_without_a_known_library_there_is_one_thread(monkeypatch):
    monkeypatch.setattr(blas, "_limit", blas._BlasLimit(list))
    assert threads_outside() == with_one_blas_thread(threads_outside) == 1


def test_the_process_is_scanned_once(library, monkeypatch):
    scans = []
    monkeypatch.setattr(blas, "_limit", blas._BlasLimit(lambda: scans.append(1) or [library]))
    for _ in range(3):
        with_one_blas_thread(threads_outside)
    assert len(scans) == 1


def test_a_forked_child_is_not_inside(library):
    inside, may_leave = threading.Event(), threading.Event()

    def work():
        inside.set()
        assert may_leave.wait(10)

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(with_one_blas_thread, work)
        assert inside.wait(10)
        blas._limit.forget()  # what the child does
        assert library.product() == 2
        assert with_one_blas_thread(library.product) == 1
        assert library.product() == 2
        may_leave.set()
        job.result(10)


class Failing:
    """Calls a function, but raises an error once, at a call of a certain number."""

    def __init__(self, call, number, error, *, after):
        self.call, self.left, self.error, self.after = call, number, error, after

    def __call__(self, *arguments):
        self.left -= 1
        if self.left == 0 and not self.after:
            raise self.error
        result = self.call(*arguments)
        if self.left == 0:
            raise self.error
        return result


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("kind", "number"), [("get", 1), ("set", 1), ("set", 2)])
def test_an_error_while_the_limit_is_set_or_lifted_is_raised_and_leaves_no_limit(
    kind, number, after, error, library, monkeypatch
):
    owner, name = library, f"{kind}_num_threads"
    if isinstance(library, SettingOfEachThread):
        owner, name = (
            library.dynlib,
            {"get": "omp_get_max_threads", "set": "omp_set_num_threads"}[kind],
        )
    failing = Failing(getattr(owner, name), number, error, after=after)
    monkeypatch.setattr(owner, name, failing)
    with pytest.raises(error):
        with_one_blas_thread(lambda: None)
    assert library.product() == 2
    assert with_one_blas_thread(library.product) == 1
    assert library.product() == 2


def test_work_returns_its_result(library):
    assert with_one_blas_thread(lambda: "result") == "result"
