"""scikit-learn's callbacks. conftest leaves this file out where scikit-learn has none."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcnn import ScratchCNNRegressor
from tests.support.estimators import few_iterations

EPOCH = ("begin epoch", "end epoch")


class Recorder:
    """Writes down what it is told; asks to stop, or raises, after so many epochs."""

    def __init__(self, stop_after=None, error=None):
        self.stop_after, self.error = stop_after, error
        self.told, self.models, self.given, self.at_begin = [], [], [], []

    def setup(self, estimator, context):
        self.told.append("setup")
        self.most = context.max_subtasks

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, fitted_estimator=None):
        self.told.append(f"begin {context.task_name}")
        if context.task_name == "epoch":
            self.at_begin.append(fitted_estimator)

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.told.append(f"end {context.task_name}")
        self.given.append((X, y, metadata))
        if context.task_name != "epoch":
            return False
        self.models.append(fitted_estimator)
        if self.error is not None and len(self.models) == self.stop_after:
            raise self.error
        return len(self.models) == self.stop_after


def with_recorder(model, **parameters):
    recorder = Recorder(**parameters)
    return model.set_callbacks(recorder), recorder


def test_a_fit_is_told_from_beginning_to_end(make_classifier, digits):
    model, recorder = with_recorder(make_classifier(max_iter=3))
    model.fit(*digits)
    assert recorder.told == ["setup", "begin fit", *3 * EPOCH, "end fit", "teardown"]
    assert recorder.most == 3
    assert not [name for name in vars(model) if "callback" in name and name != "_skl_callbacks"]


@pytest.mark.parametrize("kind", [{}, {"batch_norm": True, "dropout": 0.2}], ids=str)
def test_callbacks_get_the_model_as_of_each_epoch(make_classifier, digits, assert_same_bits, kind):
    X, y = digits
    model, recorder = with_recorder(make_classifier(max_iter=3, **kind))
    model.fit(X, y)
    for k in range(3):
        shorter = make_classifier(max_iter=k + 1, **kind).fit(X, y)
        assert_same_bits(recorder.models[k], shorter, X)
        assert recorder.models[k].n_iter_ == k + 1
        before = recorder.at_begin[k]
        assert before is not model
        if k:
            assert_same_bits(before, recorder.models[k - 1], X)
    assert np.allclose(recorder.at_begin[0].predict_proba(X), 0.1)  # nothing is learned yet


def test_with_early_stopping_it_is_the_best_so_far(make_classifier, digits):
    X, y = digits
    scores = iter([1.0, 3.0, 2.0, 4.0])
    kind = {"early_stopping": True, "scoring": lambda model, X, y: next(scores), "max_iter": 4}
    model, recorder = with_recorder(make_classifier(**kind))
    model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert [each.best_iter_ for each in recorder.models] == [1, 2, 2, 4]
    assert recorder.models[2].predict_proba(X).tobytes() == (
        recorder.models[1].predict_proba(X).tobytes()
    )


@pytest.mark.parametrize("kind", [{}, {"early_stopping": True}], ids=str)
def test_a_hook_that_returns_true_stops(make_classifier, digits, kind):
    model, recorder = with_recorder(make_classifier(max_iter=9, **kind), stop_after=2)
    model.fit(*digits)
    assert model.n_iter_ == len(model.history_) == 2
    assert recorder.told == ["setup", "begin fit", *2 * EPOCH, "end fit", "teardown"]


def test_callbacks_get_x_y_and_weights_as_they_were_given(make_classifier, digits):
    X, y = digits
    frame = pd.DataFrame(X).add_prefix("pixel")
    weights = np.ones(len(y))
    model, recorder = with_recorder(make_classifier(), stop_after=1)
    model.fit(frame, y, weights)
    for given_X, given_y, metadata in recorder.given:
        assert given_X is frame
        assert given_y is y
        assert list(metadata) == ["sample_weight"]
        assert metadata["sample_weight"] is weights
    recorder.models[0].predict(frame)  # no warning about names


def test_callbacks_change_no_bit(make_classifier, digits, assert_same_bits):
    watched, _ = with_recorder(make_classifier())
    assert_same_bits(watched.fit(*digits), make_classifier().fit(*digits), digits[0])


@pytest.mark.parametrize("bad", [{"filter_size": 99, "padding": "valid"}, {"image_shape": (5, 5)}])
def test_after_an_error_callbacks_are_torn_down_and_the_model_is_as_before(
    make_classifier, digits, bad
):
    X, y = digits
    model, recorder = with_recorder(make_classifier().fit(X, y))
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=r"image_shape|filter_size"):
        model.set_params(**bad).fit(X, y)
    assert recorder.told == ["setup", "teardown"]
    assert np.array_equal(model.predict_proba(X), before)
    assert model._skl_callbacks == [recorder]


def test_an_error_in_a_hook_leaves_the_model_as_before(make_classifier, digits):
    model, recorder = with_recorder(make_classifier(), stop_after=1, error=OSError("disk full"))
    with pytest.raises(OSError, match="disk full"):
        model.fit(*digits)
    assert not hasattr(model, "network_")
    assert recorder.told[-1] == "teardown"


def test_an_interrupt_in_a_hook_leaves_the_finished_epochs(make_classifier, digits):
    model, recorder = with_recorder(
        make_classifier(max_iter=5), stop_after=2, error=KeyboardInterrupt()
    )
    with pytest.raises(KeyboardInterrupt):
        model.fit(*digits)
    assert model.n_iter_ == 2
    assert recorder.told[-2:] == ["end epoch", "teardown"]


def test_warm_starts_and_partial_fit(make_classifier, digits):
    X, y = digits
    model, recorder = with_recorder(make_classifier(max_iter=2, warm_start=True))
    model.fit(X, y).fit(X, y)
    assert [each.n_iter_ for each in recorder.models] == [1, 2, 3, 4]
    model.partial_fit(X, y)  # is told nobody
    assert len(recorder.models) == 4


def test_clones_and_pickles_keep_callbacks(make_classifier, digits):
    X, y = digits
    model, recorder = with_recorder(make_classifier())
    assert clone(model)._skl_callbacks == [recorder]
    loaded = pickle.loads(pickle.dumps(model.fit(X, y)))
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.set_callbacks().fit(X, y).n_iter_ == 2


# scikit-learn's own


@pytest.mark.parametrize("weighted", [False, True])
def test_scoring_monitor_logs_the_score_of_each_epoch(make_classifier, digits, weighted):
    X, y = digits
    weights = np.arange(len(y)) % 3 if weighted else None
    monitor = ScoringMonitor(scoring="accuracy")
    make_classifier(max_iter=3).set_callbacks(monitor).fit(X, y, weights)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    expected = [
        make_classifier(max_iter=k).fit(X, y, weights).score(X, y, weights) for k in (1, 2, 3)
    ]
    assert [row["accuracy"] for row in rows] == expected


def test_scoring_monitor_in_a_search(make_classifier, digits):
    X, y = digits
    monitor = ScoringMonitor(scoring="neg_log_loss")
    pipeline = make_pipeline(StandardScaler(), make_classifier().set_callbacks(monitor))
    GridSearchCV(pipeline, {"scratchcnnclassifier__n_filters": [1, 2]}, cv=2).fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == (2 * 2 + 1) * 2  # candidates x folds and the refit, epochs
    assert np.isfinite([row["neg_log_loss"] for row in rows]).all()


def test_progress_bar_counts_epochs(make_classifier, digits, capsys):
    make_classifier(max_iter=3).set_callbacks(ProgressBar()).fit(*digits)
    line = capsys.readouterr().out.strip()
    assert line.startswith("ScratchCNNClassifier - fit")
    assert "100%" in line


def test_progress_bar_reaches_through_pipeline_and_search(make_classifier, digits, capsys):
    X, y = digits
    pipeline = make_pipeline(StandardScaler(), make_classifier())
    pipeline.set_callbacks(ProgressBar()).fit(X, y)
    assert "fit-final-estimator | ScratchCNNClassifier - fit" in capsys.readouterr().out
    search = GridSearchCV(make_classifier(), {"n_filters": [1, 2]}, cv=2)
    search.set_callbacks(ProgressBar()).fit(X, y)
    assert capsys.readouterr().out.count("ScratchCNNClassifier - fit") == 5


def test_the_regressor_has_callbacks_too(digits):
    X, y = digits
    model, recorder = with_recorder(ScratchCNNRegressor(max_iter=2, n_filters=2, random_state=0))
    monitor = ScoringMonitor(scoring="r2")
    model.set_callbacks(recorder, monitor).fit(X, y.astype(float))
    assert [each.n_iter_ for each in recorder.models] == [1, 2]
    last = [row["r2"] for row in monitor.get_logs().data if row["task_name"] == "epoch"][-1]
    assert last == model.score(X, y)


@few_iterations
@pytest.mark.parametrize("stop_after", [None, 3])
def test_iterations_of_lbfgs_are_epochs(make_classifier, digits, assert_same_bits, stop_after):
    X, y = digits
    kind = {"solver": "lbfgs", "batch_size": "auto"}
    model, recorder = with_recorder(make_classifier(max_iter=5, **kind), stop_after=stop_after)
    model.fit(X, y)
    n_iter = stop_after or 5
    assert model.n_iter_ == n_iter
    assert recorder.told == ["setup", "begin fit", *n_iter * EPOCH, "end fit", "teardown"]
    assert_same_bits(recorder.models[1], make_classifier(max_iter=2, **kind).fit(X, y), X)


def test_an_iteration_that_came_to_nothing_ends_too(make_classifier, digits):
    X, y = digits
    model, recorder = with_recorder(
        make_classifier(solver="lbfgs", batch_size="auto", max_iter=200)
    )
    model.fit(X, y)
    assert model.n_iter_ < 200
    tasks = recorder.told[2:-2]
    assert tasks == len(tasks) // 2 * list(EPOCH)
    assert len(tasks) // 2 in (model.n_iter_, model.n_iter_ + 1)


class AtTheEnd(Recorder):
    """Notes the attributes of the estimator at the end of the fit."""

    def on_fit_task_end(self, estimator, context, **given):
        if context.task_name == "fit":
            self.at_end = sorted(vars(estimator))
            if self.error is not None:
                raise self.error
        return False


def test_at_the_end_of_a_fit_the_estimator_is_fitted(make_classifier, digits):
    recorder = AtTheEnd()
    model = make_classifier(max_iter=1).set_callbacks(recorder).fit(*digits)
    assert {"network_", "n_iter_", "classes_"} <= {*recorder.at_end}
    before = model.network_
    model.set_callbacks(AtTheEnd(error=OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        model.fit(*digits)
    assert model.network_ is before


def test_names_of_columns_of_an_earlier_fit_are_not_shown(make_classifier, digits):
    X, y = digits
    model = make_classifier(max_iter=1).fit(pd.DataFrame(X).add_prefix("pixel"), y)
    model.set_callbacks(ScoringMonitor(scoring="accuracy")).fit(X, y)  # no warning about names
    assert not hasattr(model, "feature_names_in_")
