"""The public names and how each is called, as text. `python -m compat_tests.public_api` rewrites public_api.txt.

What 1.0 promises of them: docs/versioning.md.
"""

import argparse
import enum
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import gendr_adapters
from gendr_adapters import RenderSettings

SNAPSHOT = Path(__file__).with_name("public_api.txt")

# Modules whose `__all__` is promised.
PUBLIC = (
    "gendr_adapters",
    "gendr_adapters.cameras",
    "gendr_adapters.data",
    "gendr_adapters.distributions",
    "gendr_adapters.gendr",
    "gendr_adapters.gendr.functional",
    "gendr_adapters.gendr.transform",
    "gendr_adapters.kaolin",
    "gendr_adapters.pytorch3d",
    "gendr_adapters.redner",
    "gendr_adapters.softras",
    "gendr_adapters.softras.functional",
    "gendr_adapters.t_conorms",
)
# Modules without an underscore that promise nothing, and what is under them.
NOT_PROMISED = {
    "gendr_adapters.blend": "its names are the package's",
    "gendr_adapters.cli": "a program",
    "gendr_adapters.demo": "a program",
    "gendr_adapters.fragments": "its names are the package's",
    "gendr_adapters.jax": "the first part of a door, too new to be promised",
    "gendr_adapters.ops": "what is under the package's functions",
    "gendr_adapters.reference": "a specification, to be read",
    "gendr_adapters.schedules": "its names are the package's",
    "gendr_adapters.settings": "its names are the package's",
    "gendr_adapters.shading": "its names are the package's",
    "gendr_adapters.suggestions": "its names are the package's",
    "gendr_adapters.utils": "what our own programs share",
    "gendr_adapters.viewer": "a program, and too new to be promised",
}


def modules() -> Iterator[str]:
    """All modules and packages that have no underscore in their path."""
    yield gendr_adapters.__name__
    # By their files: the doors import their ecosystems.
    pending = [(gendr_adapters.__name__, Path(gendr_adapters.__file__).parent)]
    while pending:
        package, folder = pending.pop()
        for found in pkgutil.iter_modules([str(folder)]):
            if not found.name.startswith("_"):
                yield f"{package}.{found.name}"
                if found.ispkg:
                    pending.append((f"{package}.{found.name}", folder / found.name))


def public_names(module: ModuleType) -> dict[str, Any]:
    """What a module promises, by name."""
    return {name: getattr(module, name) for name in sorted(module.__all__)}


def described(module_name: str) -> list[str]:
    """A module's lines of the snapshot. Raises ImportError where its ecosystem is not installed."""
    lines = [module_name]
    for name, value in public_names(importlib.import_module(module_name)).items():
        lines += [f"    {line}" for line in _lines(name, value)]
    return lines


def _lines(name: str, value: Any) -> list[str]:
    if isinstance(value, ModuleType):
        return [f"module {name}"]
    if isinstance(value, type):
        return [_class_line(name, value), *_members(value)]
    if callable(value):
        return [f"{name}{_signature(value)}"]
    keys = [*value] if isinstance(value, (dict, tuple)) else value
    return [f"{name} = {type(value).__name__} of {keys}"]


def _class_line(name: str, value: type) -> str:
    if issubclass(value, enum.Enum):
        return f"enum {name}: {', '.join(value.__members__)}"
    if issubclass(value, Exception):
        return f"exception {name}({value.__bases__[0].__name__})"
    return f"class {name}{_signature(value)}"


def _members(value: type) -> list[str]:
    """Methods and properties that our own classes give it; inherited ones, too."""
    own = [c for c in value.__mro__ if c.__module__.startswith(gendr_adapters.__name__)]
    if issubclass(value, enum.Enum):
        return []
    names = {name for c in own for name in vars(c) if not name.startswith("_") or name == "__call__"}
    lines = []
    for name in sorted(names):
        member = inspect.getattr_static(value, name)
        if isinstance(member, property):
            lines.append(f"    {name}: property{'' if member.fset is None else ', can be set'}")
        elif isinstance(member, (classmethod, staticmethod)) or inspect.isfunction(member):
            lines.append(f"    {name}{_signature(getattr(value, name))}")
    return lines


def _signature(value: Any) -> str:
    """Names, kinds and defaults. Types are left out: Python versions write them differently."""
    signature = inspect.signature(value)
    parameters = []
    for parameter in signature.parameters.values():
        if isinstance(parameter.default, RenderSettings):
            parameter = parameter.replace(default=_Written("RenderSettings()"))
        parameters.append(parameter.replace(annotation=parameter.empty))
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


class _Written(str):
    def __repr__(self) -> str:
        return str(self)


def snapshot() -> dict[str, list[str]]:
    """The lines of public_api.txt, a module's by its name."""
    blocks = SNAPSHOT.read_text().strip().split("\n\n")
    return {block.partition("\n")[0]: block.splitlines() for block in blocks}


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m compat_tests.public_api", description=__doc__).parse_args()
    SNAPSHOT.write_text("\n\n".join("\n".join(described(name)) for name in PUBLIC) + "\n")
