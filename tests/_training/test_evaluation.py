import numpy as np
import pytest
from scipy.special import log_softmax

from skcnn._data.batches import Images
from skcnn._data.samples import Samples
from skcnn._training.evaluation import Validation
from skcnn._training.stopping import DivergenceError
from skcnn.layers import Dense, Flatten
from skcnn.losses import CrossEntropy, Loss
from skcnn.network import Network


def rng(seed=0):
    return np.random.default_rng(seed)


def measured(scoring="loss", weighted=False, scale=1.0, loss=None):
    X, y = rng(1).normal(size=(200, 6)) * scale, rng(2).integers(0, 3, 200)
    weights = None
    if weighted:
        weights = rng(3).uniform(0.1, 4, 200)
        weights /= weights.mean()
    network = Network((Flatten(), Dense(3)), (1, 6), np.float64)
    network.initialize(rng(4))
    samples = Samples(Images(X, (6,), None, np.dtype(float)), y, weights)
    got = Validation(samples, loss or CrossEntropy(), scoring, 2).measure(network)
    views = network.views()[1]
    return got, X @ views["weights"] + views["bias"], y, weights


@pytest.mark.parametrize("weighted", [True, False])
def test_loss_and_scores_are_weighted_means(weighted):
    got, z, y, weights = measured("loss", weighted)
    expected = -np.average(log_softmax(z, axis=1)[np.arange(200), y], weights=weights)
    assert got.loss == pytest.approx(expected, rel=1e-12)
    assert got.score == -got.loss
    got, z, y, weights = measured("accuracy", weighted)
    assert got.loss == pytest.approx(expected, rel=1e-12)
    assert got.score == pytest.approx(np.average(z.argmax(axis=1) == y, weights=weights))


def test_a_function_gives_the_score():
    got = measured(lambda network: np.float32(0.25))[0]
    assert got.score == 0.25
    assert type(got.score) is float


@pytest.mark.parametrize("score", [np.nan, None, "good", {"r2": 1.0}, [1.0]])
def test_a_score_that_is_no_number_is_a_clear_error(score):
    with pytest.raises(ValueError, match=r"scoring gave .* for the validation set"):
        measured(lambda network: score)


def test_a_loss_without_correct_predictions_has_no_validation_accuracy():
    class Squared(Loss):
        def value_and_gradient(self, outputs, targets, weights, workspace):
            return 1.0, outputs

    assert measured("loss", loss=Squared())[0].score == -1
    with pytest.raises(ValueError, match="scoring gave None"):
        measured("accuracy", loss=Squared())


def test_a_validation_loss_that_overflows_is_divergence():
    with pytest.raises(DivergenceError, match="validation loss"):
        measured(scale=np.inf)
