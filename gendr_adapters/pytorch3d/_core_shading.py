"""PyTorch3D's textures, lights and materials as the core takes them: features and lighting of `render`.

`show` translates exactly PyTorch3D's own classes. For anything else it raises BeyondTheCore; that is shaded fragment by
fragment (_fragment_shading).
"""

from functools import reduce
from typing import Any, NamedTuple

import torch
from pytorch3d.renderer import (
    AmbientLights,
    DirectionalLights,
    Materials,
    PointLights,
    TexturesAtlas,
    TexturesUV,
    TexturesVertex,
)
from pytorch3d.structures import Meshes
from torch import Tensor

from .._projected_meshes import ProjectedMeshes
from .._rendering import gather_corners
from ..shading import Lighting as CoreLighting
from ..shading import TextureMaps
from ._lighting import Lighting, face_cross_products, lit_vertices, unit, vertex_normals

_COLOURS = {
    TexturesVertex: TexturesVertex.verts_features_packed,
    TexturesAtlas: TexturesAtlas.atlas_packed,
    TexturesUV: TexturesUV.maps_padded,
}
# Where a light is, and the fourth of its homogeneous coordinates.
_PLACES = {PointLights: ("location", 1.0), DirectionalLights: ("direction", 0.0), AmbientLights: (None, 0.0)}
# Corners' uvs are moved into their face by this much, in units of rounding, where one texel is chosen.
_INSIDE = 16


class BeyondTheCore(Exception):
    """The core cannot show this; the message says why, to follow a colon."""


class Surface(NamedTuple):
    """positions and normals at the corners of the faces, (F, 3, 3) each, in world space."""

    positions: Tensor
    normals: Tensor


class Shown(NamedTuple):
    """What `render` shows of N meshes, in one dtype. lighting: (1 or N, ...), except for what is of corners."""

    features: Tensor | TextureMaps
    lighting: CoreLighting | None = None

    @property
    def _colours(self) -> Tensor:
        return self.features.maps if isinstance(self.features, TextureMaps) else self.features

    @property
    def dtype(self) -> torch.dtype:
        return self._colours.dtype

    @property
    def n_channels(self) -> int:
        return self._colours.shape[-1]

    def of_image(self, i: int, bounds: list[int]) -> "Shown":
        """bounds: where each image's faces begin, and where the last one's end."""
        faces = slice(bounds[i], bounds[i + 1])

        def own(rows: Any) -> Any:
            return rows[i : i + 1] if isinstance(rows, Tensor) and rows.shape[0] > 1 else rows

        features, lighting = self.features, self.lighting
        if isinstance(features, TextureMaps):
            features = features._replace(maps=own(features.maps), uvs=features.uvs[faces])
        else:
            features = features[faces]
        if lighting is not None:
            positions, normals, *rest = lighting
            lighting = CoreLighting(positions[faces], normals[faces], *map(own, rest))
        return Shown(features, lighting)

    def with_ones(self) -> "Shown":
        """With a channel appended that is 1 everywhere, under any light."""
        features, lighting = self.features, self.lighting
        if isinstance(features, TextureMaps):
            assert features.padding != "zeros"  # where it would be 0
            features = features._replace(maps=with_channel(features.maps, 1.0))
        else:
            features = with_channel(features, 1.0)
        if lighting is not None:
            lighting = lighting._replace(ambient=with_channel(lighting.ambient, 1.0))
            if lighting.diffuse is not None and lighting.specular is not None:
                lighting = lighting._replace(
                    diffuse=with_channel(lighting.diffuse, 0.0), specular=with_channel(lighting.specular, 0.0)
                )
        return Shown(features, lighting)


def phong_surface(meshes: Any) -> Surface:
    """Vertices, and their normals."""
    faces = meshes.faces_packed()
    return Surface(gather_corners(meshes.verts_packed(), faces), gather_corners(vertex_normals(meshes), faces))


def flat_surface(meshes: Any) -> Surface:
    """The middle of each face, and its own normal."""
    middles = gather_corners(meshes.verts_packed(), meshes.faces_packed()).mean(1)
    normals = unit(face_cross_products(meshes))
    return Surface(*(x[:, None].expand(-1, 3, -1) for x in (middles, normals)))


def lit_corners(meshes: Any, projected: ProjectedMeshes, lighting: Lighting) -> Shown:
    """The colours of the vertices under the lights, for Gouraud shading."""
    colours = gather_corners(lit_vertices(meshes, lighting), meshes.faces_packed())
    return Shown(colours.to(torch.promote_types(colours.dtype, projected.face_vertices.dtype)))


def normals_as_colours(meshes: Any, projected: ProjectedMeshes) -> Shown:
    """Unit normals, interpolated from the vertices': what diffuse light from both ends of three axes shows of them,

    sum over the axes q of q max(n . q, 0) - q max(n . -q, 0) = n."""
    at_corners = gather_corners(vertex_normals(meshes), meshes.faces_packed())
    at_corners = at_corners.to(torch.promote_types(at_corners.dtype, projected.face_vertices.dtype))
    # The light divides vectors shorter than 1e-6 by that; the common length of a face's normals does not change them.
    longest = at_corners.detach().abs().amax((1, 2), keepdim=True)
    at_corners = at_corners / torch.where(longest > 0, longest, 1.0)
    axes = _light_axes(at_corners)
    ends = torch.cat([axes, -axes])[None]
    nothing = at_corners.new_zeros(1, 3)
    directions = torch.nn.functional.pad(ends, (0, 1))
    light = CoreLighting(torch.zeros_like(at_corners), at_corners, nothing, nothing, directions, diffuse=ends)
    return Shown(torch.ones_like(at_corners), light)


def _light_axes(like: Tensor) -> Tensor:
    """(3, 3), orthonormal rows: 1 - 2 v v^T with v^2 = (2, 3, 7) / 12.

    Light has no slope at a right angle to the normal. Normals whose components are in a rational proportion, such as
    those along an axis, are at a right angle to none of these: 1 and the roots that a row has are linearly independent.
    """
    v = (torch.tensor([2.0, 3.0, 7.0], dtype=torch.float64, device=like.device) / 12).sqrt()
    return (torch.eye(3, dtype=torch.float64, device=like.device) - 2 * torch.outer(v, v)).to(like)


def with_channel(values: Tensor, value: float) -> Tensor:
    return torch.cat([values, torch.full_like(values[..., :1], value)], -1)


def show(meshes: Any, projected: ProjectedMeshes, lighting: Lighting, surface: Surface) -> Shown:
    """meshes: those that were projected, not all empty. Raises BeyondTheCore."""
    colours, light = _colours_of(meshes, projected), _light_of(lighting, len(meshes))
    widths = [colours.shape[-1], *(x.shape[-1] for name, x in light.items() if " of " in name)]
    n_channels = max(widths)
    if 0 in widths or any(width not in (1, n_channels) for width in widths):
        raise BeyondTheCore("textures, lights and materials have different numbers of channels")
    tensors = (projected.face_vertices, colours, *surface, *light.values())
    dtype = reduce(torch.promote_types, (x.dtype for x in tensors))
    features = _features_of(meshes, colours, dtype, n_channels)
    surface = Surface(*(x.to(dtype) for x in surface))
    light = {name: x.to(dtype) for name, x in light.items()}
    return Shown(features, _lighting_on(surface, light, _PLACES[type(lighting.lights)][1], n_channels))


def _colours_of(meshes: Any, projected: ProjectedMeshes) -> Tensor:
    textures = meshes.textures
    if type(textures) not in _COLOURS or "sample_textures" in vars(textures):
        raise BeyondTheCore(f"textures are {type(textures).__name__}, not exactly one of PyTorch3D's classes")
    if type(meshes).sample_textures is not Meshes.sample_textures:
        raise BeyondTheCore(f"meshes are {type(meshes).__name__}, with textures in a way of their own")
    if not textures.check_shapes(meshes._N, meshes._V, meshes._F):
        raise BeyondTheCore("textures do not fit the meshes")
    colours: Tensor = _COLOURS[type(textures)](textures)
    if not colours.is_floating_point():
        raise BeyondTheCore(f"textures are of {colours.dtype}")
    if isinstance(textures, TexturesUV) and colours.dim() != 4:
        raise BeyondTheCore("a mesh has several texture maps")
    settings = projected.settings
    if isinstance(textures, TexturesAtlas) and settings.clip == "none" and settings.reach != 0:
        raise BeyondTheCore("an atlas is looked up with weights that are not clipped")
    return colours


def _features_of(meshes: Any, colours: Tensor, dtype: torch.dtype, n_channels: int) -> Tensor | TextureMaps:
    textures = meshes.textures
    if isinstance(textures, TexturesUV) and colours.stride(0) == 0:
        colours = colours[:1]  # one map, N times
    colours = colours.to(dtype).expand(*colours.shape[:-1], n_channels)
    if isinstance(textures, TexturesVertex):
        return gather_corners(colours, meshes.faces_packed())
    if isinstance(textures, TexturesAtlas):
        return colours.flatten(1, 2)
    uvs = _uvs_of(textures, dtype)
    nearest = textures.sampling_mode == "nearest"
    return TextureMaps(
        colours,
        _off_the_outline(uvs) if nearest else uvs,
        filter=textures.sampling_mode,
        padding=textures.padding_mode,
        align_corners=bool(textures.align_corners),
    )


def _uvs_of(textures: Any, dtype: torch.dtype) -> Tensor:
    """(F, 3, 2), packed."""
    points, faces, first = textures.verts_uvs_list(), [], 0
    for own, corners in zip(points, textures.faces_uvs_list(), strict=True):
        corners = corners.long()
        # As an index of torch's, -1 is the last one: so PyTorch3D loads faces without uvs.
        faces.append(torch.where(corners < 0, corners + own.shape[0], corners) + first)
        first += own.shape[0]
    return gather_corners(torch.cat(list(points)).to(dtype), torch.cat(faces))


def _off_the_outline(uvs: Tensor) -> Tensor:
    """uvs (F, 3, 2) moved into their faces by a few roundings. Clipped weights are of points on a face's outline, where
    texels often end; a point just inside has the texel that the face shows there. Without a gradient, as the texel."""
    uvs = uvs.detach()
    inwards = uvs.mean(1, keepdim=True) - uvs
    size = inwards.abs().amax((1, 2), keepdim=True)
    step = _INSIDE * torch.finfo(uvs.dtype).eps * uvs.abs().amax((1, 2), keepdim=True).clamp(min=1.0)
    return uvs + inwards * (step / size.clamp(min=torch.finfo(uvs.dtype).tiny)).clamp(max=1e-2)


def _light_of(lighting: Lighting, n_images: int) -> dict[str, Tensor]:
    """The tensors that make the light, (1 or N, ...) each, by name."""
    lights, materials, eye = lighting
    if type(lights) not in _PLACES or {"diffuse", "specular"} & vars(lights).keys():
        raise BeyondTheCore(f"lights are {type(lights).__name__}, not exactly one of PyTorch3D's classes")
    if type(materials) is not Materials:
        raise BeyondTheCore(f"materials are {type(materials).__name__}, not exactly PyTorch3D's class")
    place, _ = _PLACES[type(lights)]
    tensors = {
        "eye": eye,
        "shininess": materials.shininess,
        **{f"{name} of materials": getattr(materials, f"{name}_color") for name in ("ambient", "diffuse", "specular")},
        "ambient of lights": lights.ambient_color,
    }
    if place is not None:
        tensors |= {"place": getattr(lights, place)}
        tensors |= {f"{name} of lights": getattr(lights, f"{name}_color") for name in ("diffuse", "specular")}
    for name, value in tensors.items():
        n_axes = 1 if name == "shininess" else 2
        if not isinstance(value, Tensor) or value.dim() != n_axes or value.shape[0] not in (1, n_images):
            raise BeyondTheCore(f"{name} is not one row, or one for each of {n_images} meshes")
        if name in ("eye", "place") and value.shape[1] != 3:
            raise BeyondTheCore(f"{name} is not (1 or N, 3)")
    return tensors


def _lighting_on(surface: Surface, light: dict[str, Tensor], w: float, n_channels: int) -> CoreLighting:
    """surface and light: of one dtype; w: of the light's homogeneous coordinates."""

    def colours(name: str) -> Tensor:
        return (light[f"{name} of materials"] * light[f"{name} of lights"]).expand(-1, n_channels)

    if "place" not in light:
        return CoreLighting(*surface, light["eye"], colours("ambient"))
    place = torch.nn.functional.pad(light["place"], (0, 1), value=w)
    return CoreLighting(
        *surface,
        light["eye"],
        colours("ambient"),
        place[:, None],
        colours("diffuse")[:, None],
        colours("specular")[:, None],
        light["shininess"],
    )
