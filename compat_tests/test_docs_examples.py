"""The `Example:` blocks of docstrings run, and every public function of the core has one."""

import doctest
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import gendr_adapters

PACKAGE = Path(gendr_adapters.__file__).parent

# What is public here, apart from the doors: their guides and notebooks show them.
CORE = ("gendr_adapters", "gendr_adapters.distributions", "gendr_adapters.t_conorms", "gendr_adapters.data")
# Of these a page of examples would be longer than what they say.
WITHOUT = {"NativeLibraryError", "NothingDrawnWarning", "Rendered", "Fragments", "Distribution", "RenderSettings"}


def with_examples() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if ">>> " in path.read_text():
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("name", list(with_examples()))
def test_examples(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0 and results.failed == 0


def public(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name in module.__all__:
        value = getattr(module, name)
        if callable(value) and name not in WITHOUT:
            yield name, value


@pytest.mark.parametrize("name", CORE)
def test_every_function_has_an_example(name: str) -> None:
    lacking = [
        one for one, value in public(importlib.import_module(name)) if ">>> " not in (inspect.getdoc(value) or "")
    ]
    assert lacking == []
