"""Warnings of skcnn."""

from __future__ import annotations

__all__ = ["InconsistentVersionWarning"]


class InconsistentVersionWarning(UserWarning):
    """A saved model is loaded by another version of skcnn than the one that saved it.

    Parameters
    ----------
    estimator_name : str
        Name of the class of the model.
    current_version : str
        The version that loads it.
    original_version : str
        The version that saved it.

    See Also
    --------
    sklearn.exceptions.InconsistentVersionWarning : The same for models of scikit-learn.
    """

    def __init__(self, estimator_name: str, current_version: str, original_version: str) -> None:
        self.estimator_name = estimator_name
        self.current_version = current_version
        self.original_version = original_version

    def __str__(self) -> str:
        return (
            f"This {self.estimator_name} was saved by skcnn {self.original_version} and is loaded "
            f"by skcnn {self.current_version}. It may fail, or predict something else. Load it "
            f"with the version that saved it, or fit a new model. Parameters that it does not "
            f"have are at their defaults."
        )
