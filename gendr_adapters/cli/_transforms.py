"""transforms.json: the cameras of a folder of pictures, as NeRF's Blender scenes, instant-ngp and nerfstudio have them.

Its conventions are those of docs.nerf.studio/quickstart/data_conventions.html and of instant-ngp's src/nerf_loader.cu:
transform_matrix takes camera coordinates (x right, y up, z behind) to the world's; fl_x, fl_y, cx and cy are pixels of
a picture of w x h, counted from its border (cx = w / 2 is the middle); camera_angle_x is the whole angle that the width
spans, in radians; and what a frame says goes before what the file says for all frames.
"""

import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .._meshes._inside import inside
from .._soft_renderer.statements import require_regular
from ..cameras import PinholeCamera
from ..cameras._camera import flip_axes

_MOST_BYTES = 1 << 26
_TO_OPENCV = (1, -1, -1)
_DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")
_PERSPECTIVE = ("OPENCV", "PERSPECTIVE", "PINHOLE", "SIMPLE_PINHOLE")
# How far the axes of a transform_matrix may be from those of a rotation: files have few digits.
_ROTATION_TOLERANCE = 1e-2


class Frame(NamedTuple):
    """A picture and how it was taken.

    path: of the picture. where: the file and the frame's number, for errors. pose: (4, 4) float64, camera to world, the
    camera's axes x right, y up, z behind. lens: the numbers of the file that are about the lens, by their names.
    """

    path: Path
    where: str
    pose: Tensor
    lens: dict[str, float]

    def camera(self, picture_size: tuple[int, int], image_size: tuple[int, int]) -> PinholeCamera:
        """The view in an image (H, W), float32, if the picture is of picture_size; one is the other made smaller.

        Raises ValueError where the file says another shape."""
        w, h = self.lens.get("w", picture_size[1]), self.lens.get("h", picture_size[0])
        if not 0.98 < picture_size[1] / w * h / picture_size[0] < 1.02:
            said = f"{picture_size[1]} x {picture_size[0]} pixels, and the file says {w:g} x {h:g}"
            raise ValueError(f"{self.where}: {self.path} is {said}")
        focal_x = self._focal("x", w)
        if focal_x is None:
            raise ValueError(f"{self.where} has neither fl_x nor camera_angle_x: one of them is needed")
        across, down = image_size[1] / w, image_size[0] / h
        middle = self.lens.get("cx", w / 2) * across, self.lens.get("cy", h / 2) * down
        world_to_camera = torch.linalg.inv(self.pose)[None]
        rotation, translation = flip_axes(world_to_camera[:, :3, :3], world_to_camera[:, :3, 3], _TO_OPENCV)
        return PinholeCamera(
            rotation=rotation.float(),
            translation=translation.float(),
            focal=torch.tensor([[focal_x * across, (self._focal("y", h) or focal_x) * down]]),
            principal_point=torch.tensor([middle]),
            image_size=image_size,
        )

    def _focal(self, axis: str, side: float) -> float | None:
        angle = self.lens.get(f"camera_angle_{axis}")
        return self.lens.get(f"fl_{axis}", None if angle is None else side / 2 / math.tan(angle / 2))


def read_transforms(path: Path) -> list[Frame]:
    """The frames of a transforms.json, at least one.

    Raises FileNotFoundError; ValueError for what is not such a file, for numbers that are not finite, for lenses that
    are not those of pinhole cameras, and for pictures outside the file's folder.
    """
    content = _content(path)
    if not isinstance(content, dict) or not isinstance(content.get("frames"), list) or not content["frames"]:
        raise ValueError(f"{path} has no 'frames': it is no transforms.json, or an empty one")
    frames = []
    for number, frame in enumerate(content["frames"]):
        where = f"{path}: frame {number}"
        if not isinstance(frame, dict):
            raise ValueError(f"{where} must be an object, got {_shown(frame)}")
        frames.append(Frame(_picture(path, where, frame), where, _pose(where, frame), _lens(where, content | frame)))
    return frames


def _content(path: Path) -> Any:
    require_regular(path)
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, and at most {_MOST_BYTES:,} are read")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error


def _picture(path: Path, where: str, frame: dict[str, Any]) -> Path:
    name = frame.get("file_path")
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"{where}: file_path must be the name of a picture, got {_shown(name)}")
    found = inside(str(path.parent), os.path.join(path.parent, name), f"{where}: file_path")
    # NeRF's Blender scenes leave the suffix out.
    if not os.path.exists(found) and not Path(found).suffix:
        found = inside(str(path.parent), f"{found}.png", f"{where}: file_path")
    if not os.path.exists(found):
        raise FileNotFoundError(f"{where} names the picture {found}, and there is no such file")
    return Path(found)


def _pose(where: str, frame: dict[str, Any]) -> Tensor:
    rows = frame.get("transform_matrix")
    if not (isinstance(rows, list) and len(rows) in (3, 4) and all(isinstance(r, list) and len(r) == 4 for r in rows)):
        raise ValueError(f"{where}: transform_matrix must be four rows of four numbers, got {_shown(rows)}")
    numbers = [[_number(f"{where}: transform_matrix", value) for value in row] for row in rows]
    pose = torch.tensor([*numbers[:3], [0.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    axes = pose[:3, :3]
    off = (axes.mT @ axes - torch.eye(3, dtype=torch.float64)).abs().max()
    if off > _ROTATION_TOLERANCE or torch.det(axes) < 0 or numbers[3:] not in ([], [[0, 0, 0, 1]]):
        raise ValueError(f"{where}: transform_matrix must be a rotation and a translation, got {_shown(rows)}")
    return pose


def _lens(where: str, said: dict[str, Any]) -> dict[str, float]:
    if said.get("is_fisheye") or str(said.get("camera_model", "OPENCV")) not in _PERSPECTIVE:
        raise ValueError(f"{where}: the lens is {_shown(said.get('camera_model'))}; only perspective ones are read")
    numbers = {}
    for name in ("fl_x", "fl_y", "w", "h", "camera_angle_x", "camera_angle_y", "cx", "cy", *_DISTORTION):
        if name in said:
            numbers[name] = value = _number(f"{where}: {name}", said[name])
            if name in _DISTORTION and value != 0:
                raise ValueError(f"{where}: {name} = {value:g}: the pictures are distorted; undistort them first")
            highest = math.pi if name.startswith("camera_angle") else math.inf
            if name not in ("cx", "cy", *_DISTORTION) and not 0 < value < highest:
                allowed = "in (0, pi) radians" if highest == math.pi else "> 0"
                raise ValueError(f"{where}: {name} must be {allowed}, got {value:g}")
    return numbers


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e30:
        raise ValueError(f"{where} must be finite numbers, got {_shown(value)}")
    return float(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
