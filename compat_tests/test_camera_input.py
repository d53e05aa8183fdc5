"""Bad input to gendr_adapters.cameras is answered with what was got and what is allowed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.camera_sides import some_camera
from torch import Tensor

from gendr_adapters.cameras import (
    PinholeCamera,
    from_opencv,
    from_softras_look_at,
    to_kaolin,
    to_opencv,
    to_pytorch3d,
    to_redner,
    to_softras_look_at,
    to_softras_orthogonal,
)

EYE, ONE, TWO = torch.eye(3)[None], torch.ones(1, 3), torch.ones(1, 2)
GOOD: dict[str, Any] = {"rotation": EYE, "translation": ONE, "focal": TWO, "principal_point": TWO, "image_size": 4}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"rotation": EYE[0]}, ValueError, r"rotation must be \(N, 3, 3\), got shape \(3, 3\)"),
        ({"translation": TWO}, ValueError, r"translation must be \(N, 3\), got shape \(1, 2\)"),
        ({"focal": 3.0}, TypeError, "focal must be a tensor, got float"),
        ({"focal": TWO.double()}, TypeError, "focal is torch.float64, rotation is torch.float32"),
        ({"principal_point": TWO.to("meta")}, TypeError, "principal_point is on meta, rotation on cpu"),
        ({"focal": TWO.expand(2, 2), "translation": ONE.expand(3, 3)}, ValueError, "of N cameras or of 1, got"),
        ({"image_size": (4, 0)}, ValueError, r"1 to 32768 pixels, got \(4, 0\)"),
        ({"image_size": (4.0, 4)}, TypeError, r"an int or \(H, W\), got"),
        ({"rotation": EYE.half()}, TypeError, "float32 or float64"),
    ],
)
def test_bad_camera(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PinholeCamera(**{**GOOD, **change})


def test_bad_points() -> None:
    camera = some_camera((4, 4), 2)
    with pytest.raises(TypeError, match="points is torch.float32, the camera is torch.float64"):
        camera.project(torch.ones(1, 3))
    with pytest.raises(ValueError, match=r"points must be \(V, 3\) or \(B, V, 3\), got shape \(4, 2\)"):
        camera.project(torch.ones(4, 2).double())
    with pytest.raises(ValueError, match=r"each of the 2 cameras, got shape \(3, 4, 3\)"):
        camera.project(torch.ones(3, 4, 3).double())


def wrong_K(row: int, column: int, value: float) -> Tensor:
    K = torch.tensor([[4.0, 0.0, 2.0], [0.0, 4.0, 2.0], [0.0, 0.0, 1.0]])
    K[row, column] = value
    return K


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"K": wrong_K(0, 1, 0.5)}, ValueError, "no skew.*got 0.5"),
        ({"K": wrong_K(1, 0, 0.5)}, ValueError, r"K must be \[\[f_x"),
        ({"K": wrong_K(2, 2, 2.0)}, ValueError, r"K must be \[\[f_x"),
        ({"K": wrong_K(1, 1, 0.0)}, ValueError, "focal lengths that are not 0, got f_x = 4, f_y = 0"),
        ({"K": torch.ones(3, 4)}, ValueError, r"K must be \(3, 3\) or \(N, 3, 3\), got shape \(3, 4\)"),
        ({"K": [[1.0]]}, TypeError, "K must be a tensor, got list"),
        ({"R": torch.ones(3)}, ValueError, r"R must be \(3, 3\)"),
        ({"R": torch.eye(3).double()}, TypeError, "rotation is|rotation"),
        ({"t": torch.ones(4)}, ValueError, r"t must be \(3,\).*got shape \(4,\)"),
        (
            {"pixel_centre": 1.0},
            ValueError,
            "pixel_centre must be 0 or 0.5, got 1.0:\n.*=0    a K of cv2.*\n.*=0.5  COLMAP",
        ),
    ],
)
def test_bad_opencv(change: dict[str, Any], error: type[Exception], message: str) -> None:
    good = {"K": wrong_K(0, 1, 0.0), "R": torch.eye(3), "t": torch.zeros(3), "image_size": 4, "pixel_centre": 0}
    from_opencv(**good)
    with pytest.raises(error, match=message):
        from_opencv(**{**good, **change})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"eye": (0.0, 0.0)}, ValueError, r"eye must be \(3,\) or \(N, 3\), got shape \(2,\)"),
        ({"eye": "above"}, TypeError, "eye must be a tensor or three numbers, got 'above'"),
        ({"at": torch.zeros(3).double()}, TypeError, "at is torch.float64, eye is torch.float32"),
        ({"at": (0.0, 0.0, -3.0)}, ValueError, "eye and at must be apart"),
        ({"up": (0.0, 0.0, 0.0)}, ValueError, "up must not be 0"),
        ({"eye": torch.ones(2, 3), "at": torch.zeros(3, 3)}, ValueError, "N cameras or of 1, got {'eye': 2, 'at': 3"),
        ({"viewing_angle": 90}, ValueError, r"between 0 and 90 degrees, got \[90.0\]"),
        ({"viewing_angle": 0}, ValueError, r"between 0 and 90 degrees, got \[0.0\]"),
        ({"viewing_angle": float("nan")}, ValueError, "between 0 and 90 degrees"),
        ({"viewing_angle": None}, TypeError, "viewing_angle must be a number or a tensor, got None"),
        ({"viewing_angle": torch.ones(1, 1)}, ValueError, r"viewing_angle must be a number or \(N,\)"),
    ],
)
def test_bad_softras(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        from_softras_look_at(**{"eye": (0.0, 0.0, -3.0), **change})


def test_pixel_centre_has_no_default() -> None:
    """0.5 in silence puts a calibrated camera half a pixel off."""
    camera = some_camera((4, 4))
    K, R, t = to_opencv(camera, pixel_centre=0)
    for call in (lambda: from_opencv(K, R, t, 4), lambda: to_opencv(camera)):
        with pytest.raises(
            TypeError, match="pixel_centre is needed.*\n.*=0    a K of cv2.*\n.*=0.5  COLMAP, PyTorch3D"
        ):
            call()


@pytest.mark.parametrize(
    ("convert", "allowed"),
    [
        (to_opencv, "PinholeCamera"),
        (to_softras_look_at, "PinholeCamera"),
        (to_softras_orthogonal, "OrthographicCamera or WeakPerspectiveCamera"),
        (to_pytorch3d, "PinholeCamera, OrthographicCamera or WeakPerspectiveCamera"),
        (to_kaolin, "PinholeCamera, OrthographicCamera or WeakPerspectiveCamera"),
        (to_redner, "PinholeCamera, OrthographicCamera or WeakPerspectiveCamera"),
    ],
)
def test_objects_that_are_not_cameras_are_refused(convert: Callable[[Any], Any], allowed: str) -> None:
    with pytest.raises(TypeError, match=rf"camera must be a gendr_adapters\.cameras\.{allowed}, got str"):
        convert("camera")
