"""What all tests share. It has to run before anything imports SciPy."""

import os
import sys
from importlib.util import find_spec

import pytest

if "scipy" in sys.modules:
    raise pytest.UsageError(
        "scipy was imported before tests/conftest.py could set SCIPY_ARRAY_API=1, without which "
        "scikit-learn skips some of its checks. Find the pytest plugin that imports it."
    )
os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
from sklearn.datasets import load_digits

from skcnn import ScratchCNNClassifier

if find_spec("sklearn.callback") is None:  # before scikit-learn 1.9
    collect_ignore = ["_estimator/test_sklearn_callbacks.py"]


@pytest.fixture(scope="session")
def digits():
    """A few hundred digits as read-only float32 of shape (n, 64) and int labels."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:300].astype(np.float32), y[:300]
    X.setflags(write=False)
    y.setflags(write=False)
    return X, y


@pytest.fixture
def make_classifier():
    """Return a function that makes a tiny classifier, every value that matters explicit."""

    def make(**parameters):
        tiny = {
            "n_filters": 3,
            "filter_size": 3,
            "solver": "adam",
            "learning_rate": 0.01,
            "learning_rate_schedule": "constant",
            "alpha": 0.0,
            "batch_size": 32,
            "max_iter": 2,
            "random_state": 0,
        }
        return ScratchCNNClassifier(**(tiny | parameters))

    return make


@pytest.fixture
def assert_same_bits():
    """Return a function that asserts that two fitted models are equal to the last bit."""

    def check(one, other, X=None, other_X=None):
        assert one.network_.dtype == other.network_.dtype
        assert one.network_.shapes == other.network_.shapes
        assert one.network_.parameters.tobytes() == other.network_.parameters.tobytes()
        assert one.loss_curve_ == other.loss_curve_
        np.testing.assert_array_equal(one.classes_, other.classes_)
        if X is not None:
            one_p = one.predict_proba(X)
            other_p = other.predict_proba(X if other_X is None else other_X)
            assert one_p.dtype == other_p.dtype
            assert one_p.tobytes() == other_p.tobytes()

    return check
