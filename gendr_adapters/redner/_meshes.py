"""Shape and Object: triangle meshes with what they carry at their vertices."""

from typing import Any

import torch
from torch import Tensor

from ._arguments import FullPrecision, face_indices, rows
from ._materials import Material


class Shape(FullPrecision):
    """A triangle mesh that refers to a material by its number in the scene.

    Args:
        vertices: (n, 3) float32 or float64, world units.
        indices: (m, 3) integers, each in [0, n).
        material_id: the number of its material in the scene's list.
        uvs: (n, 2), texture coordinates of the vertices; or (k, 2), with uv_indices.
        normals: (n, 3), shading normals of the vertices; or (k, 3), with normal_indices.
        uv_indices, normal_indices: (m, 3) integers, which of the k rows each corner has.
        colors: (n, 3), for materials with use_vertex_color.

    The arguments are attributes that may be set anew; they are checked again when a scene is rendered.

    Raises:
        TypeError, ValueError: tensors that do not fit together, here or when rendered.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> vertices = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
        >>> faces = torch.tensor([[0, 1, 2]])
        >>> eye, up = torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.0, 1.0, 0.0])
        >>> fov = torch.tensor([45.0])
        >>> camera = pyredner.Camera(position=eye, look_at=torch.zeros(3), up=up, fov=fov, resolution=(24, 32))
        >>> shape = pyredner.Shape(vertices, faces, material_id=0)
        >>> scene = pyredner.Scene(camera, shapes=[shape], materials=[pyredner.Material(torch.ones(3))])
        >>> pyredner.render_albedo(scene, num_samples=1).shape
        torch.Size([24, 32, 3])
    """

    def __init__(
        self,
        vertices: Tensor,
        indices: Tensor,
        material_id: int,
        uvs: Tensor | None = None,
        normals: Tensor | None = None,
        uv_indices: Tensor | None = None,
        normal_indices: Tensor | None = None,
        colors: Tensor | None = None,
    ) -> None:
        self.vertices = vertices
        self.indices = indices
        self.material_id = material_id
        self.uvs = uvs
        self.normals = normals
        self.uv_indices = uv_indices
        self.normal_indices = normal_indices
        self.colors = colors
        self.check()

    def check(self) -> None:
        """Raise TypeError or ValueError unless everything fits together."""
        vertices = rows("vertices", self.vertices, 3)
        faces = face_indices("indices", self.indices, vertices.shape[0], vertices)
        for name, width in (("uvs", 2), ("normals", 3), ("colors", 3)):
            values = getattr(self, name)
            own = getattr(self, f"{name[:-1]}_indices", None)
            if values is None:
                if own is not None:
                    raise ValueError(f"{name[:-1]}_indices are given without {name}")
                continue
            rows(name, values, width)
            if own is not None:
                if face_indices(f"{name[:-1]}_indices", own, values.shape[0], values).shape != faces.shape:
                    raise ValueError(
                        f"{name[:-1]}_indices must have a row a triangle, {tuple(faces.shape)}, got {tuple(own.shape)}"
                    )
            elif values.shape[0] != vertices.shape[0]:
                raise ValueError(
                    f"{name} must have a row a vertex, {vertices.shape[0]}, unless {name[:-1]}_indices say otherwise, "
                    f"got {values.shape[0]}"
                )


class Object(FullPrecision):
    """A triangle mesh with its material.

    Args:
        vertices, indices, uvs, normals, uv_indices, normal_indices, colors: as for `Shape`.
        material: a Material.
        light_intensity, light_two_sided, directly_visible: ignored; they define area lights for path tracing.

    Raises:
        TypeError, ValueError: material is not a Material; else as `Shape`.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> vertices = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
        >>> faces = torch.tensor([[0, 1, 2]])
        >>> eye, up = torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.0, 1.0, 0.0])
        >>> fov = torch.tensor([45.0])
        >>> camera = pyredner.Camera(position=eye, look_at=torch.zeros(3), up=up, fov=fov, resolution=(24, 32))
        >>> triangle = pyredner.Object(vertices, faces, pyredner.Material(torch.ones(3)))
        >>> pyredner.render_albedo(pyredner.Scene(camera, objects=[triangle]), num_samples=1).shape
        torch.Size([24, 32, 3])
    """

    def __init__(
        self,
        vertices: Tensor,
        indices: Tensor,
        material: Material,
        light_intensity: Tensor | None = None,
        light_two_sided: bool = False,
        uvs: Tensor | None = None,
        normals: Tensor | None = None,
        uv_indices: Tensor | None = None,
        normal_indices: Tensor | None = None,
        colors: Tensor | None = None,
        directly_visible: bool = True,
    ) -> None:
        if not isinstance(material, Material):
            raise TypeError(f"material must be a Material, got {type(material).__name__}")
        self.vertices = vertices
        self.indices = indices
        self.material = material
        self.light_intensity = light_intensity
        self.light_two_sided = light_two_sided
        self.uvs = uvs
        self.normals = normals
        self.uv_indices = uv_indices
        self.normal_indices = normal_indices
        self.colors = colors
        self.directly_visible = directly_visible
        self.shape(0)

    def shape(self, material_id: int) -> Shape:
        """The `Shape` of this object, with the given number as its material_id."""
        return Shape(
            self.vertices,
            self.indices,
            material_id,
            self.uvs,
            self.normals,
            self.uv_indices,
            self.normal_indices,
            self.colors,
        )


def corner_indices(shape: Shape, own: Any) -> Tensor:
    """(m, 3) int64: those of its own a value may have, or the shape's."""
    index: Tensor = shape.indices if own is None else own
    return index.to(device=shape.vertices.device, dtype=torch.int64)
