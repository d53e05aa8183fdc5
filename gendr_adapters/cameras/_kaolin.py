"""Kaolin's cameras. Read with Kaolin 0.18: render/camera/{camera,extrinsics,intrinsics_pinhole,raygen}.py."""

from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import refuse_forward_mode
from .._known import as_list, has_numbers
from ._camera import flip_axes, from_middle, middle
from ._kinds import AnyCamera, pinhole_or_orthographic
from ._orthographic import OrthographicCamera
from ._pinhole import PinholeCamera

_TO_OPENCV = (1, -1, -1)  # Kaolin's camera has y up and looks down -z, as OpenGL's


@full_precision
def from_kaolin(camera: Any) -> PinholeCamera | OrthographicCamera:
    """Our camera for a kaolin.render.camera.Camera, with PinholeIntrinsics or OrthographicIntrinsics.

    Kaolin's projection_matrix gives x_ndc = 2 / W (focal_x x / -z + x0) and y_ndc = 2 / H (focal_y y / -z + y0), y up,
    each side spanning [-1, 1]. So c_x = W / 2 + x0, and, rows counting downwards, c_y = H / 2 - y0. (generate_rays says
    the same; Kaolin's own property cy counts upwards.) With OrthographicIntrinsics, y_ndc = y / fov_distance and
    x_ndc = x H / (W fov_distance), so that both scales are H / (2 fov_distance), and the principal point is the middle.

    These attributes of the camera are read: extrinsics.view_matrix() (N, 4, 4); of its intrinsics lens_type, width,
    height and the tensors (N,) focal_x, focal_y, x0, y0, or fov_distance.

    Returns:
        A PinholeCamera or an OrthographicCamera of N cameras, of the extrinsics' dtype.
    Raises:
        TypeError: camera lacks extrinsics or intrinsics. ValueError: its lens_type is neither 'pinhole' nor 'ortho'.

    Example:
        >>> import torch
        >>> from kaolin.render.camera import Camera
        >>> from gendr_adapters.cameras import from_kaolin
        >>> eye, at, up = torch.tensor([0.0, 1.0, 3.0]), torch.zeros(3), torch.tensor([0.0, 1.0, 0.0])
        >>> camera = from_kaolin(Camera.from_args(eye=eye, at=at, up=up, fov=0.8, width=64, height=48))
        >>> type(camera).__name__, camera.image_size
        ('PinholeCamera', (48, 64))
    """
    extrinsics: Any = getattr(camera, "extrinsics", None)
    intrinsics: Any = getattr(camera, "intrinsics", None)
    if not hasattr(extrinsics, "view_matrix") or not hasattr(intrinsics, "lens_type"):
        raise TypeError(f"camera must be a kaolin.render.camera.Camera, got {type(camera).__name__}")
    if intrinsics.lens_type not in ("pinhole", "ortho"):
        raise ValueError(
            f"camera must have PinholeIntrinsics or OrthographicIntrinsics, got the lens {intrinsics.lens_type!r}"
        )
    view = extrinsics.view_matrix()
    rotation, translation = flip_axes(view[:, :3, :3], view[:, :3, 3], _TO_OPENCV)
    width, height = intrinsics.width, intrinsics.height
    if intrinsics.lens_type == "ortho":
        scale = height / (2 * intrinsics.fov_distance.to(view.dtype))
        return OrthographicCamera(
            rotation=rotation,
            translation=translation,
            scale=torch.stack([scale, scale], 1),
            principal_point=middle((height, width), view),
            image_size=(height, width),
        )
    return PinholeCamera(
        rotation=rotation,
        translation=translation,
        focal=torch.stack([intrinsics.focal_x, intrinsics.focal_y], 1).to(view.dtype),
        principal_point=torch.stack([width / 2 + intrinsics.x0, height / 2 - intrinsics.y0], 1).to(view.dtype),
        image_size=(height, width),
    )


@full_precision
def to_kaolin(camera: AnyCamera, *, near: float = 1e-2, far: float = 1e2) -> Any:
    """The kaolin.render.camera.Camera that sees what `camera` sees; see `from_kaolin` for the equations.

    If the pose has gradients, the extrinsics are Kaolin's 'matrix_6dof_rotation', as Kaolin chooses, which take the
    rotation from its first two rows; else 'matrix_se3', which keeps the matrix. The principal point of Kaolin's
    orthographic cameras is the middle of the image; a camera of ours with another one is moved to the side instead.

    Args:
        near, far: clipping planes, world units, 0 < near < far; Kaolin's defaults.
    Raises:
        ImportError: Kaolin is not installed. TypeError: camera is not one of gendr_adapters.cameras. ValueError: near
            or far out of range; an orthographic camera whose two scales differ, or that mirrors the image.

    Example:
        >>> from gendr_adapters import orbit
        >>> from gendr_adapters.cameras import to_kaolin
        >>> camera = to_kaolin(orbit(3.0, azimuth=[0, 90], image_size=(48, 64)))
        >>> len(camera), camera.width, camera.height
        (2, 64, 48)
    """
    camera = pinhole_or_orthographic(camera)
    if isinstance(camera, OrthographicCamera):
        _check_unmirrored(camera)
        camera = camera._centred()
    # Kaolin keeps the pose without its forward-mode derivative, which would be 0 then.
    refuse_forward_mode(camera.rotation, camera.translation)
    if not 0 < near < far:
        raise ValueError(f"near and far must be 0 < near < far, got near = {near!r}, far = {far!r}")
    try:
        from kaolin.render.camera import Camera, CameraExtrinsics, OrthographicIntrinsics, PinholeIntrinsics
    except ImportError as error:
        raise ImportError(
            f"Kaolin is needed for its cameras ({error}); see kaolin.readthedocs.io, Installation"
        ) from error
    rotation, translation = flip_axes(camera.rotation, camera.translation, _TO_OPENCV)
    last_row = rotation.new_zeros(len(camera), 1, 4)
    last_row[..., 3] = 1
    view = torch.cat([torch.cat([rotation, translation[:, :, None]], 2), last_row], 1)
    extrinsics = CameraExtrinsics.from_view_matrix(
        view, dtype=view.dtype, device=view.device, requires_grad=view.requires_grad
    )
    height, width = camera.image_size
    if isinstance(camera, OrthographicCamera):
        params = (height / (2 * camera._one_scale("Kaolin")))[:, None]
        intrinsics: Any = OrthographicIntrinsics(width, height, params, near, far)
    else:
        x0, down = from_middle(camera.principal_point, camera.image_size).unbind(1)
        params = torch.stack([x0, -down, *camera.focal.unbind(1)], 1)  # the order of PinholeParamsDefEnum
        intrinsics = PinholeIntrinsics(width, height, params, near, far)
    return Camera(extrinsics=extrinsics, intrinsics=intrinsics)


def _check_unmirrored(camera: OrthographicCamera) -> None:
    scale: Tensor = camera.scale.detach()
    if has_numbers(scale) and not bool((scale > 0).all()):
        raise ValueError(
            f"Kaolin's orthographic cameras do not mirror, this camera has {as_list(scale)} pixels per unit: mirror "
            "the world (negate one coordinate of mesh and camera)"
        )
