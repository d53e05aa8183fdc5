"""gendr_adapters.cameras: projections, round trips and pictures agree with those of each ecosystem.

What is real: PyTorch3D's own cameras and conversions to and from OpenCV, where it is installed (its Python layer is
enough; else these tests skip, or fail with GENDR_REQUIRE_PYTORCH3D=1), and its rasteriser's recorded pictures; Kaolin's
own cameras where Kaolin imports (else skipped). No package index has Kaolin, so its tests run on a stand-in, too
(kaolin/stand_ins), which has what we use of Kaolin 0.18. OpenCV's and SoftRas' formulas are written out in
camera_sides.py.
"""

import importlib
import itertools
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.camera_sides import (
    FIELDS,
    PYTORCH3D_KINDS,
    SIDES,
    SIZES,
    assert_same,
    border_pixels,
    in_front,
    install_kaolin,
    kaolin_camera,
    pytorch3d_cameras,
    random_numbers,
    real_pytorch3d,
    softras_camera,
    softras_projection,
    some_camera,
    some_K_R_t,
)
from torch import Tensor

from gendr_adapters import RenderSettings, gather_corners, render
from gendr_adapters.cameras import (
    PinholeCamera,
    from_kaolin,
    from_opencv,
    from_pytorch3d,
    from_softras_look_at,
    to_kaolin,
    to_opencv,
    to_pytorch3d,
    to_softras_look_at,
)

GOLDEN = Path(__file__).parent / "goldens" / "pytorch3d" / "pytorch3d_fragments.npz"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Tensors of these sizes do not profit from threads, and on a busy machine suffer from them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pytorch3d() -> ModuleType:
    """pytorch3d.renderer."""
    return real_pytorch3d()


@pytest.fixture(params=["stand_in", "real"])
def kaolin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """kaolin.render.camera."""
    return install_kaolin(request.param, monkeypatch)


def lit(triangle: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Which pixels (H, W) have their centre in a triangle (3, 2) of pixel coordinates; how far the nearest centre is
    from its outline, in pixels."""
    rows, columns = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    centres = torch.stack([columns, rows], -1).double() + 0.5
    edges = triangle.roll(-1, 0) - triangle
    to_centre = centres[..., None, :] - triangle
    cross = edges[:, 0] * to_centre[..., 1] - edges[:, 1] * to_centre[..., 0]
    inside = (cross > 0).all(-1) | (cross < 0).all(-1)
    return inside, (cross.abs() / edges.norm(dim=-1)).min()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", SIDES)
def test_same_picture(name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A triangle rendered through our camera lights the pixels that its own ecosystem's formula says, no other."""
    camera, pixels = SIDES[name](size, monkeypatch=monkeypatch)
    count = 0
    for seed in range(12):
        corners = in_front(camera, 3, seed)
        projected = camera.project(corners)
        rendered = render(projected[:, None], size, settings=RenderSettings(distribution="hard", near=1e-3))
        for alpha, triangle in zip(rendered.alpha, pixels(corners).double(), strict=True):
            expected, margin = lit(triangle, size)
            if margin > 1e-4:  # else rounding decides, in float32
                assert torch.equal(alpha > 0.5, expected), f"{size}, seed {seed}"
                count += int(expected.any())
    assert count > 12


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", SIDES)
def test_same_projection(name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    camera, pixels = SIDES[name](size, monkeypatch=monkeypatch)
    points = in_front(camera)
    tolerance = 1e-12 if points.dtype == torch.float64 else 2e-6
    assert camera.image_size == size and len(camera) == 2
    got = border_pixels(camera.project(points), size)
    torch.testing.assert_close(got, pixels(points), rtol=0, atol=tolerance * max(size) * 10)


# ---- PyTorch3D


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", PYTORCH3D_KINDS)
def test_pytorch3d_ndc(pytorch3d: ModuleType, kind: str, size: tuple[int, int]) -> None:
    """Our x and y are PyTorch3D's NDC with x the other way, our z its view depth; and back."""
    cameras = pytorch3d_cameras(pytorch3d, kind, size)
    camera = from_pytorch3d(cameras, size)
    points = in_front(camera)

    def expected(cameras: Any) -> Tensor:
        ndc = cameras.transform_points_ndc(points, image_size=(size,))
        depth = cameras.get_world_to_view_transform().transform_points(points)[..., 2]
        return torch.stack([-ndc[..., 0], ndc[..., 1], depth], -1)

    got = camera.project(points)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, expected(cameras), rtol=0, atol=1e-5)
    for in_ndc in (True, False):
        back = to_pytorch3d(camera, in_ndc=in_ndc)
        assert back.in_ndc() == in_ndc and back.R.dtype == torch.float32 and len(back) == 2
        torch.testing.assert_close(got, expected(back), rtol=0, atol=1e-5)
        screen = back.transform_points_screen(points)[..., :2]  # with its own image_size
        torch.testing.assert_close(border_pixels(got, size), screen, rtol=0, atol=2e-5 * max(size))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pytorch3d_and_its_own_opencv(pytorch3d: ModuleType, size: tuple[int, int]) -> None:
    """By way of us as by PyTorch3D's own conversions."""
    utils = importlib.import_module("pytorch3d.utils")
    K, R, t = some_K_R_t(size)
    theirs = utils.cameras_from_opencv_projection(R, t, K, torch.tensor([size, size]))
    assert_same(from_pytorch3d(theirs), from_opencv(K, R, t, size, pixel_centre=0.5))
    ours = to_pytorch3d(from_opencv(K, R, t, size, pixel_centre=0.5))
    for name in ("R", "T", "focal_length", "principal_point"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))
    R_back, t_back, K_back = utils.opencv_from_cameras_projection(theirs, torch.tensor([size, size]))
    for got, expected in zip(
        to_opencv(from_pytorch3d(theirs), pixel_centre=0.5), (K_back, R_back, t_back), strict=True
    ):
        torch.testing.assert_close(got, expected)


def golden_cases() -> list[dict[str, Any]]:
    """PyTorch3D's recorded pictures of perspective cameras, without blur and culling."""
    with np.load(GOLDEN) as arrays:
        cases = json.loads(str(arrays["meta"]))
    return [
        case
        for case in cases
        if case["camera"] != "ortho"
        and case["blur_radius"] == 0
        and not case["cull_backfaces"]
        and case["perspective_correct"] is not False
    ]


@pytest.mark.parametrize(
    "case", golden_cases(), ids=lambda case: f"{case['case']:03d}-{case['scene']}-{case['camera']}"
)
def test_pytorch3d_golden_picture(pytorch3d: ModuleType, case: dict[str, Any]) -> None:
    """Through the camera that PyTorch3D's rasteriser had, the same face at each pixel, and its depth."""
    with np.load(GOLDEN) as arrays:
        got = {name[4:]: arrays[name] for name in arrays.files if name.startswith(f"{case['case']:03d}_")}
    pose = {name: torch.from_numpy(got[name]) for name in ("R", "T")}
    if case["camera"] == "fov":
        cameras = pytorch3d.FoVPerspectiveCameras(fov=50.0, **pose)
    else:
        cameras = pytorch3d.PerspectiveCameras(focal_length=2.1, principal_point=((0.05, -0.1),), **pose)
    camera = from_pytorch3d(cameras, tuple(case["image_size"]))
    verts = [camera.project(torch.from_numpy(got[f"verts{n}"].astype(np.float32)))[n] for n in range(len(camera))]
    of_rasteriser = torch.from_numpy(got["verts_ndc_packed"]) * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(torch.cat(verts), of_rasteriser, rtol=1e-4, atol=1e-5)

    corners = [gather_corners(v, torch.from_numpy(got[f"faces{n}"].astype(np.int64))) for n, v in enumerate(verts)]
    offsets = torch.tensor([0, *np.cumsum([len(c) for c in corners])])

    def seen(dx: float, dy: float) -> tuple[Tensor, Tensor]:
        """The packed face at each pixel, and its depth, with the scene moved a little."""
        moved = torch.cat(corners) + torch.tensor([dx, dy, 0.0])
        settings = RenderSettings(distribution="hard", near=1e-3, clip="none")
        out = render(moved, camera.image_size, None, offsets, settings, outputs=("depth", "face_index"))
        assert out.face_index is not None and out.depth is not None
        return torch.where(out.face_index < 0, -1, out.face_index + offsets[:-1, None, None]), out.depth

    face, depth = seen(0.0, 0.0)
    step = 1e-5
    decided = torch.stack([seen(dx, dy)[0] == face for dx in (-step, step) for dy in (-step, step)]).all(0)
    assert decided.float().mean() > 0.99  # the others are on an edge
    expected = torch.from_numpy(got["pix_to_face"][..., 0].astype(np.int64))
    assert torch.equal(face[decided], expected[decided])
    shown = decided & (expected >= 0)
    assert shown.any()
    torch.testing.assert_close(depth[shown], torch.from_numpy(got["zbuf"][..., 0])[shown], rtol=1e-4, atol=0)


def test_pytorch3d_image_size(pytorch3d: ModuleType) -> None:
    """Cameras in screen space have their own; others may be seen at any size."""
    screen = pytorch3d_cameras(pytorch3d, "screen", (17, 32))
    assert from_pytorch3d(screen).image_size == from_pytorch3d(screen, (17, 32)).image_size == (17, 32)
    assert from_pytorch3d(to_pytorch3d(from_pytorch3d(screen)), (34, 64)).image_size == (34, 64)
    with pytest.raises(ValueError, match=r"image_size is \(32, 17\).*screen space of \(17, 32\)"):
        from_pytorch3d(screen, (32, 17))
    with pytest.raises(ValueError, match=r"image_size is needed, \(H, W\)"):
        from_pytorch3d(pytorch3d_cameras(pytorch3d, "fov", (17, 32)))
    sizes = torch.tensor([[17, 32], [32, 17]])
    several = pytorch3d.PerspectiveCameras(R=screen.R, T=screen.T, in_ndc=False, image_size=sizes)
    with pytest.raises(ValueError, match=r"share one image_size.*cameras\[i\]"):
        from_pytorch3d(several)


def test_pytorch3d_refusals(pytorch3d: ModuleType) -> None:
    base: Any = pytorch3d.cameras.CamerasBase
    with pytest.raises(ValueError, match="Cameras are not supported; supported: FoVPerspectiveCameras, Perspective"):
        from_pytorch3d(type("Cameras", (base,), {})(), (8, 8))
    with pytest.raises(TypeError, match="cameras of PyTorch3D, got str"):
        from_pytorch3d("cameras", (8, 8))
    K = pytorch3d_cameras(pytorch3d, "ndc_K", (8, 8)).K
    for place, message in (((0, 1), "no skew"), ((1, 3), "K must be"), ((3, 3), "K must be")):
        wrong = K.clone()
        wrong[(1, *place)] = 0.1
        with pytest.raises(ValueError, match=message):
            from_pytorch3d(pytorch3d.PerspectiveCameras(K=wrong), (8, 8))


# ---- Kaolin


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_kaolin_ndc(kaolin: Any, size: tuple[int, int]) -> None:
    """Kaolin's NDC of the Kaolin camera that we make of ours, and the planes we pass on."""
    camera = some_camera(size)
    points = in_front(camera)
    made = to_kaolin(camera, near=0.5, far=10.0)
    got, expected = camera.project(points), made.transform(points)
    torch.testing.assert_close(got[..., 0] * min(size) / size[1], expected[..., 0])
    torch.testing.assert_close(got[..., 1] * min(size) / size[0], expected[..., 1])
    normalised = (10.5 - 10.0 / got[..., 2]) / 9.5  # -1 at 0.5, 1 at 10
    torch.testing.assert_close(expected[..., 2], normalised)


def test_kaolin_dtype_and_gradients(kaolin: Any) -> None:
    for dtype in (torch.float32, torch.float64):
        camera = some_camera((6, 8), dtype=dtype)
        parts = {name: getattr(camera, name).clone().requires_grad_() for name in FIELDS}
        made = to_kaolin(PinholeCamera(**parts, image_size=(6, 8)))
        assert made.extrinsics.view_matrix().dtype == made.intrinsics.focal_x.dtype == dtype
        back = from_kaolin(made)
        loss = sum((getattr(back, name) * (2 + i)).sum() for i, name in enumerate(FIELDS))
        gradients = torch.autograd.grad(loss, list(parts.values()))
        assert all(g.abs().sum() > 0 for g in gradients)
        torch.testing.assert_close(gradients[2], torch.full_like(gradients[2], 4))
        torch.testing.assert_close(gradients[3], torch.full_like(gradients[3], 5))
        assert not to_kaolin(camera).extrinsics.view_matrix().requires_grad


def test_kaolin_refusals(kaolin: Any) -> None:
    with pytest.raises(TypeError, match=r"kaolin\.render\.camera\.Camera, got Tensor"):
        from_kaolin(torch.eye(4))
    with pytest.raises(ValueError, match=r"0 < near < far, got near = 2, far = 1"):
        to_kaolin(some_camera((4, 4)), near=2, far=1)
    fisheye = SimpleNamespace(
        extrinsics=kaolin_camera(kaolin, (4, 4)).extrinsics, intrinsics=SimpleNamespace(lens_type="fisheye")
    )
    with pytest.raises(ValueError, match="PinholeIntrinsics or OrthographicIntrinsics, got the lens 'fisheye'"):
        from_kaolin(fisheye)


def test_absent_ecosystems(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("kaolin", "kaolin.render", "kaolin.render.camera", "pytorch3d", "pytorch3d.renderer"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="Kaolin is needed for its cameras"):
        to_kaolin(some_camera((4, 4)))
    with pytest.raises(ImportError, match="PyTorch3D is needed for its cameras"):
        to_pytorch3d(some_camera((4, 4)))
    with pytest.raises(ImportError, match="PyTorch3D is needed for its cameras"):
        from_pytorch3d(None, 4)


# ---- OpenCV


@pytest.mark.parametrize("pixel_centre", [0.5, 0.0])
def test_opencv_round_trip_and_shapes(pixel_centre: float) -> None:
    K, R, t = some_K_R_t((17, 32))
    camera = from_opencv(K, R, t, (17, 32), pixel_centre=pixel_centre)
    for got, expected in zip(to_opencv(camera, pixel_centre=pixel_centre), (K, R, t), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)
    one = from_opencv(K[0], R[0], t[0], (17, 32), pixel_centre=pixel_centre)
    assert len(one) == 1 and torch.equal(one.principal_point, camera.principal_point[:1])
    assert_same(camera, from_opencv(K, R, t[..., None], (17, 32), pixel_centre=pixel_centre))
    assert_same(one, from_opencv(K[0], R[0], t[0, :, None], (17, 32), pixel_centre=pixel_centre))
    assert len(from_opencv(K[0], R, t[0], (17, 32), pixel_centre=pixel_centre)) == 2


def test_half_pixel() -> None:
    """The middle of a picture of W pixels is W / 2, or (W - 1) / 2 where the first centre is 0."""
    eye, zero, width = torch.eye(3), torch.zeros(3), 8
    for pixel_centre, middle in ((0.5, 4.0), (0.0, 3.5)):
        K = torch.tensor([[10.0, 0.0, middle], [0.0, 10.0, middle], [0.0, 0.0, 1.0]])
        camera = from_opencv(K, eye, zero, width, pixel_centre=pixel_centre)
        assert camera.project(torch.tensor([[0.0, 0.0, 5.0]])).tolist() == [[[0.0, 0.0, 5.0]]]
        assert to_opencv(camera, pixel_centre=pixel_centre).K.tolist() == [K.tolist()]


# ---- SoftRas


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_softras_ndc(size: tuple[int, int]) -> None:
    eye = torch.tensor([[0.4, 1.0, -2.5], [-2.0, 0.3, 1.7]], dtype=torch.float64)
    at, up = torch.tensor([0.1, 0.0, 0.2]).double(), torch.tensor([[0.2, 1.0, 0.1], [0.0, 0.0, 1.0]]).double()
    angle = torch.tensor([28.0, 35.0], dtype=torch.float64)
    camera = from_softras_look_at(eye, at, up, angle, size)
    points = in_front(camera)
    expected = softras_projection(points, eye, at.expand(2, 3), up, angle)
    torch.testing.assert_close(camera.project(points), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.linalg.det(camera.rotation), torch.ones(2, dtype=torch.float64))
    back = to_softras_look_at(camera)
    torch.testing.assert_close(softras_projection(points, *back), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(back.eye, eye)
    torch.testing.assert_close(back.viewing_angle, angle)
    assert_same(from_softras_look_at(*back, size), camera)


def test_softras_defaults() -> None:
    """at the origin, up y, 30 degrees, as SoftRas' LookAt; its eye there sees the unit square fill the picture."""
    camera = from_softras_look_at((0.0, 0.0, -2.732))
    assert camera.image_size == (256, 256) and camera.rotation.dtype == torch.float32
    corner = camera.project(torch.tensor([[1.0, 1.0, 1 / math.tan(math.radians(30)) - 2.732]]))
    torch.testing.assert_close(corner[0, 0, :2], torch.ones(2))
    mirrored = PinholeCamera(**{name: getattr(camera, name) for name in FIELDS[:2]}, focal=camera.focal.neg(),
                             principal_point=camera.principal_point, image_size=256)  # fmt: skip
    points = in_front(camera)
    torch.testing.assert_close(
        softras_projection(points, *to_softras_look_at(mirrored))[..., :2], -camera.project(points)[..., :2]
    )


def test_softras_refusals() -> None:
    size = (6, 6)
    base = softras_camera(size)
    parts = {name: getattr(base, name) for name in FIELDS}
    for change, message in (
        ({"principal_point": base.principal_point + 0.01}, "principal point"),
        ({"focal": base.focal * torch.tensor([1.0, 1.01])}, "one focal length"),
        ({"focal": base.focal.abs()}, "mirror image"),
        ({"rotation": 1.01 * base.rotation}, "not orthogonal"),
    ):
        with pytest.raises(ValueError, match=message):
            to_softras_look_at(PinholeCamera(**{**parts, **change}, image_size=size))


# ---- all of them


def formats(size: tuple[int, int]) -> dict[str, Callable[[PinholeCamera], Any]]:
    """To each format and back."""
    return {
        "opencv_half": lambda camera: from_opencv(*to_opencv(camera, pixel_centre=0.5), size, pixel_centre=0.5),
        "opencv_integer": lambda camera: from_opencv(*to_opencv(camera, pixel_centre=0), size, pixel_centre=0),
        "kaolin": lambda camera: from_kaolin(to_kaolin(camera)),
        "pytorch3d_ndc": lambda camera: from_pytorch3d(to_pytorch3d(camera)),
        "pytorch3d_screen": lambda camera: from_pytorch3d(to_pytorch3d(camera, in_ndc=False)),
        "softras": lambda camera: from_softras_look_at(*to_softras_look_at(camera), size),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("pair", itertools.product(formats((1, 1)), repeat=2), ids=lambda pair: "-".join(pair))
def test_round_trips(pair: tuple[str, str], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    if any("pytorch3d" in name for name in pair):
        real_pytorch3d()
    if "kaolin" in pair:
        install_kaolin("stand_in", monkeypatch)
    for size in SIZES[:3]:
        camera = (softras_camera if "softras" in pair else some_camera)(size, dtype=dtype)
        back = camera
        for name in pair:
            back = formats(size)[name](back)
        assert back.rotation.dtype == dtype
        assert_same(back, camera, 1e-12 if dtype == torch.float64 else 3e-6)


def test_pytorch3d_float64_pose(pytorch3d: ModuleType) -> None:
    """PyTorch3D makes the projection of a field of view in float32; the pose keeps its digits and its dtype."""
    _, R, T = some_K_R_t((8, 8))
    camera = from_pytorch3d(pytorch3d.FoVPerspectiveCameras(fov=50.0, R=R, T=T), 8)
    assert isinstance(camera, PinholeCamera)
    assert all(getattr(camera, name).dtype == torch.float64 for name in FIELDS)
    assert torch.equal(camera.translation * torch.tensor([-1, -1, 1]), T)
    torch.testing.assert_close(
        camera.focal, torch.full_like(camera.focal, 4 / math.tan(math.radians(25))), rtol=1e-6, atol=0
    )


def test_pytorch3d_round_trip_of_its_own(pytorch3d: ModuleType) -> None:
    for kind in PYTORCH3D_KINDS:
        camera = from_pytorch3d(pytorch3d_cameras(pytorch3d, kind, (17, 32)), (17, 32))
        assert_same(from_pytorch3d(to_pytorch3d(camera)), camera, 1e-6)


# ---- gradients, batches, dtypes


def test_gradients_of_project() -> None:
    camera = some_camera((5, 8))
    inputs = [getattr(camera, name).clone().requires_grad_() for name in FIELDS]
    points = in_front(camera, 3).requires_grad_()

    def project(points: Tensor, *parts: Tensor) -> Tensor:
        return PinholeCamera(**dict(zip(FIELDS, parts, strict=True)), image_size=(5, 8)).project(points)

    assert torch.autograd.gradcheck(project, [points, *inputs])
    assert torch.autograd.gradcheck(project, [points[0].detach().requires_grad_(), *inputs])  # one for all cameras


def test_gradients_of_opencv_and_softras() -> None:
    points = torch.tensor([[0.2, -0.1, 0.3], [-0.3, 0.2, 0.1]], dtype=torch.float64, requires_grad=True)
    eye = torch.tensor([[0.4, 1.0, -2.5]], dtype=torch.float64, requires_grad=True)
    at, up = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in ([0.1, 0.0, 0.2], [0.2, 1.0, 0.0]))
    angle = torch.tensor([28.0, 35.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *x: from_softras_look_at(*x[1:], (5, 8)).project(x[0]), [points, eye, at, up, angle]
    )
    assert torch.autograd.gradcheck(
        lambda *x: torch.cat([v.flatten() for v in to_softras_look_at(from_softras_look_at(*x, (5, 8)))]),
        [eye, at, up, angle],
    )
    focal = torch.tensor([4.0, 5.0], dtype=torch.float64, requires_grad=True)
    _, R, t = (x.requires_grad_() for x in some_K_R_t((5, 8), 1))

    def through_opencv(focal: Tensor, R: Tensor, t: Tensor) -> Tensor:
        K = torch.diag(F.pad(focal, (0, 1), value=1.0))
        return torch.cat(
            [x.flatten() for x in to_opencv(from_opencv(K, R, t, (5, 8), pixel_centre=0.5), pixel_centre=0)]
        )

    assert torch.autograd.gradcheck(through_opencv, [focal, R, t])


def test_gradients_through_pytorch3d(pytorch3d: ModuleType) -> None:
    camera = some_camera((5, 8))
    inputs = [getattr(camera, name).clone().requires_grad_() for name in FIELDS]
    points = in_front(camera, 3)

    def there_and_back(*parts: Tensor) -> Tensor:
        made = to_pytorch3d(PinholeCamera(**dict(zip(FIELDS, parts, strict=True)), image_size=(5, 8)))
        return from_pytorch3d(made).project(points)

    assert torch.autograd.gradcheck(there_and_back, inputs)
    fov = torch.tensor([50.0, 60.0], requires_grad=True)
    cameras = pytorch3d.FoVPerspectiveCameras(fov=fov, R=camera.rotation.float(), T=camera.translation.float())
    made: Any = from_pytorch3d(cameras, (6, 6))
    (gradient,) = torch.autograd.grad(made.focal.sum(), fov)
    half = torch.deg2rad(fov.detach() / 2)
    torch.testing.assert_close(gradient, -2 * 3 / half.sin() ** 2 * math.pi / 360)  # of 2 * 3 / tan(fov / 2)


def test_batches() -> None:
    camera, points = some_camera((5, 8), 3), random_numbers(9, 3, 4, 3)
    all_at_once = camera.project(points)
    for n in range(3):
        one = PinholeCamera(**{name: getattr(camera, name)[n : n + 1] for name in FIELDS}, image_size=(5, 8))
        assert len(one) == 1
        torch.testing.assert_close(one.project(points[n]), all_at_once[n : n + 1])
        torch.testing.assert_close(one.project(points)[n], all_at_once[n])
        torch.testing.assert_close(camera.project(points[n])[n], all_at_once[n])
        torch.testing.assert_close(camera.project(points[n : n + 1])[n], all_at_once[n])
    shared = {name: getattr(camera, name)[:1] for name in FIELDS[1:]}
    mixed = PinholeCamera(rotation=camera.rotation, **shared, image_size=(5, 8))
    assert len(mixed) == 3 and mixed.focal.shape == mixed.principal_point.shape == (3, 2)
    assert mixed.project(points[:, :0]).shape == (3, 0, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_points_in_the_cameras_plane(dtype: torch.dtype) -> None:
    """z = 0, as a padded vertex before a camera at the origin: drawn nowhere, and no gradient is lost in NaN."""
    camera = some_camera((8, 8), 1, dtype)
    parts = {name: getattr(camera, name).clone().requires_grad_() for name in FIELDS}
    parts["rotation"] = torch.eye(3, dtype=dtype)[None].requires_grad_()
    parts["translation"] = torch.zeros(1, 3, dtype=dtype).requires_grad_()
    points = torch.tensor([[-1, -1, 3], [1, -1, 3], [0, 1, 3], [1, 1, 0], [0, 0, 0]], dtype=dtype).requires_grad_()
    projected = PinholeCamera(**parts, image_size=8).project(points)
    assert projected.isfinite().all() and (projected[0, 3:, 2] < 0).all()
    faces = projected[:, torch.tensor([[0, 1, 2], [1, 2, 3], [2, 3, 4]])]
    rendered = render(faces, 8, settings=RenderSettings(dist_scale=1e-2))
    alone = render(faces[:, :1], 8, settings=RenderSettings(dist_scale=1e-2))
    assert torch.equal(rendered.alpha, alone.alpha)
    for gradient in torch.autograd.grad((rendered.alpha**2).sum(), [points, *parts.values()]):
        assert gradient.isfinite().all() and gradient.abs().sum() > 0


@pytest.mark.cuda(real=True)
def test_cameras_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    install_kaolin("stand_in", monkeypatch)
    for make in (some_camera, softras_camera):
        camera = make((17, 32))
        moved = PinholeCamera(**{name: getattr(camera, name).cuda() for name in FIELDS}, image_size=(17, 32))
        names = ("opencv_half", "opencv_integer", "kaolin") + (("softras",) if make is softras_camera else ())
        for name in names:
            back = formats((17, 32))[name](moved)
            assert back.focal.is_cuda and back.rotation.is_cuda
            points = in_front(camera)
            torch.testing.assert_close(back.project(points.cuda()).cpu(), camera.project(points))
