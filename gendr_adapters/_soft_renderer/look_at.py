"""Cameras of SoftRas and GenDR: where they stand, and points seen from them.

Camera axes: z ahead, y up, x to the *left*, because x = up x z: what they show is the mirror image of a right-handed
world. The equations are those of the originals' functional/{look_at,look,get_points_from_angles}.py.
"""

from numbers import Real
from typing import overload

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .._autocast import full_precision
from .._inputs import refuse_half
from .._known import as_list, is_known
from .._products import times
from .arguments import Numbers, Scalar, check_counts, check_points, vectors

# The originals' own, instead of a norm of 0. Views closer to up than this many radians are along it: there they
# draw everything (nearly) on a line.
_EPS = 1e-5
UPWARDS = (0.0, 1.0, 0.0)


def view_axes(ahead: Tensor, up: Tensor, above: Tensor | None = None) -> Tensor:
    """The axes x = up x z, y = z x x, z = ahead, each normalised, as rows of (N, 3, 3).

    Where up points along ahead there is no side to the view, and `above` takes its place: by default the coordinate
    axis after the one that up is nearest to (z for y), forwards where up points back from the view and backwards where
    it points along it. For up = (0, 1, 0) that is what views have in the limit that rise or sink to there at azimuth
    0: the x axis is the world's.

    ahead, up, above: (N, 3) or (1, 3), of any length but 0. Where one of the first two is 0, some of the axes are.
    """
    z_axis = F.normalize(ahead, dim=-1, eps=_EPS)
    up, z_axis = torch.broadcast_tensors(up, z_axis)
    side = torch.linalg.cross(up, z_axis).detach().norm(dim=-1, keepdim=True)
    along = side < _EPS * up.detach().norm(dim=-1, keepdim=True)
    up = torch.where(along, _next_axis(up, z_axis) if above is None else above, up)
    x_axis = F.normalize(torch.linalg.cross(up, z_axis), dim=-1, eps=torch.finfo(up.dtype).tiny)
    y_axis = F.normalize(torch.linalg.cross(z_axis, x_axis), dim=-1, eps=_EPS)
    return torch.stack(torch.broadcast_tensors(x_axis, y_axis, z_axis), dim=-2)


def _next_axis(up: Tensor, z_axis: Tensor) -> Tensor:
    up, z_axis = up.detach(), z_axis.detach()
    axis = F.one_hot(up.abs().argmax(-1), 3).roll(1, -1).to(up)
    return torch.where((up * z_axis).sum(-1, keepdim=True) > 0, -axis, axis)


@full_precision
def look_at(
    vertices: Tensor,
    eye: Numbers,
    at: Numbers = (0, 0, 0),
    up: Numbers = (0, 1, 0),
    only_rotate: bool = False,
) -> Tensor:
    """World points in the coordinates of a camera at `eye` that looks at `at`.

    The axes are z = at - eye, x = up x z and y = z x x, each normalised.

    Args:
        vertices: (N, V, 3), world units, float32 or float64.
        eye, at, up: (3,) or (N, 3): tensors, which may have gradients, arrays or numbers; they are converted to the
            dtype and device of vertices. For vertices (1, V, 3), N cameras give N views of them. If up points along the
            view, a coordinate axis is used instead.
        only_rotate: rotate the points without moving them, as GenDR's option does.
    Returns:
        (N, V, 3): x to the left, y up, z ahead of the camera; world units.
    Raises:
        TypeError: not tensors, arrays or numbers, or of half precision outside autocast.
        ValueError: shapes that do not fit; on a CPU: eye and at that coincide, or an up of 0.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> srf.look_at(torch.tensor([[[0.5, 0.25, 0.0]]]), eye=(0.0, 0.0, -3.0))  # left, up, ahead
        tensor([[[0.5000, 0.2500, 3.0000]]])
    """
    return seen_at(vertices, eye, at, up, None, only_rotate)


@full_precision
def seen_at(
    vertices: Tensor, eye: Numbers, at: Numbers, up: Numbers, above: Numbers | None, only_rotate: bool = False
) -> Tensor:
    """`look_at`, with an up for where up points along the view; None: that of `view_axes`."""
    check_points("vertices", vertices)
    eyes, targets, ups = vectors("eye", eye, vertices), vectors("at", at, vertices), vectors("up", up, vertices)
    check_counts("eye, at and up", len(vertices), eyes, targets, ups)
    axes = view_axes(targets - eyes, ups, None if above is None else vectors("up", above, vertices))
    return _seen(vertices, None if only_rotate else eyes, _checked(axes, "eye and at must be apart, and up"))


@full_precision
def look(vertices: Tensor, eye: Numbers, direction: Numbers = UPWARDS, up: Numbers | None = None) -> Tensor:
    """World points in the coordinates of a camera at `eye` that looks along `direction`.

    Arguments, results and errors are those of `look_at`. direction: (3,) or (N, 3), not 0. up: None is (0, 1, 0).

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> points = torch.tensor([[[0.5, 0.25, 0.0]]])
        >>> srf.look(points, eye=(0.0, 0.0, -3.0), direction=(0.0, 0.0, 1.0))  # left, up, ahead
        tensor([[[0.5000, 0.2500, 3.0000]]])
    """
    check_points("vertices", vertices)
    eyes, ahead = vectors("eye", eye, vertices), vectors("direction", direction, vertices)
    ups = vectors("up", UPWARDS if up is None else up, vertices)
    check_counts("eye, direction and up", len(vertices), eyes, ahead, ups)
    return _seen(vertices, eyes, _checked(view_axes(ahead, ups), "direction and up"))


@overload
def get_points_from_angles(distance: Tensor, elevation: Scalar, azimuth: Scalar, degrees: bool = True) -> Tensor: ...
@overload
def get_points_from_angles(
    distance: float, elevation: float, azimuth: float, degrees: bool = True
) -> tuple[float, float, float]: ...
@overload
def get_points_from_angles(
    distance: Scalar, elevation: Scalar, azimuth: Scalar, degrees: bool = True
) -> tuple[float, float, float] | Tensor: ...
@full_precision
def get_points_from_angles(
    distance: Scalar, elevation: Scalar, azimuth: Scalar, degrees: bool = True
) -> tuple[float, float, float] | Tensor:
    """Points given by distance, elevation and azimuth: where a camera stands around the origin.

    Args:
        distance: from the origin, world units.
        elevation: angle above the x-z plane.
        azimuth: angle around the y axis; 0 is on the negative z axis, 90 degrees on the positive x axis.
        degrees: True: the angles are in degrees; False: in radians.

    The first three are numbers, or tensors or arrays () or (N,) that broadcast; tensors may have gradients.

    Returns:
        (x, y, z) for three numbers, else a tensor (N, 3) or (3,).
    Raises:
        TypeError: something else, or of half precision outside autocast. ValueError: shapes that do not broadcast.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> srf.get_points_from_angles(3.0, 0.0, 0.0)
        (0.0, 0.0, -3.0)
        >>> srf.get_points_from_angles(3.0, 30.0, torch.tensor([0.0, 90.0])).shape
        torch.Size([2, 3])
    """
    values = (distance, elevation, azimuth)
    if all(isinstance(value, Real) for value in values):
        x, y, z = as_list(_on_sphere(torch.tensor(values, dtype=torch.float64, device="cpu"), degrees))
        return x, y, z
    return _on_sphere(torch.stack(_common(values)), degrees)


@full_precision
def above_from_angles(elevation: Scalar, azimuth: Scalar) -> Numbers:
    """(3,) or (N, 3): where up is in the picture of a camera that looks from this elevation and azimuth at the origin,
    degrees; the derivative of its place to the elevation, which there is at 90 degrees, too."""
    if isinstance(elevation, Real) and isinstance(azimuth, Real):
        return get_points_from_angles(1.0, elevation + 90.0, azimuth)
    _, e, a = _common((1.0, elevation, azimuth))
    return _on_sphere(torch.stack([torch.ones_like(e), e + 90, a]), True)


def _on_sphere(distance_and_angles: Tensor, degrees: bool) -> Tensor:
    r, e, a = distance_and_angles
    if degrees:
        e, a = torch.deg2rad(e), torch.deg2rad(a)
    return torch.stack([r * e.cos() * a.sin(), r * e.sin(), -r * e.cos() * a.cos()], -1)


def _common(values: tuple[Scalar, ...]) -> list[Tensor]:
    """Tensors as they are, arrays as tensors of theirs, numbers of the dtype and device of the first of these; all of
    one shape."""
    for name, value in zip(("distance", "elevation", "azimuth"), values, strict=True):
        refuse_half(name, value)
    try:
        tensors = [torch.as_tensor(v) if isinstance(v, np.ndarray) else v for v in values]
        like = next(v for v in tensors if isinstance(v, Tensor))
        like = like if like.is_floating_point() else like.to(torch.get_default_dtype())
        common = [v.to(like) if isinstance(v, Tensor) else like.new_full((), float(v)) for v in tensors]
    except (StopIteration, TypeError, ValueError) as error:
        got = ", ".join(type(v).__name__ for v in values)
        raise TypeError(f"distance, elevation and azimuth must be numbers, tensors or arrays, got {got}") from error
    try:
        return list(torch.broadcast_tensors(*common))
    except RuntimeError as error:
        shapes = ", ".join(str(tuple(v.shape)) for v in common)
        raise ValueError(f"distance, elevation and azimuth must broadcast, got shapes {shapes}") from error


def _seen(vertices: Tensor, eyes: Tensor | None, axes: Tensor) -> Tensor:
    moved = vertices if eyes is None else vertices - eyes[:, None]
    return times(moved, axes)


def _checked(axes: Tensor, what: str) -> Tensor:
    """Refuses a camera without a view or an up, whose picture would be a point, where asking does not wait for a GPU.
    What is not finite passes, as it does in all arithmetic."""
    if is_known(axes) and bool((axes[:, ::2].detach().norm(dim=-1) < 0.5).any()):
        raise ValueError(f"{what} must not be 0: there is no view")
    return axes
