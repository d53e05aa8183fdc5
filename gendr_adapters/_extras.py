"""Packages that only parts of this one need: imported where they are used, with an error that says how to get them."""

from importlib import import_module
from typing import Any

_DISTRIBUTIONS = {"PIL": "Pillow"}  # where the name to install is not the module's


def optional(module: str, user: str, extra: str) -> Any:
    """Import a module that an extra of the package installs.

    Args:
        module: its full name. user: what needs it, as the error begins: "writing x.png", "gendr_adapters.demo".
        extra: "io" or "demo".
    Raises:
        ImportError: it cannot be imported; names the extra.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        name = _DISTRIBUTIONS.get(package, package)
        raise ImportError(f"{user} needs {name}: pip install 'gendr_adapters[{extra}]'") from error
