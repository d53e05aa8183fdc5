"""Cameras of SoftRas and GenDR: where they stand, and points seen from them.

Camera axes: z ahead, y up, x to the *left*, because x = up x z: what they show is the mirror picture of a right-handed
world. The equations are those of the originals' functional/{look_at,look,get_points_from_angles}.py.
"""

from numbers import Real

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .arguments import Numbers, Scalar, check_points, vectors

_EPS = 1e-5  # the originals' own, in the place of a norm of 0


def view_axes(ahead: Tensor, up: Tensor) -> Tensor:
    """The axes x = up x z, y = z x x, z = ahead, each normalised, as rows of (N, 3, 3).

    ahead, up: (N, 3) or (1, 3), of any length but 0. Where up points along ahead, x and y are (nearly) 0.
    """
    z_axis = F.normalize(ahead, dim=-1, eps=_EPS)
    x_axis = F.normalize(torch.linalg.cross(up, z_axis), dim=-1, eps=_EPS)
    y_axis = F.normalize(torch.linalg.cross(z_axis, x_axis), dim=-1, eps=_EPS)
    return torch.stack(torch.broadcast_tensors(x_axis, y_axis, z_axis), dim=-2)


def look_at(
    vertices: Tensor,
    eye: Numbers,
    at: Numbers = (0, 0, 0),
    up: Numbers = (0, 1, 0),
    only_rotate: bool = False,
) -> Tensor:
    """Points in the axes of a camera at `eye` that looks at `at`.

    Args:
        vertices: (N, V, 3), world units.
        eye, at, up: (3,) or (N, 3): tensors, which may have gradients, arrays or numbers, brought to the dtype and
            device of vertices. For vertices (1, V, 3), N cameras give N views of them.
        only_rotate: leave the camera at the origin (GenDR's).
    Returns:
        (N, V, 3): x to the left, y up, z ahead of the camera; world units.
    Raises:
        TypeError: not tensors, arrays or numbers.
        ValueError: shapes that do not fit; on a CPU: eye and at that coincide, or up along the view.
    """
    check_points("vertices", vertices)
    eyes, targets = vectors("eye", eye, vertices), vectors("at", at, vertices)
    axes = _checked(view_axes(targets - eyes, vectors("up", up, vertices)), "eye and at must be apart, and up")
    return _seen(vertices, None if only_rotate else eyes, axes)


def look(vertices: Tensor, eye: Numbers, direction: Numbers = (0, 1, 0), up: Numbers | None = None) -> Tensor:
    """Points in the axes of a camera at `eye` that looks along `direction`.

    Args, results and errors are those of `look_at`. up=None stands for (0, 1, 0), so that the default direction, which
    is the originals', needs another up.
    """
    check_points("vertices", vertices)
    eyes, ahead = vectors("eye", eye, vertices), vectors("direction", direction, vertices)
    axes = view_axes(ahead, vectors("up", (0, 1, 0) if up is None else up, vertices))
    return _seen(vertices, eyes, _checked(axes, "direction must not be 0, and up, (0, 1, 0) unless given,"))


def get_points_from_angles(
    distance: Scalar, elevation: Scalar, azimuth: Scalar, degrees: bool = True
) -> tuple[float, float, float] | Tensor:
    """Points on spheres around the origin.

    Args:
        distance: from the origin. elevation: above the x-z plane. azimuth: 0 is on the negative z axis, 90 degrees on
            the positive x axis. Numbers, or tensors or arrays (N,) or () that broadcast; tensors may have gradients.
        degrees: whether the angles are in degrees; else in radians.
    Returns:
        (x, y, z) for three numbers, else a tensor (N, 3) or (3,).
    """
    values = (distance, elevation, azimuth)
    if all(isinstance(value, Real) for value in values):
        x, y, z = _on_sphere(torch.tensor(values, dtype=torch.float64, device="cpu"), degrees).tolist()
        return x, y, z
    return _on_sphere(torch.stack(torch.broadcast_tensors(*_common(values))), degrees)


def _on_sphere(distance_and_angles: Tensor, degrees: bool) -> Tensor:
    r, e, a = distance_and_angles
    if degrees:
        e, a = torch.deg2rad(e), torch.deg2rad(a)
    return torch.stack([r * e.cos() * a.sin(), r * e.sin(), -r * e.cos() * a.cos()], -1)


def _common(values: tuple[Scalar, ...]) -> list[Tensor]:
    """Tensors as they are, arrays as tensors of theirs, numbers of the dtype and device of the first of these."""
    try:
        tensors = [torch.as_tensor(v) if isinstance(v, Tensor | np.ndarray) else v for v in values]
        like = next(v for v in tensors if isinstance(v, Tensor))
        like = like if like.is_floating_point() else like.to(torch.get_default_dtype())
        return [v.to(like) if isinstance(v, Tensor) else like.new_full((), float(v)) for v in tensors]
    except (StopIteration, TypeError, ValueError) as error:
        got = ", ".join(type(v).__name__ for v in values)
        raise TypeError(f"distance, elevation and azimuth must be numbers, tensors or arrays, got {got}") from error


def _seen(vertices: Tensor, eyes: Tensor | None, axes: Tensor) -> Tensor:
    moved = vertices if eyes is None else vertices - eyes[:, None]
    return torch.matmul(moved, axes.mT)


def _checked(axes: Tensor, what: str) -> Tensor:
    """Refuses a camera without a side, whose picture would be a line, where asking does not wait for a GPU. What is not
    finite passes, as it does in all arithmetic."""
    if axes.device.type == "cpu" and not torch.compiler.is_compiling():
        if bool((axes[:, 0].detach().norm(dim=-1) < 0.5).any()):
            raise ValueError(f"{what} must not point along the view: there is no side to it")
    return axes
