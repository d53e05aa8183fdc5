"""SceneSurface: all shapes of a scene as one mesh, and what each point of it shows."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .._rendering import gather_corners
from ._channels import channels
from ._homogeneous_mesh import HomogeneousMesh
from ._meshes import Shape, corner_indices
from ._normals import face_normals, unit
from ._scene import Scene
from ._textures import Texture

# (A, B, C) interpolated features, by name, and (A, B) faces to (A, B, D).
Values = Callable[[dict[str, Tensor], Tensor], Tensor]

_DEFAULT_UVS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
TEXTURED = ("diffuse_reflectance", "specular_reflectance", "roughness", "generic_texture")
IDS = (channels.shape_id, channels.triangle_id, channels.material_id)


class Reflectance(NamedTuple):
    """One of TEXTURED. textures: of the materials; None: 0. by_color: which of them show vertex colours instead. width:
    C, the channels of the widest; behind the others' are zeros."""

    textures: list[Texture | None]
    by_color: list[bool]
    width: int

    def padded(self, values: Tensor) -> Tensor:
        """(..., C)"""
        return F.pad(values, (0, self.width - values.shape[-1]))


class SceneSurface:
    """The F faces and V vertices of a scene, and the values of its channels.

    mesh: what the camera sees. positions: (V, 3), world. features: (F, 3, C), values at the corners, of which `shade`
    makes channels; they are interpolated between. material: (F,), the number of each face's.

    Args:
        scene: a Scene. wanted: channels. device: where to compute; None: where the first shape's vertices are, whose
            dtype is that of everything.
    Raises:
        TypeError, ValueError: shapes that do not fit (they may have been changed), a camera that cannot be.
    """

    def __init__(self, scene: Scene, wanted: Sequence[channels], device: torch.device | None = None) -> None:
        for shape in scene.shapes:
            shape.check()
        first = scene.shapes[0].vertices
        self._like = like = first.new_empty(0, device=device or first.device)
        self._scene, self._wanted = scene, list(wanted)
        counts = [len(shape.indices) for shape in scene.shapes]
        number = torch.arange(len(counts), device=like.device)
        self._shape = number.repeat_interleave(torch.tensor(counts, device=like.device))
        self._triangle = torch.cat([torch.arange(n, device=like.device) for n in counts])
        materials = torch.tensor([shape.material_id for shape in scene.shapes], device=like.device)
        self.material = materials[self._shape]
        self.positions, faces = self._joined()
        _, _, height, width = scene.camera.frame()
        vertices = scene.camera.homogeneous_pixels(self.positions)
        self.mesh = HomogeneousMesh(vertices, faces, (height, width), scene.camera.clip_near)
        self._slices: dict[str, slice] = {}
        self._values = {channel: self._values_of(channel) for channel in self._wanted if channel not in IDS}
        self.features = self._corner_features()

    def channels_of(self, seen: Tensor, face: Tensor) -> list[Tensor]:
        """The channels that were wanted, without IDS, each (A, B, D), at points with interpolated features seen
        (A, B, C) of faces (A, B); 0 where the face is -1."""
        named = {name: seen[..., at] for name, at in self._slices.items()}
        hit = (face >= 0)[..., None]
        shown = {channel: torch.where(hit, values(named, face), 0.0) for channel, values in self._values.items()}
        return [shown[channel] for channel in self._wanted if channel not in IDS]

    def widths(self) -> list[int]:
        """How many numbers each of these channels has."""
        nothing = self.features.new_zeros(0, 1, self.features.shape[2])
        face = self.mesh.faces.new_zeros(0, 1)
        return [channel.shape[2] for channel in self.channels_of(nothing, face)]

    def ids_of(self, face: Tensor, channel: channels) -> Tensor:
        """(H, W, 1), one of IDS for the last of S samples (S, H, W) that sees a face; 0 where none does."""
        order = torch.arange(face.shape[0], device=face.device)[:, None, None]
        last = torch.where(face >= 0, order, 0).amax(0, keepdim=True)
        seen = face.gather(0, last)[0]
        table = {IDS[0]: self._shape, IDS[1]: self._triangle, IDS[2]: self.material}[channel]
        return F.pad(table, (0, 1))[seen].to(self._like)[..., None]  # the last one for -1

    def reflectance(self, name: str) -> Reflectance:
        """name: of TEXTURED. Raises ValueError where no material has it."""
        materials = self._scene.materials
        textures = [getattr(material, name) for material in materials]
        width = max((texture.channels for texture in textures if texture is not None), default=0)
        if width == 0:
            raise ValueError(f"channel {name!r} was asked for, but no material of the scene has one")
        by_color = [name == "diffuse_reflectance" and material.use_vertex_color for material in materials]
        return Reflectance(textures, by_color, width)

    def at_corners(self, name: str) -> Tensor:
        """(F, 3, ...): position, weights, face_normal, normal (unit where flat), uv, color or material."""
        values: Tensor = getattr(self, f"_corner_{name}")()
        return values

    def _joined(self) -> tuple[Tensor, Tensor]:
        positions = [shape.vertices.to(self._like) for shape in self._scene.shapes]
        faces, n = [], 0
        for shape, vertices in zip(self._scene.shapes, positions, strict=True):
            faces.append(corner_indices(shape, None).to(self._like.device) + n)
            n += vertices.shape[0]
        return torch.cat(positions), torch.cat(faces)

    # What is interpolated, by name; only what `_need` was asked for.

    def _need(self, *names: str) -> None:
        for name in names:
            self._slices.setdefault(name, slice(0, 0))

    def _corner_features(self) -> Tensor:
        parts, begin = [], 0
        for name in self._slices:
            part = self.at_corners(name)
            self._slices[name] = slice(begin, begin + part.shape[2])
            begin += part.shape[2]
            parts.append(part)
        n_faces = self.mesh.faces.shape[0]
        return torch.cat(parts, 2) if parts else self._like.new_zeros(n_faces, 3, 1)

    def _corner_position(self) -> Tensor:
        return gather_corners(self.positions, self.mesh.faces)

    def _corner_weights(self) -> Tensor:
        eye = torch.eye(3, dtype=self._like.dtype, device=self._like.device)
        return eye[:, 1:].expand(self.mesh.faces.shape[0], 3, 2)

    def _corner_face_normal(self) -> Tensor:
        return face_normals(self._corner_position())[:, None].expand(-1, 3, 3)

    def _corner_normal(self) -> Tensor:
        flat = self._corner_face_normal().split([len(shape.indices) for shape in self._scene.shapes])
        return torch.cat(
            [
                flat[i] if shape.normals is None else self._gathered(shape, shape.normals, shape.normal_indices)
                for i, shape in enumerate(self._scene.shapes)
            ]
        )

    def _corner_uv(self) -> Tensor:
        default = self._like.new_tensor(_DEFAULT_UVS)
        return torch.cat(
            [
                default.expand(len(shape.indices), 3, 2)
                if shape.uvs is None
                else self._gathered(shape, shape.uvs, shape.uv_indices)
                for shape in self._scene.shapes
            ]
        )

    def _corner_color(self) -> Tensor:
        return torch.cat(
            [
                self._like.new_zeros(len(shape.indices), 3, 3)
                if shape.colors is None
                else self._gathered(shape, shape.colors, None)
                for shape in self._scene.shapes
            ]
        )

    def _corner_material(self) -> Tensor:
        """The number of the material, so that edges between materials are known to be such."""
        return self.material.to(self._like)[:, None, None].expand(-1, 3, 1)

    def _gathered(self, shape: Shape, values: Tensor, own: Tensor | None) -> Tensor:
        return gather_corners(values.to(self._like), corner_indices(shape, own).to(self._like.device))

    # What the channels are of it.

    def _values_of(self, channel: channels) -> Values:
        if channel is channels.alpha:
            return lambda seen, face: (face >= 0)[..., None].to(self._like)
        if channel is channels.position:
            self._need("position")
            return lambda seen, face: seen["position"]
        if channel is channels.depth:
            self._need("position")
            return self._depth
        if channel is channels.shading_normal:
            self._need("normal")
            return lambda seen, face: unit(seen["normal"])
        if channel is channels.geometry_normal:
            self._need("normal", "face_normal")
            return _geometry_normal
        if channel is channels.uv:
            self._need("uv")
            return lambda seen, face: seen["uv"]
        if channel is channels.barycentric_coordinates:
            self._need("weights")
            return lambda seen, face: seen["weights"]
        if channel is channels.vertex_color:
            self._need("color")
            return lambda seen, face: seen["color"]
        assert channel.value in TEXTURED
        return self._reflectance(channel.value)

    def _depth(self, seen: dict[str, Tensor], face: Tensor) -> Tensor:
        away = seen["position"] - self._scene.camera.eye().to(self._like)
        squared = away.square().sum(-1, keepdim=True)
        return torch.where(squared > 0, squared, 1.0).sqrt()

    def _reflectance(self, name: str) -> Values:
        reflectance = self.reflectance(name)
        self._need("material")
        if any(reflectance.by_color):
            self._need("color")
        if any(texture is not None and not texture.is_constant for texture in reflectance.textures):
            self._need("uv")

        def values(seen: dict[str, Tensor], face: Tensor) -> Tensor:
            number = F.pad(self.material, (0, 1), value=-1)[face]  # the last one for face -1
            shown = self._like.new_zeros(*face.shape, reflectance.width)
            for i, texture in enumerate(reflectance.textures):
                mine = (number == i)[..., None]
                if reflectance.by_color[i]:
                    shown = torch.where(mine, seen["color"], shown)
                elif texture is not None and texture.is_constant:
                    shown = torch.where(mine, reflectance.padded(texture.texels.to(self._like)), shown)
                elif texture is not None:
                    at = mine.flatten().nonzero()[:, 0]
                    texels = texture.sample(seen["uv"].flatten(0, -2).index_select(0, at))
                    shown = shown.flatten(0, -2).index_copy(0, at, reflectance.padded(texels)).view_as(shown)
            return shown

        return values


def _geometry_normal(seen: dict[str, Tensor], face: Tensor) -> Tensor:
    normal = unit(seen["face_normal"])
    return torch.where((normal * seen["normal"]).sum(-1, keepdim=True) < 0, -normal, normal)
