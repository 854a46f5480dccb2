"""The warnings and errors of skcnn."""

import pickle

import pytest

from skcnn.exceptions import (
    ImageShapeWarning,
    IncompatibleVersionError,
    InconsistentVersionWarning,
    StandardizationWarning,
)


@pytest.mark.parametrize("kind", [InconsistentVersionWarning, IncompatibleVersionError])
def test_what_is_said_of_versions_names_both_and_what_to_do_and_can_be_pickled(kind):
    said = kind("ScratchCNNClassifier", "0.2.0", "0.3.0")
    for each in (said, pickle.loads(pickle.dumps(said))):
        assert each.name == "ScratchCNNClassifier"
        assert (each.original_version, each.current_version) == ("0.2.0", "0.3.0")
        assert "ScratchCNNClassifier was saved by skcnn 0.2.0" in str(each)
        assert "skcnn 0.3.0" in str(each)
        assert "fit a new model" in str(each)


def test_warnings_are_of_the_kind_that_is_shown_to_users_and_travel_between_processes():
    for kind in (ImageShapeWarning, StandardizationWarning):
        assert issubclass(kind, UserWarning)
        warning = pickle.loads(pickle.dumps(kind("read as")))
        assert isinstance(warning, kind)
        assert str(warning) == "read as"
