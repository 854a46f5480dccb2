"""What all tests share. It has to run before anything imports NumPy or SciPy."""

import os
import pickle
import sys
from importlib.util import find_spec

import pytest

if "scipy" in sys.modules:
    raise pytest.UsageError(
        "scipy was imported before tests/conftest.py could set SCIPY_ARRAY_API=1, without which "
        "scikit-learn skips some of its checks. Find the pytest plugin that imports it."
    )
os.environ["SCIPY_ARRAY_API"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:  # there are as many workers as cores
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np
from hypothesis import HealthCheck, settings
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from tests.support import estimators
from tests.support.seeds import seeds_of

# Fixtures that keep a test from being run by several threads at once: those that set something of
# the process, and models that tests change. pytest-run-parallel knows pytest's own.
THREAD_UNSAFE_FIXTURES = {
    "two_blas_threads": "sets how many threads BLAS has",
    "two_threads": "sets how many threads BLAS has",
    "no_steps_yet": "counts steps in its module",
    "classifier": "changes a model that threads would share",
    "regressor": "changes a model that threads would share",
    "warm": "changes a model that threads would share",
    "started": "changes a model that threads would share",
    "learner": "changes a model that threads would share",
    "look": "notes what a scorer is given, for all threads",
    "folder": "changes a folder that threads would share",
    "routing": "sets what scikit-learn keeps for each thread",
}

# Where a test says no number of its own; --hypothesis-profile=thorough takes about an hour.
for profile, examples, derandomize in [("quick", 125, True), ("thorough", 5000, False)]:
    settings.register_profile(
        profile,
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
settings.load_profile("quick")

if find_spec("sklearn.callback") is None:  # before scikit-learn 1.9
    collect_ignore = ["_estimator/test_sklearn_callbacks.py"]


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "thread_unsafe(reason): not run by several threads at once by pytest-run-parallel",
    )


def pytest_generate_tests(metafunc):
    """Run tests that ask for a `global_random_seed` with the seeds that the environment names."""
    if "global_random_seed" in metafunc.fixturenames:
        seeds = seeds_of(os.environ.get("SKCNN_TESTS_GLOBAL_RANDOM_SEED", "42"))
        metafunc.parametrize("global_random_seed", seeds, scope="session")


def pytest_itemcollected(item):
    for name in THREAD_UNSAFE_FIXTURES.keys() & set(item.fixturenames):
        item.add_marker(pytest.mark.thread_unsafe(reason=THREAD_UNSAFE_FIXTURES[name]))


@pytest.fixture(scope="session")
def digits():
    """A few hundred digits as read-only float32 of shape (n, 64) and int labels."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:300].astype(np.float32), y[:300]
    X.setflags(write=False)
    y.setflags(write=False)
    return X, y


@pytest.fixture(scope="session")
def numbers():
    """Noise as read-only images of 6x6 with two numbers to find in each."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 36))
    y = np.stack([X[:, :18].mean(axis=1), 100 + 30 * X[:, 7] * X[:, 8]], axis=1)
    X.setflags(write=False)
    y.setflags(write=False)
    return X, y


@pytest.fixture(scope="session")
def pickled_models(digits, numbers):
    """A tiny classifier of the digits and a regressor of the numbers, fitted once and pickled."""
    fitted = {
        "classifier": estimators.make_classifier().fit(*digits),
        "regressor": estimators.make_regressor().fit(*numbers),
    }
    return {kind: pickle.dumps(model) for kind, model in fitted.items()}


@pytest.fixture
def classifier(pickled_models):
    """A tiny classifier that is fitted to the digits."""
    return pickle.loads(pickled_models["classifier"])


@pytest.fixture
def regressor(pickled_models):
    """A tiny regressor that is fitted to the numbers."""
    return pickle.loads(pickled_models["regressor"])


@pytest.fixture
def make_classifier():
    """Return a function that makes a tiny classifier, every value that matters explicit."""
    return estimators.make_classifier


@pytest.fixture
def assert_same_bits():
    """Return a function that asserts that two fitted models are equal to the last bit."""
    return estimators.assert_same_bits


@pytest.fixture
def two_blas_threads():
    """Two BLAS threads, also in a worker, so that a limit can be seen."""
    with threadpool_limits(2, user_api="blas"):
        yield
