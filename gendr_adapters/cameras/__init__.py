"""Pinhole cameras of PyTorch3D, Kaolin, OpenCV and SoftRas, converted by way of one description, `PinholeCamera`.

    camera = from_pytorch3d(cameras, image_size=(480, 640))
    K, R, t = to_opencv(camera)
    image = render(gather_corners(camera.project(vertices), faces), camera.image_size)

|            | camera axes              | matrix times        | image plane                                           |
|------------|--------------------------|---------------------|-------------------------------------------------------|
| ours       | x right, y down, z ahead | column              | pixels; u right, v down; pixel i covers [i, i + 1)    |
| OpenCV     | as ours                  | column              | as ours, or pixel i's centre at i (`pixel_centre`)    |
| PyTorch3D  | x left, y up, z ahead    | row (X R + T)       | NDC x left, y up, shorter side [-1, 1]; or as ours    |
| Kaolin     | x right, y up, z behind  | column              | pixels, x0 right and y0 up of the middle              |
| SoftRas    | x "right", y up, z ahead | column              | NDC x right, y up, [-1, 1]                            |

All conversions are differentiable and keep dtype (float32 or float64) and device. They look at some values to refuse
what they cannot express, which on a GPU waits for it. No lens distortion (undistort the image first), no skew, no
orthographic cameras. Near and far planes are not part of a camera here; they are the renderer's.
"""

from ._kaolin import from_kaolin, to_kaolin
from ._opencv import OpenCVCamera, from_opencv, to_opencv
from ._pinhole import PinholeCamera
from ._pytorch3d import from_pytorch3d, to_pytorch3d
from ._softras import SoftRasLookAt, from_softras_look_at, to_softras_look_at

__all__ = [
    "OpenCVCamera",
    "PinholeCamera",
    "SoftRasLookAt",
    "from_kaolin",
    "from_opencv",
    "from_pytorch3d",
    "from_softras_look_at",
    "to_kaolin",
    "to_opencv",
    "to_pytorch3d",
    "to_softras_look_at",
]
