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


def epochs(fitted, scores):
    """Epochs with these validation scores, each with a network of its own, and their records."""
    records = [{"loss": -score, "validation_score": score} for score in scores]
    snapshots = [
        Snapshot(fitted.network.copy(), fitted.state, record, fitted.n_iter + number)
        for number, record in enumerate(records, start=1)
    ]
    best = max(range(len(scores)), key=lambda number: scores[number])
    return Finished(snapshots[-1], snapshots[best]), records


@pytest.fixture
def start(fitted):
    """The model before its first epoch."""
    return replace(fitted, history=[], validation={})


def test_the_best_or_the_last_epoch_is_kept(start):
    finished, records = epochs(start, [1.0, 3.0, 2.0])
    assert start.after(finished, records, keep_best=True).network is finished.best.network
    last = start.after(finished, records, keep_best=False)
    assert last.network is finished.last.network
    attributes = last.attributes
    assert attributes["n_iter_"] == 3
    assert attributes["loss_curve_"] == [-1.0, -3.0, -2.0]
    assert attributes["loss_"] == -2.0
    assert attributes["validation_scores_"] == [1.0, 3.0, 2.0]
    assert (attributes["best_iter_"], attributes["best_validation_score_"]) == (2, 3.0)


def test_epochs_without_a_validation_set_have_no_score_and_the_best_stays(fitted):
    finished, records = epochs(fitted, [1.0, 2.0])
    for record in records:
        del record["validation_score"]
    later = fitted.after(finished._replace(best=None), records, keep_best=False)
    scores = later.attributes["validation_scores_"]
    assert scores[:-2] == fitted.attributes["validation_scores_"]
    assert np.isnan(scores[-2:]).all()
    assert len(scores) == later.attributes["n_iter_"]
    for name in ("best_iter_", "best_validation_score_"):
        assert later.attributes[name] == fitted.attributes[name]


def test_only_so_many_records_are_kept_and_all_epochs_are_counted(start):
    before = start
    for scores in ([1.0, 5.0, 3.0], [4.0], [2.0]):
        finished, records = epochs(before, scores)
        before = before.after(finished, records, keep_best=False, most_records=2)
    assert before.attributes["n_iter_"] == 5
    assert before.attributes["loss_curve_"] == [-4.0, -2.0]
    assert before.attributes["validation_scores_"] == [4.0, 2.0]
    assert before.attributes["best_iter_"] == 5  # of the last call
    finished, records = epochs(before, [7.0, 6.0])
    after = before.after(finished, records, keep_best=False)
    assert after.attributes["loss_curve_"] == [-4.0, -2.0, -7.0, -6.0]
    assert (after.attributes["n_iter_"], after.attributes["best_iter_"]) == (7, 6)


def test_before_the_first_epoch_the_network_is_a_copy_and_there_is_no_loss(start, fitted):
    model = start.after(None, [], keep_best=True)
    assert model.network is not fitted.network
    assert np.array_equal(model.network.parameters, fitted.network.parameters)
    assert not {"n_iter_", "loss_", "loss_curve_", "best_iter_"} & model.attributes.keys()


def test_names_of_columns_are_there_if_there_are_any(fitted):
    assert "feature_names_in_" not in fitted.attributes
    named = replace(fitted, columns=Columns(2, np.array(["a", "b"], dtype=object)))
    assert named.attributes["feature_names_in_"].tolist() == ["a", "b"]
    assert named.attributes["n_features_in_"] == 2
