"""Mesh: a triangle mesh with its texture or colours, as tensors."""

from typing import NamedTuple

import torch
from torch import Tensor

from .._rendering import gather_corners
from ..shading import TextureMaps

GREY = 0.7  # of meshes without colours: bright, and not as white as a usual background


class Mesh(NamedTuple):
    """A triangle mesh with V vertices and F faces, and optionally a texture, colours and normals. A named tuple.

    vertices: (V, 3), world units.
    faces: (F, 3) int64, vertex indices in [0, V), counter-clockwise seen from outside.
    uvs: (F, 3, 2), texture coordinates of the corners. u points right and v up; (0, 0) is the lower left corner of the
        texture, (1, 1) the upper right one. Outside [0, 1] the texture repeats.
    texture: (H, W, 3) in [0, 1], row 0 is the top.
    vertex_colours: (V, 3) in [0, 1].
    normals: (F, 3, 3), of the corners, of any length. `vertex_normals` computes normals of vertices.

    Fields that the mesh does not have are None. `mesh._replace(vertices=moved)` is the same mesh with other vertices.

    >>> import torch
    >>> from gendr_adapters import Mesh
    >>> Mesh(torch.eye(3), torch.tensor([[0, 1, 2]])).features().shape  # grey: one colour for each corner of each face
    torch.Size([1, 1, 3, 3])
    """

    vertices: Tensor
    faces: Tensor
    uvs: Tensor | None = None
    texture: Tensor | None = None
    vertex_colours: Tensor | None = None
    normals: Tensor | None = None

    def features(self, n_images: int = 1) -> Tensor | TextureMaps:
        """Return the mesh's texture or colours as the argument `features` of `render`.

        It is the texture if there is one, else the vertex colours, else grey. n_images: number of cameras that see the
        mesh, the batch size B of `render`.

        Returns:
            TextureMaps, or a tensor (n_images, F, 3, 3), with gradients to texture, uvs and vertex_colours.
        Raises:
            ValueError: the mesh has a texture but no uvs.
        """
        if self.texture is not None:
            if self.uvs is None:
                raise ValueError("the mesh has a texture but no uvs, so the faces have no texture coordinates")
            return TextureMaps(self.texture, self.uvs, padding="repeat")
        if self.vertex_colours is None:
            return self.vertices.new_full((1, 1, 1, 1), GREY).expand(n_images, self.faces.shape[0], 3, 3)
        return gather_corners(self.vertex_colours, self.faces).expand(n_images, -1, -1, -1)

    def to(self, target: torch.device | torch.dtype | str) -> "Mesh":
        """Return the mesh on another device, or with floating-point tensors of another dtype. faces stay int64."""
        is_dtype = isinstance(target, torch.dtype)
        moved = [None if x is None else x if is_dtype and x is self.faces else x.to(target) for x in self]
        return Mesh(*moved)  # type: ignore[arg-type] # vertices and faces are not None
