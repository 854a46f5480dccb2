"""Whatever goes wrong at whatever line, an estimator is as it was or whole, as is the session."""

import contextlib
import io
import os
import pickle
import signal
import struct
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info

import skcnn
from skcnn._training import gradient, prediction
from tests.support.estimators import make_classifier, outputs

PACKAGE = str(Path(skcnn.__file__).parent)
# Python asks for interrupts where functions begin, not at each line: after `try` in a `finally`, or
# where a `with` gives its lock back, none arrives. What restores BLAS's threads relies on that.
INTERRUPTED_AT_CALLS = ("blas.py",)


class Tracer:
    """Raises an error at the n-th line of the package that a traced thread runs.

    In some files, only where functions begin counts as a line.
    """

    def __init__(self, at=0, error=None):
        self.at, self.error, self.lines = at, error, 0

    def __call__(self, frame, event, argument):
        path = frame.f_code.co_filename
        if not path.startswith(PACKAGE):
            return None
        if path.endswith(INTERRUPTED_AT_CALLS):
            self.count()
            return None
        return self.line

    def line(self, frame, event, argument):
        if event == "line":
            self.count()
        return self.line

    def count(self):
        self.lines += 1
        if self.lines == self.at:
            raise self.error

    @contextlib.contextmanager
    def of(self, thread):
        """Trace the calling thread, or all helpers that start."""
        before = sys.gettrace()
        if thread == "caller":
            sys.settrace(self)
        else:
            threading.settrace(self)
        try:
            yield
        finally:
            sys.settrace(before)
            threading.settrace(None)


def session():
    """Return what a call borrows of the process and must give back."""
    blas = {library["filepath"]: library["num_threads"] for library in threadpool_info()}
    helpers = [thread for thread in threading.enumerate() if thread.name.startswith("skcnn")]
    return np.geterr(), np.getbufsize(), blas, helpers


def waiting(X, rng):
    """Leave time for other threads to take their share."""
    time.sleep(0.001)
    return X


@pytest.mark.slow
@pytest.mark.parametrize("thread", ["caller", "helper"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("call", ["fit", "partial_fit", "predict_proba"])
def test_a_fault_at_any_line_leaves_a_whole_model_and_session(
    call, error, thread, digits, monkeypatch
):
    monkeypatch.setattr(gradient, "MICRO_BATCH_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(gradient, "SHARED_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(prediction, "CHUNK_IMAGES", (4, 8))
    X, y = digits[0][:140], digits[1][:140]
    parameters = {"n_filters": 2, "batch_size": 130, "n_jobs": 2, "augment": waiting}
    earlier = pickle.dumps(make_classifier(**parameters).fit(X, y))
    arguments = {"fit": (X, y, None), "partial_fit": (X, y), "predict_proba": (X,)}[call]
    keywords = {"X_val": X[:20], "y_val": y[:20]} if call == "fit" else {}
    before = session()
    counting = Tracer()
    method = getattr(pickle.loads(earlier), call)
    with counting.of(thread):
        method(*arguments, **keywords)
    assert counting.lines > (100 if thread == "caller" else 0)
    for at in range(1, counting.lines, max(1, counting.lines // 40)):
        model = pickle.loads(earlier)
        attributes, expected = vars(model).copy(), outputs(model, X)
        method = getattr(model, call)
        with Tracer(at, error).of(thread), contextlib.suppress(error):
            method(*arguments, **keywords)
        assert session() == before, at
        if vars(model)["_fitted"] is attributes["_fitted"]:
            assert vars(model) == attributes
            np.testing.assert_array_equal(outputs(model, X), expected)
        else:
            assert model.n_iter_ == len(model.loss_curve_) == len(model.history_)
            assert call == "partial_fit" or model.n_iter_ == len(model.validation_scores_)
            assert np.isfinite(outputs(model, X)).all()


def die(X, rng):
    """Kill the process, as the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_worker_is_an_error_and_the_next_search_works(digits):
    search = GridSearchCV(make_classifier(), {"augment": [None, die]}, cv=2, n_jobs=2)
    with pytest.raises(TerminatedWorkerError):
        search.fit(*digits)
    assert not hasattr(search, "best_estimator_")
    search.set_params(param_grid={"augment": [None]}).fit(*digits)
    assert np.isfinite(search.best_score_)


class FullDisk(io.RawIOBase):
    """A file on a disk with so many bytes left."""

    def __init__(self, left):
        self.left = left

    def writable(self):
        return True

    def write(self, data):
        self.left -= memoryview(data).nbytes
        if self.left < 0:
            raise OSError(28, "No space left on device")
        return memoryview(data).nbytes


@pytest.mark.parametrize("dump", [pickle.dump, joblib.dump])
@pytest.mark.parametrize("left", [0, 100, 3000])
def test_a_full_disk_is_an_error_and_the_model_is_as_it_was(dump, left, classifier, digits):
    content, expected = pickle.dumps(classifier), outputs(classifier, digits[0])
    with pytest.raises(OSError, match="No space left"):
        dump(classifier, FullDisk(left))
    assert pickle.dumps(classifier) == content
    np.testing.assert_array_equal(outputs(classifier, digits[0]), expected)


def test_a_file_that_ends_early_is_never_a_model(classifier):
    content = pickle.dumps(classifier)
    for length in range(0, len(content), 37):
        with pytest.raises((pickle.UnpicklingError, EOFError)):
            pickle.loads(content[:length])


# Whatever the unpickler comes upon where the file ends.
CUT_OFF = (pickle.UnpicklingError, EOFError, IndexError, ValueError, OSError, struct.error)


def test_a_joblib_file_that_ends_early_is_never_a_model(classifier, tmp_path):
    file = tmp_path / "model.joblib"
    joblib.dump(classifier, file)
    content = file.read_bytes()
    for length in range(0, len(content), 311):
        file.write_bytes(content[:length])
        with pytest.raises(CUT_OFF):
            joblib.load(file)
