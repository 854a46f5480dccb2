"""The warnings of skcnn."""

import pickle

from skcnn.exceptions import InconsistentVersionWarning


def test_the_warning_about_versions_names_both_and_can_be_pickled():
    warning = InconsistentVersionWarning("ScratchCNNClassifier", "0.3.0", "0.2.0")
    for each in (warning, pickle.loads(pickle.dumps(warning))):
        assert each.estimator_name == "ScratchCNNClassifier"
        assert (each.current_version, each.original_version) == ("0.3.0", "0.2.0")
        assert "saved by skcnn 0.2.0 and is loaded by skcnn 0.3.0" in str(each)
