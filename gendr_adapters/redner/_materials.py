"""Material: how a surface reflects."""

from typing import Any

import torch
from torch import Tensor

from ._textures import Texture


class Material:
    """Reflectances of a surface, as tensors or Textures; see Texture for their shapes.

    Args:
        diffuse_reflectance: 3 channels; None: 0. specular_reflectance: 3; None: 0. roughness: 1; None: 1.
            generic_texture: any number; None: none. Only the first is lit by `render_deferred`; the others are for
            `render_g_buffer`.
        normal_map: not supported. two_sided: has a say in path tracing alone.
        use_vertex_color: take the shapes' colors for the diffuse reflectance.

    Raises:
        TypeError, ValueError: what is no texture, or of other channels. NotImplementedError: a normal_map.
    """

    def __init__(
        self,
        diffuse_reflectance: Tensor | Texture | None = None,
        specular_reflectance: Tensor | Texture | None = None,
        roughness: Tensor | Texture | None = None,
        generic_texture: Tensor | Texture | None = None,
        normal_map: Tensor | Texture | None = None,
        two_sided: bool = False,
        use_vertex_color: bool = False,
    ) -> None:
        if normal_map is not None:
            raise NotImplementedError("normal_map is not supported: displace the normals of a finer mesh instead")
        self.diffuse_reflectance = _texture("diffuse_reflectance", diffuse_reflectance, 3, 0.0)
        self.specular_reflectance = _texture("specular_reflectance", specular_reflectance, 3, 0.0)
        self.roughness = _texture("roughness", roughness, 1, 1.0)
        self.generic_texture = None if generic_texture is None else _as_texture("generic_texture", generic_texture)
        self.normal_map = None
        self.two_sided = bool(two_sided)
        self.use_vertex_color = bool(use_vertex_color)


def _texture(name: str, value: Any, n_channels: int, default: float) -> Texture:
    texture = Texture(torch.full((n_channels,), default)) if value is None else _as_texture(name, value)
    if texture.channels != n_channels:
        raise ValueError(f"{name} must have {n_channels} channels, got texels of shape {tuple(texture.texels.shape)}")
    return texture


def _as_texture(name: str, value: Any) -> Texture:
    if isinstance(value, Texture):
        return value
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor or a Texture, got {type(value).__name__}")
    return Texture(value)
