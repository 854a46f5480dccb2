"""The version of skcnn, and what it says of a saved model."""

from __future__ import annotations

__version__ = "0.2.0.dev0"

# Under which a saved estimator or network notes the version that made it; 0.1.0 did not.
KEY = "_skcnn_version"
NOT_NOTED = "0.1.0 or a development version before 0.2.0"


def refusal(kind: str, version: str | None) -> str:
    """Return why a saved model cannot be loaded, with both versions and what to do."""
    return (
        f"This {kind} was saved by skcnn {version or NOT_NOTED}, and skcnn {__version__} cannot "
        f"load it, since the two keep other things of a fitted model. Load it with the version "
        f"that saved it, or fit a new model."
    )
