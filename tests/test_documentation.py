"""The documentation names what there is: public names, and every name in code type."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from runpy import run_path
from textwrap import dedent
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

import skcnn
from skcnn.layers import Conv, Workspace
from skcnn.network import Network

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "skcnn").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("examples/**/*.md")])
PUBLIC = [
    "skcnn",
    *(f"skcnn.{module.name}" for module in iter_modules(skcnn.__path__) if module.name[0] != "_"),
]

# ------------------------------------------------------------------ public is what is documented


@cache
def documented() -> dict[str, list[str]]:
    """Return the names that the API reference describes, by module."""
    names: dict[str, list[str]] = {}
    module = ""
    directive = r"^\.\. (module|autoclass|autofunction|data):: ([\w.]+)"
    for kind, name in re.findall(directive, (ROOT / "docs/api.md").read_text("utf-8"), re.M):
        if kind == "module":
            module = name
        else:
            names.setdefault(module, []).append(name)
    return names


@pytest.mark.parametrize("module", PUBLIC)
def test_the_api_reference_lists_exactly_the_names_of_a_public_module(module):
    exported = set(import_module(module).__all__)
    if module in ("skcnn.classifier", "skcnn.regressor"):
        assert exported < set(skcnn.__all__)  # described there
        exported = set()
    assert sorted(documented().get(module, [])) == sorted(exported)


def test_the_api_reference_describes_public_modules_only():
    assert documented().keys() <= set(PUBLIC)


@pytest.mark.parametrize("module", PUBLIC)
def test_every_exported_name_exists_and_stands_once(module):
    exported = import_module(module).__all__
    assert len(set(exported)) == len(exported)
    assert all(hasattr(import_module(module), name) for name in exported)


def private_wing(kind: type) -> bool:
    return any(part[0] == "_" for part in kind.__module__.split(".")[1:]) and (
        kind.__module__.split(".")[0] == "skcnn"
    )


def classes_in(annotation: Any) -> Iterator[type]:
    """Find the classes in list[X] | dict[str, Y] and the like."""
    if isinstance(annotation, type):
        yield annotation
    parts = annotation if isinstance(annotation, list) else get_args(annotation)
    for part in parts:
        yield from classes_in(part)


def functions_of(public: Any) -> Iterator[Any]:
    """Find a class's public methods, properties and constructor, or the function itself."""
    if not isinstance(public, type):
        yield public
        return
    for base in public.__mro__:
        if base.__module__.split(".")[0] == "skcnn":
            for name, member in vars(base).items():
                if name in ("__init__", "__call__") or name[0] != "_":
                    function = getattr(member, "fget", getattr(member, "fn", member))
                    if inspect.isfunction(function):
                        yield inspect.unwrap(function)


def exposed_classes(module: str) -> set[type]:
    """Return the classes that the annotations of a module's exported names mention."""
    found: set[type] = set()
    for name in import_module(module).__all__:
        public = getattr(import_module(module), name)
        for function in functions_of(public):
            if callable(function):
                for annotation in get_type_hints(function).values():
                    found.update(classes_in(annotation))
    return found


@pytest.mark.parametrize("module", PUBLIC)
def test_what_public_annotations_mention_of_a_private_wing_is_public_too(module):
    listed = {
        getattr(import_module(each), name)
        for each in PUBLIC
        for name in import_module(each).__all__
    }
    private = {kind for kind in exposed_classes(module) if private_wing(kind)}
    assert {kind for kind in private if kind not in listed} == set()


@pytest.mark.parametrize(
    "package", [name for name in PUBLIC if hasattr(import_module(name), "__path__")]
)
def test_a_public_package_lists_every_class_that_it_imports(package):
    members = vars(import_module(package)).items()
    found = {name for name, value in members if isinstance(value, type) and name[0] != "_"}
    assert found <= set(import_module(package).__all__)


def test_workspace_of_the_engine_is_public_as_part_of_layers():
    assert private_wing(Workspace)
    assert Workspace in exposed_classes("skcnn.losses")
    assert not private_wing(Conv)


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
    """Return what is in backticks, but for blocks of code and names in a column "removed"."""
    text = REMOVED.sub(lambda table: re.sub(r"^\|[^|]*", "|", table[0], flags=re.M), text)
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
    folders = (ROOT, (ROOT / where).parent, ROOT / "skcnn")
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
            known = resolves(match.group(1)) or match.group(1).split(".")[0] in own
        elif match := WORD.fullmatch(span):
            known = match.group(1) in vocabulary() | own
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


def test_names_in_a_column_of_removed_ones_may_be_gone():
    table = "| removed | shown by |\n|---|---|\n| `old_name` | `new_name` |\n\n`other_name`\n"
    assert spans(table) == ["new_name", "other_name"]


def test_paths_are_looked_up():
    assert exists("tests/test_documentation.py", "docs/api.md")
    assert exists("figures/wings.py", "docs/architecture.md")
    assert exists("classifier.py", "docs/architecture.md")
    assert not exists("tests/test_lowering.py", "docs/architecture.md")


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
