"""Texels from pictures, and into pictures, against the originals' kernels spelled out."""

import itertools

import numpy as np
import pytest
import texture_reference
import torch
from PIL import Image

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr
from gendr_adapters import data
from gendr_adapters._soft_renderer.obj_files import read_obj
from gendr_adapters._soft_renderer.obj_loading import load_obj
from gendr_adapters._soft_renderer.pictures import read_picture
from gendr_adapters._soft_renderer.surface_textures import reversed_texels, sample_texels, texel_weights
from gendr_adapters._soft_renderer.texture_atlas import paint_atlas


def uniform(shape, low=0.0, high=1.0, seed=0):
    return low + (high - low) * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_sampled_as_reference(picture, uv, resolution):
    # The centres' weights are float32, as in the kernel.
    expected = texture_reference.sampled(picture.numpy(), uv.tolist(), resolution)
    found = sample_texels(picture, uv, resolution)
    np.testing.assert_allclose(found, expected, atol=1e-7 * 4 * max(picture.shape))


@pytest.mark.parametrize("resolution", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("shape", [(7, 11), (40, 23), (1, 5), (6, 1)])
def test_sampling_as_the_kernel(resolution, shape):
    picture = uniform((*shape, 3))
    assert_sampled_as_reference(picture, uniform((9, 3, 2), seed=1), resolution)


def test_coordinates_above_one_wrap_at_the_corners():
    uv = uniform((12, 3, 2), 0, 4, seed=2)
    assert_sampled_as_reference(uniform((8, 9, 3)), uv, 4)


def test_whole_coordinates_as_the_kernel():
    # 1 stays 1, which is the last pixel; 2 is 0.
    uv = torch.tensor(list(itertools.product((0.0, 1.0, 2.0), repeat=2)), dtype=torch.float64)
    picture = uniform((4, 6, 3))
    found = sample_texels(picture, uv[:, None].expand(-1, 3, -1), 2)
    assert_sampled_as_reference(picture, uv[:, None].expand(-1, 3, -1), 2)
    torch.testing.assert_close(found[4, 0], picture[0, 5])
    torch.testing.assert_close(found[8, 0], picture[3, 0])


def test_less_than_a_pixel_below_zero_counts_as_zero():
    picture = uniform((6, 9, 3))
    uv = uniform((9, 3, 2), -0.9, 0, seed=3) / torch.tensor([8, 5])
    found = sample_texels(picture, uv, 3)
    torch.testing.assert_close(found, picture[-1, 0].expand_as(found))
    uv[..., 0] = uniform((9, 3))  # along v, that is what the kernel does
    assert_sampled_as_reference(picture, uv, 3)


def test_further_below_zero_the_picture_repeats():
    picture = uniform((6, 9, 3))
    uv = uniform((9, 3, 2), 0.2, 0.9, seed=4)
    torch.testing.assert_close(sample_texels(picture, uv - 3, 3), sample_texels(picture, uv, 3), atol=1e-6, rtol=0)


def repeated(picture, uv, resolution):
    """By hand: the picture at each texel's centre, once its coordinates have lost their whole part."""
    height, width, _ = picture.shape
    found = torch.empty(len(uv), resolution**2, 3, dtype=picture.dtype)
    for face, texel in itertools.product(range(len(uv)), range(resolution**2)):
        weights = texture_reference.texel_weights(resolution, *divmod(texel, resolution))
        u, v = ((sum(w * corner[axis] for w, corner in zip(weights, uv[face], strict=True)) % 1) for axis in (0, 1))
        x, y = u * (width - 1), (1 - v) * (height - 1)
        (i, j), (s, t) = (int(x), int(y)), (x % 1, y % 1)
        right, below = min(i + 1, width - 1), min(j + 1, height - 1)
        above = picture[j, i] * (1 - s) + picture[j, right] * s
        found[face, texel] = above * (1 - t) + (picture[below, i] * (1 - s) + picture[below, right] * s) * t
    return found


@pytest.mark.parametrize("resolution", [1, 2, 4])
def test_repeated_pictures_go_on_across_their_border(resolution):
    picture = uniform((7, 9, 3))
    for low, high in ((0.6, 1.4), (-3, 3), (-0.3, 0.2), (4.2, 4.8), (-40, 40)):
        uv = uniform((8, 3, 2), low, high, seed=6)
        found = sample_texels(picture, uv, resolution, "repeat")
        torch.testing.assert_close(found, repeated(picture, uv, resolution), atol=1e-4, rtol=0)


def test_wraps_agree_inside_the_picture():
    picture = uniform((7, 9, 3))
    uv = uniform((40, 3, 2), seed=7)
    uv[:8] = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)  # to its very border
    uv[8:12] = 1.0
    inside = sample_texels(picture, uv, 3)
    for wrap in ("repeat", "clamp"):
        assert torch.equal(sample_texels(picture, uv, 3, wrap), inside)
    # And a face that lies in another copy of the picture as a whole.
    moved = sample_texels(picture, uv[12:] + torch.tensor([2.0, -3.0]), 3, "repeat")
    torch.testing.assert_close(moved, inside[12:], atol=1e-12, rtol=0)


def test_a_face_across_the_border(tmp_path):
    """Of a picture that gets lighter to the right; the face's texels at u < 1 are light, those beyond are dark."""
    row = np.linspace(0, 255, 64).astype(np.uint8)
    Image.fromarray(np.repeat(row[None, :, None], 4, 0).repeat(3, 2)).save(tmp_path / "p.png")
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd p.png\n")
    (tmp_path / "a.obj").write_text(
        "mtllib a.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt .8 .5\nvt 1.2 .5\nvt .8 .6\nf 1/1 2/2 3/3\n"
    )
    u = texel_weights(4) @ torch.tensor([0.8, 1.2, 0.8])
    back = texel_weights(4) @ torch.tensor([0.8, 0.2, 0.8])
    for door in (sr, gendr):
        for wrap, expected in (("repeat", u % 1), ("reference", back)):
            found = door.functional.load_obj(tmp_path / "a.obj", load_texture=True, texture_res=4, wrap=wrap)[2]
            torch.testing.assert_close(found[0, :, 0], expected, atol=0.03, rtol=0)
            mesh = door.Mesh.from_obj(tmp_path / "a.obj", load_texture=True, texture_res=4, wrap=wrap)
            assert torch.equal(mesh.textures[0], found)
        default = door.functional.load_obj(tmp_path / "a.obj", load_texture=True, texture_res=4)[2]
        torch.testing.assert_close(default[0, :, 0], back, atol=0.03, rtol=0)
        with pytest.raises(ValueError, match="wrap must be 'reference' or 'repeat', got 'mirror'"):
            door.functional.load_obj(tmp_path / "a.obj", wrap="mirror")


def test_spot_as_the_kernel():
    file = read_obj(data.path("spot.obj"))
    picture = read_picture(str(data.path("spot_texture.png")), "the test").astype(np.float64)
    textures = load_obj(data.path("spot.obj"), load_texture=True, texture_res=5)[2]
    assert textures.shape == (5856, 25, 3)
    chosen = [*range(0, 5856, 61), *range(990, 998), *range(3918, 3924)]  # some with negative coordinates
    uv = [[file.texture_vertices[corner] for corner in file.face_uv[face]] for face in chosen]
    expected = texture_reference.sampled(picture, uv, 5)
    np.testing.assert_allclose(textures[chosen], expected, atol=2e-4)
    assert textures[chosen].std() > 0.1


@pytest.mark.parametrize("resolution", [1, 2, 5])
def test_texel_weights_as_the_kernel(resolution):
    cells = itertools.product(range(resolution), repeat=2)
    expected = [texture_reference.texel_weights(resolution, row, column) for row, column in cells]
    torch.testing.assert_close(texel_weights(resolution), torch.tensor(expected))


@pytest.mark.parametrize("resolution", [1, 2, 3, 6])
def test_reversed_texels_are_at_the_same_places(resolution):
    weights = texel_weights(resolution)
    torch.testing.assert_close(weights[reversed_texels(resolution)], weights.flip(1))


@pytest.mark.parametrize("resolution", [1, 2, 3, 5])
@pytest.mark.parametrize(("n_faces", "tile"), [(1, 16), (2, 5), (5, 9), (9, 16), (10, 2), (7, 3), (6, 17)])
def test_atlas_as_the_kernel(resolution, n_faces, tile):
    textures = uniform((n_faces, resolution**2, 3))
    picture, uv = paint_atlas(textures, tile)
    expected, expected_uv = texture_reference.atlas(textures.numpy(), tile)
    np.testing.assert_array_equal(picture, expected)
    np.testing.assert_allclose(uv, expected_uv, rtol=1e-12)


@pytest.mark.parametrize("resolution", [1, 2, 3, 4, 5, 8])
def test_atlas_holds_every_texel_with_enough_pixels(resolution):
    textures = uniform((11, resolution**2, 3))
    for tile in (3 * resolution + 3, max(5 * resolution, 4), 5 * resolution + 3, 6 * resolution + 2):
        found = sample_texels(*paint_atlas(textures, tile), resolution)
        torch.testing.assert_close(found, textures, atol=1e-5, rtol=0)


def test_gradients_of_sampling_reach_the_picture():
    picture = uniform((5, 6, 3)).requires_grad_()
    uv = uniform((2, 3, 2), seed=5)
    assert torch.autograd.gradcheck(lambda picture: sample_texels(picture, uv, 2), picture)
