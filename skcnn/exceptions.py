"""Warnings and errors that have a class of their own."""

from __future__ import annotations

__all__ = [
    "ImageShapeWarning",
    "IncompatibleVersionError",
    "InconsistentVersionWarning",
    "StandardizationWarning",
]

__version__ = "0.2.0.dev0"  # here, where all who note it in saved models may import it


class ImageShapeWarning(UserWarning):
    """X may hold other images than those that it was read as.

    A fit gives it at most once, and only where it had to guess: never with `image_shape`. The
    message says how X was read and what to pass otherwise. To be sure that a guess is right, make
    it an error: ``warnings.simplefilter("error", ImageShapeWarning)``.
    """


class StandardizationWarning(UserWarning):
    """The samples of X share a large curve, beside which they hardly differ.

    A first fit gives it at most once: where at the same pixel samples deviate by less than a
    hundredth of what the pixels of their mean deviate by, in every channel that is not the same in
    all of them. It is never given with ``standardize="pixel"``, which takes that curve away.
    """


class InconsistentVersionWarning(UserWarning):
    """A saved model is loaded by another version of skcnn than the one that saved it.

    Parameters
    ----------
    name : str
        Of the class of the model.
    original_version : str
        The version that saved it.
    current_version : str
        The version that loads it.

    See Also
    --------
    sklearn.exceptions.InconsistentVersionWarning : The same for models of scikit-learn.
    """

    def __init__(self, name: str, original_version: str, current_version: str) -> None:
        self.name = name
        self.original_version = original_version
        self.current_version = current_version

    def __str__(self) -> str:
        return (
            f"This {self.name} was saved by skcnn {self.original_version} and is loaded by skcnn "
            f"{self.current_version}. It may fail, or predict something else. Load it with the "
            f"version that saved it, or fit a new model. Parameters that it does not have are at "
            f"their defaults."
        )


class IncompatibleVersionError(ValueError):
    """A saved model cannot be loaded by this version of skcnn.

    Parameters
    ----------
    name : str
        Of the class of what was saved.
    original_version : str
        The version that saved it.
    current_version : str
        The version that cannot load it.
    """

    def __init__(self, name: str, original_version: str, current_version: str) -> None:
        self.name = name
        self.original_version = original_version
        self.current_version = current_version

    def __str__(self) -> str:
        return (
            f"This {self.name} was saved by skcnn {self.original_version}, and skcnn "
            f"{self.current_version} cannot load it, since the two keep other things of a fitted "
            f"model. Load it with the version that saved it, or fit a new model."
        )
