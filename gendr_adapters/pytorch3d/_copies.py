"""Copies of PyTorch3D's objects, of the same tensors: what becomes of the originals does not touch them."""

import copy
from typing import Any


def own_copy(thing: Any) -> Any:
    """The same tensors; attributes, and entries of lists and dicts among them, are its own."""
    copied = copy.copy(thing)
    for name, value in getattr(copied, "__dict__", {}).items():
        if type(value) in (dict, list):
            copied.__dict__[name] = copy.copy(value)
    return copied


def own_copy_of_meshes(meshes: Any) -> Any:
    """With textures of their own."""
    copied = own_copy(meshes)
    copied.textures = own_copy(meshes.textures)
    return copied
