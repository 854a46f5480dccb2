import numpy as np
import pytest

from skcnn import ScratchCNNClassifier
from skcnn._estimator.given import check_given
from skcnn.exceptions import ImageShapeWarning

NOTHING = (None, None, None)


def test_what_is_given_is_checked_without_a_mark_on_the_estimator(digits):
    X, y = digits
    model = ScratchCNNClassifier(dtype="float32")
    before = dict(vars(model))
    given = check_given(model, X, y, None, (X[:9], y[:9], None), None)
    assert vars(model) == before
    assert given.columns.number == X[0].size
    assert given.image_shape == (8, 8)
    assert given.dtype == np.float32
    assert (len(given.data), len(given.held_out)) == (len(X), 9)


def test_a_later_call_is_held_against_the_shape_of_the_first(digits):
    X, y = digits
    model = ScratchCNNClassifier(2, 3, max_iter=1).fit(X, y)
    given = check_given(model, X[:9], y[:9], None, NOTHING, model._fitted)
    assert (given.columns, given.image_shape) == (model._fitted.columns, model.image_shape_)
    with pytest.raises(ValueError, match="X has 9 features"):
        check_given(model, X.reshape(len(X), -1)[:, :9], y, None, NOTHING, model._fitted)


def test_a_guess_that_the_data_contradict_is_a_warning():
    X = np.random.default_rng(0).normal(size=(30, 100)).cumsum(axis=1)
    with pytest.warns(ImageShapeWarning):
        check_given(ScratchCNNClassifier(), X, np.arange(30) % 2, None, NOTHING, None)
