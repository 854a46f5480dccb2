"""One score or several: the first decides, the others are recorded."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import get_scorer_names

# What records call their own.
TAKEN = {"loss", "score"}


def each_scoring(scoring: Any) -> dict[str, Any]:
    """Return what `scoring` asks for by name, in order; one that is no list or dict is "score".

    Raises
    ------
    ValueError
        If a list or dict is empty, or holds what is no scorer, or a name that cannot be recorded.
    """
    if not isinstance(scoring, list | tuple | dict):
        return {"score": scoring}
    if not scoring:
        raise ValueError(f"scoring={scoring!r} is empty. Give the name of at least one scorer.")
    if not isinstance(scoring, dict):
        strangers = [each for each in scoring if not isinstance(each, str)]
        if strangers:
            raise ValueError(
                f"scoring={scoring!r} holds {strangers[0]!r}, which is no name. Give a dict of "
                f"names and functions, such as {{'mine': function}}."
            )
        scoring = {name: name for name in scoring}
    known = {"loss", *get_scorer_names()}
    for name, each in scoring.items():
        if not callable(each) and (not isinstance(each, str) or each not in known):
            raise ValueError(
                f"scoring[{name!r}]={each!r} is no scorer. Give the name of one, such as "
                f"'accuracy' or 'r2', or a function scorer(estimator, X, y)."
            )
        if not isinstance(name, str) or (name in TAKEN and each != name):
            raise ValueError(
                f"scoring has the name {name!r}, but names are strings other than {sorted(TAKEN)}, "
                f"which records have already. Choose another name."
            )
    return dict(scoring)


def deciding_scoring(scoring: Any) -> Any:
    """Return the scoring that decides: the first."""
    return next(iter(each_scoring(scoring).values()))
