"""What a fit learned, and the attributes that tell of it."""

from dataclasses import replace

import numpy as np
import pytest

from skcnn import ScratchCNNClassifier
from skcnn._estimator.fitted import Columns
from skcnn._training.recorder import Finished, Snapshot


@pytest.fixture(scope="module")
def fitted(digits):
    model = ScratchCNNClassifier(2, 3, max_iter=2, early_stopping=True, random_state=0)
    return model.fit(*digits)._fitted


def finished(fitted, scores):
    """Epochs with these validation scores, each with a network of its own."""
    snapshots, history = [], []
    for score in scores:
        history = [*history, {"loss": -score, "validation_score": score}]
        snapshots.append(Snapshot(fitted.network.copy(), fitted.state, history))
    best = max(range(len(scores)), key=lambda number: scores[number])
    return Finished(snapshots[-1], snapshots[best])


def test_the_best_or_the_last_epoch_is_kept(fitted):
    epochs = finished(fitted, [1.0, 3.0, 2.0])
    assert fitted.after(epochs, keep_best=True).network is epochs.best.network
    last = fitted.after(epochs, keep_best=False)
    assert last.network is epochs.last.network
    attributes = last.attributes
    assert attributes["n_iter_"] == 3
    assert attributes["loss_curve_"] == [-1.0, -3.0, -2.0]
    assert attributes["loss_"] == -2.0
    assert attributes["validation_scores_"] == [1.0, 3.0, 2.0]
    assert (attributes["best_iter_"], attributes["best_validation_score_"]) == (2, 3.0)


def test_without_a_validation_set_that_of_an_earlier_call_stays(fitted):
    last, *_ = finished(fitted, [1.0, 2.0])
    later = fitted.after(Finished(last, None), keep_best=False)
    assert later.validation == fitted.validation
    assert later.attributes["best_iter_"] == fitted.attributes["best_iter_"]


def test_before_the_first_epoch_the_network_is_a_copy_and_there_is_no_loss(fitted):
    start = replace(fitted, history=[], validation={}).after(None, keep_best=True)
    assert start.network is not fitted.network
    assert np.array_equal(start.network.parameters, fitted.network.parameters)
    assert not {"n_iter_", "loss_", "loss_curve_", "best_iter_"} & start.attributes.keys()


def test_names_of_columns_are_there_if_there_are_any(fitted):
    assert "feature_names_in_" not in fitted.attributes
    named = replace(fitted, columns=Columns(2, np.array(["a", "b"], dtype=object)))
    assert named.attributes["feature_names_in_"].tolist() == ["a", "b"]
    assert named.attributes["n_features_in_"] == 2
