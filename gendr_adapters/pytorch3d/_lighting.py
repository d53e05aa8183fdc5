"""PyTorch3D's lights and materials on points of any layout, and vertex normals whose gradients repeat bit for bit."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from .. import ops
from .._rendering import gather_corners
from ._copies import own_copy


class Lighting(NamedTuple):
    """What lights a batch of N meshes: PyTorch3D's lights and materials, or what behaves like them, and the cameras'
    positions, (1, 3) or (N, 3), in world space."""

    lights: Any
    materials: Any
    eye: Tensor

    @property
    def can_pick(self) -> bool:
        return all(hasattr(x, "gather_props") for x in (self.lights, self.materials))

    def own_copy(self) -> "Lighting":
        """Of the same tensors."""
        return Lighting(own_copy(self.lights), own_copy(self.materials), self.eye)

    def pick(self, index: Tensor) -> "Lighting":
        """The entries of each batch at index; what has batch size 1 stays."""
        lights, materials = (x.clone().gather_props(index) for x in (self.lights, self.materials))
        return Lighting(lights, materials, self.eye[index] if self.eye.shape[0] > 1 else self.eye)

    def shine(self, points: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
        """What a surface multiplies its own colour by (ambient and diffuse light), and what it adds to it (specular).

        Phong's reflection model: (ambient + diffuse) texel + specular. points, normals: (N, ..., 3) in world space, or
        (P, 3) with an entry picked for each of the P. Colours of batch size N broadcast along the first axis, whatever
        is behind it: PyTorch3D's own function multiplies a material's (N, 3) with (N, H, W, K, 3) as they are, which is
        right for N = 1 alone.
        """

        def spread(colours: Tensor) -> Tensor:
            return colours.view(colours.shape[0], *[1] * (points.dim() - 2), colours.shape[-1])

        lights, materials = self.lights, self.materials
        diffuse = lights.diffuse(normals=normals, points=points)
        specular = lights.specular(
            normals=normals, points=points, camera_position=self.eye, shininess=materials.shininess
        )
        ambient = materials.ambient_color * lights.ambient_color
        return spread(ambient) + spread(materials.diffuse_color) * diffuse, spread(materials.specular_color) * specular


def vertex_normals(meshes: Any) -> Tensor:
    """(V, 3) unit normals, packed: the meshes' own where they have them, else PyTorch3D's mean of the faces' normals,
    weighted by area."""
    if meshes.has_verts_normals():
        return meshes.verts_normals_packed()
    verts, faces = meshes.verts_packed(), meshes.faces_packed()
    at_corners = face_cross_products(meshes)[:, None].expand(-1, 3, 3)
    sums = ops.apply("scatter_corners", at_corners[None], faces, verts.shape[0])[0]
    return unit(sums)


def unit(vectors: Tensor) -> Tensor:
    """(..., 3) of length 1, however short they were; 0 where they are 0.

    PyTorch3D divides by 1e-6 at least: the normals of its faces of less area come out short, and their light dim.
    """
    longest = vectors.detach().abs().amax(-1, keepdim=True)
    return torch.nn.functional.normalize(vectors / torch.where(longest > 0, longest, 1.0), dim=-1)


def face_cross_products(meshes: Any) -> Tensor:
    """(F, 3): the faces' normals, of twice their areas' length."""
    a, b, c = gather_corners(meshes.verts_packed(), meshes.faces_packed()).unbind(1)
    return torch.linalg.cross(b - a, c - a)


def lit_vertices(meshes: Any, lighting: Lighting) -> Tensor:
    """(V, 3): the colours of a mesh's vertices under the lights, for Gouraud shading."""
    if len(meshes) > 1:
        lighting = lighting.pick(meshes.verts_packed_to_mesh_idx())
    light, specular = lighting.shine(meshes.verts_packed(), vertex_normals(meshes))
    return meshes.textures.verts_features_packed() * light + specular
