import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from skcnn import parallel
from skcnn.parallel import with_one_blas_thread


class Inside:
    """A caller that is inside for the length of a block."""

    def __enter__(self):
        parallel._limit.enter(self)

    def __exit__(self, *error):
        parallel._limit.leave(self)


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        for library in ThreadpoolController().lib_controllers:
            # from 3.8 on, only one thread at a time may set limits
            getattr(library, "clear_controlling_thread", lambda **_: None)(force=True)
        assert blas_threads()
        assert set(blas_threads()) == {2}
        yield


def test_blas_has_one_thread_inside_and_gets_the_others_back():
    with Inside():
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {2}


def test_threads_come_back_after_an_exception():
    with pytest.raises(KeyboardInterrupt), Inside():
        raise KeyboardInterrupt
    assert set(blas_threads()) == {2}


def test_what_the_user_set_is_what_comes_back():
    with threadpool_limits(1, user_api="blas"):
        with Inside():
            pass
        assert set(blas_threads()) == {1}
    with Inside():
        pass
    assert set(blas_threads()) == {2}


def test_nested_blocks_restore_once_at_the_end():
    with Inside():
        with Inside():
            pass
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {2}


def test_overlapping_blocks_of_two_threads_restore_with_the_last():
    inside, first_left, may_end = threading.Event(), threading.Event(), threading.Event()
    seen = []

    def second():
        with Inside():
            inside.set()
            assert first_left.wait(10)
            seen.append(set(blas_threads()))
            assert may_end.wait(10)

    with ThreadPoolExecutor(1) as pool:
        with Inside():
            job = pool.submit(second)
            assert inside.wait(10)
        first_left.set()
        may_end.set()
        job.result(10)
    assert seen == [{1}]
    assert set(blas_threads()) == {2}


def test_another_thread_than_the_first_limits_and_restores():
    with Inside():
        pass

    def other():
        with Inside():
            inside = set(blas_threads())
        return inside, set(blas_threads())

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(other).result(10) == ({1}, {2})


def test_other_threads_may_set_their_own_limit_afterwards():
    with Inside():
        pass

    def other():
        with threadpool_limits(1, user_api="blas"):
            return set(blas_threads())

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(other).result(10) == {1}


def test_many_threads_leave_nothing_behind():
    def enter(_):
        with Inside():
            return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(enter, range(500)))
    assert set(blas_threads()) == {2}


@pytest.mark.parametrize("leaving", [False, True])
def test_an_interrupt_while_the_limit_is_set_or_lifted_is_raised_and_leaves_no_limit(
    leaving, monkeypatch
):
    before, calls = blas_threads(), []
    set_threads = parallel._set_threads
    interrupted_call = 1 + leaving * len(parallel._limit._found())

    def interrupted_once(library, number):
        calls.append(number)
        if len(calls) == interrupted_call:
            raise KeyboardInterrupt
        set_threads(library, number)

    monkeypatch.setattr(parallel, "_set_threads", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        with_one_blas_thread(lambda: None)
    assert blas_threads() == before
    assert not parallel._limit._inside
    assert with_one_blas_thread(blas_threads) == [1] * len(before)


def test_work_runs_in_one_blas_thread_and_its_result_comes_back():
    before = blas_threads()
    assert with_one_blas_thread(blas_threads) == [1] * len(before)
    assert blas_threads() == before
