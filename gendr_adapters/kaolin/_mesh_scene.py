"""Kaolin's cameras, meshes, materials and lights as one scene: what our core takes, and what points of it show."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .._projected_meshes import ProjectedMeshes
from .._rendering import Rendered, gather_corners
from ..settings import RenderSettings
from ._cameras import Rays, is_pinhole, rays_of, see
from ._faces import warn_of_empty
from ._lighting import Lights, lights_of, shine
from ._materials import Material, Surface, material_lists, number_materials, read_materials, surface_at
from ._meshes import CornerAttributes, corner_attributes, joined, unbatched


class Points(NamedTuple):
    """P points of faces as seen from cameras.

    image, pixel (row * width + column), face (counted through all images): (P,) int64. weights: (P, 3), of the corners.
    """

    image: Tensor
    pixel: Tensor
    face: Tensor
    weights: Tensor


class Shaded(NamedTuple):
    """What is seen at P points: (P, 3) each, but uvs (P, 2), in [0, 1], and features (P, C)."""

    surface: Surface
    diffuse: Tensor
    specular: Tensor
    uvs: Tensor | None
    features: Tensor | None


class MeshScene(NamedTuple):
    """N images, of tensors alone: what becomes of Kaolin's objects later is not seen.

    meshes: of each image, with F faces in all, as our core takes them.

    facing: (F,), 1 where the camera sees a face's front (its corners counterclockwise), -1 for its back.
    attributes: of the faces of all meshes; attribute_row: (F,) int64, which of them each face is.
    """

    rays: Rays
    meshes: ProjectedMeshes
    facing: Tensor
    attributes: CornerAttributes
    attribute_row: Tensor
    materials: dict[int, Material]
    lights: Lights

    def picture(self, values: Tensor, points: Points) -> Tensor:
        """(N, height, width, C): values (P, C) at the pixels of points, one a pixel at most, 0 at the others."""
        n_images, (height, width) = len(self.meshes), self.meshes.image_size
        empty = values.new_zeros(n_images * height * width, values.shape[1])
        at = points.image * (height * width) + points.pixel
        return empty.index_copy(0, at, values).view(n_images, height, width, values.shape[1])

    def interpolate(self, points: Points) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
        """Normals, of any length, uvs in [0, 1], tangents and features at points, (P, .) each."""
        row = self.attribute_row.index_select(0, points.face)
        normals, uvs, tangents, features = (
            None if values is None else (points.weights[:, None] @ values.index_select(0, row))[:, 0]
            for values in self.attributes[:4]
        )
        assert normals is not None
        if uvs is not None:
            assert self.attributes.uvs is not None
            uvs = _in_its_repetition(uvs, self.attributes.uvs.index_select(0, row).mean(1))
        return normals, uvs, tangents, features

    def shade(self, points: Points) -> Shaded:
        """Materials and lights at points. Both sides of a face are lit: its normal is turned to the camera."""
        normals, uvs, tangents, features = self.interpolate(points)
        facing = self.facing.index_select(0, points.face)[:, None]
        which = self.attributes.material.index_select(0, self.attribute_row.index_select(0, points.face))
        surface = surface_at(self.materials, which, facing * normals, uvs, tangents)
        to_camera = self.rays.to_camera(points.image, points.pixel)
        diffuse, specular = shine(self.lights, surface, to_camera)
        return Shaded(surface, diffuse, specular, uvs, features)


def _in_its_repetition(uvs: Tensor, middles: Tensor) -> Tensor:
    """uvs (P, 2) less the corner of the texture's repetition in which they are, in [0, 1]. middles: of their faces.

    On the edge of a face that ends where its texture does, rounding would choose the repetition, and where textures end
    at their border another texel with it. So it is that of a place a little inside the face."""
    inside = torch.lerp(uvs.detach(), middles.detach(), 64 * torch.finfo(uvs.dtype).eps)
    rest = uvs - inside.floor()
    return rest + (rest.clamp(0, 1) - rest).detach()


def mesh_scene(
    camera: Any,
    mesh: Any,
    lighting: Any,
    custom_materials: Any,
    custom_material_assignments: Any,
    smooth: bool,
    settings: RenderSettings,
) -> MeshScene:
    """camera: checked. settings: what it sees, see `settings_for`. smooth: normals and textures as of Kaolin's backend
    'nvdiffrast'; else as of 'cuda'."""
    meshes = unbatched(mesh)
    n_cameras, n_meshes = len(camera), len(meshes)
    if n_cameras != n_meshes and 1 not in (n_cameras, n_meshes):
        raise ValueError(f"there must be as many cameras as meshes, or one of either, got {n_cameras} and {n_meshes}")
    vertices = [m.vertices for m in meshes]
    view = camera.extrinsics.view_matrix()
    if (vertices[0].dtype, vertices[0].device) != (view.dtype, view.device):
        raise TypeError(
            f"camera and mesh must share dtype and device, got {view.dtype} on {view.device} and {vertices[0].dtype} "
            f"on {vertices[0].device}"
        )
    faces = [m.faces.long() for m in meshes]
    lists = material_lists(meshes, custom_materials)
    materials, numbered = number_materials(meshes, lists, custom_material_assignments)
    attributes = [corner_attributes(m, smooth, number) for m, number in zip(meshes, numbered, strict=True)]

    seen = see(camera, vertices)
    shown = [i if n_meshes > 1 else 0 for i in range(len(seen))]
    face_vertices = [gather_corners(projected, faces[i]) for i, (_, projected) in zip(shown, seen, strict=True)]
    facing = [_facing(s.detach()[faces[i]], is_pinhole(camera)) for i, (s, _) in zip(shown, seen, strict=True)]
    if smooth or is_pinhole(camera):  # else nothing is behind the camera
        warn_of_empty(
            face_vertices[0],
            lambda: torch.stack([_is_behind(f[..., 2].detach(), smooth) for f in face_vertices]),
            "Are the cameras turned away, or were their poses made for a camera that looks along +z, as OpenCV's and "
            "PyTorch3D's do?",
        )
    starts = [0]
    for f in faces:
        starts.append(starts[-1] + f.shape[0])
    row = [torch.arange(starts[i], starts[i + 1], device=view.device) for i in shown]
    counts = torch.tensor([0, *(r.shape[0] for r in row)], device=view.device)
    turned = torch.cat(face_vertices) * view.new_tensor([1.0, 1.0, -1.0])  # our core's depth is positive in front
    image_size = (camera.intrinsics.height, camera.intrinsics.width)
    corners = joined(attributes, view.dtype)
    return MeshScene(
        rays_of(camera),
        ProjectedMeshes(turned, counts.cumsum(0), image_size, settings),
        torch.cat(facing),
        corners,
        torch.cat(row),
        read_materials(materials, corners.material, view, corners.uvs is not None, smooth),
        lights_of(lighting),
    )


def nearest_points(scene: MeshScene, outputs: Sequence[str] = ()) -> tuple[Rendered, Points]:
    """The nearest face at each pixel that has one, and where on it that is. Rendered: its face_index, and of 'alpha'
    and 'depth' what outputs name."""
    meshes = scene.meshes
    n_pixels = meshes.n_pixels
    # What is rendered is the corners' weights: materials and lights are looked up with them.
    corner_weights = torch.eye(3, dtype=meshes.face_vertices.dtype, device=meshes.face_vertices.device)
    hard = replace(meshes, settings=replace(meshes.settings, blend="hard"))
    drawn = hard.render(
        corner_weights.expand(meshes.face_vertices.shape[0], 3, 3), outputs=("image", "face_index", *outputs)
    )
    assert drawn.image is not None and drawn.face_index is not None
    face = drawn.face_index.flatten()
    at = (face >= 0).nonzero()[:, 0]
    image = at.div(n_pixels, rounding_mode="floor")
    weights = drawn.image.permute(0, 2, 3, 1).reshape(-1, 3).index_select(0, at)
    return drawn, Points(image, at % n_pixels, face[at] + meshes.face_offsets[image], weights)


def _is_behind(z: Tensor, cut: bool) -> Tensor:
    """Are all faces there are (z: (F, 3), of their corners) behind the camera? cut: what reaches behind it is cut, else
    it is left out."""
    behind = (z >= 0).all(1) if cut else (z >= 0).any(1)
    return behind.all() & (behind.numel() > 0)


def _facing(face_vertices: Tensor, pinhole: bool) -> Tensor:
    """(F,): 1 where the camera is on the side of a face from which its corners are counterclockwise; -1 on the other
    side. Right, too, for faces that reach behind the camera, whose projected corners turn round.

    face_vertices: (F, 3, 3), in camera space.
    """
    a, b, c = face_vertices.unbind(1)
    normal = torch.linalg.cross(b - a, c - a)
    return torch.sign(-(normal * a).sum(1) if pinhole else normal[:, 2])
