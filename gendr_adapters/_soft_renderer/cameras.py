"""The cameras of SoftRas and GenDR as modules: `transform` takes vertices to x, y in [-1, 1] and the depth z.

The doors differ in what `forward` takes: SoftRas' cameras vertices, GenDR's a mesh, of which they return a new one. So
each door has its own example in a docstring that they share otherwise (`with_example`).
"""

import inspect
import math

import numpy as np
import torch
from torch import Tensor, nn

from .._autocast import full_precision
from .arguments import Numbers, Scalar
from .look_at import UPWARDS, above_from_angles, get_points_from_angles, look, seen_at
from .projections import check_orig_size, orthogonal, perspective, projection

FORWARDS = (0.0, 0.0, 1.0)


def with_example(camera: type, lines: str) -> str:
    """The docstring of a camera with an example behind it."""
    return f"{inspect.getdoc(camera)}\n\nExample:\n{lines.strip(chr(10)).rstrip()}\n"


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
        """Put the camera at eyes, (3,) or (N, 3), world units: tensors, which may have gradients, arrays or numbers."""
        self._parameters.pop("_eye", None)  # torch lets nothing but another take the place of a parameter
        self._eye = eyes
        self._above: Numbers | None = None

    def set_eyes_from_angles(self, distances: Scalar, elevations: Scalar, azimuths: Scalar) -> None:
        """Put the camera at these distances from the origin and these angles in degrees.

        See `functional.get_points_from_angles`. At elevations of 90 and -90 the eye is the same for every azimuth; the
        image is turned by the azimuth there.
        """
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
    """A camera that looks from the eye at the origin; see `look_at`, `perspective` and `orthogonal` for the equations.

    set_eyes(eyes) and set_eyes_from_angles(distances, elevations, azimuths), angles in degrees, move it; eyes is where
    it stands.

    Args:
        perspective: True: x and y are divided by depth (perspective); False: they are not (orthogonal).
        viewing_angle: degrees from the view direction to the border of the image, if perspective: half the field of
            view of its shorter side. A number, or a tensor () or (N,), which may have a gradient.
        viewing_scale: the factor of x and y, if not perspective; a number, or a tensor () or (N,).
        eye: (3,) or (N, 3), world units. None: a place on the negative z axis, from where [-1, 1] at z = -1 fills the
            image. For one mesh (1, V, 3), N eyes give N images.
        up: (3,) or (N, 3), world; None: (0, 1, 0). If it points along the view, as (0, 1, 0) does at elevations of 90
            and -90, another coordinate axis is used, with which the x axis of the view is that of the world; if up is
            None and the eyes were set from angles, the view is that of nearby elevations at the same azimuth.

    Raises:
        TypeError, ValueError: in the call, types or shapes that do not fit; an eye at the origin; an up of 0.
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
    """A camera that looks from the eye along camera_direction; it is moved as `LookAt` is.

    Args:
        camera_direction: (3,) or (N, 3), world; not 0.
        perspective, viewing_angle, viewing_scale, eye: as for `LookAt`.
        up: (3,) or (N, 3), world; None: (0, 1, 0). If it points along the view, another coordinate axis is used.

    Raises:
        TypeError, ValueError: in the call, types or shapes that do not fit; a camera_direction or an up of 0.
    """

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
    """A camera given as a projection matrix; see gendr_adapters.softras.functional.projection.

    Args:
        P: (N, 3, 4), tensor or array.
        dist_coeffs: k1, k2, p1, p2, k3: (5,) or (N, 5); None: 0.
        orig_size: side of the image in the unit of P's image coordinates (pixels, usually), > 0; or (H, W).

    Raises:
        ValueError: P or orig_size that do not fit; in the call also TypeError.
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
