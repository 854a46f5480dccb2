"""Every scikit-learn name that is private, in one place."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

from sklearn.base import _fit_context
from sklearn.metrics._scorer import _BaseScorer
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "_BaseScorer",
    "_check_sample_weight",
    "_fit_context",
    "takes_sample_weight",
]


def takes_sample_weight(scorer: Callable[..., Any]) -> bool:
    """Return whether a scorer, of scikit-learn or a plain function, can be given weights."""
    function = getattr(scorer, "_score_func", scorer)  # what a scorer of scikit-learn calls
    try:
        parameters = signature(function).parameters
    except (TypeError, ValueError):
        return False
    takes_all = any(part.kind is Parameter.VAR_KEYWORD for part in parameters.values())
    return takes_all or "sample_weight" in parameters
