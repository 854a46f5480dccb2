"""What there is with a scikit-learn that has no callbacks."""

import runpy
import sys

import skcnn._estimator.sklearn_callbacks


def test_without_callbacks_nothing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)  # as if there were none
    names = runpy.run_path(skcnn._estimator.sklearn_callbacks.__file__)
    estimator = names["CallbackSupportMixin"]()
    assert not hasattr(estimator, "set_callbacks")

    def attributes():
        raise AssertionError("nobody asked")

    tasks = names["FitTasks"](estimator, 3, None, None, None)
    tasks.begin(3)
    tasks.begin_epoch(attributes)
    assert tasks.end_epoch(attributes) is False
    tasks.end()
    assert vars(estimator) == {}
