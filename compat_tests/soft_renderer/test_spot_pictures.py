"""Spot, textured and lit, through SoftRas' door, against the slow reference at every pixel of 256 x 256."""

import math
from types import SimpleNamespace

import pytest
import slow_cameras as slow
import torch
from soft_scenes import exactly
from torch import Tensor

import gendr_adapters.softras as sr
from gendr_adapters import data, reference

pytestmark = pytest.mark.slow

SIZE, TILE = 256, 16
DISTANCE, ELEVATION = 2.732, 30
SETTINGS = {
    "distribution": "logistic",
    "dist_squared": True,
    "dist_shape": 0.0,
    "dist_shift": 0.0,
    "distance": "euclidean",
    "t_conorm": "probabilistic",
    "t_conorm_p": None,
    "blend": "softmax",
    "gamma": 1e-4,
    "background_eps": 2e-3,  # S1 of goldens/README.md
    "near": 1,
    "far": 100,
    "front": "clockwise",
    "cull": "none",
    "alpha_range": "all",
    "perspective_correct": False,
    "half_extent": None,
    "min_coverage": 0.0,
}
SIGMA = 1e-5
REACH = math.sqrt(math.log(1 / 1e-4 - 1) * SIGMA)


def slowly_seen(mesh: sr.Mesh, azimuth: float) -> tuple[Tensor, Tensor]:
    """Faces (F, 3, 3) as the camera sees them and their lit texels (F, T, 3), one after the other."""
    eye = slow.on_sphere(DISTANCE, ELEVATION, azimuth)
    vertices = mesh.vertices[0].tolist()
    seen = [slow.perspective(slow.look_at(vertex, eye), 30) for vertex in vertices]
    faces = mesh.faces[0].tolist()
    lights = []
    for face in faces:
        normal = slow.surface_normal([vertices[i] for i in face])
        lights.append(slow.light(normal, (0.5, (1, 1, 1)), [(0.5, (1, 1, 1), (0, 1, 0))]))
    return exactly(seen)[mesh.faces[0].long()], mesh.textures[0].double() * exactly(lights)[:, None]


def sampled_both_ways(features: Tensor, weights: Tensor) -> Tensor:
    """In the place of the reference's own: texels (P, F, 6) of features (F, R * R, 6) at weights (P, F, 3).

    Beyond edge 0-1 of a face w0 + w1 is 1 up to rounding, which then decides between a texel and its mirror image.
    Channels 0 to 2 are what one decision gives, 3 to 5 by how much the other one differs."""
    res = math.isqrt(features.shape[1])
    a, b = weights[..., 0] * res, weights[..., 1] * res
    u, v = a.long(), b.long()
    over = a + b - u - v - 1
    u, v = u.clamp(max=res - 1), v.clamp(max=res - 1)
    upright, mirrored = v * res + u, (res - 1 - v) * res + (res - 1 - u)
    each = torch.arange(len(features))
    one, other = (features[each, torch.where(over <= slack, upright, mirrored)][..., :3] for slack in (1e-9, -1e-9))
    return torch.cat([one, (one - other).abs()], -1)


def slow_picture(faces: Tensor, texels: Tensor) -> Tensor:
    """(7, S, S): the picture, how far from it rounding may lead (see `sampled_both_ways`), and alpha.

    The reference looks at every pixel and face at once, so it is shown a tile at a time, scaled to be its picture, with
    the faces that reach into it."""
    picture = torch.zeros(7, SIZE, SIZE, dtype=torch.float64)
    twice, black = texels.repeat(1, 1, 2), torch.zeros(6, dtype=torch.float64)
    scale = SIZE / TILE
    settings = SimpleNamespace(**SETTINGS, dist_scale=SIGMA * scale**2, reach=REACH * scale)
    low, high = faces[..., :2].amin(1) - REACH, faces[..., :2].amax(1) + REACH
    for row in range(0, SIZE, TILE):
        for column in range(0, SIZE, TILE):
            middle = exactly([(2 * column + TILE) / SIZE - 1, 1 - (2 * row + TILE) / SIZE])
            near = ((low < middle + 1 / scale) & (high > middle - 1 / scale)).all(1)
            if near.any():
                moved = torch.cat([(faces[near][..., :2] - middle) * scale, faces[near][..., 2:]], -1)
                tile = reference.render(moved, TILE, twice[near], settings, black)
                assert tile.image is not None
                picture[:, row : row + TILE, column : column + TILE] = torch.cat([tile.image, tile.alpha[None]])
    return picture


@pytest.mark.parametrize("azimuth", [0, 45])
def test_spot(azimuth: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_sample_features", sampled_both_ways)
    spot = data.path("spot.obj")
    mesh = sr.Mesh.from_obj(spot, load_texture=True, texture_res=5, texture_type="surface")
    mesh = sr.Mesh(mesh.vertices.double(), mesh.faces, mesh.textures.double())
    expected = slow_picture(*slowly_seen(mesh, azimuth))
    renderer = sr.SoftRenderer(camera_mode="look_at")
    renderer.transform.set_eyes_from_angles(DISTANCE, ELEVATION, azimuth)
    got = renderer.render_mesh(mesh)[0]
    assert 0.05 < got[3].mean() < 0.2 and len(got[:3, got[3] > 0.99].unique(dim=1).T) > 1000
    colour, leeway, alpha = expected[:3], expected[3:6], expected[6]
    torch.testing.assert_close(got[3], alpha, rtol=0, atol=1e-9)
    assert (leeway > 1e-4).any(0).sum() < 1000  # pixels of some 8,000 that show her
    assert ((got[:3] - colour).abs() <= leeway + 1e-6).all()
