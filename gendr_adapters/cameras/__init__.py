"""Converts the cameras of PyTorch3D, Kaolin, OpenCV, SoftRas and redner to three classes of our own, and back.

`PinholeCamera` is the perspective one; `OrthographicCamera` and `WeakPerspectiveCamera` do not divide by depth.

    camera = from_pytorch3d(cameras, image_size=(480, 640))
    K, R, t = to_opencv(camera, pixel_centre=0)
    image = render(gather_corners(camera.project(vertices), faces), camera.image_size)

|            | camera axes              | matrix times        | image plane                                           |
|------------|--------------------------|---------------------|-------------------------------------------------------|
| ours       | x right, y down, z ahead | column              | pixels; u right, v down; pixel i covers [i, i + 1)    |
| OpenCV     | as ours                  | column              | as ours, or pixel i's centre at i (`pixel_centre`)    |
| PyTorch3D  | x left, y up, z ahead    | row (X R + T)       | NDC x left, y up, shorter side [-1, 1]; or as ours    |
| Kaolin     | x right, y up, z behind  | column              | pixels, x0 right and y0 up of the middle              |
| SoftRas    | x "right", y up, z ahead | column              | NDC x right, y up, [-1, 1]                            |
| redner     | x right, y up, z ahead   | column              | x right, y up, the width [-1, 1]                      |

Orthographic cameras are those of PyTorch3D, Kaolin, SoftRas (`from_softras_orthogonal`) and redner; a weak-perspective
camera goes wherever an orthographic one does. They are rendered with settings that do not divide by depth either:
RenderSettings(perspective_correct=False, clip="nonnegative"), with a near that may be 0 or negative.

All conversions are differentiable and keep dtype (float32 or float64) and device. They refuse a camera that the other
side cannot express; to see that, they read a few values, and a GPU is waited for. Lens distortion (undistort the image
first) and skew are not supported. A camera here has no near and far planes: those are settings of the renderer.
"""

from ._kaolin import from_kaolin, to_kaolin
from ._opencv import OpenCVCamera, from_opencv, to_opencv
from ._orthographic import OrthographicCamera
from ._pinhole import PinholeCamera
from ._pytorch3d import from_pytorch3d, to_pytorch3d
from ._redner import from_redner, to_redner
from ._softras import (
    SoftRasLookAt,
    SoftRasOrthogonal,
    from_softras_look_at,
    from_softras_orthogonal,
    to_softras_look_at,
    to_softras_orthogonal,
)
from ._weak_perspective import WeakPerspectiveCamera

__all__ = [
    "OpenCVCamera",
    "OrthographicCamera",
    "PinholeCamera",
    "SoftRasLookAt",
    "SoftRasOrthogonal",
    "WeakPerspectiveCamera",
    "from_kaolin",
    "from_opencv",
    "from_pytorch3d",
    "from_redner",
    "from_softras_look_at",
    "from_softras_orthogonal",
    "to_kaolin",
    "to_opencv",
    "to_pytorch3d",
    "to_redner",
    "to_softras_look_at",
    "to_softras_orthogonal",
]
