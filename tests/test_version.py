"""The version, and what it says of a saved model."""

import tomllib
from pathlib import Path

import skcnn
from skcnn._version import __version__, refusal


def test_the_version_stands_in_the_package_as_in_pyproject():
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    assert tomllib.loads(text)["project"]["version"] == __version__ == skcnn.__version__


def test_a_refusal_names_both_versions_and_what_to_do():
    assert f"saved by skcnn 0.0.7, and skcnn {__version__} cannot load" in refusal("model", "0.0.7")
    assert "saved by skcnn 0.1.0 or a development version" in refusal("model", None)
    assert "fit a new model" in refusal("model", None)
