"""GenDR's cameras: of a mesh, of which they return a new one; and its two projections."""

from .._soft_renderer.cameras import Camera, LookAtCamera, LookCamera, ProjectionCamera, with_example
from .._soft_renderer.meshes import Mesh
from .._soft_renderer.projections import orthogonal, perspective

__all__ = ["Look", "LookAt", "Projection", "Transform", "orthogonal", "perspective"]


class Transform(Camera):
    """The base class of cameras of meshes. A subclass has a method transform(vertices), (N, V, 3) to (N, V, 3).

    Example:
        >>> from gendr_adapters import data, gendr
        >>> class Ahead(gendr.transform.Transform):
        ...     def transform(self, vertices):
        ...         return vertices + vertices.new_tensor([0.0, 0.0, 2.0])
        >>> mesh = gendr.Mesh.from_obj(data.path("airplane.obj"))
        >>> bool((Ahead()(mesh).vertices[..., 2] > mesh.vertices[..., 2]).all())
        True
    """

    def forward(self, mesh: Mesh) -> Mesh:
        """A new mesh; its vertices are x, y in [-1, 1] across the image and the depth.

        With N cameras, one mesh becomes N meshes that share faces and textures.
        """
        vertices, faces, textures = mesh.moved_to(self.transform(mesh.vertices))
        return Mesh(vertices, faces, textures, mesh.texture_res, mesh.texture_type)


class LookAt(LookAtCamera, Transform):  # noqa: D101 (of the camera)
    __doc__ = with_example(
        LookAtCamera,
        """
    >>> from gendr_adapters import data, gendr
    >>> mesh = gendr.Mesh.from_obj(data.path("airplane.obj"))
    >>> camera = gendr.LookAt(viewing_angle=15.0)
    >>> camera.set_eyes_from_angles(2.0, 30.0, 45.0)
    >>> bool((camera(mesh).vertices[..., 2] > 0).all())  # depths: the mesh is in front of the camera
    True
    """,
    )


class Look(LookCamera, Transform):  # noqa: D101 (of the camera)
    __doc__ = with_example(
        LookCamera,
        """
    >>> from gendr_adapters import data, gendr
    >>> mesh = gendr.Mesh.from_obj(data.path("airplane.obj"))
    >>> camera = gendr.Look(camera_direction=(0.0, 0.0, 1.0), eye=(0.0, 0.0, -2.0))
    >>> bool((camera(mesh).vertices[..., 2] > 0).all())  # depths: the mesh is in front of the camera
    True
    """,
    )


class Projection(ProjectionCamera, Transform):  # noqa: D101 (of the camera)
    __doc__ = with_example(
        ProjectionCamera,
        """
    >>> import torch
    >>> from gendr_adapters import data, gendr
    >>> P = torch.tensor([[[512.0, 0.0, 256.0, 512.0], [0.0, 512.0, 256.0, 512.0], [0.0, 0.0, 1.0, 2.0]]])  # K [I|t]
    >>> mesh = gendr.Mesh.from_obj(data.path("airplane.obj"))
    >>> bool((gendr.Projection(P, orig_size=512)(mesh).vertices[..., 2] > 0).all())  # in front of the camera
    True
    """,
    )
