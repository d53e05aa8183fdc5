"""`suggest`: settings for a scene, computed from its faces."""

import math
from typing import Any

from torch import Tensor

from ._inputs import check_real, packed_scene
from ._known import has_numbers
from ._pixels import half_extents, image_shape, scale_of_pixels
from ._rendering import gather_corners
from ._untraced import untraced
from .settings import RenderSettings

__all__ = ["suggest"]

# Softness in pixels, and as a share of a face's side. The coverages of many faces near a pixel add up, so soft edges
# move the outline outwards. With these numbers it moves by half a pixel at most, for faces of any size.
_MIN_PIXELS, _MAX_PIXELS, _OF_A_FACE = 0.25, 1.0, 0.25
# Shares of the scene's depth range: the softness along depth, and the margin in front of it and behind it.
_DEPTH_SOFTNESS, _DEPTH_MARGIN = 0.01, 0.25
# The smallest depth range that is assumed, relative to the scene's distance: flat scenes need a margin, too.
_LEAST_DEPTH = 0.1


@untraced
def suggest(scene: Any, image_size: int | tuple[int, int]) -> RenderSettings:
    """Choose settings for a scene: dist_scale, gamma, near and far. Use them as they are, or as a start.

    dist_scale: edges are soft over a quarter of the side of a typical face on screen, but at least 0.25 and at most 1
        pixel. Softer edges move outlines outwards. A fit that starts far from its goal needs softer edges in the
        beginning: use `Anneal`.
    near, far: around the depths of the visible faces, with a margin of a quarter of their range on both sides.
    gamma: two faces whose depths differ by a hundredth of that range are clearly told apart.

    Args:
        scene: face_vertices as for `render`, (F, 3, 3) or (B, F, 3, 3), x and y in NDC, z the depth. Or a mesh with
            projected `vertices` (V, 3) or (B, V, 3) and `faces` (F, 3). Or an object with `face_vertices`, such as the
            Mesh of SoftRas and GenDR after a camera transformed it. A batch gets one common answer.
        image_size: side of a square image, or (H, W), in pixels.
    Returns:
        RenderSettings with rounded numbers. Other fields have their defaults; change them with
        suggest(...).replace(...).
    Raises:
        ValueError: a mesh has vertices with z <= 0, so it is probably not projected; there are no faces, or none that
            are finite, in front of the camera and inside the image; the tensor has no values (meta or fake tensors, or
            inside torch.vmap).
        TypeError: scene is neither a tensor nor a mesh; wrong dtypes.

    It reads the tensor's values, so on CUDA it waits for the GPU. Call it before a loop, not in the loop.

    Example:
        >>> import torch
        >>> from gendr_adapters import suggest
        >>> triangle = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 3.0]]])
        >>> settings = suggest(triangle, 64)
        >>> settings.near < 2.0 and settings.far > 3.0
        True
    """
    height, width = image_shape(image_size)
    corners = _seen(_corners(scene), height, width)
    depth = corners[..., 2]
    nearest, farthest = depth.min().item(), depth.max().item()
    extent = max(farthest - nearest, _LEAST_DEPTH * farthest)
    near = _rounded_down(max(nearest - _DEPTH_MARGIN * extent, nearest / 2))
    far = -_rounded_down(-(farthest + _DEPTH_MARGIN * extent))
    pixels = min(max(_OF_A_FACE * _side_of_a_face(corners, height, width), _MIN_PIXELS), _MAX_PIXELS)
    return RenderSettings(
        dist_scale=_rounded(scale_of_pixels("pixels", pixels, (height, width))),
        gamma=_rounded(_DEPTH_SOFTNESS * extent / (far - near)),
        near=near,
        far=far,
    )


def _corners(scene: Any) -> Tensor:
    """(F_total, 3, 3), in double."""
    if hasattr(scene, "face_vertices"):
        scene = scene.face_vertices
    elif hasattr(scene, "vertices") and hasattr(scene, "faces"):
        check_real("scene.vertices", scene.vertices)
        scene = gather_corners(scene.vertices.detach(), scene.faces)
        if has_numbers(scene) and bool((scene[..., 2] <= 0).any()):
            raise ValueError(
                "the mesh has vertices at or behind the camera, z <= 0: they must be projected first, e.g. "
                "mesh._replace(vertices=camera.project(mesh.vertices)[0]). If they are projected, pass face_vertices: "
                "then faces behind the camera are ignored"
            )
    elif not isinstance(scene, Tensor):
        raise TypeError(
            f"scene must be a tensor, face_vertices, or a mesh with vertices and faces, got {type(scene).__name__}"
        )
    corners, *_ = packed_scene(scene, None, None)
    if not has_numbers(corners):
        raise ValueError("suggest needs tensors with values; got a meta or fake tensor, or a tensor inside torch.vmap")
    return corners.detach().double()


def _seen(corners: Tensor, height: int, width: int) -> Tensor:
    """The faces that are in front of the camera and inside the image. Raises ValueError if there are none."""
    if not len(corners):
        raise ValueError("the scene has no faces, so no settings can be suggested")
    corners = corners[corners.isfinite().all(2).all(1)]
    if not len(corners):
        raise ValueError("no face of the scene has corners that are all finite")
    before = corners[(corners[..., 2] > 0).all(1)]
    if not len(before):
        raise ValueError(
            f"all {len(corners)} faces have corners at or behind the camera, z <= 0; the largest depth is "
            f"{corners[..., 2].max().item():.3g}. z is the depth in front of the camera and must be > 0; vertices must "
            "be projected first"
        )
    low, high = before[..., :2].amin(1), before[..., :2].amax(1)
    border = corners.new_tensor(half_extents((height, width)))
    inside = before[((low <= border) & (high >= -border)).all(1)]
    if not len(inside):
        low, high = low.amin(0), high.amax(0)
        raise ValueError(
            f"all {len(before)} faces in front of the camera are outside the picture: they span x from {low[0]:.3g} to "
            f"{high[0]:.3g} and y from {low[1]:.3g} to {high[1]:.3g}; the picture spans x +-{border[0]:.3g} and "
            f"y +-{border[1]:.3g}"
        )
    return inside


def _side_of_a_face(corners: Tensor, height: int, width: int) -> float:
    """The side, in pixels, of a square that has the median area of the faces."""
    a, b, c = corners[..., :2].unbind(1)
    (x, y), (u, v) = (b - a).unbind(1), (c - a).unbind(1)
    return (x * v - y * u).abs().median().div(2).sqrt().item() * min(height, width) / 2


def _rounded(value: float) -> float:
    """Round to two digits."""
    return float(f"{value:.2g}")


def _rounded_down(value: float) -> float:
    """Round down to three digits."""
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return float(f"{math.floor(value / step) * step:.3g}")
