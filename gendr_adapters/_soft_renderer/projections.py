"""From camera axes (or the world, for a projection matrix) to x, y in [-1, 1] across the picture and the depth z.

The equations are those of SoftRas' functional/{perspective,orthogonal,projection}.py, which GenDR has in
transform.py.
"""

import math

import torch
from torch import Tensor

from .._autocast import full_precision
from .._camera_plane import off_camera_plane
from .._products import times
from .arguments import Numbers, Scalar, check_counts, check_points, rows_of, scalar_of, tensor_of

# The originals divide by z + _TOO_FAR behind a projection matrix, and hand on z. A cut takes x z for what is in space,
# so at depths less than _NEARBY, where that is not nearly right, the depth handed on is what was divided by.
_TOO_FAR, _NEARBY = 1e-5, 1e-2


@full_precision
def perspective(vertices: Tensor, angle: Scalar = 30.0) -> Tensor:
    """Perspective projection: (x / (z tan(angle)), y / (z tan(angle)), z).

    Args:
        vertices: (N, V, 3), camera coordinates, as of `look_at`; float32 or float64.
        angle: degrees from the view direction to the border of the image: half the field of view of its shorter side. A
            number, or a tensor or array () or (N,), which may have a gradient.
    Returns:
        (N, V, 3): x and y in [-1, 1] inside the image, and the depth z.
    Raises:
        TypeError, ValueError: types, dtypes or shapes that do not fit.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> srf.perspective(torch.tensor([[[0.5, 0.25, 2.0]]]), angle=45.0)
        tensor([[[0.2500, 0.1250, 2.0000]]])
    """
    check_points("vertices", vertices)
    half_view = scalar_of("angle", angle, vertices)
    width = torch.tan(torch.deg2rad(half_view)) if isinstance(half_view, Tensor) else math.tan(math.radians(half_view))
    x, y, z = vertices.unbind(-1)
    z = off_camera_plane(x / width, y / width, z)
    return _stacked(x / z / width, y / z / width, z)


@full_precision
def orthogonal(vertices: Tensor, scale: Scalar = 1.0) -> Tensor:
    """Orthogonal projection: (x scale, y scale, z).

    Args:
        vertices: (N, V, 3), camera coordinates, as of `look_at`; float32 or float64.
        scale: a number, or a tensor or array () or (N,), which may have a gradient. 1 / (depth tan(angle)) shows an
            object at this depth in the size that `perspective` gives it.
    Returns:
        (N, V, 3): x and y in [-1, 1] inside the image, and the depth z.
    Raises:
        TypeError, ValueError: types, dtypes or shapes that do not fit.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> srf.orthogonal(torch.tensor([[[0.5, 0.25, 2.0]]]), scale=0.5)
        tensor([[[0.2500, 0.1250, 2.0000]]])
    """
    check_points("vertices", vertices)
    factor = scalar_of("scale", scale, vertices)
    x, y, z = vertices.unbind(-1)
    return _stacked(x * factor, y * factor, z)


@full_precision
def projection(vertices: Tensor, P: Tensor, dist_coeffs: Numbers, orig_size: float | tuple[float, float]) -> Tensor:
    """World points through a projection matrix, with lens distortion.

    Let (X, Y, z) = P (vertex, 1), x = X / (z + 1e-5), y = Y / (z + 1e-5) and r^2 = x^2 + y^2. Then

        x' = x (1 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p1 x y + p2 (r^2 + 2 x^2)
        y' = y (1 + k1 r^2 + k2 r^4 + k3 r^6) + p1 (r^2 + 2 y^2) + 2 p2 x y

    and the result is (2 x' / orig_size - 1, 2 y' / orig_size - 1, z). SoftRas differs from OpenCV here in two ways, and
    this function follows SoftRas. Distortion comes after P: if P = K [R|t] maps to pixels, the coefficients apply to
    pixels, so OpenCV's coefficients cannot be used. And y points up in the image: if K's rows count downwards, the
    image is upside down.

    Args:
        vertices: (N, V, 3), world units, float32 or float64.
        P: (N, 3, 4) or (1, 3, 4); it is converted to the dtype and device of vertices.
        dist_coeffs: k1, k2, p1, p2, k3: (5,) or (N, 5). vertices, P and dist_coeffs may have gradients.
        orig_size: side of the image in the unit of x', > 0; or (H, W), both > 0: the shorter side S spans [-1, 1], and
            the result is ((2 x' - W) / S, (2 y' - H) / S, z).
    Returns:
        (N, V, 3): x and y in [-1, 1] inside the image, and the depth z.
    Raises:
        TypeError, ValueError: types, dtypes, shapes or sizes that do not fit.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> P = torch.tensor([[[256.0, 0.0, 256.0, 0.0], [0.0, 256.0, 256.0, 0.0], [0.0, 0.0, 1.0, 0.0]]])  # K [I|0]
        >>> srf.projection(torch.tensor([[[0.5, 0.25, 2.0]]]), P, torch.zeros(1, 5), orig_size=512)
        tensor([[[0.2500, 0.1250, 2.0000]]])
    """
    check_points("vertices", vertices)
    if not isinstance(P, Tensor) or P.dim() != 3 or P.shape[1:] != (3, 4):
        shape = tuple(P.shape) if isinstance(P, Tensor) else type(P).__name__
        raise ValueError(f"P must be a tensor (N, 3, 4), N = {len(vertices)}, got {shape}")
    height, width = check_orig_size(orig_size)
    shorter = min(height, width)
    bends = rows_of("dist_coeffs", dist_coeffs, 5, vertices)
    check_counts("P and dist_coeffs", len(vertices), P, bends)
    k1, k2, p1, p2, k3 = bends[:, :, None].unbind(1)
    matrix = tensor_of("P", P, vertices)
    x, y, z = (times(vertices, matrix[:, :, :3]) + matrix[:, None, :, 3]).unbind(-1)
    too_far = torch.where(z > 0, _TOO_FAR, (-z).clamp(0, _TOO_FAR)).detach()  # not from behind the camera to its front
    ahead = off_camera_plane(2 * x / shorter, 2 * y / shorter, z + too_far)
    x, y = x / ahead, y / ahead
    r2 = x * x + y * y  # not the root and its powers: that has no gradient on the axis
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    distorted_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    distorted_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return _stacked(
        2 * distorted_x / shorter - width / shorter,
        2 * distorted_y / shorter - height / shorter,
        torch.where(z < _NEARBY, ahead, z),
    )


def check_orig_size(orig_size: float | tuple[float, float]) -> tuple[float, float]:
    """Its (height, width). Raises ValueError for what is not a size."""
    sides = orig_size if isinstance(orig_size, (tuple, list)) else (orig_size, orig_size)
    if len(sides) != 2 or not all(side > 0 for side in sides):
        raise ValueError(f"orig_size must be > 0, or (height, width), both > 0, got {orig_size}")
    return sides[0], sides[1]


def _stacked(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return torch.stack(torch.broadcast_tensors(x, y, z), dim=-1)
