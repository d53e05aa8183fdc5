"""`suggest`: settings for a scene, from what is seen of it."""

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

# Softness in pixels, and as a share of a face's side. Many faces within reach of a pixel add up, so that soft edges
# move an outline outwards: with these numbers by about half a pixel at most, whatever the size of the faces.
_MIN_PIXELS, _MAX_PIXELS, _OF_A_FACE = 0.25, 1.0, 0.25
# Of the depth that a scene has: softness, and room before and behind it for what moves.
_DEPTH_SOFTNESS, _DEPTH_MARGIN = 0.01, 0.25
# The least depth that a scene is taken to have, relative to its distance: flat ones need room, too.
_LEAST_DEPTH = 0.1


@untraced
def suggest(scene: Any, image_size: int | tuple[int, int]) -> RenderSettings:
    """Settings to begin with: dist_scale, gamma, near and far for what a picture shows.

    dist_scale: a softness of a quarter of a typical face's side on screen, from 0.25 to 1 pixel. Wider moves outlines
        outwards; for a fit that starts far from its goal begin wider and use `Anneal`.
    near, far: around the depths of what is seen, with a quarter of their range before and behind it.
    gamma: so that depths are told apart that differ by a hundredth of their range.

    Args:
        scene: face_vertices as `render` takes them, (F, 3, 3) or (B, F, 3, 3): x and y in NDC, z depth. Or a mesh with
            `vertices` (V, 3) or (B, V, 3), projected likewise, and `faces` (F, 3); or one with `face_vertices`, as the
            Mesh of SoftRas and GenDR has after a camera moved it. A batch is looked at as a whole.
        image_size: side of a square image or (H, W), in pixels.
    Returns:
        RenderSettings, all numbers rounded; everything else has its default: suggest(...).replace(...).
    Raises:
        ValueError: a mesh has vertices with z <= 0, as one that is not projected; there is no face, none whose corners
            are all finite, none in front of the camera, or none in the picture; the tensor has no numbers (meta, fake,
            inside torch.vmap).
        TypeError: neither a tensor nor a mesh; wrong dtypes.

    It looks at numbers, so on CUDA it waits for them. Call it before a loop, not in it.

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
                "mesh._replace(vertices=camera.project(mesh.vertices)[0]). If they are, pass face_vertices, of which "
                "those in front of the camera are looked at"
            )
    elif not isinstance(scene, Tensor):
        raise TypeError(
            f"scene must be a tensor, face_vertices, or a mesh with vertices and faces, got {type(scene).__name__}"
        )
    corners, *_ = packed_scene(scene, None, None)
    if not has_numbers(corners):
        raise ValueError("suggest needs the numbers of a scene, which meta and fake tensors and those of vmap have not")
    return corners.detach().double()


def _seen(corners: Tensor, height: int, width: int) -> Tensor:
    """The faces that are in front of the camera and in the picture. Raises ValueError where there are none."""
    if not len(corners):
        raise ValueError("the scene has no faces: there is nothing to suggest settings for")
    corners = corners[corners.isfinite().all(2).all(1)]
    if not len(corners):
        raise ValueError("no face of the scene has corners that are all finite")
    before = corners[(corners[..., 2] > 0).all(1)]
    if not len(before):
        raise ValueError(
            f"all {len(corners)} faces have corners at or behind the camera, z <= 0, the largest depth is "
            f"{corners[..., 2].max().item():.3g}: z is depth in front of the camera and must be > 0; vertices must be "
            "projected first"
        )
    low, high = before[..., :2].amin(1), before[..., :2].amax(1)
    border = corners.new_tensor(half_extents((height, width)))
    inside = before[((low <= border) & (high >= -border)).all(1)]
    if not len(inside):
        low, high = low.amin(0), high.amax(0)
        raise ValueError(
            f"all {len(before)} faces in front of the camera are outside the picture: they span x from {low[0]:.3g} to "
            f"{high[0]:.3g} and y from {low[1]:.3g} to {high[1]:.3g}, the picture +-{border[0]:.3g} and "
            f"+-{border[1]:.3g}"
        )
    return inside


def _side_of_a_face(corners: Tensor, height: int, width: int) -> float:
    """In pixels: of a square with the area of the median face."""
    a, b, c = corners[..., :2].unbind(1)
    (x, y), (u, v) = (b - a).unbind(1), (c - a).unbind(1)
    return (x * v - y * u).abs().median().div(2).sqrt().item() * min(height, width) / 2


def _rounded(value: float) -> float:
    """To two digits."""
    return float(f"{value:.2g}")


def _rounded_down(value: float) -> float:
    """To three digits."""
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return float(f"{math.floor(value / step) * step:.3g}")
