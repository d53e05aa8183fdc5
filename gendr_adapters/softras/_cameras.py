"""SoftRas' cameras: of vertices, and `Transform`, which chooses one by name and moves the mesh it is given."""

import numpy as np
from torch import Tensor, nn

from .._soft_renderer.arguments import Numbers, Scalar
from .._soft_renderer.cameras import FORWARDS, EyeCamera, LookAtCamera, LookCamera, ProjectionCamera, with_example
from .._soft_renderer.meshes import Mesh


class LookAt(LookAtCamera):
    __doc__ = with_example(
        LookAtCamera,
        """
    >>> import torch
    >>> from gendr_adapters import softras
    >>> camera = softras.LookAt(viewing_angle=45.0, eye=(0.0, 0.0, -2.0))
    >>> camera(torch.tensor([[[0.5, 0.25, 0.0]]]))  # x and y in the image, depth
    tensor([[[0.2500, 0.1250, 2.0000]]])
    """,
    )

    def forward(self, vertices: Tensor) -> Tensor:
        """Vertices (N, V, 3), world units, as (N, V, 3): x, y in [-1, 1] across the image, and the depth."""
        return self.transform(vertices)


class Look(LookCamera):
    __doc__ = with_example(
        LookCamera,
        """
    >>> import torch
    >>> from gendr_adapters import softras
    >>> camera = softras.Look(camera_direction=(0.0, 0.0, 1.0), viewing_angle=45.0, eye=(0.0, 0.0, -2.0))
    >>> camera(torch.tensor([[[0.5, 0.25, 0.0]]]))  # x and y in the image, depth
    tensor([[[0.2500, 0.1250, 2.0000]]])
    """,
    )

    def forward(self, vertices: Tensor) -> Tensor:
        """Vertices (N, V, 3), world units, as (N, V, 3): x, y in [-1, 1] across the image, and the depth."""
        return self.transform(vertices)


class Projection(ProjectionCamera):
    __doc__ = with_example(
        ProjectionCamera,
        """
    >>> import torch
    >>> from gendr_adapters import softras
    >>> P = torch.tensor([[[256.0, 0.0, 256.0, 0.0], [0.0, 256.0, 256.0, 0.0], [0.0, 0.0, 1.0, 0.0]]])  # K [I|0]
    >>> softras.Projection(P, orig_size=512)(torch.tensor([[[0.5, 0.25, 2.0]]]))  # x and y in the image, depth
    tensor([[[0.2500, 0.1250, 2.0000]]])
    """,
    )

    def forward(self, vertices: Tensor) -> Tensor:
        """Vertices (N, V, 3), world units, as (N, V, 3): x, y in [-1, 1] across the image, and the depth."""
        return self.transform(vertices)


class Transform(nn.Module):
    """One of the three cameras, chosen by name; it transforms the vertices of a mesh in place.

    Args:
        camera_mode: 'projection', 'look' or 'look_at': the camera is a `Projection`, a `Look` or a `LookAt`.
        P, dist_coeffs, orig_size: of `Projection`; ignored otherwise.
        perspective, viewing_angle, viewing_scale, eye, up: of `LookAt` and `Look`; ignored otherwise.
        camera_direction: of `Look`; ignored otherwise.

    Raises:
        ValueError: another camera_mode; a P or orig_size that do not fit.

    Example:
        >>> from gendr_adapters import data, softras
        >>> mesh = softras.Mesh.from_obj(data.path("airplane.obj"))
        >>> camera = softras.Transform("look_at")
        >>> camera.set_eyes_from_angles(2.0, 30.0, 45.0)
        >>> bool((camera(mesh).vertices[..., 2] > 0).all())  # depths: the mesh is in front of the camera
        True
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
        """The same mesh; its vertices are now x, y in [-1, 1] and the depth. `Mesh.reset_` restores the world's.

        With N cameras, one mesh becomes N meshes that share faces and textures.
        """
        vertices, faces, textures = mesh.moved_to(self.transformer(mesh.vertices))
        mesh._set_vertices(vertices)
        mesh._set_faces(faces)
        mesh._set_textures(textures)
        return mesh

    def set_eyes_from_angles(self, distances: Scalar, elevations: Scalar, azimuths: Scalar) -> None:
        """Put the camera at these distances from the origin and these angles in degrees: numbers, or tensors (N,).

        See `functional.get_points_from_angles`. Raises ValueError with camera_mode 'projection'.
        """
        self._eye_camera().set_eyes_from_angles(distances, elevations, azimuths)

    def set_eyes(self, eyes: Numbers) -> None:
        """Put the camera at eyes, (3,) or (N, 3), world units. Raises ValueError with camera_mode 'projection'."""
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
