"""Public is what is documented: `__all__` of the public modules and the API reference."""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args, get_type_hints

import pytest

import skcnn
from skcnn.layers import Conv, Workspace

ROOT = Path(__file__).parents[1]
PUBLIC = [
    "skcnn",
    *(f"skcnn.{module.name}" for module in iter_modules(skcnn.__path__) if module.name[0] != "_"),
]


@cache
def documented() -> dict[str, list[str]]:
    """Return the names that the API reference describes, by module."""
    names: dict[str, list[str]] = {}
    module = ""
    directive = r"^\.\. (module|autoclass|autoexception|autofunction|data):: ([\w.]+)"
    for kind, name in re.findall(directive, (ROOT / "docs/api.md").read_text("utf-8"), re.M):
        if kind == "module":
            module = name
        else:
            names.setdefault(module, []).append(name)
    return names


@pytest.mark.parametrize("module", PUBLIC)
def test_the_api_reference_lists_exactly_the_names_of_a_public_module(module):
    exported = set(import_module(module).__all__)
    if module in ("skcnn.classifier", "skcnn.features", "skcnn.regressor"):
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


PARTS = [
    f"{package}.{part.name}"
    for package in PUBLIC
    if hasattr(import_module(package), "__path__") and package != "skcnn"
    for part in iter_modules(import_module(package).__path__)
]


@pytest.mark.parametrize("part", PARTS)
def test_what_a_part_of_a_package_exports_is_reached_through_the_package(part):
    package = import_module(part.rpartition(".")[0])
    for name in import_module(part).__all__:
        assert getattr(package, name) is getattr(import_module(part), name)
        assert name in package.__all__


def test_every_exported_class_of_a_package_is_exported_by_one_of_its_parts():
    exported = {name for part in PARTS for name in import_module(part).__all__}
    packages = {part.rpartition(".")[0] for part in PARTS}
    names = {name for package in packages for name in import_module(package).__all__}
    assert names - exported == {"Workspace"}  # of the engine
