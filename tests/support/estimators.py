"""Tiny estimators, every value that matters explicit, and what it means that two are the same."""

import pickle
from contextlib import contextmanager

import joblib
import numpy as np
import pytest

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor
from skcnn.optimizers import SGD

# For tests of "lbfgs" to which it does not matter where it ends.
few_iterations = pytest.mark.filterwarnings(
    "ignore:solver='lbfgs' was stopped:sklearn.exceptions.ConvergenceWarning"
)

TINY = {
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
# Adam turns differences of rounding around zero into whole steps; what is equal up to rounding is
# therefore shown with SGD, and with tanh, which has no kinks.
SMOOTH = {"solver": SGD(momentum=0.5), "activation": "tanh", "pooling": "average"}


def make_classifier(**parameters):
    return ScratchCNNClassifier(**(TINY | parameters))


def make_regressor(**parameters):
    return ScratchCNNRegressor(**(TINY | parameters))


def fitted_attributes(model):
    return [name for name in dir(model) if name.endswith("_") and not name.startswith("_")]


def records(model):
    """The history without the time that each epoch took."""
    return [{k: v for k, v in record.items() if k != "seconds"} for record in model.history_]


def outputs(model, X):
    return model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)


def assert_same_bits(one, other, X=None, other_X=None):
    """Assert that two fitted models, and what they say of X, are equal to the last bit."""
    assert one.network_.dtype == other.network_.dtype
    assert one.network_.shapes == other.network_.shapes
    assert one.network_.parameters.tobytes() == other.network_.parameters.tobytes()
    assert one.n_iter_ == other.n_iter_ == len(one.loss_curve_)
    assert one.loss_curve_ == other.loss_curve_
    for name in ("classes_", "validation_scores_", "best_validation_score_", "best_iter_"):
        if hasattr(one, name) and hasattr(other, name):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    if X is not None:
        expected, got = outputs(one, X), outputs(other, X if other_X is None else other_X)
        assert expected.dtype == got.dtype
        assert expected.tobytes() == got.tobytes()


def assert_close(one, other, rtol=1e-9, atol=1e-12):
    """Assert that two fitted models, their losses and scores, are equal up to rounding."""
    np.testing.assert_allclose(
        one.network_.parameters, other.network_.parameters, rtol=rtol, atol=atol
    )
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=rtol)
    assert [*one.history_[0]] == [*other.history_[0]]
    for mine, theirs in zip(records(one), records(other), strict=True):
        np.testing.assert_allclose([*mine.values()], [*theirs.values()], rtol=rtol)


@contextmanager
def unchanged(model):
    """Assert that an estimator holds the very same objects, in the same state, after a block."""
    attributes, content = vars(model).copy(), pickle.dumps(model)
    yield
    assert vars(model).keys() == attributes.keys()
    assert all(vars(model)[name] is value for name, value in attributes.items())
    assert pickle.dumps(model) == content


def memory_mapped(model, folder):
    """Save a model and load it with arrays that are read-only and on disk."""
    file = folder / f"{len(list(folder.iterdir()))}.joblib"  # others are still mapped
    joblib.dump(model, file)
    loaded = joblib.load(file, mmap_mode="r")
    assert isinstance(loaded.network_.parameters, np.memmap)
    assert not loaded.network_.parameters.flags.writeable
    return loaded
