"""Test double of kaolin.render.materials."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_COLOURS = ("diffuse_color", "specular_color")
_VALUES = (
    "roughness_value metallic_value clearcoat_value clearcoat_roughness_value opacity_value opacity_threshold "
    "ior_value displacement_value transmittance_value"
).split()
_TEXTURES = [
    f"{name}_texture"
    for name in "diffuse roughness metallic clearcoat clearcoat_roughness opacity ior specular normals displacement "
    "transmittance".split()
]


class PBRMaterial:
    """Colours (3,), numbers (1,), textures (C, H, W) or (H, W, C); None where nothing was given. Keyword arguments."""

    diffuse_texture: Tensor | None

    def __init__(self, diffuse_color: Any = None, *, is_specular_workflow: bool = False, **given: Any) -> None:
        self.is_specular_workflow = is_specular_workflow
        self.material_name = given.pop("material_name", "")
        given["diffuse_color"] = diffuse_color
        for name in (*_COLOURS, *_VALUES):
            setattr(self, name, _row(given.pop(name, None), 3 if name in _COLOURS else 1))
        for name in _TEXTURES:
            texture = given.pop(name, None)
            assert texture is None or texture.dim() == 3, name
            setattr(self, name, texture)
        if given:
            raise TypeError(f"no such argument: {', '.join(given)}")

    def chw(self) -> "PBRMaterial":
        """With all textures (C, H, W). Those of 1, 3 or 4 columns are taken for (H, W, C)."""
        return self._with_textures(lambda x: x.permute(2, 0, 1) if x.shape[2] in (1, 3, 4) else x)

    def hwc(self) -> "PBRMaterial":
        return self._with_textures(lambda x: x.permute(1, 2, 0) if x.shape[0] in (1, 3, 4) else x)

    def to(self, *where: Any) -> "PBRMaterial":
        return self._with_textures(lambda x: x.to(*where), (*_COLOURS, *_VALUES, *_TEXTURES))

    def _with_textures(
        self, function: Callable[[Tensor], Tensor], names: tuple[str, ...] = tuple(_TEXTURES)
    ) -> "PBRMaterial":
        out = copy.copy(self)
        for name in names:
            if getattr(self, name) is not None:
                setattr(out, name, function(getattr(self, name)))
        return out


def _row(value: Any, length: int) -> Tensor | None:
    if value is None:
        return None
    row = value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float32)
    row = row.reshape(-1).float()
    assert row.shape == (length,), f"expected {length} numbers, got {tuple(row.shape)}"
    return row
