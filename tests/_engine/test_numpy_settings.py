"""NumPy's settings while a network computes, and nowhere else."""

import sys
import threading
import time
from itertools import count
from typing import ClassVar

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from skcnn import ScratchCNNClassifier
from skcnn._engine import numpy_settings
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._training import gradient
from skcnn.layers import Conv, Flatten, ReLU
from tests.support.estimators import few_iterations

# Libraries are looked for once: their threads are asked after each of thousands of calls.
BLAS = ThreadpoolController().select(user_api="blas")


def blas_threads():
    return [library["num_threads"] for library in BLAS.info()]


@pytest.fixture(autouse=True)
def _share_also_what_is_done_sooner_alone(monkeypatch):
    monkeypatch.setattr(gradient, "SHARED_MULTIPLY_ADDS", 0)


@pytest.fixture(scope="module")
def images():
    X = np.random.default_rng(0).integers(0, 256, (300, 400), dtype=np.uint8)
    return X, np.arange(300) % 3


@few_iterations
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_caller_who_wants_errors_raised_sees_none_of_numbers_that_become_zero(
    solver, n_jobs, images
):
    X, y = images
    model = ScratchCNNClassifier(8, solver=solver, max_iter=12, n_jobs=n_jobs, random_state=0)
    with np.errstate(all="raise"):
        model.fit(X, y, X_val=X, y_val=y)
        assert model.predict_log_proba(X * 1e4).min() < -1e3  # whose exponential is zero
        model.predict_proba(X * 1e4)
    assert np.geterr()["under"] == "ignore"  # NumPy's own


class BufferSizes(ReLU):
    """Notes in which threads it ran, with buffers of which size, once two have come."""

    seen: ClassVar[set] = set()

    def function(self, x, out, workspace):
        self.seen.add((threading.get_ident(), np.getbufsize()))
        deadline = time.perf_counter() + 30
        while len(self.seen) < 2 and time.perf_counter() < deadline:
            time.sleep(0.001)
        super().function(x, out, workspace)


@few_iterations
@pytest.mark.parametrize("training", [{"batch_size": 300}, {"solver": "lbfgs"}])
def test_buffers_are_short_inside_and_nowhere_else(training, images):
    outside, layers = np.getbufsize(), [Conv(4), BufferSizes(), Flatten()]
    model = ScratchCNNClassifier(layers=layers, max_iter=1, n_jobs=2, **training)
    for call in (lambda: model.fit(*images), lambda: model.predict(np.tile(images[0], (5, 1)))):
        BufferSizes.seen.clear()
        call()
        threads, sizes = zip(*BufferSizes.seen, strict=True)
        assert len(set(threads)) >= 2  # fit predicts in the end, with a helper of its own
        assert set(sizes) == {numpy_settings.BUFFER_ELEMENTS} != {outside}
        assert np.getbufsize() == outside
    with pytest.raises(ZeroDivisionError):
        with_numpy_settings(lambda: 1 // 0, short_buffers=True)
    assert np.getbufsize() == outside


def test_settings_are_of_the_work_alone():
    before = np.geterr(), np.getbufsize()

    def work():
        return np.geterr(), np.getbufsize()

    errors, size = with_numpy_settings(work, short_buffers=True, over="raise")
    assert (errors, size) == (before[0] | {"over": "raise"}, numpy_settings.BUFFER_ELEMENTS)
    assert with_numpy_settings(work, all="ignore") == (
        dict.fromkeys(before[0], "ignore"),
        before[1],
    )
    with np.errstate(divide="raise"):
        assert with_numpy_settings(work)[0]["divide"] == "raise"
    assert work() == before


class FailingTrace:
    """Raises an error at an instruction of certain files, the n-th that comes by."""

    def __init__(self, files, error, number):
        self.files, self.error, self.left = files, error, number

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.endswith(self.files):
            return None
        frame.f_trace_opcodes = True
        self.left -= 1
        if self.left == 0:
            raise self.error
        return self


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("call", ["predict_proba", "predict_log_proba", "partial_fit"])
def test_an_error_at_any_instruction_leaves_the_settings_as_they_were(error, call, images):
    X, y = images[0][:20, :64], images[1][:20]
    model = ScratchCNNClassifier(2, stride=3, random_state=0).partial_fit(X, y, classes=range(3))
    arguments = (X, y) if call == "partial_fit" else (X,)
    files = ("_ufunc_config.py", "numpy_settings.py")
    before, traced = (np.geterr(), np.getbufsize(), blas_threads()), sys.gettrace()
    for number in count(1):
        sys.settrace(FailingTrace(files, error, number))
        try:
            getattr(model, call)(*arguments)
        except error:
            assert (np.geterr(), np.getbufsize(), blas_threads()) == before
            continue
        finally:
            sys.settrace(traced)
        break
    assert number > 50
    assert (np.geterr(), np.getbufsize(), blas_threads()) == before
