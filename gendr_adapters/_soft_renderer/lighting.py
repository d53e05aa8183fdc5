"""Light on faces or vertices: a constant one, and lamps at infinity (Lambert)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._autocast import full_precision
from .._inputs import check_real, check_same
from .arguments import Numbers, Scalar, check_counts, scalar_of, vectors
from .look_at import UPWARDS
from .meshes import Mesh
from .uv_textures import Textures, lit

WHITE = (1.0, 1.0, 1.0)


def ambient_lighting(light: Tensor, light_intensity: Scalar = 0.5, light_color: Numbers = WHITE) -> Tensor:
    """Add intensity * colour to `light`, in place as SoftRas and GenDR do, and return it.

    Args:
        light: (N, K, 3), float32 or float64: red, green, blue at K faces or vertices.
        light_intensity: a number, or a tensor () or (N,), which may have a gradient.
        light_color: (3,) or (N, 3); a tensor may have a gradient.
    Returns:
        light itself, (N, K, 3).
    Raises:
        TypeError, ValueError: types, dtypes or shapes that do not fit.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> srf.ambient_lighting(torch.zeros(1, 2, 3), 0.5, (1.0, 0.5, 0.0))  # one mesh of two faces
        tensor([[[0.5000, 0.2500, 0.0000],
                 [0.5000, 0.2500, 0.0000]]])
    """
    return _added(light, _ambient(light, light_intensity, light_color))


@full_precision
def _ambient(light: Tensor, light_intensity: Scalar, light_color: Numbers) -> Tensor:
    _check_light("light", light)
    return _colour(light_intensity, light_color, light)[:, None]


def directional_lighting(
    light: Tensor,
    normals: Tensor,
    light_intensity: Scalar = 0.5,
    light_color: Numbers = WHITE,
    light_direction: Numbers = UPWARDS,
) -> Tensor:
    """Add intensity * colour * max(0, normal . direction) to `light`, in place as SoftRas and GenDR do, and return it.

    Args:
        light: (N, K, 3), as for `ambient_lighting`.
        normals: (N, K, 3), unit normals, of light's dtype and device.
        light_intensity: a number, or a tensor () or (N,).
        light_color, light_direction: (3,) or (N, 3). The direction points towards the lamp; it is not normalised, so
            its length scales the light. Tensors may have gradients.
    Returns:
        light itself, (N, K, 3).
    Raises:
        TypeError, ValueError: types, dtypes or shapes that do not fit.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> normals = torch.tensor([[[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]])  # one face up, one down
        >>> srf.directional_lighting(torch.zeros(1, 2, 3), normals, light_direction=(0.0, 1.0, 0.0))
        tensor([[[0.5000, 0.5000, 0.5000],
                 [0.0000, 0.0000, 0.0000]]])
    """
    return _added(light, _directional(light, normals, light_intensity, light_color, light_direction))


@full_precision
def _directional(
    light: Tensor, normals: Tensor, light_intensity: Scalar, light_color: Numbers, light_direction: Numbers
) -> Tensor:
    _check_light("light", light)
    check_real("normals", normals)
    check_same("normals", normals, light, "light")
    if normals.shape != light.shape:
        raise ValueError(
            f"normals must be of the shape of light, {tuple(light.shape)}, got shape {tuple(normals.shape)}"
        )
    towards_lamp = _fitting("light_direction", vectors("light_direction", light_direction, normals), light)
    cosine = F.relu((normals * towards_lamp[:, None]).sum(2))
    return _colour(light_intensity, light_color, light)[:, None] * cosine[:, :, None]


class AmbientLighting(nn.Module):
    """`functional.ambient_lighting` as a module, whose arguments it takes: forward(light) adds to light in place.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import AmbientLighting
        >>> AmbientLighting(light_intensity=0.25)(torch.zeros(1, 1, 3))
        tensor([[[0.2500, 0.2500, 0.2500]]])
    """

    def __init__(self, light_intensity: Scalar = 0.5, light_color: Numbers = WHITE) -> None:
        super().__init__()
        self.light_intensity = light_intensity
        self.light_color = light_color

    def forward(self, light: Tensor) -> Tensor:
        return ambient_lighting(light, self.light_intensity, self.light_color)


class DirectionalLighting(nn.Module):
    """`functional.directional_lighting` as a module: forward(light, normals) adds to light in place.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import DirectionalLighting
        >>> lamp = DirectionalLighting(light_intensity=0.5, light_direction=(0.0, 1.0, 0.0))
        >>> lamp(torch.zeros(1, 1, 3), normals=torch.tensor([[[0.0, 1.0, 0.0]]]))
        tensor([[[0.5000, 0.5000, 0.5000]]])
    """

    def __init__(
        self, light_intensity: Scalar = 0.5, light_color: Numbers = WHITE, light_direction: Numbers = UPWARDS
    ) -> None:
        super().__init__()
        self.light_intensity = light_intensity
        self.light_color = light_color
        self.light_direction = light_direction

    def forward(self, light: Tensor, normals: Tensor) -> Tensor:
        return directional_lighting(light, normals, self.light_intensity, self.light_color, self.light_direction)


class Lamps(nn.Module):
    """The lamps of a scene: `ambient`, and the list `directionals`, to which more may be appended."""

    def __init__(
        self,
        intensity_ambient: Scalar,
        color_ambient: Numbers,
        intensity_directionals: Scalar,
        color_directionals: Numbers,
        directions: Numbers,
    ) -> None:
        super().__init__()
        self.ambient = AmbientLighting(intensity_ambient, color_ambient)
        self.directionals = nn.ModuleList([DirectionalLighting(intensity_directionals, color_directionals, directions)])

    def lit_textures(self, mesh: Mesh) -> Textures:
        """The mesh's textures times the light on its faces ('surface', 'uv') or vertices ('vertex')."""
        mesh.check_sizes()
        surface = mesh.texture_type == "surface"
        normals = mesh.vertex_normals if mesh.texture_type == "vertex" else mesh.surface_normals
        light: Any = self.ambient(torch.zeros_like(normals))
        for lamp in self.directionals:
            light = lamp(light, normals)
        if mesh.texture_type == "uv":
            return lit(mesh.textures, light)
        return mesh.textures * (light[:, :, None] if surface else light)


def _added(light: Tensor, more: Tensor) -> Tensor:
    """light + more, in place; light of half precision, which autocast made, is written over as well, but the sum is
    handed on as it is."""
    if light.dtype == more.dtype:
        light += more
        return light
    total = light + more
    light.copy_(total)
    return total


def _colour(intensity: Scalar, colour: Numbers, light: Tensor) -> Tensor:
    """(N, 3) or (1, 3)."""
    intensities, colours = scalar_of("light_intensity", intensity, light), vectors("light_color", colour, light)
    check_counts("light_intensity and light_color", len(light), intensities, colours)
    return _fitting("light_color and light_intensity", intensities * colours, light)


def _fitting(name: str, rows: Tensor, light: Tensor) -> Tensor:
    if len(rows) > len(light):
        raise ValueError(f"{name} are of {len(rows)} meshes, the light is of {len(light)}: repeat the mesh")
    return rows


def _check_light(name: str, light: Tensor) -> None:
    if not isinstance(light, Tensor) or light.dim() != 3 or light.shape[2] != 3:
        got = tuple(light.shape) if isinstance(light, Tensor) else type(light).__name__
        raise ValueError(f"{name} must be a tensor (N, K, 3), got {got}")
    check_real(name, light)
