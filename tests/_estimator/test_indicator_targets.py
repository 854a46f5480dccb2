"""Several labels a sample; behavior/test_several_labels.py sees them from the estimator."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.utils.class_weight import compute_sample_weight

from skcnn._data.samples import Data
from skcnn._engine.workspace import Workspace
from skcnn._estimator.indicator_targets import IndicatorTargets
from skcnn.losses import BinaryCrossEntropy

Y = np.random.default_rng(0).integers(0, 2, (60, 3)).astype(np.uint8)
LOSS = BinaryCrossEntropy()


def data(y=Y, weights=None):
    return Data(np.zeros((len(y), 4)), None, np.dtype(float), y, weights=weights)


def learn(y=Y, class_weight=None, known=None, classes=None, weights=None):
    return IndicatorTargets.learn(data(y, weights), class_weight, LOSS, known, classes)


@pytest.mark.parametrize("class_weight", ["balanced", [{0: 1, 1: 5}, {1: 0.5}, {0: 2.0}]])
def test_weights_are_those_of_scikit_learn(class_weight):
    """A sample has the product over its labels."""
    _, weighted = learn(class_weight=class_weight)
    expected = compute_sample_weight(class_weight, Y)
    np.testing.assert_allclose(weighted.weights / weighted.weights.max(), expected / expected.max())


def test_balanced_weights_count_weights():
    weights = np.random.default_rng(1).integers(1, 4, 60)
    _, weighted = learn(class_weight="balanced", weights=weights.astype(float))
    repeated = compute_sample_weight("balanced", Y.repeat(weights, axis=0))
    expected = np.array([part.sum() for part in np.split(repeated, weights.cumsum()[:-1])])
    np.testing.assert_allclose(weighted.weights / weighted.weights.max(), expected / expected.max())


def test_frequent_sets_of_labels_are_strata_and_rare_ones_go_together():
    y = np.repeat(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.uint8), [30, 4, 12, 5], axis=0)
    strata = learn(y)[0].strata(data(y))
    assert len(set(strata)) == 3
    assert len(set(strata[:30])) == len(set(strata[34:46])) == 1
    assert len({*strata[30:34], *strata[46:]}) == 1
    assert strata.min() == 0


def test_the_best_constant_are_the_frequencies():
    weights = np.random.default_rng(1).uniform(0.5, 2, 60)
    frequencies = np.average(Y, axis=0, weights=weights)
    logits = np.log(frequencies / (1 - frequencies))
    outputs = np.repeat(logits[:, None], 60, axis=1)
    scale = weights / weights.sum()
    expected, _ = LOSS.value_and_gradient(outputs, Y.astype(float), scale, Workspace())
    assert learn()[0].loss_of_constant(Y.astype(float), weights) == pytest.approx(expected)


def test_labels_go_there_and_back():
    targets, _ = learn()
    encoded = targets.encode(data(), "y", np.dtype(np.float32))
    assert encoded.dtype == np.float32
    for number, outputs in enumerate(targets.example_outputs(encoded)):
        assert np.array_equal(targets.decode(outputs), [Y, 1 - Y, 0 * Y, 0 * Y + 1][number])
    assert np.array_equal(targets.decode(np.log(expit(outputs))), 0 * Y)
    assert targets.attributes["classes_"].tolist() == [0, 1, 2]
    assert targets.missing_from(data(Y * np.array([1, 0, 1], np.uint8))) == [1]


def test_what_does_not_fit_is_named():
    targets, _ = learn()
    with pytest.raises(ValueError, match="y_val has 2 columns, but the y of the first fit has 3"):
        targets.weigh(data(Y[:, :2]))
    with pytest.raises(ValueError, match="y_val has one label a sample"):
        targets.encode(data(Y[:, 0]), "y_val", np.dtype(float))
    with pytest.raises(ValueError, match=r"y has 2 labels a sample, .* first call has 3"):
        learn(Y[:, :2], known=targets)
    with pytest.raises(ValueError, match=r"classes=\[1, 2, 3\] must be the numbers of the 3"):
        learn(classes=[1, 2, 3])
    for class_weight in ({0: 1}, [{0: 1}]):
        with pytest.raises(ValueError, match="must be 'balanced' or a list of 3 dicts"):
            learn(class_weight=class_weight)
