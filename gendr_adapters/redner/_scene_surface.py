"""SceneSurface: all shapes of a scene as one mesh, and what each point of it shows."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..render import gather_corners
from ._channels import channels
from ._homogeneous_mesh import HomogeneousMesh
from ._meshes import Shape, corner_indices
from ._normals import face_normals, unit
from ._scene import Scene
from ._textures import Texture

# (A, B, C) interpolated features, by name, and (A, B) faces to (A, B, D).
Values = Callable[[dict[str, Tensor], Tensor], Tensor]

_DEFAULT_UVS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
_TEXTURED = ("diffuse_reflectance", "specular_reflectance", "roughness", "generic_texture")
IDS = (channels.shape_id, channels.triangle_id, channels.material_id)


class SceneSurface:
    """The F faces and V vertices of a scene, and the values of its channels.

    mesh: what the camera sees. positions: (V, 3), world. features: (F, 3, C), values at the corners, of which `shade`
    makes channels; they are interpolated between.

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
        self._material = materials[self._shape]
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
        return [torch.where(hit, values(named, face), 0.0) for values in self._values.values()]

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
        table = {IDS[0]: self._shape, IDS[1]: self._triangle, IDS[2]: self._material}[channel]
        return torch.where(seen >= 0, table[seen.clamp(min=0)], 0).to(self._like)[..., None]

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
            part = getattr(self, f"_corner_{name}")()
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
        return self._material.to(self._like)[:, None, None].expand(-1, 3, 1)

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
        assert channel.value in _TEXTURED
        return self._reflectance(channel.value)

    def _depth(self, seen: dict[str, Tensor], face: Tensor) -> Tensor:
        away = seen["position"] - self._scene.camera.eye().to(self._like)
        squared = away.square().sum(-1, keepdim=True)
        return torch.where(squared > 0, squared, 1.0).sqrt()

    def _reflectance(self, name: str) -> Values:
        materials = self._scene.materials
        by_color = [name == "diffuse_reflectance" and material.use_vertex_color for material in materials]
        textures = [getattr(material, name) for material in materials]
        width = max((texture.channels for texture in textures if texture is not None), default=0)
        if width == 0:
            raise ValueError(f"channel {name!r} was asked for, but no material of the scene has one")
        self._need("material")
        if any(by_color):
            self._need("color")
        if any(texture is not None and not texture.is_constant for texture in textures):
            self._need("uv")

        def values(seen: dict[str, Tensor], face: Tensor) -> Tensor:
            number = torch.where(face >= 0, self._material[face.clamp(min=0)], -1)
            shown = self._like.new_zeros(*face.shape, width)
            for i, texture in enumerate(textures):
                mine = (number == i)[..., None]
                if by_color[i]:
                    shown = torch.where(mine, seen["color"], shown)
                elif texture is not None and texture.is_constant:
                    shown = torch.where(mine, _padded(texture.texels.to(self._like), width), shown)
                elif texture is not None:
                    shown = self._textured(shown, texture, seen["uv"], mine[..., 0])
            return shown

        return values

    def _textured(self, shown: Tensor, texture: Texture, uv: Tensor, mine: Tensor) -> Tensor:
        at = mine.flatten().nonzero()[:, 0]
        values = _padded(texture.sample(uv.flatten(0, -2).index_select(0, at)), shown.shape[-1])
        return shown.flatten(0, -2).index_copy(0, at, values).view_as(shown)


def _geometry_normal(seen: dict[str, Tensor], face: Tensor) -> Tensor:
    normal = unit(seen["face_normal"])
    return torch.where((normal * seen["normal"]).sum(-1, keepdim=True) < 0, -normal, normal)


def _padded(values: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(values, (0, width - values.shape[-1]))
