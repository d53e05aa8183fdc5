"""Optional packages: imported where they are used, with an error that says how to install them."""

from importlib import import_module
from typing import Any

_DISTRIBUTIONS = {"PIL": "Pillow"}  # module -> name of the package, if they differ


def optional(module: str, user: str, extra: str) -> Any:
    """Import a module that an extra of the package installs.

    Args:
        module: full name of the module.
        user: what needs it, the beginning of the error: "writing x.png", "gendr_adapters.demo".
        extra: name of the extra: "io", "demo", ...
    Raises:
        ImportError: the module cannot be imported. The message names the extra.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        name = _DISTRIBUTIONS.get(package, package)
        raise ImportError(f"{user} needs {name}: pip install 'gendr_adapters[{extra}]'") from error
