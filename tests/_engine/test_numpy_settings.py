"""NumPy's settings while a network computes, and nowhere else."""

import threading
import time
from typing import ClassVar

import numpy as np
import pytest

from skcnn import ScratchCNNClassifier
from skcnn._engine import numpy_settings
from skcnn._training import gradient
from skcnn.layers import Conv, Flatten, ReLU


@pytest.fixture(autouse=True)
def _share_also_what_is_done_sooner_alone(monkeypatch):
    monkeypatch.setattr(gradient, "SHARED_MULTIPLY_ADDS", 0)


@pytest.fixture(scope="module")
def images():
    X = np.random.default_rng(0).integers(0, 256, (300, 400), dtype=np.uint8)
    return X, np.arange(300) % 3


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
    with pytest.raises(ZeroDivisionError), numpy_settings.short_buffers():
        raise ZeroDivisionError
    assert np.getbufsize() == outside
