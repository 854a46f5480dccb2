import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from skcnn._engine import blas
from skcnn._engine.blas import with_one_blas_thread
from skcnn._engine.workspace import Workspace
from skcnn.layers import Conv, Dense


class Inside:
    """A caller that is inside for the length of a block."""

    def __enter__(self):
        blas._limit.enter(self)

    def __exit__(self, *error):
        blas._limit.leave(self)


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


def test_a_forked_child_is_not_inside():
    with Inside():
        blas._limit.forget()  # what the child does
        assert set(blas_threads()) == {2}
        assert with_one_blas_thread(blas_threads) == [1] * len(blas_threads())
        assert set(blas_threads()) == {2}


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
    set_threads = blas._set_threads
    interrupted_call = 1 + leaving * len(blas._limit._found())

    def interrupted_once(library, number):
        calls.append(number)
        if len(calls) == interrupted_call:
            raise KeyboardInterrupt
        set_threads(library, number)

    monkeypatch.setattr(blas, "_set_threads", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        with_one_blas_thread(lambda: None)
    assert blas_threads() == before
    assert not blas._limit._inside
    assert with_one_blas_thread(blas_threads) == [1] * len(before)


def test_work_runs_in_one_blas_thread_and_its_result_comes_back():
    before = blas_threads()
    assert with_one_blas_thread(blas_threads) == [1] * len(before)
    assert blas_threads() == before


@pytest.fixture
def kernels(monkeypatch):
    """Return a function that says whose kernels BLAS has."""

    def pretend(*architectures):
        monkeypatch.setattr(blas._limit, "architectures", lambda: set(architectures))
        blas.block_length.cache_clear()

    yield pretend
    blas.block_length.cache_clear()


@pytest.mark.parametrize(
    ("lines", "columns", "inner", "block"),  # of a product by a transposed matrix
    [
        (80, 32, 128, 20),  # 20 * 32 is the most below 1,200 that divides 80
        (80, 32, 3_000, 10),  # a million multiply-adds
        (9, 8, 900, 9),  # small as it is
        (96, 256, 128, 4),
        (96, 400, 128, 96),  # blocks of 3 lines and less gain nothing
        (83, 32, 128, 83),  # prime
    ],
)
def test_products_are_cut_into_blocks_for_kernels_that_like_them(
    lines, columns, inner, block, kernels
):
    kernels("SkylakeX")
    assert blas.block_length(lines, inner * columns, columns) == block


def test_other_products_may_have_results_of_any_size(kernels):
    kernels("SkylakeX")
    assert blas.block_length(1568, 10 * 64) == 784
    assert blas.block_length(1568, 128 * 64, least=64) == 112
    assert blas.block_length(1568, 128 * 256, least=64) == 1568  # blocks of 28 lines gain nothing
    assert blas.block_length(121, 10 * 64) == 121  # small as it is


@pytest.mark.parametrize("architectures", [(), (None,), ("Haswell",), ("Zen", None)])
def test_other_kernels_get_whole_products(architectures, kernels):
    kernels(*architectures)
    assert blas.block_length(80, 32 * 128, 32) == 80
    assert blas.block_length(1568, 128 * 64) == 1568


@pytest.mark.parametrize("size", [3, 5])
def test_blocks_give_the_same_gradients(size, kernels):
    layer, shape, n = Conv(32, size), (10, 16, 10), 16
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((*shape, n)), rng.standard_normal((10, 32, 10, n))
    parameters = {
        "weights": rng.standard_normal((size, size, 16, 32)),
        "bias": rng.standard_normal(32),
    }
    results = []
    for architecture in ("SkylakeX", "Haswell"):
        kernels(architecture)
        workspace = Workspace()
        gradients = {name: np.empty_like(values) for name, values in parameters.items()}
        _, cache = layer.forward(parameters, x, workspace, training=True)
        layer.backward(parameters, gradients, dy.copy(), cache, workspace, need_dx=False)
        results.append(gradients)
    assert blas.block_length(size * 16, 32 * 160, 32) == size * 16  # by Haswell, whole
    for name in parameters:
        np.testing.assert_allclose(results[0][name], results[1][name], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("features", [1568, 127])
def test_blocks_of_dense_layers_change_only_rounding(features, kernels):
    layer, n = Dense(40), 64
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((features, n)), rng.standard_normal((40, n))
    parameters = {"weights": rng.standard_normal((features, 40)), "bias": rng.standard_normal(40)}
    results = []
    for architecture in ("SkylakeX", "Haswell"):
        kernels(architecture)
        workspace = Workspace()
        gradients = {name: np.empty_like(values) for name, values in parameters.items()}
        y, cache = layer.forward(parameters, x, workspace, training=True)
        y = y.copy()
        dx = layer.backward(parameters, gradients, dy.copy(), cache, workspace, need_dx=True)
        results.append([y, dx, *gradients.values()])
    expected = [
        parameters["weights"].T @ x + parameters["bias"][:, None],
        parameters["weights"] @ dy,
        x @ dy.T,
        dy.sum(axis=1),
    ]
    for result in results:
        for value, reference in zip(result, expected, strict=True):
            np.testing.assert_allclose(value, reference, rtol=1e-10, atol=1e-10)
