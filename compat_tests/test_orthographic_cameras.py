"""OrthographicCamera and WeakPerspectiveCamera agree with the orthographic cameras of each ecosystem.

PyTorch3D's are its own, Kaolin's its own or a test double's (kaolin/stand_ins); SoftRas' is that of our door, and
redner's formula is written out here (camera_to_screen of its camera.h).
"""

import importlib
import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from support.camera_sides import SIZES, border_pixels, install_kaolin, random_numbers, real_pytorch3d, some_K_R_t
from torch import Tensor

from gendr_adapters import RenderSettings, redner, render
from gendr_adapters._soft_renderer.look_at import look_at
from gendr_adapters._soft_renderer.projections import orthogonal
from gendr_adapters.cameras import (
    OrthographicCamera,
    WeakPerspectiveCamera,
    from_kaolin,
    from_pytorch3d,
    from_redner,
    from_softras_orthogonal,
    to_kaolin,
    to_pytorch3d,
    to_redner,
    to_softras_orthogonal,
)

FIELDS = ("rotation", "translation", "scale", "principal_point")
POINTS = random_numbers(7, 9, 3)
SETTINGS = RenderSettings(perspective_correct=False, clip="nonnegative", near=-10, far=10, dist_scale=1e-3)


@pytest.fixture
def pytorch3d() -> ModuleType:
    return real_pytorch3d()


@pytest.fixture(params=["stand_in", "real"])
def kaolin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    return install_kaolin(request.param, monkeypatch)


def some_orthographic(
    size: tuple[int, int], kind: str = "any", n: int = 2, dtype: torch.dtype = torch.float64
) -> OrthographicCamera:
    """kind: 'any': two scales and a principal point off the middle; 'square': one scale; 'mirror': scale_x < 0, too."""
    K, R, t = (x.to(dtype) for x in some_K_R_t(size, n))
    scale = torch.stack([K[:, 0, 0], K[:, 1, 1]], 1) / 3
    if kind != "any":
        scale = scale[:, :1] * scale.new_tensor([-1.0 if kind == "mirror" else 1.0, 1.0])
    return OrthographicCamera(rotation=R, translation=t, scale=scale, principal_point=K[:, :2, 2], image_size=size)


def some_weak(size: tuple[int, int], dtype: torch.dtype = torch.float64) -> WeakPerspectiveCamera:
    _, R, t = (x.to(dtype) for x in some_K_R_t(size, 2))
    return WeakPerspectiveCamera(
        scale=torch.tensor([0.7, 0.4]).to(dtype), translation=t[:, :2], rotation=R, image_size=size
    )


def close(a: Tensor, b: Tensor, tolerance: float = 1e-11) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


# ---- by themselves


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_projection_is_the_formula(size: tuple[int, int]) -> None:
    camera = some_orthographic(size)
    seen = torch.einsum("nij,vj->nvi", camera.rotation, POINTS) + camera.translation[:, None]
    close(camera.view(POINTS), seen)
    expected = camera.scale[:, None] * seen[..., :2] + camera.principal_point[:, None]
    close(border_pixels(camera.project(POINTS), size), expected)
    close(camera.project(POINTS)[..., 2], seen[..., 2])


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_weak_perspective_is_the_formula_of_smpl(size: tuple[int, int]) -> None:
    """x = s (X + t) in a square from -1 to 1, y downwards; render has y upwards."""
    camera = some_weak(size)
    turned = torch.einsum("nij,vj->nvi", camera.rotation, POINTS)
    expected = camera.scale[:, None, None] * (turned[..., :2] + camera.translation[:, None])
    close(camera.project(POINTS), torch.cat([expected * torch.tensor([1.0, -1.0]), turned[..., 2:]], 2))
    close(camera.view(POINTS)[..., 2], turned[..., 2])
    close(camera.to_orthographic().project(POINTS), camera.project(POINTS))
    plain = WeakPerspectiveCamera(scale=camera.scale, translation=camera.translation, image_size=size)
    close(plain.project(POINTS)[..., 0], camera.scale[:, None] * (POINTS[:, 0] + camera.translation[:, :1]))


def test_weak_perspective_is_what_a_far_pinhole_camera_sees() -> None:
    """HMR's rule: at depth 2 f / (S s), a pinhole camera of the focal length f pixels sees the same."""
    from gendr_adapters.cameras import PinholeCamera

    weak, focal = some_weak((24, 24)), 1e7
    depth = 2 * focal / (24 * weak.scale)
    pinhole = PinholeCamera(
        rotation=weak.rotation,
        translation=torch.cat([weak.translation, depth[:, None]], 1),
        focal=torch.full((1, 2), focal).double(),
        principal_point=torch.full((1, 2), 12.0).double(),
        image_size=24,
    )
    close(pinhole.project(POINTS)[..., :2], weak.project(POINTS)[..., :2], 1e-5)


def test_depths_on_either_side_are_rendered() -> None:
    """A square that reaches from z = -0.5 to z = 0.5: its alpha is that of the same square further off."""
    corners = torch.tensor([[[-0.5, -0.5, -0.5], [0.5, -0.5, 0.5], [0.5, 0.5, 0.5]]])
    camera = WeakPerspectiveCamera(scale=torch.ones(1), translation=torch.zeros(1, 2), image_size=16)
    projected = camera.project(corners)
    near = render(projected[:, None], 16, projected[:, None], settings=SETTINGS)
    projected = camera.project(corners + torch.tensor([0.0, 0.0, 5.0]))
    far = render(projected[:, None], 16, settings=SETTINGS, outputs=("alpha",))
    assert near.alpha.max() > 0.9 and torch.equal(near.alpha, far.alpha)
    inside = near.alpha[0] > 0.99
    columns = (2 * torch.arange(16.0) + 1 - 16) / 16
    close(near.image[0, 2][inside], columns.expand(16, 16)[inside], 1e-5)  # z is linear on screen


def test_gradients_of_project() -> None:
    camera, weak = some_orthographic((5, 8)), some_weak((5, 8))

    def project(points: Tensor, *parts: Tensor) -> Tensor:
        return OrthographicCamera(**dict(zip(FIELDS, parts, strict=True)), image_size=(5, 8)).project(points)

    def project_weakly(points: Tensor, scale: Tensor, translation: Tensor, rotation: Tensor) -> Tensor:
        made = WeakPerspectiveCamera(scale=scale, translation=translation, rotation=rotation, image_size=(5, 8))
        return made.project(points)

    points = POINTS[:3].clone().requires_grad_()
    parts = [getattr(camera, name).clone().requires_grad_() for name in FIELDS]
    assert torch.autograd.gradcheck(project, [points, *parts])
    weak_parts = [getattr(weak, name).clone().requires_grad_() for name in ("scale", "translation", "rotation")]
    assert torch.autograd.gradcheck(project_weakly, [points, *weak_parts])


@pytest.mark.parametrize("make", [some_orthographic, some_weak])
def test_batches(make: Callable[[tuple[int, int]], Any]) -> None:
    camera, points = make((5, 8)), random_numbers(9, 2, 4, 3)
    assert len(camera) == 2 and camera.project(points[0]).shape == camera.view(points[:1]).shape == (2, 4, 3)
    close(camera.project(points)[1], camera.project(points[1])[1])
    for bad, message in (
        (points.float(), "points is torch.float32, the camera is torch.float64"),
        (points[..., :2], r"points must be \(V, 3\) or \(B, V, 3\), got shape \(2, 4, 2\)"),
        (points[[0, 1, 1]], r"each of the 2 cameras, got shape \(3, 4, 3\)"),
    ):
        for call in (camera.project, camera.view):
            with pytest.raises((TypeError, ValueError), match=message):
                call(bad)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (OrthographicCamera, {"scale": torch.ones(1)}, r"scale must be \(N, 2\), got shape \(1,\)"),
        (OrthographicCamera, {"scale": torch.ones(3, 2)}, "N cameras or of 1, got .*'scale': 3"),
        (OrthographicCamera, {"principal_point": torch.ones(2, 2).double()}, "principal_point is torch.float64"),
        (WeakPerspectiveCamera, {"scale": torch.ones(2, 1)}, r"scale must be \(N,\), got shape \(2, 1\)"),
        (WeakPerspectiveCamera, {"scale": 1.0}, "scale must be a tensor, got float"),
        (WeakPerspectiveCamera, {"translation": torch.ones(2, 3)}, r"translation must be \(N, 2\), got shape \(2, 3\)"),
        (WeakPerspectiveCamera, {"rotation": torch.eye(3)}, r"rotation must be \(N, 3, 3\), got shape \(3, 3\)"),
        (WeakPerspectiveCamera, {"image_size": 0}, "1 to 32768 pixels, got 0"),
    ],
)
def test_bad_cameras(kind: Any, change: dict[str, Any], message: str) -> None:
    good = some_orthographic((4, 4)) if kind is OrthographicCamera else some_weak((4, 4))
    names = FIELDS if kind is OrthographicCamera else ("scale", "translation", "rotation")
    parts = {**{name: getattr(good, name).float() for name in names}, "image_size": 4}
    kind(**parts)
    with pytest.raises((TypeError, ValueError), match=message):
        kind(**{**parts, **change})


# ---- PyTorch3D


def pytorch3d_orthographic(module: Any, kind: str, size: tuple[int, int]) -> Any:
    _, R, T = (x.float() for x in some_K_R_t(size, 2, seed=40))
    scale, centre = torch.tensor([[0.5, 0.6], [0.7, 0.4]]), torch.tensor([[0.11, -0.07], [-0.09, 0.13]])
    K = torch.eye(4).repeat(2, 1, 1)
    K[:, [0, 1], [0, 1]], K[:, :2, 3] = scale, centre
    if kind == "fov":
        made = module.FoVOrthographicCameras(max_x=2.5, min_x=-1.5, max_y=2.0, min_y=-2.2, scale_xyz=((1.2, 0.9, 1),))
        made.R, made.T = R[:1], T[:1]
        return made
    return {
        "fov_K": lambda: module.FoVOrthographicCameras(K=K, R=R, T=T),
        "ndc": lambda: module.OrthographicCameras(scale, centre, R=R, T=T),
        "screen": lambda: module.OrthographicCameras(
            scale * min(size) / 2,
            torch.tensor([[0.57 * size[1], 0.44 * size[0]]]) + centre,
            R=R, T=T, in_ndc=False, image_size=(size,),
        ),
    }[kind]()  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["fov", "fov_K", "ndc", "screen"])
def test_pytorch3d_sees_the_same(pytorch3d: ModuleType, kind: str, size: tuple[int, int]) -> None:
    theirs = pytorch3d_orthographic(pytorch3d, kind, size)
    camera, points = from_pytorch3d(theirs, size), POINTS.float()
    assert isinstance(camera, OrthographicCamera) and camera.image_size == size

    def expected(cameras: Any) -> Tensor:
        ndc = cameras.transform_points_ndc(points, image_size=(size,))
        depth = cameras.get_world_to_view_transform().transform_points(points)[..., 2]
        return torch.stack([-ndc[..., 0], ndc[..., 1], depth], -1).reshape(len(camera), -1, 3)

    close(camera.project(points), expected(theirs), 1e-5)
    for in_ndc in (True, False):
        back = to_pytorch3d(camera, in_ndc=in_ndc)
        assert isinstance(back, pytorch3d.OrthographicCameras) and back.in_ndc() == in_ndc
        close(camera.project(points), expected(back), 1e-5)


def test_pytorch3d_refuses_what_is_not_orthographic(pytorch3d: ModuleType) -> None:
    K = torch.eye(4)[None].clone()
    for place, message in (((0, 1), "no skew"), ((0, 2), "K must be"), ((3, 2), "K must be")):
        wrong = K.clone()
        wrong[(0, *place)] = 0.1
        with pytest.raises(ValueError, match=message):
            from_pytorch3d(pytorch3d.FoVOrthographicCameras(K=wrong), (8, 8))


# ---- Kaolin


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_kaolin_sees_the_same(kaolin: Any, size: tuple[int, int]) -> None:
    _, rotation, translation = some_K_R_t(size, 2, seed=20)
    view = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    view[:, :3, :3], view[:, :3, 3] = rotation, translation
    theirs = kaolin.Camera(
        extrinsics=kaolin.CameraExtrinsics.from_view_matrix(view, dtype=torch.float64),
        intrinsics=kaolin.OrthographicIntrinsics(size[1], size[0], torch.tensor([[1.4], [0.8]]).double()),
    )
    camera = from_kaolin(theirs)
    assert isinstance(camera, OrthographicCamera) and camera.image_size == size
    for made in (theirs, to_kaolin(camera)):
        ndc = made.transform(POINTS[None].expand(2, -1, -1))
        x, y = (ndc[..., 0] + 1) * size[1] / 2, (1 - ndc[..., 1]) * size[0] / 2
        close(border_pixels(camera.project(POINTS), size), torch.stack([x, y], -1))
    seen = made.extrinsics.transform(POINTS[None].expand(2, -1, -1))
    close(camera.project(POINTS)[..., 2], -seen[..., 2])


def test_kaolin_has_no_such_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    install_kaolin("stand_in", monkeypatch)
    with pytest.raises(ValueError, match="Kaolin has one scale for x and y, this camera has"):
        to_kaolin(some_orthographic((6, 8)))
    with pytest.raises(ValueError, match="Kaolin's orthographic cameras do not mirror"):
        to_kaolin(some_orthographic((6, 8), "mirror"))


# ---- SoftRas


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_softras_sees_the_same(size: tuple[int, int]) -> None:
    eye = torch.tensor([[0.4, 1.0, -2.5], [-2.0, 0.3, 1.7]], dtype=torch.float64)
    at, up, scale = (0.1, 0.0, 0.2), (0.1, 1.0, 0.0), torch.tensor([0.6, -0.8]).double()
    camera = from_softras_orthogonal(eye, at, up, scale, size)
    expected = orthogonal(look_at(POINTS[None].expand(2, -1, -1), eye, at, up), scale)
    close(camera.project(POINTS), expected)
    with pytest.raises(ValueError, match="viewing_scale must be finite and not 0"):
        from_softras_orthogonal(eye, at, up, 0.0, size)


def test_softras_has_no_such_cameras() -> None:
    with pytest.raises(ValueError, match="SoftRas has one scale"):
        to_softras_orthogonal(some_orthographic((6, 6)))
    with pytest.raises(ValueError, match="mirror image"):
        to_softras_orthogonal(some_orthographic((6, 6), "square"))


# ---- redner


def look(dtype: torch.dtype) -> dict[str, Any]:
    vectors = {"position": [0.7, 0.9, -4.0], "look_at": [0.1, 0.1, 0.3], "up": [0.1, 1.0, 0.2]}
    return {name: torch.tensor(vector, dtype=dtype) for name, vector in vectors.items()}


def redner_pixels(camera: Any, points: Tensor) -> Tensor:
    """Where redner's camera_to_screen puts points (V, 3), times the picture's size."""
    height, width = camera.resolution
    local = points @ camera.world_to_cam[:3, :3].mT + camera.world_to_cam[:3, 3]
    x, y, z = (local @ camera.intrinsic_mat.mT).unbind(-1)
    if camera.camera_type.name == "perspective":
        x, y = x / z, y / z
    aspect = width / height
    return torch.stack([(x + 1) / 2 * width, (1 - y * aspect) / 2 * height], -1)


@pytest.mark.parametrize("kind", ["perspective", "orthographic"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_redner_sees_the_same(size: tuple[int, int], kind: str) -> None:
    mat = torch.diag(torch.tensor([1.3, 0.8, 1.0])).double()
    if kind == "perspective":
        mat[:2, 2] = torch.tensor([0.1, -0.2])
    theirs = redner.Camera(
        **look(torch.float64), intrinsic_mat=mat, resolution=size, camera_type=redner.camera_type[kind]
    )
    camera = from_redner(theirs)
    assert isinstance(camera, OrthographicCamera) == (kind == "orthographic")
    seen = camera.project(POINTS)
    close(border_pixels(seen, size)[0], redner_pixels(theirs, POINTS))
    close(seen[0, :, 2], (POINTS @ theirs.world_to_cam[:3, :3].mT + theirs.world_to_cam[:3, 3])[:, 2])
    (back,) = to_redner(camera, clip_near=0.1)
    assert back.clip_near == 0.1 and back.camera_type.name == kind
    close(redner_pixels(back, POINTS), redner_pixels(theirs, POINTS))
    if kind == "perspective":
        homogeneous = back.homogeneous_pixels(POINTS)
        close(homogeneous[:, :2] / homogeneous[:, 2:], border_pixels(seen, size)[0])


def test_redner_viewport_is_the_picture() -> None:
    pose, fov = look(torch.float32), torch.tensor([40.0])
    whole = redner.Camera(**pose, fov=fov, resolution=(10, 14), viewport=(2, 3, 12, 11))
    camera = from_redner(whole)
    assert camera.image_size == (8, 8)
    expected = redner_pixels(whole, POINTS.float()) - torch.tensor([3.0, 2.0])
    close(border_pixels(camera.project(POINTS.float()), (8, 8))[0], expected, 1e-4)


def test_redner_refusals() -> None:
    mat = torch.eye(3)
    pose = torch.eye(4)

    def camera(resolution: tuple[int, int] = (4, 4), **changes: Any) -> redner.Camera:
        return redner.Camera(**{"cam_to_world": pose, "intrinsic_mat": mat, "resolution": resolution, **changes})

    moved = mat.clone()
    moved[0, 2] = 0.1
    skewed = mat.clone()
    skewed[0, 1] = 0.1
    assert len(from_redner([camera(), camera()])) == 2
    for given, error, message in (
        ([], ValueError, "at least one"),
        ([camera(), camera((4, 5))], ValueError, r"one size, got \['perspective'\] and \[\(4, 4\), \(4, 5\)\]"),
        (camera(intrinsic_mat=skewed), ValueError, r"no skew, \[0, 1\] = 0, got 0.1"),
        (camera(intrinsic_mat=2 * mat), ValueError, r"intrinsic_mat must be \[\[k_00"),
        (
            camera(intrinsic_mat=moved, camera_type=redner.camera_type.orthographic),
            ValueError,
            r"an orthographic camera must have \[:2, 2\] = 0",
        ),
        ("camera", TypeError, "cameras must be of redner, got str without camera_type"),
    ):
        with pytest.raises(error, match=message):
            from_redner(given)
    panorama = camera()
    panorama.camera_type = redner.camera_type.panorama
    with pytest.raises(ValueError, match="perspective or orthographic, got panorama"):
        from_redner(panorama)


# ---- all of them


def formats(size: tuple[int, int]) -> dict[str, Callable[[Any], Any]]:
    """To each format and back."""
    return {
        "kaolin": lambda camera: from_kaolin(to_kaolin(camera)),
        "pytorch3d_ndc": lambda camera: from_pytorch3d(to_pytorch3d(camera)),
        "pytorch3d_screen": lambda camera: from_pytorch3d(to_pytorch3d(camera, in_ndc=False)),
        "softras": lambda camera: from_softras_orthogonal(*to_softras_orthogonal(camera), size),
        "redner": lambda camera: from_redner(to_redner(camera)),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("pair", itertools.combinations_with_replacement(formats((1, 1)), 2), ids="-".join)
def test_round_trips(pair: tuple[str, str], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is seen: a principal point off the middle may become a camera moved to the side."""
    if set(pair) == {"kaolin", "softras"}:
        pytest.skip("SoftRas' cameras mirror, Kaolin's do not")
    if any("pytorch3d" in name for name in pair):
        real_pytorch3d()
    if "kaolin" in pair:
        install_kaolin("stand_in", monkeypatch)
    kind = "mirror" if "softras" in pair else "square" if "kaolin" in pair else "any"
    for size in SIZES[:3]:
        cameras: list[Any] = [some_orthographic(size, kind, dtype=dtype)]
        if kind != "mirror":
            cameras.append(some_weak(size, dtype))
        for camera in cameras:
            back = camera
            for name in pair:
                back = formats(size)[name](back)
            assert isinstance(back, OrthographicCamera) and back.image_size == size and back.scale.dtype == dtype
            points = POINTS.to(dtype)
            close(back.project(points), camera.project(points), 1e-11 if dtype == torch.float64 else 1e-5)


def test_perspective_round_trips_by_redner() -> None:
    from support.camera_sides import assert_same, some_camera

    for size, dtype in itertools.product(SIZES[:3], (torch.float32, torch.float64)):
        camera = some_camera(size, dtype=dtype)
        assert_same(from_redner(to_redner(camera)), camera, 1e-12 if dtype == torch.float64 else 3e-6)


def test_gradients_through_all(monkeypatch: pytest.MonkeyPatch) -> None:
    module = install_kaolin("stand_in", monkeypatch)
    assert module is importlib.import_module("kaolin.render.camera")
    for name in ("kaolin", "pytorch3d_ndc", "redner", "softras"):
        if name == "pytorch3d_ndc":
            real_pytorch3d()
        camera = some_orthographic((5, 8), "mirror" if name == "softras" else "square")
        parts = [getattr(camera, field).clone().requires_grad_() for field in FIELDS]
        made = OrthographicCamera(**dict(zip(FIELDS, parts, strict=True)), image_size=(5, 8))
        direct = torch.autograd.grad(made.project(POINTS).sin().sum(), parts)
        made = OrthographicCamera(**dict(zip(FIELDS, parts, strict=True)), image_size=(5, 8))
        around = torch.autograd.grad(formats((5, 8))[name](made).project(POINTS).sin().sum(), parts)
        close(around[1], direct[1])
        close(around[3], direct[3])
        close(around[2].abs().sum(1) > 0, torch.tensor([True, True]))
