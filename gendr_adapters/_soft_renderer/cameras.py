"""The cameras of SoftRas and GenDR as modules: `transform` takes vertices to x, y in [-1, 1] and the depth z.

The doors differ in what `forward` takes: SoftRas' cameras vertices, GenDR's a mesh, of which they return a new one.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from .._autocast import full_precision
from .arguments import Numbers, Scalar
from .look_at import UPWARDS, above_from_angles, get_points_from_angles, look, seen_at
from .projections import check_orig_size, orthogonal, perspective, projection

FORWARDS = (0.0, 0.0, 1.0)


class Camera(nn.Module):
    """What every camera has: `transform`, (N, V, 3) world units to (N, V, 3) in the picture."""

    def transform(self, vertices: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not say how it transforms vertices")


class EyeCamera(Camera):
    """A camera that stands at an eye: `set_eyes`, `set_eyes_from_angles`, `eyes`."""

    def __init__(
        self,
        perspective: bool,
        viewing_angle: Scalar,
        viewing_scale: Scalar,
        eye: Numbers | None,
        up: Numbers | None,
    ) -> None:
        super().__init__()
        self.perspective = perspective
        self.viewing_angle = viewing_angle
        self.viewing_scale = viewing_scale
        self.up = up
        self._eye: Numbers
        self.set_eyes(_default_eye(viewing_angle) if eye is None else eye)

    def set_eyes(self, eyes: Numbers) -> None:
        """Stand at eyes, (3,) or (N, 3): tensors, which may have gradients, arrays or numbers; world units."""
        self._parameters.pop("_eye", None)  # torch lets nothing but another take the place of a parameter
        self._eye = eyes
        self._above: Numbers | None = None

    def set_eyes_from_angles(self, distances: Scalar, elevations: Scalar, azimuths: Scalar) -> None:
        """Stand at these distances from the origin and angles in degrees; see `get_points_from_angles`. At elevations
        of 90 and -90, where eyes alone do not tell the azimuth, the picture is turned to it."""
        self.set_eyes(get_points_from_angles(distances, elevations, azimuths))
        self._above = above_from_angles(elevations, azimuths)

    @property
    def eyes(self) -> Numbers:
        """Where the camera stands, as it was set."""
        return self._eye

    def _onto_picture(self, seen: Tensor) -> Tensor:
        if self.perspective:
            return perspective(seen, angle=self.viewing_angle)
        return orthogonal(seen, scale=self.viewing_scale)


class LookAtCamera(EyeCamera):
    """Looks from the eye at the origin; see `look_at`, `perspective`, `orthogonal`.

    Args:
        perspective: whether things get smaller with their depth.
        viewing_angle: degrees from the view direction to the picture's border, of a picture that is not square to the
            nearer one; a tensor () or (N,) may have a gradient.
        viewing_scale: of the orthogonal projection.
        eye: (3,) or (N, 3); by default on the negative z axis, where [-1, 1] at z = -1 fills the picture. For one mesh
            (1, V, 3) N eyes give N pictures.
        up: (3,) or (N, 3), world; None: (0, 1, 0). Where it points along the view, as at elevations of 90 and -90, the
            view's x axis is the world's (see `view_axes` for other ups), and with eyes set from angles it is that of
            nearby elevations at the same azimuth.
    """

    def __init__(
        self,
        perspective: bool = True,
        viewing_angle: Scalar = 30,
        viewing_scale: Scalar = 1.0,
        eye: Numbers | None = None,
        *,
        up: Numbers | None = None,
    ) -> None:
        super().__init__(perspective, viewing_angle, viewing_scale, eye, up)

    def transform(self, vertices: Tensor) -> Tensor:
        up, above = (UPWARDS, self._above) if self.up is None else (self.up, None)
        return self._onto_picture(seen_at(vertices, self._eye, (0.0, 0.0, 0.0), up, above))


class LookCamera(EyeCamera):
    """Looks from the eye along `camera_direction`, (3,) or (N, 3); else as `LookAtCamera`, but eyes set from angles say
    nothing about an up along the view."""

    def __init__(
        self,
        camera_direction: Numbers = FORWARDS,
        perspective: bool = True,
        viewing_angle: Scalar = 30,
        viewing_scale: Scalar = 1.0,
        eye: Numbers | None = None,
        *,
        up: Numbers | None = None,
    ) -> None:
        super().__init__(perspective, viewing_angle, viewing_scale, eye, up)
        self.camera_direction = camera_direction

    def transform(self, vertices: Tensor) -> Tensor:
        return self._onto_picture(look(vertices, self._eye, self.camera_direction, self.up))


class ProjectionCamera(Camera):
    """Sees through a projection matrix; see `projection`.

    Args:
        P: (N, 3, 4), tensor or array.
        dist_coeffs: k1, k2, p1, p2, k3: (5,) or (N, 5); by default 0.
        orig_size: side of the picture in the unit of what P gives; of one that is not square, (H, W).
    """

    def __init__(
        self,
        P: Tensor | np.ndarray | None,
        dist_coeffs: Numbers | None = None,
        orig_size: float | tuple[float, float] = 512,
    ) -> None:
        super().__init__()
        matrix = torch.from_numpy(P) if isinstance(P, np.ndarray) else P
        if not isinstance(matrix, Tensor) or matrix.dim() != 3 or matrix.shape[1:] != (3, 4):
            got = tuple(matrix.shape) if isinstance(matrix, Tensor) else P
            raise ValueError(f"P must be a projection matrix (N, 3, 4), a tensor or an array, got {got}")
        self.P = matrix
        self.dist_coeffs = matrix.new_zeros(1, 5) if dist_coeffs is None else dist_coeffs
        check_orig_size(orig_size)
        self.orig_size = orig_size

    def transform(self, vertices: Tensor) -> Tensor:
        return projection(vertices, self.P, self.dist_coeffs, self.orig_size)


@full_precision
def _default_eye(viewing_angle: Scalar) -> Numbers:
    if isinstance(viewing_angle, (Tensor, np.ndarray)):
        angle = torch.as_tensor(viewing_angle, device="cpu") if isinstance(viewing_angle, np.ndarray) else viewing_angle
        distance = 1 / torch.tan(torch.deg2rad(angle)) + 1
        return torch.stack([torch.zeros_like(distance), torch.zeros_like(distance), -distance], -1)
    return 0.0, 0.0, -(1 / math.tan(math.radians(viewing_angle)) + 1)
