"""scikit-learn's callbacks: experimental in 1.9, unknown before, so all of them is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]  # the only one before 1.9
        """In place of scikit-learn's, without set_callbacks."""


__all__ = ["Attributes", "CallbackSupportMixin", "FitTasks"]

Attributes = Callable[[], dict[str, Any]]


class FitTasks:
    """What callbacks are told of one fit: when it begins and ends, and each epoch of it.

    It has to be made before anything in `fit` can fail: scikit-learn keeps what it needs to clean
    up in the estimator's attributes.

    Parameters
    ----------
    estimator : CallbackSupportMixin, default=None
        Being fitted; None: nobody is told anything.
    n_epochs : int or "auto"
        The most there will be; "auto": it is said when training begins.
    X, y, sample_weight : array-like, default=None
        As they were given to fit.
    """

    def __init__(
        self,
        estimator: Any = None,
        n_epochs: int | str = "auto",
        X: Any = None,
        y: Any = None,
        sample_weight: Any = None,
    ) -> None:
        start = getattr(estimator, "_init_callback_context", None)
        most = None if n_epochs == "auto" else n_epochs
        self._root = None if start is None else start(max_subtasks=most)
        self._epoch: Any = None
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}

    def begin(self, n_epochs: int | None) -> None:
        """Tell that the fit begins, and how many epochs there will be at most."""
        if self._root is not None:
            self._root.max_subtasks = n_epochs
            self._root.call_on_fit_task_begin(**self._given)

    def begin_epoch(self, attributes: Attributes) -> None:
        """Tell that an epoch begins; `attributes` returns those of the model as it is."""
        if self._root is not None:
            self._epoch = self._root.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._given, reconstruction_attributes=attributes)

    def end_epoch(self, attributes: Attributes) -> bool:
        """Tell that an epoch has ended; return whether a callback asks to stop."""
        if self._root is None:
            return False
        epoch, self._epoch = self._epoch, None
        stop = epoch.call_on_fit_task_end(**self._given, reconstruction_attributes=attributes)
        return bool(stop)

    def end(self) -> None:
        """Tell that the fit has ended, and an epoch that was begun for nothing."""
        if self._root is not None:
            if self._epoch is not None:
                self._epoch.call_on_fit_task_end(**self._given)
            self._root.call_on_fit_task_end(**self._given, reconstruction_attributes={})
