"""Material: how a surface reflects."""

from typing import Any

import torch
from torch import Tensor

from .._untraced import untraced
from ._textures import Texture


class _Reflectance:
    """An attribute of a Material: set to a tensor or a Texture, or to None for its default, and read as a Texture."""

    def __init__(self, n_channels: int, default: float) -> None:
        self.n_channels, self.default = n_channels, default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, material: object, owner: type) -> Texture:
        return material.__dict__[self.name]

    def __set__(self, material: object, value: Tensor | Texture | None) -> None:
        value = (
            torch.full((self.n_channels,), self.default, dtype=torch.float32, device="cpu") if value is None else value
        )
        texture = _as_texture(self.name, value)
        if texture.channels != self.n_channels:
            shape = tuple(texture.texels.shape)
            raise ValueError(f"{self.name} must have {self.n_channels} channels, got texels of shape {shape}")
        material.__dict__[self.name] = texture


class Material:
    """The reflectance of a surface, as tensors or Textures; see `Texture` for their shapes.

    Args:
        diffuse_reflectance: 3 channels; None: 0. `render_deferred` lights it.
        specular_reflectance: 3 channels; None: 0. A channel of `render_g_buffer` only.
        roughness: 1 channel; None: 1. A channel of `render_g_buffer` only.
        generic_texture: any number of channels; None: none. A channel of `render_g_buffer` only.
        normal_map: not supported; only None.
        two_sided: ignored; it matters in path tracing only.
        use_vertex_color: use the colors of the shapes as diffuse reflectance.

    The arguments are attributes that may be set anew, to tensors or Textures; they are read as Textures.

    Raises:
        TypeError, ValueError: a value that is not a texture, or has another number of channels. NotImplementedError: a
            normal_map.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> material = pyredner.Material(diffuse_reflectance=torch.tensor([0.5, 0.25, 0.0]))
        >>> material.diffuse_reflectance.texels
        tensor([0.5000, 0.2500, 0.0000])
    """

    diffuse_reflectance = _Reflectance(3, 0.0)
    specular_reflectance = _Reflectance(3, 0.0)
    roughness = _Reflectance(1, 1.0)

    @untraced  # torch.compile of torch 2.5 to 2.7 sets attributes in another order, and not as a property does
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
        self.diffuse_reflectance = diffuse_reflectance
        self.specular_reflectance = specular_reflectance
        self.roughness = roughness
        self.generic_texture = generic_texture
        self.normal_map = normal_map
        self.two_sided = bool(two_sided)
        self.use_vertex_color = bool(use_vertex_color)

    @property
    def generic_texture(self) -> Texture | None:
        return self._generic_texture

    @generic_texture.setter
    def generic_texture(self, value: Tensor | Texture | None) -> None:
        self._generic_texture = None if value is None else _as_texture("generic_texture", value)

    @property
    def normal_map(self) -> None:
        return None

    @normal_map.setter
    def normal_map(self, value: Tensor | Texture | None) -> None:
        if value is not None:
            raise NotImplementedError("normal_map is not supported: displace the normals of a finer mesh instead")


def _as_texture(name: str, value: Any) -> Texture:
    if isinstance(value, Texture):
        return value
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor or a Texture, got {type(value).__name__}")
    return Texture(value)
