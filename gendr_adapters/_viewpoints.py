"""`look_at` and `orbit`: pinhole cameras from their position and the point they look at."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ._autocast import full_precision
from ._inputs import image_shape
from ._products import times
from ._soft_renderer.look_at import get_points_from_angles
from .cameras import PinholeCamera
from .cameras._camera import middle
from .cameras._poses import Vector, half_angles, look_at_axes, numbers, vectors


@full_precision
def look_at(
    eye: Vector,
    at: Vector = (0.0, 0.0, 0.0),
    up: Vector = (0.0, 1.0, 0.0),
    *,
    field_of_view: float | Tensor = 40.0,
    image_size: int | tuple[int, int] = 256,
) -> PinholeCamera:
    """Make N pinhole cameras at the position `eye` that look at the point `at`.

    The world is right-handed, and the image is not mirrored. `camera.project(vertices)` gives what `gather_corners` and
    `render` need. If `up` is parallel to the view, a coordinate axis is used instead.

    Args:
        eye, at, up: (3,) or (N, 3), world units; numbers, or tensors of one dtype and device. up is the direction that
            points upwards in the image; it need not be orthogonal to the view.
        field_of_view: angle that the shorter side of the image spans, degrees in (0, 180); a number or (N,).
        image_size: side of a square image, or (H, W), in pixels.
    Returns:
        PinholeCamera, with gradients to eye, at, up and field_of_view. If eye consists of numbers it is float32, on the
        CPU.
    Raises:
        TypeError: an argument is neither a tensor nor numbers, or dtypes or devices differ.
        ValueError: shapes do not fit; an angle is out of range; eye equals at; up is 0.

    >>> import torch
    >>> from gendr_adapters import look_at
    >>> camera = look_at((0, 0, 3), field_of_view=90)
    >>> camera.project(torch.tensor([[1.0, 0.5, 0.0]]))  # right, up, depth
    tensor([[[0.3333, 0.1667, 3.0000]]])
    """
    eyes, axes = look_at_axes(eye, at, up)
    size = image_shape(image_size)
    half = half_angles("half of field_of_view", numbers("field_of_view", field_of_view, eyes) / 2, eyes)
    focal = min(size) / 2 / torch.tan(torch.deg2rad(half))
    return PinholeCamera(
        rotation=axes,
        translation=-times(eyes[:, None], axes)[:, 0],
        focal=torch.stack([focal, focal], 1),
        principal_point=middle(size, eyes),
        image_size=size,
    )


@full_precision
def orbit(
    distance: float | Tensor,
    elevation: float | Tensor | Sequence[float] = 0.0,
    azimuth: float | Tensor | Sequence[float] = 0.0,
    *,
    at: Vector = (0.0, 0.0, 0.0),
    field_of_view: float | Tensor = 40.0,
    image_size: int | tuple[int, int] = 256,
) -> PinholeCamera:
    """Make N pinhole cameras on circles around a point, which they look at. y is up.

    At azimuth 0 the camera is on the positive z axis, at azimuth 90 on the positive x axis, as in PyTorch3D's
    look_at_view_transform. (SoftRas counts from the negative z axis; its azimuth is 180 minus this one.)

    Args:
        distance: distance from the point, world units.
        elevation: degrees above the horizon.
        azimuth: degrees. All three are numbers, sequences of numbers, or tensors () or (N,); they broadcast.
        at, field_of_view, image_size: see `look_at`.
    Returns:
        PinholeCamera, with gradients to arguments that are tensors. Without tensors it is float32, on the CPU.
    Raises:
        TypeError: an argument does not consist of numbers.
        ValueError: shapes do not broadcast; see also `look_at`.

    >>> from gendr_adapters import orbit
    >>> len(orbit(3.0, elevation=20, azimuth=range(0, 360, 30)))
    12
    """
    values = [_tensor("distance", distance), _tensor("elevation", elevation), _tensor("azimuth", azimuth)]
    given = [x for x in (distance, elevation, azimuth) if isinstance(x, Tensor)]
    if given:
        values = [x.to(given[0]) for x in values]
    offset = get_points_from_angles(values[0], values[1], 180 - values[2])
    target = vectors("at", at, offset if offset.dim() == 2 else offset[None])
    eye = target + offset
    return look_at(eye, target, field_of_view=field_of_view, image_size=image_size)


def _tensor(name: str, value: float | Tensor | Sequence[float]) -> Tensor:
    if isinstance(value, Tensor):
        return value
    try:
        return torch.tensor(
            value if isinstance(value, (int, float)) else list(value), dtype=torch.float32, device="cpu"
        )
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a number, numbers or a tensor, got {value!r}") from error
