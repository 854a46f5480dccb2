"""Runs each page as a program of its own, so that the classes it defines can be pickled."""

import sys
from types import ModuleType

import pytest


@pytest.fixture(autouse=True)
def _page_is_main(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    main.__dict__.update(request.node.dtest.globs)
    request.node.dtest.globs = main.__dict__
    monkeypatch.setitem(sys.modules, "__main__", main)
