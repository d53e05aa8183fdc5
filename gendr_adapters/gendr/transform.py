"""GenDR's cameras: of a mesh, of which they return a new one; and its two projections."""

from .._soft_renderer.cameras import Camera, LookAtCamera, LookCamera, ProjectionCamera
from .._soft_renderer.meshes import Mesh
from .._soft_renderer.projections import orthogonal, perspective

__all__ = ["Look", "LookAt", "Projection", "Transform", "orthogonal", "perspective"]


class Transform(Camera):
    """A camera of meshes; a subclass says in `transform` what becomes of vertices (N, V, 3)."""

    def forward(self, mesh: Mesh) -> Mesh:
        """A new mesh, its vertices x, y in [-1, 1] across the picture and the depth; of one mesh that N cameras see, N
        meshes that share faces and textures."""
        vertices, faces, textures = mesh.moved_to(self.transform(mesh.vertices))
        return Mesh(vertices, faces, textures, mesh.texture_res, mesh.texture_type)


class LookAt(LookAtCamera, Transform):  # noqa: D101 (of the camera)
    __doc__ = LookAtCamera.__doc__


class Look(LookCamera, Transform):  # noqa: D101 (of the camera)
    __doc__ = LookCamera.__doc__


class Projection(ProjectionCamera, Transform):  # noqa: D101 (of the camera)
    __doc__ = ProjectionCamera.__doc__
