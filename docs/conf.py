"""How Sphinx builds the documentation: sphinx-build -W docs docs/_build."""

import re
from typing import Any

from sphinx.application import Sphinx

from skcnn import __version__

project = "skcnn"
author = "The skcnn developers"
project_copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True  # a reference that leads nowhere is a warning
nitpick_ignore_regex = [(r"py:.*", r"sklearn\..*")]  # not linked, since there may be no network

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it
numpydoc_show_class_members = False  # members are listed by autodoc

html_theme = "alabaster"
html_theme_options = {
    "description": "A convolutional network that is a scikit-learn estimator",
    "fixed_sidebar": True,
    "page_width": "1080px",
    "sidebar_width": "230px",
    "code_font_size": "0.8em",
}
html_show_sourcelink = False
html_show_sphinx = False


def escape_shapes(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep (*shape, n) and |p| in docstrings from being read as markup."""
    for number, line in enumerate(lines):
        line = re.sub(r"(?<![\w*\\])\*(?=\w+[,)])", r"\\*", line)
        lines[number] = re.sub(r"\|(\w+)\|", r"\|\1\|", line)


def close_blocks(app: Sphinx, docname: str, source: list[str]) -> None:
    """Drop the empty line that ends the expected output of a doctest."""
    source[0] = source[0].replace("\n\n```\n", "\n```\n")


def setup(app: Sphinx) -> None:
    """Connect both; docstrings come after numpydoc."""
    app.connect("autodoc-process-docstring", escape_shapes, priority=900)
    app.connect("source-read", close_blocks)
