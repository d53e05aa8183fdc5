"""SoftRas' cameras: of vertices, and `Transform`, which chooses one by name and moves the mesh it is given."""

import numpy as np
from torch import Tensor, nn

from .._soft_renderer.arguments import Numbers, Scalar
from .._soft_renderer.cameras import FORWARDS, EyeCamera, LookAtCamera, LookCamera, ProjectionCamera
from .._soft_renderer.meshes import Mesh


class LookAt(LookAtCamera):
    __doc__ = LookAtCamera.__doc__

    def forward(self, vertices: Tensor) -> Tensor:
        """(N, V, 3), world units, to x, y in [-1, 1] across the picture and the depth."""
        return self.transform(vertices)


class Look(LookCamera):
    __doc__ = LookCamera.__doc__

    def forward(self, vertices: Tensor) -> Tensor:
        """(N, V, 3), world units, to x, y in [-1, 1] across the picture and the depth."""
        return self.transform(vertices)


class Projection(ProjectionCamera):
    __doc__ = ProjectionCamera.__doc__

    def forward(self, vertices: Tensor) -> Tensor:
        """(N, V, 3), world units, to x, y in [-1, 1] across the picture and the depth."""
        return self.transform(vertices)


class Transform(nn.Module):
    """One of the three cameras, by name; moves the vertices of a mesh, in place.

    Args:
        camera_mode: 'projection' (takes P, dist_coeffs, orig_size), 'look' (camera_direction and what 'look_at' takes)
            or 'look_at' (perspective, viewing_angle, viewing_scale, eye, up). See `Projection`, `Look`, `LookAt`.
    """

    def __init__(
        self,
        camera_mode: str = "projection",
        P: Tensor | np.ndarray | None = None,
        dist_coeffs: Numbers | None = None,
        orig_size: float | tuple[float, float] = 512,
        perspective: bool = True,
        viewing_angle: Scalar = 30,
        viewing_scale: Scalar = 1.0,
        eye: Numbers | None = None,
        camera_direction: Numbers = FORWARDS,
        *,
        up: Numbers | None = None,
    ) -> None:
        super().__init__()
        self.camera_mode = camera_mode
        self.transformer: LookAt | Look | Projection
        if camera_mode == "projection":
            self.transformer = Projection(P, dist_coeffs, orig_size)
        elif camera_mode == "look":
            self.transformer = Look(camera_direction, perspective, viewing_angle, viewing_scale, eye, up=up)
        elif camera_mode == "look_at":
            self.transformer = LookAt(perspective, viewing_angle, viewing_scale, eye, up=up)
        else:
            raise ValueError(f"camera_mode must be 'projection', 'look' or 'look_at', got {camera_mode!r}")

    def forward(self, mesh: Mesh) -> Mesh:
        """The same mesh, its vertices x, y in [-1, 1] and the depth; `Mesh.reset_` puts them back into the world.

        Seen by N cameras, one mesh becomes N that share faces and textures.
        """
        vertices, faces, textures = mesh.moved_to(self.transformer(mesh.vertices))
        mesh._set_vertices(vertices)
        mesh._set_faces(faces)
        mesh._set_textures(textures)
        return mesh

    def set_eyes_from_angles(self, distances: Scalar, elevations: Scalar, azimuths: Scalar) -> None:
        """Put the camera at these distances from the origin and angles in degrees: numbers, or tensors (N,)."""
        self._eye_camera().set_eyes_from_angles(distances, elevations, azimuths)

    def set_eyes(self, eyes: Numbers) -> None:
        """Put the camera at eyes, (3,) or (N, 3), world units."""
        self._eye_camera().set_eyes(eyes)

    @property
    def eyes(self) -> Numbers:
        """Where the camera stands, as it was set."""
        return self._eye_camera().eyes

    @property
    def is_perspective(self) -> bool:
        """Whether it divides x and y by depth."""
        return self.transformer.perspective if isinstance(self.transformer, EyeCamera) else True

    def _eye_camera(self) -> EyeCamera:
        if isinstance(self.transformer, EyeCamera):
            return self.transformer
        raise ValueError("camera_mode 'projection' has no eyes: its matrix says where the camera is")
