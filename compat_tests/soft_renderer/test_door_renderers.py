"""The rasterisers and renderers of both doors as modules: that every argument arrives, in the place of its name; what
they do to the mesh; gradients. The picture itself is held against the originals' numbers in test_parity.py."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from soft_scenes import numbers, some_mesh
from torch import Tensor
from torch.autograd import gradcheck

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr
from gendr_adapters import data

SIZE = 24
SOFTRAS: dict[str, Any] = {"image_size": SIZE, "sigma_val": 1e-2, "gamma_val": 1e-1, "near": 1, "far": 5}
GENDR: dict[str, Any] = {
    "image_size": SIZE,
    "dist_func": "gamma_rev",
    "dist_shape": 2.0,
    "dist_shift": 0.25,
    "dist_scale": 5e-2,
    "dist_eps": 100.0,
    "aggr_alpha_func": "hamacher",
    "aggr_alpha_t_conorm_p": 0.5,
    "aggr_rgb_gamma": 1e-1,
    "far": 5,
}
SOFTRAS_CHANGES: dict[str, Any] = {
    "image_size": 20,
    "background_color": [0.5, 0.25, 1.0],
    "near": 2.5,
    "far": 2.9,
    "fill_back": True,
    "eps": 0.1,
    "sigma_val": 1e-3,
    "dist_func": "barycentric",
    "dist_eps": 1e-2,
    "gamma_val": 1e-2,
    "aggr_func_rgb": "hard",
    "aggr_func_alpha": "sum",
}
GENDR_CHANGES: dict[str, Any] = {
    "image_size": 20,
    "background_color": [0.5, 0.25, 1.0],
    "dist_func": "logistic",
    "dist_scale": 1e-2,
    "dist_squared": True,
    "dist_shape": 0.5,
    "dist_shift": 1.5,
    "dist_eps": 1.0,
    "aggr_alpha_func": "yager",
    "aggr_alpha_t_conorm_p": 3.0,
    "aggr_rgb_func": "hard",
    "aggr_rgb_eps": 0.1,
    "aggr_rgb_gamma": 1e-2,
    "near": 2.5,
    "far": 2.9,
    "double_side": True,
}


def in_the_picture(texture_type: str = "surface", n: int = 2) -> sr.Mesh:
    """Meshes whose vertices are where a camera has put them, at depths of 2 to 4."""
    vertices = numbers(10, n, 6, 3) * 0.9 + torch.tensor([0.0, 0.0, 3.0], dtype=torch.float64)
    return some_mesh(texture_type, vertices=vertices, n=n)


def softras_picture(mesh: sr.Mesh, **arguments: Any) -> Tensor:
    both = {"fill_back": False, **SOFTRAS, "texture_type": mesh.texture_type, **arguments}
    return sr.functional.soft_rasterize(mesh.face_vertices, mesh.face_textures, **both)


def gendr_picture(mesh: sr.Mesh, **arguments: Any) -> Tensor:
    both = {"double_side": False, **GENDR, "texture_type": mesh.texture_type, **arguments}
    return gendr.functional.render(mesh.face_vertices, mesh.face_textures, **both)


DOORS: dict[str, tuple[Callable[..., Tensor], Any, dict[str, Any]]] = {
    "softras": (softras_picture, sr.SoftRasterizer, SOFTRAS),
    "gendr": (gendr_picture, gendr.GenDR, GENDR),
}
CHANGES = [("softras", *item) for item in SOFTRAS_CHANGES.items()] + [
    ("gendr", *item) for item in GENDR_CHANGES.items()
]


@pytest.mark.parametrize("texture_type", ["surface", "vertex"])
@pytest.mark.parametrize(("door", "name", "value"), CHANGES)
def test_every_argument_arrives(door: str, name: str, value: Any, texture_type: str) -> None:
    picture, make, base = DOORS[door]
    mesh = in_the_picture(texture_type)
    before = picture(mesh)
    expected = picture(mesh, **{name: value})
    assert expected.shape != before.shape or not torch.equal(expected, before), "the change must show"
    module = make(**{**base, name: value}, texture_type=texture_type)
    assert torch.equal(module(mesh), expected)
    module = make(**base, texture_type=texture_type)
    assert torch.equal(module(mesh), before)
    setattr(module, name, value)
    assert torch.equal(module(mesh), expected)


@pytest.mark.parametrize("door", DOORS)
def test_anti_aliasing_is_the_mean_of_four_pixels(door: str) -> None:
    picture, make, base = DOORS[door]
    mesh = in_the_picture()
    fine = picture(mesh, image_size=2 * SIZE)
    four = [fine[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    got = make(**base, anti_aliasing=True)(mesh)
    assert got.shape == (2, 4, SIZE, SIZE)
    torch.testing.assert_close(got, sum(four) / 4, rtol=0, atol=1e-14)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("gradient", ["reference", "exact"])
def test_gradients_are_those_asked_for(door: str, gradient: str) -> None:
    picture, make, base = DOORS[door]

    def gradient_of(draw: Callable[[sr.Mesh], Tensor]) -> Tensor:
        mesh = in_the_picture()
        mesh.vertices = mesh.vertices.clone().requires_grad_()
        return torch.autograd.grad(weighted(draw(mesh)), mesh.vertices)[0]

    got = gradient_of(make(**base, gradient=gradient))
    assert torch.equal(got, gradient_of(lambda mesh: picture(mesh, gradient=gradient)))
    other = "exact" if gradient == "reference" else "reference"
    assert not torch.allclose(got, gradient_of(lambda mesh: picture(mesh, gradient=other)), rtol=1e-3)
    if gradient == "reference":
        assert torch.equal(got, gradient_of(make(**base)))


def weighted(image: Tensor) -> Tensor:
    """A scalar in which every number has its own weight."""
    return (image * numbers(20, *image.shape)).sum()


@pytest.mark.parametrize("n_scales", ["()", "(1,)", "(N,)"])
def test_sigma_and_gamma_may_have_gradients(n_scales: str) -> None:
    mesh = in_the_picture()
    shape = {"()": (), "(1,)": (1,), "(N,)": (2,)}[n_scales]
    steps = 1 + 0.1 * torch.arange(2, dtype=torch.float64)[: shape[0] if shape else 1].reshape(shape)

    def soft(sigma: Tensor, gamma: Tensor) -> Tensor:
        renderer = sr.SoftRasterizer(image_size=12, far=5, gradient="exact")
        renderer.sigma_val, renderer.gamma_val = sigma, gamma
        return weighted(renderer(mesh))

    def generalized(scale: Tensor, gamma: Tensor) -> Tensor:
        renderer = gendr.GenDR(image_size=12, dist_func="logistic", dist_scale=None, far=5, gradient="exact")
        renderer.dist_scale, renderer.aggr_rgb_gamma = scale, gamma
        return weighted(renderer(mesh))

    for draw, scale in ((soft, 1e-2), (generalized, 5e-2)):
        inputs = [(scale * steps).requires_grad_(), (0.1 * steps).requires_grad_()]
        assert gradcheck(draw, inputs, eps=1e-7, atol=1e-5)


CAMERA: dict[str, Any] = {"camera_mode": "look_at", "viewing_angle": 25, "eye": [0.5, 1.0, -3.0]}
LIGHT: dict[str, Any] = {
    "light_intensity_ambient": 0.4,
    "light_color_ambient": [1.0, 0.5, 0.25],
    "light_intensity_directionals": 0.7,
    "light_color_directionals": [0.5, 0.75, 1.0],
    "light_directions": [0.6, 0.8, 0.0],
}


def by_hand(mesh: sr.Mesh) -> sr.Mesh:
    """Lit and moved by the modules alone."""
    lighting = sr.Lighting(mesh.texture_type, *LIGHT.values())
    transform = sr.Transform("look_at", viewing_angle=CAMERA["viewing_angle"], eye=CAMERA["eye"])
    return transform(lighting(mesh))


@pytest.mark.parametrize("texture_type", ["surface", "vertex"])
def test_soft_renderer(texture_type: str) -> None:
    renderer = sr.SoftRenderer(**SOFTRAS, **CAMERA, **LIGHT)
    mesh = some_mesh(texture_type)
    expected = softras_picture(by_hand(some_mesh(texture_type)), fill_back=True)
    got = renderer.render_mesh(mesh)
    assert torch.equal(got, expected) and got.shape == (2, 4, SIZE, SIZE) and 0.1 < got[:, 3].mean() < 0.9
    assert torch.equal(mesh.vertices, by_hand(some_mesh(texture_type)).vertices)
    assert not torch.equal(renderer.render_mesh(mesh), expected)  # moved twice, lit twice
    mesh.reset_()
    assert torch.equal(renderer.render_mesh(mesh, mode="silhouettes"), expected)
    fresh = some_mesh(texture_type)
    got = renderer(fresh.vertices, fresh.faces, fresh.textures, texture_type=texture_type)
    assert torch.equal(got, expected)
    assert torch.equal(fresh.vertices, some_mesh(texture_type).vertices)


def test_soft_renderer_of_vertices_and_faces_alone_is_white() -> None:
    renderer = sr.SoftRenderer(**SOFTRAS, **CAMERA, light_intensity_ambient=1.0, light_intensity_directionals=0.0)
    image = renderer(some_mesh("surface").vertices, some_mesh("surface").faces)
    assert image[:, :3].max() > 0.99
    torch.testing.assert_close(image[:, 0], image[:, 2])


@pytest.mark.parametrize(("name", "value"), SOFTRAS_CHANGES.items())
def test_arguments_of_soft_renderer_arrive(name: str, value: Any) -> None:
    renderer = sr.SoftRenderer(**{**SOFTRAS, **CAMERA, name: value}, anti_aliasing=True)
    assert getattr(renderer.rasterizer, name) == value and renderer.rasterizer.anti_aliasing
    assert getattr(sr.SoftRenderer(**SOFTRAS, **CAMERA).rasterizer, name) != value or name == "fill_back"


def test_arguments_of_the_camera_arrive() -> None:
    camera: dict[str, Any] = {"perspective": False, "viewing_angle": 17, "viewing_scale": 0.3, "eye": (0, 0, -3)}
    P, bend = torch.ones(1, 3, 4), torch.ones(5)
    for make in (sr.SoftRenderer, sr.Renderer):
        for mode in ("look", "look_at"):
            transformer = make(camera_mode=mode, camera_direction=(0, 1, 1), **camera).transform.transformer
            assert {name: getattr(transformer, name) for name in camera if name != "eye"} | {
                "eye": transformer.eyes
            } == camera
        assert make(camera_mode="look", camera_direction=(0, 1, 1)).transform.transformer.camera_direction == (0, 1, 1)
        projection = make(P=P, dist_coeffs=bend, orig_size=100).transform.transformer
        assert projection.P is P and projection.dist_coeffs is bend and projection.orig_size == 100
        light = make(**CAMERA, **LIGHT, light_mode="vertex").lighting
        lamp = light.directionals[0]
        got = [light.ambient.light_intensity, light.ambient.light_color]
        got += [lamp.light_intensity, lamp.light_color, lamp.light_direction]
        assert got == list(LIGHT.values()) and light.light_mode == "vertex"


def test_setters_of_soft_renderer() -> None:
    renderer, mesh = sr.SoftRenderer(**SOFTRAS, **CAMERA, **LIGHT), some_mesh("vertex")
    renderer.set_sigma(2e-3)
    renderer.set_gamma(2e-2)
    moved = by_hand(some_mesh("vertex"))
    expected = softras_picture(moved, fill_back=True, sigma_val=2e-3, gamma_val=2e-2)
    assert torch.equal(renderer.render_mesh(mesh), expected)
    renderer.set_texture_mode("surface")
    assert renderer.lighting.light_mode == renderer.rasterizer.texture_type == "surface"
    with pytest.raises(ValueError, match="the texture mode must be 'surface', 'vertex' or 'uv', got 'face'"):
        renderer.set_texture_mode("face")


def test_gradients_through_soft_renderer() -> None:
    mesh = some_mesh("surface", n=1)

    def image(vertices: Tensor, textures: Tensor, sigma: Tensor, eye: Tensor) -> Tensor:
        renderer = sr.SoftRenderer(image_size=8, far=5, gamma_val=0.1, **{**CAMERA, "eye": eye}, gradient="exact")
        renderer.set_sigma(sigma)
        return weighted(renderer(vertices, mesh.faces, textures))

    eye = torch.tensor(CAMERA["eye"], dtype=torch.float64)
    inputs = mesh.vertices, mesh.textures, torch.tensor(1e-2, dtype=torch.float64), eye
    assert gradcheck(image, [x.clone().requires_grad_() for x in inputs], eps=1e-7, atol=1e-4)


def test_gradients_repeat_bit_for_bit() -> None:
    sphere = sr.Mesh.from_obj(data.path("sphere_642.obj"))
    renderer = sr.SoftRenderer(64, sigma_val=1e-4, camera_mode="look_at")
    renderer.transform.set_eyes_from_angles(torch.full((4,), 3.0), torch.full((4,), 20.0), torch.arange(4) * 90.0)
    weights = torch.randn(4, 4, 64, 64, generator=torch.Generator().manual_seed(1))

    def gradient() -> Tensor:
        vertices = sphere.vertices.clone().requires_grad_()
        image = renderer(vertices.expand(4, -1, -1), sphere.faces.expand(4, -1, -1))
        return torch.autograd.grad((image * weights).sum(), vertices)[0]

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first, *others = (gradient() for _ in range(8))
    finally:
        torch.set_num_threads(threads)
    assert first.abs().max() > 0 and all(torch.equal(first, other) for other in others)


@pytest.mark.slow
@pytest.mark.parametrize("texture_type", ["surface", "vertex"])
def test_soft_renderer_compiles_in_one_piece(texture_type: str) -> None:
    mesh = some_mesh(texture_type)
    renderer = sr.SoftRenderer(**SOFTRAS, **CAMERA, **LIGHT)
    compiled: Any = torch.compile(renderer, fullgraph=True, backend="aot_eager")

    def image_and_gradient(draw: Any) -> list[Tensor]:
        vertices = mesh.vertices.clone().requires_grad_()
        image = draw(vertices, mesh.faces, mesh.textures, texture_type=texture_type)
        return [image.detach(), *torch.autograd.grad(weighted(image), vertices)]

    for got, expected in zip(image_and_gradient(compiled), image_and_gradient(renderer), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)
    with pytest.raises(ValueError, match="faces"):
        compiled(mesh.vertices, mesh.faces + 6, mesh.textures, texture_type=texture_type)


def nearest_face_picture(mesh: sr.Mesh, size: int) -> list[Any]:
    """Red, green, blue, alpha at every pixel, by looking at every face; for textures of one texel."""
    image = [[[0.0] * size for _ in range(size)] for _ in range(4)]
    for row in range(size):
        for column in range(size):
            x, y = (2 * column + 1 - size) / size, (size - 1 - 2 * row) / size
            best = float("inf")
            for corners, texels in zip(mesh.face_vertices[0].tolist(), mesh.textures[0].tolist(), strict=True):
                areas = []
                for k in range(3):
                    (x0, y0, _), (x1, y1, _) = corners[(k + 1) % 3], corners[(k + 2) % 3]
                    areas.append((x0 - x) * (y1 - y) - (x1 - x) * (y0 - y))
                if not (min(areas) > 0 or max(areas) < 0):
                    continue
                depth = sum(areas) / sum(area / corner[2] for area, corner in zip(areas, corners, strict=True))
                if depth < best:
                    best = depth
                    for channel, value in enumerate([*texels[0], 1.0]):
                        image[channel][row][column] = value
    return image


@pytest.mark.parametrize("anti_aliasing", [False, True])
def test_renderer_is_hard(anti_aliasing: bool) -> None:
    renderer = sr.Renderer(image_size=SIZE, anti_aliasing=anti_aliasing, **CAMERA, **LIGHT)
    mesh = some_mesh("surface", n=1, textures=numbers(11, 1, 5, 1, 3).abs())
    expected = torch.tensor(nearest_face_picture(by_hand(mesh), SIZE * (2 if anti_aliasing else 1)))
    if anti_aliasing:
        expected = torch.stack([expected[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]).mean(0)
    mesh.reset_()
    got = renderer(mesh, mode="rgb")[0]
    assert 0.05 < got[3].mean() < 0.9
    torch.testing.assert_close(got, expected.double(), rtol=0, atol=1e-6)


def test_renderer_textures_have_gradients() -> None:
    mesh = some_mesh("surface", n=1)
    mesh.textures = mesh.textures.clone().requires_grad_()
    given = mesh.textures
    sr.Renderer(image_size=SIZE, **CAMERA)(mesh)[:, :3].sum().backward()
    assert given.grad is not None and given.grad.max() > 0


def test_forward_tensors() -> None:
    mesh = in_the_picture("vertex")
    for more in ({}, {"anti_aliasing": True}):
        renderer = gendr.GenDR(**GENDR, **more, texture_type="vertex")
        assert torch.equal(renderer.forward_tensors(mesh.face_vertices, mesh.face_textures), renderer(mesh))


def test_numbers_for_names() -> None:
    """GenDR takes both; its programs ask for hard edges as 0."""
    mesh = in_the_picture()
    hard = {"image_size": SIZE, "dist_scale": 1e-4, "dist_squared": True, "dist_shape": 0.0, "dist_shift": 0.0}
    numbered = gendr.GenDR(**hard, dist_func=0, aggr_alpha_func=0, aggr_alpha_t_conorm_p=0.0, aggr_rgb_func="hard")
    named = gendr.GenDR(**hard, dist_func="heaviside", aggr_alpha_func="hard", aggr_rgb_func="hard")
    assert torch.equal(numbered(mesh), named(mesh))
    assert set(named(mesh)[:, 3].unique().tolist()) == {0.0, 1.0}
    for number, name in enumerate(("hard", "softmax")):
        assert torch.equal(gendr_picture(mesh, aggr_rgb_func=number), gendr_picture(mesh, aggr_rgb_func=name))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sr.SoftRasterizer(dist_func="soft"), "dist_func must be one of 'hard', 'euclidean', 'barycentric'"),
        (lambda: sr.SoftRasterizer(aggr_func_rgb="sum"), "aggr_func_rgb must be one of 'hard', 'softmax', got 'sum'"),
        (lambda: sr.SoftRasterizer(aggr_func_alpha="max"), "aggr_func_alpha must be one of 'hard', 'prod', 'sum'"),
        (
            lambda: sr.SoftRasterizer(texture_type="face"),
            "texture_type must be one of 'surface', 'vertex', 'uv', got 'face'",
        ),
        (lambda: sr.SoftRasterizer()(in_the_picture("vertex")), "'surface' textures must have R\\*R texels a face"),
        (lambda: gendr.GenDR(texture_type="face"), "texture_type must be one of 'surface', 'vertex', 'uv', got 'face'"),
        (lambda: gendr.GenDR(aggr_rgb_func="max"), "aggr_rgb_func must be one of 'hard', 'softmax', got 'max'"),
        (lambda: gendr.GenDR(dist_scale=None)(in_the_picture()), "dist_scale is None: set it"),
        (lambda: gendr_picture(in_the_picture(), aggr_rgb_func=2), "aggr_rgb_func must be a name or a number"),
        (
            lambda: gendr_picture(in_the_picture(), aggr_rgb_func="soft"),
            "aggr_rgb_func must be one of 'hard', 'softmax'",
        ),
        (lambda: gendr.GenDR(dist_func="logistics")(in_the_picture()), "did you mean 'logistic'"),
        (lambda: softras_picture(in_the_picture(), sigma_val=0), "^sigma_val must be > 0"),
        (lambda: softras_picture(in_the_picture(), sigma_val=torch.tensor(-1.0)), "^sigma_val must be > 0"),
        (lambda: softras_picture(in_the_picture(), gamma_val=-1), "^gamma_val must be > 0"),
        (lambda: gendr_picture(in_the_picture(), dist_scale=0), "^dist_scale must be > 0"),
        (lambda: gendr_picture(in_the_picture(), aggr_rgb_gamma=torch.zeros(2)), "^aggr_rgb_gamma must be > 0"),
        (lambda: gendr_picture(in_the_picture(), dist_eps=None), "^dist_eps must be a number >= 1, got None"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("anti_aliasing", [False, True])
@pytest.mark.parametrize("door", DOORS)
def test_invalid_sizes_are_named_as_given(door: str, anti_aliasing: bool) -> None:
    _, make, base = DOORS[door]
    with pytest.raises(TypeError, match=r"image_size must be an int or \(H, W\), got \(8, 9, 3\)"):
        make(**{**base, "image_size": (8, 9, 3)}, anti_aliasing=anti_aliasing)(in_the_picture())
