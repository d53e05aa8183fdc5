"""Shaders in pieces of bounded memory against the same ones in one: what the core cannot shade."""

from typing import Any

import pytest
import torch
from door_scenes import SIZE, as_dtype, cameras_of, gradients, lights_of, renderer_of, settings_of, two_meshes
from lit_scene import Scene
from pytorch3d.renderer import PointLights, TexturesUV, TexturesVertex
from pytorch3d.structures import Meshes
from pytorch3d.utils import ico_sphere
from support.allocations import peak_of_allocations
from support.messages import about
from support.pieces import count_pieces
from test_core_shading import fragment_by_fragment
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters.pytorch3d import (
    GenDRBlendParams,
    GenDRFlatShader,
    GenDRPhongShader,
    GenDRRasterizer,
    _shaders,
)

SHADERS = pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRFlatShader])


@pytest.fixture
def n_pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    return count_pieces(monkeypatch, _shaders)


def assert_pieces_are_the_whole(scene: Scene, shader: Any, n_pieces: list[int], max_memory: int, **how: Any) -> None:
    """The picture up to the last bits of torch's functions, gradients up to the order of sums."""
    leaves = list(scene.leaves.values())
    with fragment_by_fragment():
        whole = scene.draw(shader, **how)
        expected = gradients(whole, leaves)
        picture = scene.draw(shader, max_memory=max_memory, **how)
        assert n_pieces[-2] == 1 and n_pieces[-1] > 1
        assert_close(picture, whole, rtol=0, atol=1e-12)
        found = gradients(picture, leaves)
    assert sum(bool(x.any()) for x in expected) > 12
    for name, a, b in zip(scene.leaves, found, expected, strict=True):
        bound = b.abs().max().item() * (1e-10 if b.dtype == torch.float64 else 1e-5)
        assert_close(a, b, rtol=0, atol=bound, msg=about(name))


@SHADERS
@pytest.mark.parametrize("max_memory", [15_000, 100_000, 500_000])
def test_shaders(shader: Any, max_memory: int, n_pieces: list[int]) -> None:
    """From runs of pixels to images: N = 2 of different counts, lights, materials, scales and backgrounds."""
    assert_pieces_are_the_whole(Scene(), shader, n_pieces, max_memory)


@pytest.mark.parametrize("textures", ["atlas", "uv", "shared map", "maps of two sizes"])
def test_textures(textures: str, n_pieces: list[int]) -> None:
    assert_pieces_are_the_whole(Scene(textures), GenDRPhongShader, n_pieces, 60_000)


@pytest.mark.parametrize("max_memory", [15_000, 500_000])
@pytest.mark.parametrize("shape", [(*SIZE, 3), (2, *SIZE, 3), (2, 1, 1, 3)])
def test_meshes_before_a_picture(shape: tuple[int, ...], max_memory: int, n_pieces: list[int]) -> None:
    """Which gets its gradient, too; maps padded with zeros before it are what the core does not shade."""
    scene = Scene("uv", padding_mode="zeros")
    scene.leaves["background"] = torch.rand(
        shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64, requires_grad=True
    )
    assert_pieces_are_the_whole(scene, GenDRPhongShader, n_pieces, max_memory)


@pytest.mark.parametrize("max_memory", [15_000, 500_000])
def test_a_depth_range_for_each_image(max_memory: int, n_pieces: list[int]) -> None:
    how = {"znear": torch.tensor([0.5, 1.5]), "zfar": torch.tensor([20.0, 9.0])}
    assert_pieces_are_the_whole(Scene(), GenDRPhongShader, n_pieces, max_memory, **how)


class OwnLights(PointLights):
    """A class that the core does not know."""

    def diffuse(self, normals: Tensor, points: Tensor) -> Tensor:
        return super().diffuse(normals, points).square()


class OtherLights:
    """No class of PyTorch3D's: those of single images cannot be picked."""

    def __init__(self, **fields: Tensor) -> None:
        self._lights = PointLights(**fields)
        self.ambient_color, self.device = self._lights.ambient_color, self._lights.device

    def diffuse(self, **how: Any) -> Tensor:
        return self._lights.diffuse(**how).square()

    def specular(self, **how: Any) -> Tensor:
        return self._lights.specular(**how)


@pytest.mark.parametrize("lights", [OwnLights, OtherLights])
@pytest.mark.parametrize("max_memory", [15_000, 500_000])
def test_lights_of_a_user_class(lights: Any, max_memory: int, n_pieces: list[int]) -> None:
    scene = Scene()
    scene.light = lights
    assert_pieces_are_the_whole(scene, GenDRPhongShader, n_pieces, max_memory)


class NoisyTextures(TexturesUV):
    """With other numbers each time."""

    def sample_textures(self, fragments: Any, **kwargs: Any) -> Tensor:
        texels = super().sample_textures(fragments, **kwargs)
        return texels * (1 + 0.1 * torch.rand_like(texels))


def scene_with(textures: Any, max_memory: int | None) -> tuple[Any, Meshes, Tensor]:
    """A renderer, a mesh, and the map on it."""
    sphere = ico_sphere(1)
    verts, faces = sphere.verts_packed(), sphere.faces_packed()
    picture = torch.rand(1, 8, 8, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    meshes = Meshes([verts], [faces], textures(picture, faces[None], verts[None, :, :2] / 2 + 0.5))
    cameras = cameras_of(n=1, dtype=torch.float32)
    shader = GenDRPhongShader(cameras=cameras, lights=lights_of(torch.float32), max_memory=max_memory)
    return renderer_of(shader, cameras), meshes, picture


def drawn_with(textures: Any, max_memory: int | None) -> tuple[Tensor, Tensor]:
    """A picture, and the map it shows."""
    renderer, meshes, picture = scene_with(textures, max_memory)
    return renderer(meshes), picture


def test_random_numbers_are_the_same_in_backward(n_pieces: list[int]) -> None:
    """Each texel of a colour c that is shown as (1 + r) c: sum of gradient times colour is the sum of what is shown."""
    torch.manual_seed(3)
    image, picture = drawn_with(NoisyTextures, 40_000)
    alpha = image[..., 3:].detach()
    torch.manual_seed(4)
    shown = (image[..., :3] * (alpha > 0)).sum()
    (gradient,) = torch.autograd.grad(shown, picture)
    assert n_pieces == [n_pieces[0]] and n_pieces[0] > 3
    # Less what does not come from the map: the background and highlights.
    torch.manual_seed(3)
    with torch.no_grad():
        darker, _ = drawn_with(lambda m, *rest: NoisyTextures(0 * m.detach(), *rest), 40_000)
    expected = ((image.detach() - darker)[..., :3] * (alpha > 0)).sum()
    assert_close((gradient * picture).sum(), expected, rtol=1e-4, atol=0)


def test_measuring_takes_no_random_numbers(n_pieces: list[int]) -> None:
    """The picture is the same whether memory was looked at or not, but for where numbers are drawn."""
    torch.manual_seed(3)
    before = torch.get_rng_state()
    drawn_with(TexturesUV, 40_000)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(3)
    first, _ = drawn_with(NoisyTextures, 40_000)
    torch.manual_seed(3)
    assert torch.equal(drawn_with(NoisyTextures, 40_000)[0], first)


def test_runs_give_the_same_bits(n_pieces: list[int]) -> None:
    scene = Scene()
    with fragment_by_fragment():
        first, again = (scene.draw(GenDRPhongShader, max_memory=20_000) for _ in range(2))
    assert n_pieces[0] > 3 and torch.equal(first, again)
    assert all(map(torch.equal, *(gradients(x, list(scene.leaves.values())) for x in (first, again))))


def test_gradcheck(n_pieces: list[int]) -> None:
    sphere = ico_sphere(0)
    verts = (0.8 * sphere.verts_packed()).double().requires_grad_()
    colours = torch.rand(1, len(verts), 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    cameras, lights = cameras_of(n=1), as_dtype(OwnLights(location=((1.0, 2.0, 1.5),)), torch.float64)
    shader = GenDRPhongShader(
        cameras=cameras, lights=lights, blend_params=GenDRBlendParams(sigma=1e-2, gamma=0.1), max_memory=60_000
    )
    renderer = renderer_of(shader, cameras, image_size=8, blur_radius=1.0)

    def draw(verts: Tensor, colours: Tensor) -> Tensor:
        return renderer(Meshes([verts], sphere.faces_list(), TexturesVertex(colours)))

    inputs = verts, colours.requires_grad_()
    assert torch.autograd.gradcheck(draw, inputs, eps=1e-7, atol=1e-4, rtol=1e-4, fast_mode=True)
    assert min(n_pieces) > 3


def test_pieces_without_gradients_and_in_inference_mode(n_pieces: list[int]) -> None:
    scene = Scene()
    with fragment_by_fragment(), torch.no_grad():
        whole = scene.draw(GenDRPhongShader)
        assert_close(scene.draw(GenDRPhongShader, max_memory=20_000), whole, rtol=0, atol=1e-12)
    with fragment_by_fragment(), torch.inference_mode():
        assert_close(scene.draw(GenDRPhongShader, max_memory=20_000), whole, rtol=0, atol=1e-12)
    assert n_pieces[1] > 3


def test_few_fragments_are_listed_once(n_pieces: list[int]) -> None:
    """What they hand out is what the shader took, and watched as ever."""
    meshes, _ = two_meshes()
    cameras = cameras_of()
    fragments = GenDRRasterizer(cameras, settings_of())(meshes)
    shader = GenDRPhongShader(cameras=cameras, lights=lights_of())
    with fragment_by_fragment():
        shader(fragments, meshes)
        found = fragments.found
        shader(fragments, meshes)
        assert fragments.found is found and n_pieces == [1, 1]
        found.depth[:5] = 9.0
        with pytest.raises(ValueError, match="found.depth of these fragments was edited"):
            shader(fragments, meshes, max_memory=20_000)


def test_many_fragments_are_not_kept(n_pieces: list[int]) -> None:
    meshes, _ = two_meshes()
    cameras = cameras_of()
    fragments = GenDRRasterizer(cameras, settings_of())(meshes)
    shader = GenDRPhongShader(cameras=cameras, lights=lights_of(), max_memory=20_000)
    with fragment_by_fragment():
        picture = shader(fragments, meshes)
        assert n_pieces[0] > 3 and "_found" not in vars(fragments)
        assert_close(shader(fragments, meshes, max_memory=None), picture, rtol=0, atol=1e-12)


def test_objects_that_change_before_backward() -> None:
    """Backward shades as forward did, or fails."""
    meshes, leaves = two_meshes("uv")
    cameras, lights = cameras_of(), lights_of()
    renderer = renderer_of(GenDRPhongShader(cameras=cameras, lights=lights, max_memory=50_000), cameras)
    with fragment_by_fragment():
        expected = gradients(renderer(meshes), leaves)
        picture = renderer(meshes)
        lights.location = lights.location + 1
        meshes.textures = two_meshes("vertex")[0].textures
        assert all(map(torch.equal, gradients(picture, leaves), expected))
        picture = renderer(meshes)
        assert not torch.equal(gradients(picture, leaves)[0], expected[0])
        lights.location += 1
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            gradients(picture, leaves)


class NetworkTextures(TexturesUV):
    """Whose colours a network makes."""

    def __init__(self, net: torch.nn.Module, *args: Any) -> None:
        super().__init__(*args)
        self.net = net

    def sample_textures(self, fragments: Any, **kwargs: Any) -> Tensor:
        return self.net(super().sample_textures(fragments, **kwargs))


def test_networks_in_textures(n_pieces: list[int]) -> None:
    """They get their gradients; a step of an optimiser between forward and backward is an error."""
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 3)
    found = []
    for max_memory in (1 << 40, 40_000):
        picture, _ = drawn_with(lambda *args: NetworkTextures(net, *args), max_memory)
        found.append(torch.autograd.grad(picture.square().sum(), list(net.parameters())))
    assert n_pieces[0] == 1 and n_pieces[1] > 3
    for a, b in zip(*found, strict=True):
        assert_close(a, b, rtol=0, atol=1e-5 * b.abs().max().item())
    picture, _ = drawn_with(lambda *args: NetworkTextures(net, *args), 40_000)
    with torch.no_grad():
        net.weight += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        picture.sum().backward()


@pytest.mark.parametrize("backward_too", [False, True])
def test_autocast_is_ignored(backward_too: bool, n_pieces: list[int]) -> None:
    renderer, meshes, picture = scene_with(TexturesUV, 40_000)

    def step(context: Any) -> tuple[Tensor, Tensor]:
        with fragment_by_fragment(), context:
            image = renderer(meshes)
            loss = image.square().sum()
            if backward_too:
                return image, torch.autograd.grad(loss, picture, retain_graph=True)[0]
        return image, torch.autograd.grad(loss, picture, retain_graph=True)[0]

    expected = step(torch.autocast("cpu", enabled=False))
    assert all(map(torch.equal, step(torch.autocast("cpu", dtype=torch.bfloat16)), expected)) and n_pieces[1] > 3


def test_memory_does_not_grow_with_the_number_of_fragments() -> None:
    """The same faces and pixels, the more fragments the further the faces reach."""
    sphere = ico_sphere(0)
    verts = (0.8 * sphere.verts_packed()).double().requires_grad_()
    cameras, lights = cameras_of(n=1), lights_of()
    meshes = Meshes([verts], sphere.faces_list(), two_meshes()[0][1].textures)

    def peak(blur_radius: float, max_memory: int) -> int:
        shader = GenDRPhongShader(cameras=cameras, lights=lights, max_memory=max_memory)
        renderer = renderer_of(shader, cameras, image_size=48, blur_radius=blur_radius)

        def step() -> None:
            torch.autograd.grad(renderer(meshes).square().sum(), verts, retain_graph=True)

        with fragment_by_fragment():
            step()
            return peak_of_allocations(step)

    few, many, bound, no_bound = 0.02, 10.0, 1 << 20, 1 << 40
    assert peak(many, no_bound) > 3 * peak(few, no_bound) > 6 * bound
    assert peak(many, bound) < 1.2 * peak(few, bound) < 1.8 * bound


@SHADERS
@pytest.mark.parametrize("bad, error", [(0, ValueError), (1e9, TypeError), ("1 GB", TypeError), (True, TypeError)])
def test_bad_numbers(shader: Any, bad: Any, error: type[Exception]) -> None:
    """In the shader and in the call, whoever shades."""
    with pytest.raises(error, match=f"max_memory must be .*, got {bad!r}"):
        shader(max_memory=bad)
    with pytest.raises(error, match=f"max_memory must be .*, got {bad!r}"):
        Scene().draw(shader, max_memory=bad)
