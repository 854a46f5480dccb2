"""The documentation names what there is: every name in code type, every module, every parameter."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from runpy import run_path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from skcnn.layers import Conv, Workspace
from skcnn.network import Network

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "skcnn").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("examples/**/*.md")])

# ------------------------------------------------------------- names in code type mean something

FENCE = re.compile(r"^[ \t]*(```+|~~~+).*?^[ \t]*\1[ \t]*$", re.M | re.S)
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
REMOVED = re.compile(r"^\| removed \|.*\n(?:\|.*\n)+", re.M)
DOTTED = re.compile(r"~?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:[(\[].*)?", re.S)
WORD = re.compile(r"~?(_\w+|[A-Z][a-z]+[A-Z]\w*|[a-z]\w*_\w*)(?:[(=].*)?", re.S)  # Two words
PATH = re.compile(r"\.?\w[\w.-]*(?:/[\w.-]+)*/?")
FILE_TYPES = (".py", ".md", ".toml", ".txt", ".png", ".svg")
MADE_LATER = {"report.md", "ratios.png"}  # by the benchmark
# What texts call an object by.
OBJECTS = {
    "workspace": Workspace(),
    "network": Network((Conv(1, 1),), (1, 1, 1)),
    "network_": Network((Conv(1, 1),), (1, 1, 1)),
    "images": np.zeros(1),
    "x": np.zeros(1),
    "y": np.zeros(1),
    "np": np,
}
# Where names of scikit-learn are that texts mention alone.
SKLEARN = (
    "base",
    "calibration",
    "compose",
    "ensemble",
    "inspection",
    "model_selection",
    "multiclass",
    "multioutput",
    "neural_network",
    "preprocessing",
    "semi_supervised",
    "utils.estimator_checks",
)
OTHERS = {
    "torch.compile",
    "torch.set_num_threads",
    "NeuralNetClassifier",  # skorch
    "as_strided",
    "HalvingGridSearchCV",  # experimental
    "threadpool_limits",
    "ProgressBar",  # scikit-learn 1.9
    "ScoringMonitor",
    "on_fit_task_begin",
    "on_fit_task_end",
    "max_propagation_depth",
    "fitted_estimator",
    "max_features",
    "error_score",
    "get_params",
    "set_params",
    "set_callbacks",
    "mmap_mode",
    "transform_input",
    "big_data",  # sections of the benchmark
    "grid_search",
    "per_sample",
}


def spans(text: str) -> list[str]:
    """Return what is in backticks, but for blocks of code and what is said to be gone."""
    text = REMOVED.sub(lambda table: re.sub(r"^\|[^|]*", "|", table[0], flags=re.M), text)
    text = re.sub(r"`[^`]+` \(gone", "", text)
    return [" ".join(span.split()) for _, span in CODE.findall(FENCE.sub("", text))]


@cache
def texts() -> dict[str, str]:
    """Return all texts, by page or module."""
    pages = {str(page.relative_to(ROOT)): page.read_text("utf-8") for page in PAGES}
    pages["CHANGELOG.md"] = pages["CHANGELOG.md"].split("\n## ")[1]  # Unreleased
    return pages | {str(path.relative_to(ROOT)): docstrings(path) for path in SOURCES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def docstrings(path: Path) -> str:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    found = (ast.get_docstring(node) for node in ast.walk(tree(path)) if isinstance(node, kinds))
    return "\n\n".join(text for text in found if text)


@cache
def vocabulary() -> set[str]:
    """Return the identifiers of the package's code, names of tests and scikit-learn's names."""
    words = set(OTHERS)
    for path in SOURCES:
        words.update([path.stem, path.parent.name])
        for node in ast.walk(tree(path)):
            values = (getattr(node, field, None) for field in ("id", "name", "attr", "arg"))
            words.update(value for value in values if isinstance(value, str))
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.update([node.value] if node.value.isidentifier() else [])
    for path in TESTS:
        words.update([path.stem, *re.findall(r"def (test_\w+)", path.read_text("utf-8"))])
    for module in SKLEARN:
        words.update(dir(import_module(f"sklearn.{module}")))
    return words


@cache
def top_level() -> dict[str, Any]:
    """Return the classes and functions of the package by name."""
    found: dict[str, Any] = {}
    for path in SOURCES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = import_module(".".join(part for part in parts if part != "__init__"))
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found[node.name] = getattr(module, node.name)
    return found


def resolves(name: str) -> bool:
    """Say whether a dotted name leads from a module, class or well-known object to something."""
    if name in OTHERS:
        return True
    head, *rest = name.split(".")
    if head in OBJECTS or head in top_level():
        return leads(OBJECTS.get(head, top_level().get(head)), rest)
    for length in range(len(rest) + 1, 0, -1):
        parts = name.split(".")
        try:
            module = import_module(".".join(parts[:length]))
        except ImportError:
            continue
        return leads(module, parts[length:])
    return False


def leads(value: Any, names: list[str]) -> bool:
    for name in names:
        if not hasattr(value, name):
            return name in attributes_of_instances(value)
        value = getattr(value, name)
    return True


def attributes_of_instances(kind: Any) -> set[str]:
    """Return what a class of skcnn assigns to self, and the fields of a dataclass."""
    fields = set(getattr(kind, "__dataclass_fields__", {}))
    if not isinstance(kind, type) or kind.__module__.split(".")[0] != "skcnn":
        return fields
    source = ast.parse(dedent(inspect.getsource(kind)))
    targets = [node for node in ast.walk(source) if isinstance(node, ast.Attribute)]
    return fields | {
        node.attr
        for node in targets
        if isinstance(node.ctx, ast.Store) and getattr(node.value, "id", None) == "self"
    }


def is_path(span: str) -> bool:
    return bool(PATH.fullmatch(span)) and ("/" in span or span.endswith(FILE_TYPES))


def exists(span: str, where: str) -> bool:
    """Say whether a path leads somewhere from the root or the page, or names a known file."""
    if span in MADE_LATER or span.startswith("benchmark-results"):
        return True
    folders = (ROOT, (ROOT / where).parent, ROOT / "skcnn", ROOT / "tests")
    if any((folder / span).exists() for folder in folders):
        return True
    return "/" not in span and any(path.name == span for path in (*SOURCES, *TESTS))


@pytest.mark.parametrize("where", list(texts()))
def test_names_in_code_type_exist(where):
    text = texts()[where]
    own = set(re.findall(r"\w+", "".join(match.group() for match in FENCE.finditer(text))))
    unknown = []
    for span in spans(text):
        if is_path(span):
            known = exists(span, where)
        elif match := DOTTED.fullmatch(span):
            known = resolves(match.group(1))
        elif match := WORD.fullmatch(span):
            known = {*match.group(1).split("__")} <= vocabulary() | own | {""} or (
                match.group(1) in vocabulary()
            )
        else:
            known = True
        if not known:
            unknown.append(span)
    assert unknown == []


@pytest.mark.parametrize(
    ("span", "known"),
    [
        ("skcnn.layers.Conv.forward", True),
        ("skcnn.layers.Conv.foreward", False),
        ("skcnn.lowering", False),
        ("Conv.narrowed", True),
        ("Conv.interleave", False),
        ("Workspace.output", True),
        ("workspace.rng", True),
        ("np.matmul", True),
        ("threading.Thread", True),
        ("numpy.convolution", False),
    ],
)
def test_dotted_names_are_followed_to_their_end(span, known):
    assert resolves(span) is known


def test_names_of_removed_things_may_be_gone_where_the_text_says_so():
    table = "| removed | shown by |\n|---|---|\n| `old_name` | `new_name` |\n\n`other_name`\n"
    assert spans(table + "`old` (gone since 0023)") == ["new_name", "other_name"]


def test_paths_are_looked_up():
    assert exists("tests/test_documentation.py", "docs/api.md")
    assert exists("figures/wings.py", "docs/architecture.md")
    assert exists("classifier.py", "docs/architecture.md")
    assert not exists("tests/test_lowering.py", "docs/architecture.md")


# ---------------------------------------------------------------- docstrings name real parameters


def documented_parameters(text: str) -> list[str]:
    """Return the names in a numpydoc section of parameters."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+( \w+)*\n-+\n|\Z)", text, re.M | re.S)
    names = re.findall(r"^(\*{0,2}\w[\w, *]*) : ", section[1], re.M) if section else []
    return [name.strip(" *") for group in names for name in group.split(",")]


def objects_with_docstrings() -> Iterator[tuple[str, Any]]:
    """Find the classes, functions and methods of the package."""
    for name, value in top_level().items():
        yield name, value
        if isinstance(value, type):
            for method, function in vars(value).items():
                function = getattr(function, "fn", getattr(function, "__func__", function))
                if inspect.isfunction(function):
                    yield f"{name}.{method}", function


def test_docstrings_document_parameters_that_exist():
    unknown = {
        f"{name}: {parameter}"
        for name, value in objects_with_docstrings()
        for parameter in documented_parameters(inspect.getdoc(value) if value.__doc__ else "")
        if parameter not in inspect.signature(value).parameters
    }
    assert unknown == set()


def test_docstrings_document_parameters_in_the_order_of_the_signature():
    wrong = {}
    for name, value in objects_with_docstrings():
        documented = documented_parameters(inspect.getdoc(value) if value.__doc__ else "")
        if documented:
            signature = inspect.signature(value).parameters
            if documented != [each for each in signature if each in documented]:
                wrong[name] = documented
    assert wrong == {}


def test_names_of_parameters_are_found_in_docstrings():
    text = (
        "Do.\n\nParameters\n----------\na, b : int\n    Two.\nc : int\n\nReturns\n-------\nd : int"
    )
    assert documented_parameters(text) == ["a", "b", "c"]


# ------------------------------------------------------------------- map and figures are complete


def test_the_map_of_the_house_names_every_module():
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    table = text[text.index("## The parts") : text.index("## The trip of X")]
    parts = [path.relative_to(ROOT / "skcnn").with_suffix("").parts for path in SOURCES]
    names = {part[-1] for part in parts if part[-1] != "__init__"}
    assert sorted(name for name in names if f"`{name}`" not in table) == []


def test_the_map_of_the_house_links_names_to_the_files_that_define_them():
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    links = re.findall(r"\[`([\w.]+)`\]\(\.\./(skcnn/[\w/]+\.py)\)", text)
    assert links
    for name, file in links:
        nodes = ast.walk(tree(ROOT / file))
        assert name.split(".")[-1] in {getattr(node, "name", None) for node in nodes}, (name, file)


@pytest.mark.parametrize("name", ["wings", "im2col"])
def test_a_figure_is_what_its_script_draws_today(name):
    """If it is not: python docs/figures/wings.py."""
    drawn = run_path(str(ROOT / f"docs/figures/{name}.py"))["svg"]()
    assert (ROOT / f"docs/figures/{name}.svg").read_text("utf-8") == drawn
