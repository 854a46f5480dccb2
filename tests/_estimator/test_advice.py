"""Warnings of what the data of a fit leave unknown; behavior/ shows when a fit gives them."""

from types import SimpleNamespace
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
from sklearn.model_selection import ShuffleSplit

from skcnn._data.samples import Data
from skcnn._estimator.advice import FEW_SAMPLES, warn_of_first, warn_of_missing
from skcnn._estimator.class_targets import ClassTargets
from skcnn._estimator.number_targets import NumberTargets
from skcnn.losses import CrossEntropy, SquaredError

STILL = SimpleNamespace(standardize=False, validation_fraction=0.1)


def data(y, codes=None):
    return Data(np.zeros((len(y), 4)), None, np.dtype(float), np.asarray(y), codes=codes)


def test_missing_classes_are_named_by_their_labels():
    codes = np.array([0, 0, 1, 2, 2])
    targets = ClassTargets(np.array(["a", "b", "c"]), CrossEntropy())
    whole = data(np.array(["a", "a", "b", "c", "c"]), codes)
    with pytest.warns(UserWarning, match=r"holds out 2 of 5 .* classes \['b'\]"):
        warn_of_missing(
            STILL, targets, whole.take(np.array([0, 2, 3])), whole.take(np.array([1, 4]))
        )


def test_numbers_have_no_classes_to_miss():
    with catch_warnings():
        simplefilter("error")
        warn_of_missing(STILL, NumberTargets((), SquaredError()), data([1.0]), data([2.0]))


@pytest.mark.parametrize("n", [1, FEW_SAMPLES - 1])
def test_few_numbers_are_warned_of(n):
    with pytest.warns(UserWarning, match=f"n_samples={n}, and .* of y are learned"):
        warn_of_first(STILL, NumberTargets((), SquaredError()), data(np.arange(n)))


def test_enough_numbers_that_differ_are_not_warned_of():
    with catch_warnings():
        simplefilter("error")
        warn_of_first(STILL, NumberTargets((), SquaredError()), data(np.arange(FEW_SAMPLES)))
        warn_of_first(STILL, ClassTargets(np.arange(2), CrossEntropy()), data([0]))


def test_of_a_splitter_another_size_is_asked_for():
    codes = np.array([0, 0, 1])
    targets = ClassTargets(np.array(["a", "b"]), CrossEntropy())
    whole = data(np.array(["a", "a", "b"]), codes)
    estimator = SimpleNamespace(validation_fraction=ShuffleSplit())
    with pytest.warns(UserWarning, match="let the splitter hold out more samples"):
        warn_of_missing(estimator, targets, whole.take(np.array([0, 2])), whole.take([1]))
