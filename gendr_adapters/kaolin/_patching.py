"""`patched` and `install`: our functions instead of Kaolin's, for programs that are not to be changed."""

import functools
import importlib
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from ._dibr import dibr_rasterization
from ._interpolation import _texture_sample_material_nvdiffrast, mesh_rasterize_interpolate_nvdiffrast
from ._lighting import unbatched_reduced_sg_inner_product
from ._rasterize import rasterize
from ._render_mesh import render_mesh
from ._soft_mask import dibr_soft_mask

# Kaolin's modules and what stands for their functions.
_OURS: dict[str, tuple[Any, ...]] = {
    "kaolin.render.mesh": (rasterize, dibr_soft_mask, dibr_rasterization),
    "kaolin.render.easy_render": (render_mesh, mesh_rasterize_interpolate_nvdiffrast),
    "kaolin.render.easy_render.mesh": (_texture_sample_material_nvdiffrast,),
    "kaolin.render.lighting.sg": (unbatched_reduced_sg_inner_product,),
}
# What older Kaolins have not: easy_render is of 0.16.
_NEWER = (
    "kaolin.render.easy_render",
    "kaolin.render.easy_render.mesh",
    "kaolin.render.lighting",
    "kaolin.render.lighting.sg",
)
_MARK = "_kaolins"  # the attribute of our functions' twins that holds what they stand for
_lock = threading.Lock()
_users: Counter[Any] = Counter()  # of each twin: how many blocks and installations want it there


@contextmanager
def patched() -> Iterator[None]:
    """A context manager that replaces Kaolin's functions with ours.

        with patched():
            train()  # code that calls kaolin.render.mesh.dibr_rasterization

    Inside it, Kaolin's rasterize, dibr_soft_mask, dibr_rasterization and render_mesh are ours. Parts of Kaolin's lights
    and easy_render that need CUDA or nvdiffrast work on any device: eight lights or more in sg_diffuse_inner_product
    and similar functions, mesh_rasterize_interpolate_nvdiffrast, nvdiffrast's textures.

    The functions are replaced in every loaded module that holds them under any name, for instance by
    `from kaolin.render.mesh import rasterize`, and in modules that are loaded inside the block. References in closures,
    functools.partial, attributes of objects and default arguments are not replaced. At the end of the block, also after
    an exception, Kaolin's functions are restored. Blocks may be nested. All threads see the change; if several threads
    have a block, the last one that ends restores Kaolin's functions.

    Raises:
        ImportError: Kaolin is not installed.

    Example:
        >>> import torch
        >>> import kaolin.render.mesh
        >>> from gendr_adapters.kaolin import patched
        >>> xy = torch.tensor([[[[-0.5, -0.5], [0.5, -0.5], [0.0, 0.5]]]])  # (B, F, 3, 2)
        >>> z = torch.full((1, 1, 3), -2.0)
        >>> with patched():  # also on a CPU
        ...     features, face_idx = kaolin.render.mesh.rasterize(32, 32, z, xy, torch.ones(1, 1, 3, 4))
        >>> features.shape
        torch.Size([1, 32, 32, 4])
    """
    twins = _put_in()
    try:
        yield
    finally:
        _take_out(twins)


def install() -> None:
    """Replace Kaolin's functions with ours for the rest of the program, as `patched` does for a block.

    A second call changes nothing.

    Raises:
        ImportError: Kaolin is not installed.

    Example:
        >>> import torch
        >>> import kaolin.render.mesh
        >>> from gendr_adapters.kaolin import install
        >>> install()
        >>> xy = torch.tensor([[[[-0.5, -0.5], [0.5, -0.5], [0.0, 0.5]]]])  # (B, F, 3, 2)
        >>> z = torch.full((1, 1, 3), -2.0)
        >>> features, face_idx = kaolin.render.mesh.rasterize(32, 32, z, xy, torch.ones(1, 1, 3, 4))
        >>> features.shape
        torch.Size([1, 32, 32, 4])
    """
    _put_in()


def _put_in() -> list[Any]:
    twins = []
    with _lock:
        for found, ours in _pairs():
            twin = found if hasattr(found, _MARK) else _twin(ours, found)
            _replace(getattr(twin, _MARK), twin)
            _users[twin] += 1
            twins.append(twin)
    return twins


def _take_out(twins: list[Any]) -> None:
    with _lock:
        for twin in twins:
            _users[twin] -= 1
            if not _users[twin]:
                del _users[twin]
                _replace(twin, getattr(twin, _MARK))


def _pairs() -> list[tuple[Any, Any]]:
    """What replaces Kaolin's functions, and ours."""
    pairs = []
    for name, functions in _OURS.items():
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            if name in _NEWER and error.name in _NEWER:
                continue
            raise ImportError(
                f"there is no Kaolin whose functions could be replaced ({error}); those of gendr_adapters.kaolin that "
                "take tensors can be called without it"
            ) from error
        pairs += [
            (getattr(module, f.__name__), f) for f in functions if name not in _NEWER or hasattr(module, f.__name__)
        ]
    return pairs


def _twin(function: FunctionType, original: Any) -> Callable[..., Any]:
    """A function of its own that does the same: what somebody imported from gendr_adapters is not mistaken for it."""
    parts = function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    twin = FunctionType(*parts)
    twin.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(twin, function)
    setattr(twin, _MARK, original)
    return twin


def _replace(old: object, new: object) -> None:
    """In the globals of every loaded module."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict):
            for name in [name for name, value in list(names.items()) if value is old]:
                names[name] = new
