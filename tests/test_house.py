"""The rules of the house: CONTRIBUTING.md says which of them are checked here."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "skcnn").rglob("*.py"))
PACKAGES = [name for name in SOURCES if name.endswith("__init__.py")]
MODULES = [name for name in SOURCES if not name.endswith("__init__.py")]
WINGS = {"_data", "_engine", "_engine/convolution", "_estimator", "_training"}

# Docstrings of thirty parameters, and an explicit __init__.
LONG_FILES = {"skcnn/classifier.py", "skcnn/regressor.py"}
# The count of who is inside the limit of BLAS: the limit holds for the whole process.
STATE = {"skcnn/_engine/blas.py: _limit"}

BRITISH = re.compile(
    r"""
    (normal|standard|initial|regular|optim|random|minim|maxim|general|organ|recogn|summar|visual
      |serial|special|categor|quant|penal|emphas|symbol|discret)is(e|ing|ation)
    | neighbour | colour | behaviour | favour | centre(?![a-z]) | centred | grey(?!d)
    | labell(ed|ing) | analys(e[ds]?|ing)\b | cancelled | anticlockwise | towards\b
    """,
    re.VERBOSE | re.IGNORECASE,
)


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(text(name))


def docstring(name: str) -> str:
    return ast.get_docstring(tree(name)) or ""


def lines_of_code(function: ast.FunctionDef) -> int:
    """Count the lines of a function's body that hold code: no docstring, comment or empty line."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    nodes = [node for part in body for node in ast.walk(part) if hasattr(node, "lineno")]
    return len({line for node in nodes for line in (node.lineno, node.end_lineno)})


def test_files_have_at_most_350_lines():
    lengths = {name: len(text(name).splitlines()) for name in SOURCES if name not in LONG_FILES}
    assert {name: length for name, length in lengths.items() if length > 350} == {}


def test_functions_have_at_most_60_lines_of_code():
    long = {
        f"{name}: {node.name}": lines_of_code(node)
        for name in SOURCES
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef) and lines_of_code(node) > 60
    }
    assert long == {}


def test_lines_of_code_are_counted_without_docstrings_comments_and_empty_lines():
    lines = ["def f(", "    x):", '    """Say."""', "    # why", "", "    y = [", "        x,"]
    assert lines_of_code(ast.parse("\n".join([*lines, "    ]", "    return y"])).body[0]) == 4


def test_docstrings_of_packages_are_one_sentence():
    sentence = re.compile(r"[A-Z](?!.*[.!?]\s)[^\n]*(\n[^\n]+)*\.")
    assert [name for name in PACKAGES if not sentence.fullmatch(docstring(name))] == []


def test_docstrings_of_private_wings_say_who_may_import_them():
    private = {name for name in PACKAGES if "/_" in name.removesuffix("__init__.py")}
    assert private == {f"skcnn/{wing}/__init__.py" for wing in WINGS}
    assert [name for name in private if "imported by" not in docstring(name)] == []


def test_docstrings_of_modules_begin_with_a_sentence():
    assert [name for name in MODULES if not docstring(name).split("\n\n")[0].endswith(".")] == []


def test_every_module_has_its_test_file_in_the_mirror():
    def mirror(name: str) -> str:
        path = Path(name)
        return str(Path("tests", *path.parts[1:-1], f"test_{path.stem.lstrip('_')}.py"))

    assert [mirror(name) for name in MODULES if not (ROOT / mirror(name)).is_file()] == []


def variables(name: str) -> set[str]:
    """Return what a module assigns to names that are neither constants nor types."""
    parts = [part for part in tree(name).body if isinstance(part, ast.Assign | ast.AnnAssign)]
    names = {
        target.id
        for part in parts
        for target in (part.targets if isinstance(part, ast.Assign) else [part.target])
        if isinstance(target, ast.Name)
    }
    return {name for name in names if name.islower() and not name.startswith("__")}


def test_modules_keep_no_state():
    assert {f"{name}: {variable}" for name in SOURCES for variable in variables(name)} <= STATE
    nodes = [(name, node) for name in SOURCES for node in ast.walk(tree(name))]
    assert [name for name, node in nodes if isinstance(node, ast.Global)] == []


def test_no_test_is_skipped_or_expected_to_fail():
    forbidden = {"skip", "skipif", "xfail", "importorskip", "expectedFailure"}
    found = {
        (path.name, name)
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (name := getattr(node, "attr", getattr(node, "id", None))) in forbidden
    }
    assert found == set()


def test_spelling_is_american():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "pyproject.toml"]
    code = [path for part in ("skcnn", "tests", "examples") for path in (ROOT / part).rglob("*.py")]
    found = {
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in (*pages, *code)
        if path != Path(__file__)
        for match in BRITISH.finditer(path.read_text("utf-8"))
    }
    assert sorted(found) == []


@pytest.mark.parametrize(
    ("word", "british"),
    [
        ("Normalisation", True),
        ("normalization", False),
        ("colour", True),
        ("color", False),
        ("centred", True),
        ("centers", False),
        ("analyses of", True),
        ("towards", True),
        ("promise", False),
    ],
)
def test_british_words_are_found(word, british):
    assert bool(BRITISH.search(word)) is british


def test_the_package_shows_at_most_24_entries():
    entries = [path.name for path in (ROOT / "skcnn").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 24
    private = {name for name in entries if name[0] == "_" and name != "__init__.py"}
    assert private == {"_estimator", "_data", "_training", "_engine", "_checks.py"}


def unbounded_caches(module: ast.Module) -> list[str]:
    """Names of functions with parameters whose results are all kept."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.args):
            for decorator in map(ast.unparse, node.decorator_list):
                kept = decorator.removeprefix("functools.")
                if kept == "cache" or re.fullmatch(r"lru_cache\((maxsize=)?None.*\)", kept):
                    found.append(node.name)
    return found


def test_no_cache_of_a_process_grows_without_bound():
    assert [found for name in SOURCES for found in unbounded_caches(tree(name))] == []


@pytest.mark.parametrize(
    ("function", "unbounded"),
    [
        ("@cache\ndef f(x): pass", True),
        ("@functools.cache\ndef f(*x): pass", True),
        ("@lru_cache(maxsize=None)\ndef f(x): pass", True),
        ("@cache\ndef f(): pass", False),
        ("@lru_cache\ndef f(x): pass", False),
        ("@lru_cache(maxsize=1024)\ndef f(x): pass", False),
    ],
)
def test_unbounded_caches_are_found(function, unbounded):
    assert bool(unbounded_caches(ast.parse(function))) is unbounded
