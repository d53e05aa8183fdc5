"""`patched` and `install`: our functions in the place of Kaolin's, for programs that are not to be changed."""

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from .dibr import dibr_rasterization
from .rasterization import rasterize
from .soft_mask import dibr_soft_mask

_OURS: dict[str, Any] = {f.__name__: f for f in (rasterize, dibr_soft_mask, dibr_rasterization)}
_MARK = "_stands_for_kaolins"


@contextmanager
def patched() -> Iterator[None]:
    """Within it, Kaolin's rasterize, dibr_soft_mask and dibr_rasterization are ours.

        with patched():
            train()  # code that calls kaolin.render.mesh.dibr_rasterization

    They are replaced in every module that is loaded and holds them under any name, such as those that said
    `from kaolin.render.mesh import rasterize`; modules loaded within get ours, too. At the end, after an exception as
    well, Kaolin's are back in all of them. Blocks may be nested. Not replaced is what a closure, a functools.partial,
    an attribute of an object or a default argument holds. Other threads see the change as well.

    Raises:
        ImportError: there is no Kaolin.
    """
    pairs = [(original, _twin(_OURS[name])) for name, original in _kaolins().items()]
    for original, twin in pairs:
        _replace(original, twin)
    try:
        yield
    finally:
        for original, twin in pairs:
            _replace(twin, original)


def install() -> None:
    """The same for the rest of the program. A second call changes nothing.

    Raises:
        ImportError: there is no Kaolin.
    """
    for name, original in _kaolins().items():
        if not hasattr(original, _MARK):
            _replace(original, _twin(_OURS[name]))


def _kaolins() -> dict[str, Any]:
    try:
        mesh = importlib.import_module("kaolin.render.mesh")
    except ImportError as error:
        raise ImportError(
            f"there is no Kaolin whose functions could be replaced ({error}); those of gendr_adapters.kaolin can be "
            "called without it"
        ) from error
    return {name: getattr(mesh, name) for name in _OURS}


def _twin(function: FunctionType) -> Callable[..., Any]:
    """A function of its own that does the same: what somebody imported from gendr_adapters is not mistaken for it."""
    parts = function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    twin = FunctionType(*parts)
    twin.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(twin, function)
    setattr(twin, _MARK, True)
    return twin


def _replace(old: object, new: object) -> None:
    """In the globals of every loaded module."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict):
            for name in [name for name, value in list(names.items()) if value is old]:
                names[name] = new
