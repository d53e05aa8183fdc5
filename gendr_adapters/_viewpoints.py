"""`look_at` and `orbit`: pinhole cameras by where they stand and what they look at."""

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
    """N pinhole cameras that stand at eye and look at a point, in a right-handed world, which they do not mirror.

    Where up points along the view, another is taken: a coordinate axis.

    Args:
        eye, at, up: (3,) or (N, 3), world units; tensors of one dtype and device, or numbers. up need not be orthogonal
            to the view.
        field_of_view: of the image's shorter side, degrees in (0, 180); a number or (N,).
        image_size: (H, W) in pixels, or the side of a square.
    Returns:
        PinholeCamera, with gradients to eye, at, up and field_of_view; float32 on the CPU if eye is made of numbers.
    Raises:
        TypeError: neither tensors nor numbers, or of different dtypes or devices.
        ValueError: shapes that do not fit; an angle out of range; eye and at that coincide, or an up of 0.

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
    """N pinhole cameras around a point that they look at, y up.

    At azimuth 0 a camera stands on the positive z axis, at 90 on the positive x axis, as in PyTorch3D's
    look_at_view_transform (SoftRas counts from the negative z axis: 180 minus this).

    Args:
        distance: from the point, world units. elevation: degrees above the horizon. azimuth: degrees. Numbers,
            sequences of them, or tensors () or (N,) that broadcast.
        at, field_of_view, image_size: see `look_at`.
    Returns:
        PinholeCamera, with gradients to what is a tensor; else float32 on the CPU.
    Raises:
        TypeError: no numbers. ValueError: shapes that do not broadcast; see `look_at`.

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
