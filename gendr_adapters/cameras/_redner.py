"""redner's cameras. Read with redner 0.4.28: pyredner/camera.py and camera.h."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import check_real
from .._known import as_list, has_numbers
from ._camera import flip_axes, from_middle, middle
from ._kinds import AnyCamera, pinhole_or_orthographic
from ._orthographic import OrthographicCamera
from ._pinhole import PinholeCamera

if TYPE_CHECKING:
    from ..redner import Camera

_TO_OPENCV = (1, -1, 1)  # redner's camera has y up and looks along z: its axes are left-handed
_KINDS = ("perspective", "orthographic")


@full_precision
def from_redner(cameras: "Camera | Sequence[Camera]") -> PinholeCamera | OrthographicCamera:
    """Our camera for cameras of redner: those of `gendr_adapters.redner`, or pyredner's own.

    With (p, q, r) = intrinsic_mat (x, y, z) of a point in redner's camera axes, a perspective camera sees it at p / r
    and q / r, an orthographic one at p and q: to the right and up from the middle of a picture whose width spans
    [-1, 1]. Pixels are square. So focal_x = W / 2 k_00 and c_x = W / 2 (1 + k_02), focal_y = W / 2 k_11 and
    c_y = H / 2 - W / 2 k_12. If there is a viewport, the image of our camera is that part alone.

    Args:
        cameras: a Camera, or a list or tuple of N cameras of one camera_type and one image size. These attributes are
            read: camera_type, resolution, viewport, intrinsic_mat, and cam_to_world, or position, look_at and up where
            cam_to_world is None.
    Returns:
        A PinholeCamera or an OrthographicCamera of N cameras, of the dtype of intrinsic_mat.
    Raises:
        TypeError: a camera lacks these attributes. ValueError: fish-eye and panorama cameras; different kinds or
            sizes; distortion_params; an intrinsic_mat of another form, or with skew.

    Example:
        >>> import torch
        >>> from gendr_adapters import redner
        >>> from gendr_adapters.cameras import from_redner
        >>> pose = {"position": torch.tensor([0.0, 1.0, 3.0]), "look_at": torch.zeros(3)}
        >>> up, fov = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([45.0])
        >>> camera = from_redner(redner.Camera(**pose, up=up, fov=fov, resolution=(48, 64)))
        >>> type(camera).__name__, camera.image_size
        ('PinholeCamera', (48, 64))
    """
    several = list(cameras) if isinstance(cameras, (list, tuple)) else [cameras]
    if not several:
        raise ValueError("cameras must be at least one, got none")
    parts = [_read(camera) for camera in several]
    kinds = {kind for kind, *_ in parts}
    sizes = {size for _, size, *_ in parts}
    if len(kinds) > 1 or len(sizes) > 1:
        raise ValueError(f"cameras must be of one kind and one size, got {sorted(kinds)} and {sorted(sizes)}")
    (kind,), (size,) = kinds, sizes
    rotation, translation, scale, centre = (torch.stack(rows) for rows in zip(*[p[2:] for p in parts], strict=True))
    pose: dict[str, Any] = {"rotation": rotation, "translation": translation, "principal_point": centre}
    if kind == "orthographic":
        return OrthographicCamera(**pose, scale=scale, image_size=size)
    return PinholeCamera(**pose, focal=scale, image_size=size)


@full_precision
def to_redner(camera: AnyCamera, *, clip_near: float = 1e-4) -> "list[Camera]":
    """A list of N `gendr_adapters.redner.Camera`, one for each of our cameras; see `from_redner` for the equations.

    pyredner's own class takes the same arguments: pyredner.Camera(cam_to_world=c.cam_to_world,
    intrinsic_mat=c.intrinsic_mat, resolution=c.resolution, camera_type=...). The principal point of redner's
    orthographic cameras is the middle of the image; a camera of ours with another one is moved to the side instead.
    gendr_adapters.redner renders perspective cameras only.

    Args:
        clip_near: depth > 0; what is nearer is not seen.
    Raises:
        TypeError: camera is not one of gendr_adapters.cameras. ValueError: clip_near out of range.

    Example:
        >>> from gendr_adapters import orbit
        >>> from gendr_adapters.cameras import to_redner
        >>> cameras = to_redner(orbit(3.0, azimuth=[0, 90], image_size=(48, 64)))
        >>> len(cameras), cameras[0].resolution
        (2, (48, 64))
    """
    from ..redner import Camera, camera_type

    camera = pinhole_or_orthographic(camera)
    perspective = isinstance(camera, PinholeCamera)
    if isinstance(camera, OrthographicCamera):
        camera = camera._centred()
    rotation, translation = flip_axes(camera.rotation, camera.translation, _TO_OPENCV)
    rows = torch.cat([rotation, translation[:, :, None]], 2)
    last = torch.zeros_like(rows[:, :1])
    last[..., 3] = 1
    # In float64, on which autocast has no effect, also in backward; see _products.
    to_world = torch.linalg.inv(torch.cat([rows, last], 1).double()).to(rotation)
    half_width = camera.image_size[1] / 2
    scale = (camera.focal if isinstance(camera, PinholeCamera) else camera.scale) / half_width
    centre = from_middle(camera.principal_point, camera.image_size) / half_width
    zero, one = torch.zeros_like(scale[:, 0]), torch.ones_like(scale[:, 0])
    entries = [scale[:, 0], zero, centre[:, 0], zero, scale[:, 1], -centre[:, 1], zero, zero, one]
    intrinsics = torch.stack(entries, 1).unflatten(1, (3, 3))
    return [
        Camera(
            cam_to_world=pose,
            intrinsic_mat=mat,
            clip_near=clip_near,
            resolution=camera.image_size,
            camera_type=camera_type.perspective if perspective else camera_type.orthographic,
        )
        for pose, mat in zip(to_world, intrinsics, strict=True)
    ]


def _read(camera: Any) -> tuple[str, tuple[int, int], Tensor, Tensor, Tensor, Tensor]:
    """Kind, image size, rotation (3, 3), translation (3,), focal lengths or scales (2,), principal point (2,)."""
    missing = [name for name in ("camera_type", "resolution", "intrinsic_mat") if not hasattr(camera, name)]
    if missing:
        raise TypeError(f"cameras must be of redner, got {type(camera).__name__} without {missing[0]}")
    kind = getattr(camera.camera_type, "name", str(camera.camera_type))
    if kind not in _KINDS:
        raise ValueError(f"cameras must be of the kinds {' or '.join(_KINDS)}, got {kind}")
    if getattr(camera, "distortion_params", None) is not None:
        raise ValueError("cameras must have no distortion_params: undistort the picture instead")
    height, width = (int(side) for side in camera.resolution)
    top, left, bottom, right = 0, 0, height, width
    if getattr(camera, "viewport", None) is not None:
        top, left, bottom, right = (int(side) for side in camera.viewport)
        top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
    mat = camera.intrinsic_mat
    check_real("intrinsic_mat", mat)
    _check_form(mat, kind)
    to_camera = _world_to_camera(camera).to(mat)
    rotation, translation = flip_axes(to_camera[:3, :3], to_camera[:3, 3], _TO_OPENCV)
    half_width = width / 2
    if kind == "orthographic":
        centre = middle((height, width), mat)[0]
    else:
        centre = torch.stack([half_width + half_width * mat[0, 2], height / 2 - half_width * mat[1, 2]])
    corner = torch.stack([mat.new_full((), left), mat.new_full((), top)])
    return kind, (bottom - top, right - left), rotation, translation, half_width * mat.diagonal()[:2], centre - corner


def _world_to_camera(camera: Any) -> Tensor:
    from ..redner import gen_look_at_matrix

    to_world = getattr(camera, "cam_to_world", None)
    if to_world is None:
        to_world = gen_look_at_matrix(camera.position, camera.look_at, camera.up)
    return torch.linalg.inv(to_world.double()).to(to_world)


def _check_form(mat: Tensor, kind: str) -> None:
    if not has_numbers(mat):
        return
    k = as_list(mat.detach())
    if k[0][1] != 0:
        raise ValueError(f"intrinsic_mat must have no skew, [0, 1] = 0, got {k[0][1]:g}")
    if kind == "orthographic" and (k[0][2] != 0 or k[1][2] != 0):
        raise ValueError(f"the intrinsic_mat of an orthographic camera must have [:2, 2] = 0, got {k}")
    if k[1][0] != 0 or k[2] != [0, 0, 1]:
        raise ValueError(f"intrinsic_mat must be [[k_00, 0, k_02], [0, k_11, k_12], [0, 0, 1]], got {k}")
