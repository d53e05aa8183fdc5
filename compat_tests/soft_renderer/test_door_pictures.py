"""What the doors' pictures have beyond the originals': sides of two lengths, depth, pictures behind, a near plane."""

import math
from typing import Any

import pytest
import torch
from soft_scenes import exactly, numbers, some_mesh
from torch import Tensor
from torch.autograd import gradcheck

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr

SOFTRAS: dict[str, Any] = {"sigma_val": 1e-2, "gamma_val": 0.1, "far": 50.0}
GENDR: dict[str, Any] = {"dist_func": "logistic", "dist_scale": 5e-2, "aggr_rgb_gamma": 0.1, "far": 50.0}
MAKERS = {"softras": (sr.SoftRasterizer, SOFTRAS), "gendr": (gendr.GenDR, GENDR)}
EITHER = pytest.mark.parametrize("door", MAKERS)
SIZES = pytest.mark.parametrize("size", [(12, 20), (20, 12)], ids=["wide", "tall"])


def rasterizer(door: str, **arguments: Any) -> Any:
    make, base = MAKERS[door]
    return make(**{**base, **arguments})


def in_the_picture(texture_type: str = "surface", n: int = 2) -> sr.Mesh:
    vertices = numbers(10, n, 6, 3) * 0.9 + exactly([0.0, 0.0, 3.0])
    return some_mesh(texture_type, vertices=vertices, n=n)


def mesh_of(vertices: Tensor, faces: list[list[int]]) -> sr.Mesh:
    return sr.Mesh(vertices, torch.tensor(faces).expand(len(vertices), -1, -1))


# Pictures that are not square.


def cropped(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """The middle of a square picture."""
    top, left = ((picture.shape[-1] - side) // 2 for side in size)
    return picture[..., top : top + size[0], left : left + size[1]]


@SIZES
@pytest.mark.parametrize("anti_aliasing", [False, True])
@EITHER
def test_a_picture_is_the_middle_of_a_square_one(door: str, anti_aliasing: bool, size: tuple[int, int]) -> None:
    """Of a square as large as its longer side, in which everything is smaller, blur included."""
    mesh = in_the_picture()
    got, depth = rasterizer(door, image_size=size, anti_aliasing=anti_aliasing)(mesh, return_depth=True)
    share = min(size) / max(size)
    mesh.vertices = mesh.vertices * exactly([share, share, 1])
    blur = {"sigma_val": SOFTRAS["sigma_val"] * share**2} if door == "softras" else {"dist_scale": 5e-2 * share}
    square = rasterizer(door, image_size=max(size), anti_aliasing=anti_aliasing, **blur)
    expected, expected_depth = square(mesh, return_depth=True)
    assert got.shape == (2, 4, *size) and depth.shape == (2, *size) and 0.1 < got[:, 3].mean() < 0.9
    torch.testing.assert_close(got, cropped(expected, size), rtol=0, atol=1e-10)
    torch.testing.assert_close(depth, cropped(expected_depth, size), rtol=0, atol=1e-10)


@SIZES
@pytest.mark.parametrize("camera", ["perspective", "orthogonal"])
def test_cameras_span_the_shorter_side(camera: str, size: tuple[int, int]) -> None:
    mesh = some_mesh("vertex")
    eye, longer = [0.5, 1.0, -3.0], max(size) / min(size)
    wide = math.degrees(math.atan(math.tan(math.radians(25)) * longer))

    def picture(size: Any, angle: float, scale: float, sigma: float) -> Tensor:
        camera_of = {"perspective": camera == "perspective", "viewing_angle": angle, "viewing_scale": scale, "eye": eye}
        renderer = sr.SoftRenderer(size, sigma_val=sigma, gamma_val=0.1, camera_mode="look_at", **camera_of)
        return renderer(mesh.vertices, mesh.faces, mesh.textures, texture_type="vertex")

    got, expected = picture(size, 25, 0.5, 1e-2), picture(max(size), wide, 0.5 / longer, 1e-2 / longer**2)
    assert 0.05 < got[:, 3].mean() < 0.95
    torch.testing.assert_close(got, cropped(expected, size), rtol=0, atol=1e-10)


@SIZES
def test_a_projection_matrix_in_pixels(size: tuple[int, int]) -> None:
    """A pixel (u, v) of P's is that pixel of the picture, counted from its bottom left corner."""
    height, width = size
    P = exactly([[[10.0, 0, width / 2, 0], [0, 10.0, height / 2, 0], [0, 0, 1, 0]]])
    pixel = torch.tensor([[3.0, 4.0], [width - 2.0, 4.0], [5.0, height - 1.0]], dtype=torch.float64)
    away = torch.cat([(pixel - exactly([width / 2, height / 2])) / 10, torch.ones(3, 1)], 1)[None] * 2
    at = sr.Projection(P, orig_size=size)(away)[0, :, :2] * min(size) / 2 + exactly([width / 2, height / 2])
    torch.testing.assert_close(at, pixel, rtol=0, atol=1e-3)  # SoftRas divides by z + 1e-5
    renderer = sr.Renderer(size, P=P, orig_size=size, anti_aliasing=False)
    alpha = renderer(mesh_of(away, [[0, 1, 2]]))[0, 3]
    middle = pixel.mean(0).long()
    assert alpha[height - 1 - middle[1], middle[0]] == 1
    assert alpha.sum().item() == pytest.approx(0.5 * abs(width - 5) * (height - 5), rel=0.2)


def test_pictures_can_be_one_pixel_high() -> None:
    for door in MAKERS:
        assert rasterizer(door, image_size=(1, 7), anti_aliasing=True)(in_the_picture()).shape == (2, 4, 1, 7)


# Depth.

CORNERS = exactly([[-20.0, -20.0], [20.0, -20.0], [20.0, 20.0], [-20.0, 20.0]])
CLOCKWISE = [[0, 2, 1], [0, 3, 2]]
TILT = exactly([0.05, 0.025])


def tilted_plane() -> Tensor:
    """Of z = 3 + 0.05 x + 0.025 y, camera axes."""
    return torch.cat([CORNERS, 3 + (CORNERS @ TILT)[:, None]], 1)[None]


def pixel_centres(height: int, width: int) -> Tensor:
    """(H, W, 2)."""
    x, y = (2 * torch.arange(n, dtype=torch.float64) + 1 - n for n in (width, height))
    return torch.stack(torch.meshgrid(x, -y, indexing="xy"), -1) / min(height, width)


@SIZES
@EITHER
@pytest.mark.parametrize("gradient", ["reference", "exact"])
def test_depth_of_a_plane(door: str, gradient: str, size: tuple[int, int]) -> None:
    u = pixel_centres(*size)
    draw = rasterizer(door, image_size=size, gradient=gradient, near=0.5)
    seen = sr.functional.perspective(tilted_plane(), 45)
    _, depth = draw(mesh_of(seen, CLOCKWISE), return_depth=True)
    torch.testing.assert_close(depth[0], 3 / (1 - u @ TILT), rtol=1e-12, atol=0)
    draw.perspective = False
    seen = sr.functional.orthogonal(tilted_plane(), 0.5)
    _, depth = draw(mesh_of(seen, CLOCKWISE), return_depth=True)
    torch.testing.assert_close(depth[0], 3 + u / 0.5 @ TILT, rtol=1e-12, atol=0)


def test_soft_renderer_knows_its_camera() -> None:
    for perspective in (True, False):
        renderer = sr.SoftRenderer(
            16, camera_mode="look_at", perspective=perspective, viewing_angle=45, viewing_scale=0.5, eye=[0, 0, -0.001]
        )
        vertices = tilted_plane()
        faces = torch.tensor([[[0, 1, 2], [0, 2, 3]]])
        image, depth = renderer(vertices, faces, return_depth=True)
        u = pixel_centres(16, 16)
        expected = (3.001 / (1 - u @ TILT)) if perspective else 3.001 + u / 0.5 @ TILT
        torch.testing.assert_close(depth[0], expected, rtol=1e-3, atol=0)
        plain = renderer(vertices, faces)
        assert torch.equal(plain, image)


@EITHER
def test_depth_is_of_what_has_colour(door: str) -> None:
    """The nearest face's, between near and far and seen from in front; 0 where there is none."""
    square = torch.cat([CORNERS / 40, torch.ones(4, 1)], 1)
    vertices = torch.stack([square * exactly([1, 1, z]) for z in (2.0, 3.0)]).flatten(0, 1)[None]
    faces = [*CLOCKWISE, [4, 5, 6], [4, 6, 7]]  # clockwise is front: the nearer one
    both = {"fill_back": True} if door == "softras" else {"double_side": True}

    def depths(**arguments: Any) -> set[float]:
        _, depth = rasterizer(door, image_size=8, **arguments)(mesh_of(vertices, faces), return_depth=True)
        return {round(d, 9) for d in depth.flatten().tolist()}

    assert depths() == {0.0, 2.0} == depths(**both)
    assert depths(**both, near=2.5) == {0.0, 3.0}
    assert depths(near=2.5) == {0.0} == depths(far=1.5)


@EITHER
@pytest.mark.parametrize("perspective", [True, False])
def test_gradients_of_depth(door: str, perspective: bool) -> None:
    mesh = in_the_picture(n=1)
    both = {"fill_back": True} if door == "softras" else {"double_side": True}
    draw = rasterizer(door, image_size=(7, 9), gradient="exact", perspective=perspective, **both)

    def depth(vertices: Tensor) -> Tensor:
        return draw(sr.Mesh(vertices, mesh.faces), return_depth=True)[1]

    assert depth(mesh.vertices).count_nonzero() > 5
    assert gradcheck(depth, mesh.vertices.clone().requires_grad_(), eps=1e-7, atol=1e-5)


@EITHER
def test_anti_aliased_depth_is_of_the_pixels_that_see_a_face(door: str) -> None:
    mesh = in_the_picture()
    _, fine = rasterizer(door, image_size=(16, 24))(mesh, return_depth=True)
    image, depth = rasterizer(door, image_size=(8, 12), anti_aliasing=True)(mesh, return_depth=True)
    assert torch.equal(image, rasterizer(door, image_size=(8, 12), anti_aliasing=True)(mesh))
    four = torch.stack([fine[:, row::2, column::2] for row in (0, 1) for column in (0, 1)])
    counts = (four > 0).sum(0)
    assert ((counts > 0) & (counts < 4)).any()
    torch.testing.assert_close(depth, torch.where(counts > 0, four.sum(0) / counts.clamp(min=1), 0.0))


# Backgrounds.


@EITHER
@pytest.mark.parametrize("anti_aliasing", [False, True])
@pytest.mark.parametrize("n", [None, 1, 2])
def test_a_picture_behind(door: str, anti_aliasing: bool, n: int | None) -> None:
    """What is seen of the background is linear in it: the colour's share is that between black and white."""
    mesh, size = in_the_picture(), (8, 12)

    def drawn(background: Any) -> Tensor:
        image = rasterizer(door, image_size=size, background_color=background, anti_aliasing=anti_aliasing)(mesh)
        return image[:, :3]

    black, white = drawn((0, 0, 0)), drawn([1.0, 1.0, 1.0])
    picture = numbers(3, *(() if n is None else (n,)), 3, *size)
    torch.testing.assert_close(drawn(picture), black + (white - black) * picture, rtol=0, atol=1e-12)
    assert torch.equal(drawn(picture.numpy()), drawn(picture)) and torch.equal(drawn(picture.tolist()), drawn(picture))


@EITHER
@pytest.mark.parametrize("gradient", ["reference", "exact"])
@pytest.mark.parametrize("texture_type", ["surface", "vertex"])
def test_a_picture_of_one_colour_is_that_colour(door: str, gradient: str, texture_type: str) -> None:
    colours, results = exactly([[0.2, 0.5, 0.9], [0.6, 0.1, 0.3]]), []
    for background in (colours, colours[:, :, None, None].expand(2, 3, 8, 12)):
        mesh = in_the_picture(texture_type)
        inputs = mesh.vertices.clone().requires_grad_(), mesh.textures.clone().requires_grad_()
        mesh.vertices, mesh.textures = inputs
        more = {"gradient": gradient, "texture_type": texture_type}
        image = rasterizer(door, image_size=(8, 12), background_color=background, **more)(mesh)
        results.append([image, *torch.autograd.grad((image * numbers(20, *image.shape)).sum(), inputs)])
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


def test_gradients_reach_the_picture_behind() -> None:
    mesh, size = in_the_picture(), (4, 5)
    for shape in ((3,), (2, 3), (3, *size), (2, 3, *size)):

        def drawn(background: Tensor) -> Tensor:
            return rasterizer("softras", image_size=size, background_color=background, anti_aliasing=True)(mesh)

        assert gradcheck(drawn, numbers(5, *shape).requires_grad_())


# The near plane.


def floor(perspective: bool = True, steps: int = 0) -> sr.Mesh:
    """One unit below the camera, 50 ahead and 50 behind it: one square, or (2 steps)^2, with vertices at z = 0."""
    n = 2 * steps + 1 if steps else 2
    side = torch.linspace(-50, 50, n, dtype=torch.float64)
    x, z = torch.meshgrid(side, side, indexing="ij")
    points = torch.stack([x, -torch.ones_like(x), z], -1).view(1, -1, 3)
    at = torch.arange(n * n).view(n, n)
    a, b, c, d = at[:-1, :-1].flatten(), at[1:, :-1].flatten(), at[1:, 1:].flatten(), at[:-1, 1:].flatten()
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])[None]
    seen = sr.functional.perspective(points) if perspective else sr.functional.orthogonal(points, 0.02)
    return sr.Mesh(seen, faces, texture_type="vertex")


def above_and_below(picture: Tensor) -> tuple[float, float]:
    alpha = picture[0, 3]
    upper, lower = alpha.chunk(2)
    return upper.mean().item(), lower.mean().item()


@EITHER
@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("texture_type", ["surface", "vertex"])
def test_a_floor_that_goes_on_behind_the_camera(door: str, steps: int, texture_type: str) -> None:
    """Its far edge is 1 / (50 tan 30) = 0.035 below the horizon."""
    blur = {"sigma_val": 1e-6} if door == "softras" else {"dist_scale": 1e-3}
    mesh = floor(steps=steps)
    mesh = sr.Mesh(mesh.vertices, mesh.faces, texture_type=texture_type)
    both = {"fill_back": True} if door == "softras" else {"double_side": True}
    cut = rasterizer(door, image_size=64, near_clip=0.1, near=0.1, gradient="exact", **blur, **both)
    cut.texture_type = texture_type
    above, below = above_and_below(cut(mesh))
    assert above < 1e-3 and below == pytest.approx(0.96, abs=0.015)
    whole = rasterizer(door, image_size=64, **blur, texture_type=texture_type)
    above, below = above_and_below(whole(mesh))
    assert below < 0.9  # which is what the originals make of it
    _, depth = cut(mesh, return_depth=True)
    rows = depth[0, 40:]
    expected = 1 / (math.tan(math.radians(30)) * -pixel_centres(64, 64)[40:, :, 1])
    torch.testing.assert_close(rows, expected, rtol=1e-9, atol=0)


@EITHER
def test_meshes_are_cut_by_the_camera_that_there_is(door: str) -> None:
    """Seen orthogonally from within, of a slope what is nearer than the plane is not seen, in a straight line."""
    # z = y; pixels lie on the edge that both faces share.
    slope = exactly([[[-4.0, -4.0, -4.0], [4.0, -4.0, -4.0], [4.0, 4.0, 4.0], [-4.0, 4.0, 4.0]]])
    mesh = mesh_of(sr.functional.orthogonal(slope), CLOCKWISE)
    blur = {"sigma_val": 1e-8} if door == "softras" else {"dist_scale": 1e-5}
    draw = rasterizer(door, image_size=40, near_clip=0.5, perspective=False, near=0.1, gradient="exact", **blur)
    image, depth = draw(mesh, return_depth=True)
    y = pixel_centres(40, 40)[..., 1]
    assert torch.equal(image[0, 3] > 0.6, y > 0.5)
    torch.testing.assert_close(depth[0], torch.where(y > 0.5, y, 0.0), rtol=0, atol=1e-9)


@pytest.mark.parametrize("camera_mode", ["look_at", "look", "projection"])
def test_soft_renderer_cuts(camera_mode: str) -> None:
    """The floor in the world, through every camera; without near_clip there is something above the horizon."""
    mesh = floor(perspective=False)
    points = mesh.vertices / exactly([0.02, 0.02, 1])
    P = exactly([[[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1, 0]]])
    P[0, :2] /= math.tan(math.radians(30))
    P[0, :2, 2] += 1  # SoftRas' orig_size counts from the corner
    cameras: dict[str, dict[str, Any]] = {
        "look_at": {"eye": [0, 0, -1e-3]},
        "look": {"eye": [0, 0, 0]},
        "projection": {"P": P, "orig_size": 2},
    }
    more = {"camera_mode": camera_mode, **cameras[camera_mode], "gradient": "exact", "sigma_val": 1e-6}
    for make in (sr.SoftRenderer, sr.Renderer):
        if make is sr.Renderer:
            del more["sigma_val"]
        renderer: Any = make(64, near_clip=0.1, **more)
        draw = renderer if make is sr.Renderer else renderer.render_mesh
        above, below = above_and_below(draw(sr.Mesh(points, mesh.faces)))
        assert above < 1e-3 and below == pytest.approx(0.96, abs=0.015)


@EITHER
def test_gradients_of_what_is_cut(door: str) -> None:
    corners = exactly([[[-0.8, -1.0, -1.0], [0.9, -1.1, 2.0], [0.3, 0.8, 3.0]]])
    blur = {"sigma_val": 1e-1, "gamma_val": 1.0} if door == "softras" else {"dist_scale": 0.3, "aggr_rgb_gamma": 1.0}
    draw = rasterizer(door, image_size=(5, 6), near_clip=0.5, near=0.1, gradient="exact", texture_type="vertex", **blur)

    def drawn(points: Tensor, colours: Tensor) -> Tensor:
        mesh = sr.Mesh(sr.functional.perspective(points, 45), torch.tensor([[[0, 2, 1]]]), colours, 1, "vertex")
        image, depth = draw(mesh, return_depth=True)
        return torch.cat([image, depth[:, None]], 1)

    inputs = corners.clone().requires_grad_(), numbers(4, 1, 3, 3).abs().requires_grad_()
    assert drawn(*inputs)[:, 4].count_nonzero() > 3
    assert gradcheck(drawn, inputs, eps=1e-7, atol=1e-4)


def test_a_vertex_in_the_plane_of_the_camera_leaves_gradients_finite() -> None:
    points = exactly([[[0.5, 0.5, 0.0], [1.0, 0, 2.0], [0, 1.0, 2.0]]]).requires_grad_()
    sr.functional.perspective(points)[:, 1:].sum().backward()
    assert points.grad is not None and points.grad.isfinite().all()
    P = exactly([[[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -1e-5]]])
    again = points.detach().requires_grad_()
    sr.functional.projection(again, P, [0.1] * 5, 2)[:, 1:].sum().backward()
    assert again.grad.isfinite().all()


# Refusals.


@EITHER
def test_a_near_plane_goes_with_the_exact_gradient_alone(door: str) -> None:
    message = r"near_clip=0.5 does not go with gradient='reference'"
    with pytest.raises(ValueError, match=message):
        rasterizer(door, near_clip=0.5)
    draw = rasterizer(door)
    draw.near_clip = 0.5
    with pytest.raises(ValueError, match=message):
        draw(in_the_picture())
    draw.gradient, draw.near_clip = "exact", -1.0
    with pytest.raises(ValueError, match="near_clip must be a depth > 0 or None, got -1.0"):
        draw(in_the_picture())


@pytest.mark.parametrize("make", [sr.Renderer, sr.SoftRenderer])
def test_renderers_refuse_a_near_plane_beside_the_reference_gradient(make: Any) -> None:
    with pytest.raises(ValueError, match="near_clip=1 does not go with gradient='reference'"):
        make(camera_mode="look_at", near_clip=1)


def test_a_near_plane_beside_barycentric_distances_is_refused() -> None:
    draw = rasterizer("softras", near_clip=0.5, gradient="exact", dist_func="barycentric")
    with pytest.raises(ValueError, match="near_clip=0.5 does not go with dist_func='barycentric'"):
        draw(in_the_picture())


@EITHER
@pytest.mark.parametrize("anti_aliasing", [False, True])
@pytest.mark.parametrize("shape", [(4,), (3, 3), (8, 12), (1, 8, 12), (3, 12, 8), (3, 3, 8, 12), (8, 12, 3), ()])
def test_backgrounds_that_do_not_fit(door: str, anti_aliasing: bool, shape: tuple[int, ...]) -> None:
    draw = rasterizer(door, image_size=(8, 12), background_color=torch.zeros(shape), anti_aliasing=anti_aliasing)
    with pytest.raises(ValueError, match=r"^background_color must be .* \(2, 3, 8, 12\), got shape") as raised:
        draw(in_the_picture())
    assert str(raised.value).endswith(str(shape))


@EITHER
@pytest.mark.parametrize("anti_aliasing", [False, True])
@pytest.mark.parametrize("background", ["white", None, [[0, 0, 0], [1]], {"red": 1}])
def test_backgrounds_that_are_not_numbers(door: str, anti_aliasing: bool, background: Any) -> None:
    draw = rasterizer(door, image_size=(8, 12), background_color=background, anti_aliasing=anti_aliasing)
    with pytest.raises(TypeError, match="^background_color must be a tensor, an array or numbers, got"):
        draw(in_the_picture())
