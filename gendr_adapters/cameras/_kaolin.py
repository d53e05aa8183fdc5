"""Kaolin's cameras. Read with Kaolin 0.18: render/camera/{camera,extrinsics,intrinsics_pinhole,raygen}.py."""

from typing import Any

import torch

from .._autocast import full_precision
from .._inputs import refuse_forward_mode
from ._pinhole import PinholeCamera, _check_camera, _flip_axes

_TO_OPENCV = (1, -1, -1)  # Kaolin's camera has y up and looks down -z, as OpenGL's


@full_precision
def from_kaolin(camera: Any) -> PinholeCamera:
    """What a kaolin.render.camera.Camera with PinholeIntrinsics sees.

    Kaolin's projection_matrix gives x_ndc = 2 / W (focal_x x / -z + x0) and y_ndc = 2 / H (focal_y y / -z + y0), y up,
    each side spanning [-1, 1]. So c_x = W / 2 + x0, and, rows counting downwards, c_y = H / 2 - y0. (generate_rays says
    the same; Kaolin's own property cy counts upwards.)

    Read of the camera: extrinsics.view_matrix() (N, 4, 4); of its intrinsics: lens_type, width, height and the tensors
    (N,) focal_x, focal_y, x0, y0.

    Returns:
        PinholeCamera of N cameras, of the extrinsics' dtype.
    Raises:
        TypeError: it has not got these. ValueError: its lens is not 'pinhole'.
    """
    extrinsics: Any = getattr(camera, "extrinsics", None)
    intrinsics: Any = getattr(camera, "intrinsics", None)
    if not hasattr(extrinsics, "view_matrix") or not hasattr(intrinsics, "lens_type"):
        raise TypeError(f"camera must be a kaolin.render.camera.Camera, got {type(camera).__name__}")
    if intrinsics.lens_type != "pinhole":
        raise ValueError(f"camera must have PinholeIntrinsics, got the lens {intrinsics.lens_type!r}")
    view = extrinsics.view_matrix()
    rotation, translation = _flip_axes(view[:, :3, :3], view[:, :3, 3], _TO_OPENCV)
    width, height = intrinsics.width, intrinsics.height
    return PinholeCamera(
        rotation=rotation,
        translation=translation,
        focal=torch.stack([intrinsics.focal_x, intrinsics.focal_y], 1).to(view.dtype),
        principal_point=torch.stack([width / 2 + intrinsics.x0, height / 2 - intrinsics.y0], 1).to(view.dtype),
        image_size=(height, width),
    )


@full_precision
def to_kaolin(camera: PinholeCamera, *, near: float = 1e-2, far: float = 1e2) -> Any:
    """The kaolin.render.camera.Camera that sees what `camera` sees; see `from_kaolin`.

    If the pose has gradients, the extrinsics are Kaolin's 'matrix_6dof_rotation', as Kaolin chooses, which take the
    rotation from its first two rows; else 'matrix_se3', which keeps the matrix.

    Args:
        near, far: clipping planes, world units, 0 < near < far; Kaolin's defaults.
    Raises:
        ImportError: there is no Kaolin. TypeError: not a PinholeCamera. ValueError: near or far out of range.
    """
    camera = _check_camera(camera)
    # Kaolin keeps the pose without its forward-mode derivative, which would be 0 then.
    refuse_forward_mode(camera.rotation, camera.translation)
    if not 0 < near < far:
        raise ValueError(f"near and far must be 0 < near < far, got near = {near!r}, far = {far!r}")
    try:
        from kaolin.render.camera import Camera, CameraExtrinsics, PinholeIntrinsics
    except ImportError as error:
        raise ImportError(
            f"Kaolin is needed for its cameras ({error}); see kaolin.readthedocs.io, Installation"
        ) from error
    rotation, translation = _flip_axes(camera.rotation, camera.translation, _TO_OPENCV)
    last_row = rotation.new_zeros(len(camera), 1, 4)
    last_row[..., 3] = 1
    view = torch.cat([torch.cat([rotation, translation[:, :, None]], 2), last_row], 1)
    height, width = camera.image_size
    x0, down = camera._from_middle().unbind(1)
    extrinsics = CameraExtrinsics.from_view_matrix(
        view, dtype=view.dtype, device=view.device, requires_grad=view.requires_grad
    )
    params = torch.stack([x0, -down, *camera.focal.unbind(1)], 1)  # the order of PinholeParamsDefEnum
    return Camera(extrinsics=extrinsics, intrinsics=PinholeIntrinsics(width, height, params, near, far))
