"""Small programs as users of SoftRas and GenDR write them: turning a mesh, deforming a sphere, finding a camera."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr
from gendr_adapters import data

pytestmark = pytest.mark.slow


def iou_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """1 - intersection / union of silhouettes (N, S, S), their mean."""
    both = (predicted * target).sum((1, 2))
    return (1 - both / (predicted + target - predicted * target).sum((1, 2))).mean()


def test_turn_and_blur_and_save(tmp_path: Path) -> None:
    mesh = sr.Mesh.from_obj(data.path("spot.obj"), load_texture=True, texture_res=5, texture_type="surface")
    renderer = sr.SoftRenderer(image_size=64, camera_mode="look_at")
    pictures = []
    for azimuth in range(0, 360, 90):
        mesh.reset_()
        renderer.transform.set_eyes_from_angles(2.732, 30, azimuth)
        pictures.append(renderer.render_mesh(mesh)[0])
    front, left, _, right = pictures
    for picture in pictures:
        assert 0.05 < picture[3].mean() < 0.2 and picture[:3].max() <= 1 + 1e-6
        inside = picture[:3, picture[3] > 0.99]
        assert inside.max() > 0.8 and inside.min() < 0.2  # white and black
    assert left[3].mean() > 1.2 * front[3].mean()
    mirrored = front[3].flip(1)  # a cow has two sides alike
    assert (front[3] - mirrored).abs().mean() < 0.1 * front[3].mean()
    assert (left[3] - right[3].flip(1)).abs().mean() < 0.1 * left[3].mean()

    fuzzy = []
    for softness in (1e-4, 3e-4, 1e-3, 3e-3):
        mesh.reset_()
        renderer.set_gamma(softness)
        renderer.set_sigma(softness / 10)
        alpha = renderer.render_mesh(mesh)[0, 3]
        fuzzy.append(((alpha > 0.05) & (alpha < 0.7)).sum().item())
    assert fuzzy == sorted(fuzzy) and fuzzy[-1] > 2 * fuzzy[0]

    mesh.reset_()
    mesh.save_obj(tmp_path / "spot.obj", save_texture=True)
    saved = sr.Mesh.from_obj(tmp_path / "spot.obj", load_texture=True, texture_res=5)
    mesh.reset_()
    renderer.set_sigma(1e-5)
    renderer.set_gamma(1e-4)
    again, before = renderer.render_mesh(saved), renderer.render_mesh(mesh)
    torch.testing.assert_close(again[:, 3], before[:, 3], rtol=0, atol=1e-3)
    assert (again - before).abs().mean() < 0.01


class Deformed(nn.Module):
    """A sphere whose vertices move within the cube [-1, 1]: each has a step to learn, and all have a place."""

    start: Tensor
    triangles: Tensor

    def __init__(self, door: Any) -> None:
        super().__init__()
        self.door: Any = door
        sphere = door.Mesh.from_obj(str(data.path("sphere_642.obj")))
        self.register_buffer("start", torch.atanh(0.5 * sphere.vertices))
        self.register_buffer("triangles", sphere.faces)
        self.steps = nn.Parameter(torch.zeros_like(sphere.vertices))
        self.place = nn.Parameter(torch.zeros(3))
        self.smoothness = door.LaplacianLoss(sphere.vertices[0], sphere.faces[0])
        self.flatness = door.FlattenLoss(sphere.faces[0])

    def forward(self, n: int) -> tuple[sr.Mesh, Tensor]:
        vertices = torch.tanh(self.start + self.steps + self.place)
        roughness = 0.03 * self.smoothness(vertices).sum() + 0.0003 * self.flatness(vertices).sum()
        mesh = self.door.Mesh(vertices.expand(n, -1, -1), self.triangles.expand(n, -1, -1))
        return mesh, roughness


def some_angles(n: int) -> tuple[Tensor, Tensor, Tensor]:
    return torch.full((n,), 2.732), 30 * torch.cos(torch.arange(n) * 2.4), torch.arange(n) * (360.0 / n)


def bean(door: Any, n: int) -> sr.Mesh:
    """A sphere stretched along x and z and bent upwards."""
    mesh = door.Mesh.from_obj(data.path("sphere_642.obj"))
    x, y, z = mesh.vertices.unbind(-1)
    bent = torch.stack([0.7 * x, 0.3 * y + 0.35 * x * x, 0.45 * z], -1)
    return door.Mesh(bent.repeat(n, 1, 1), mesh.faces.repeat(n, 1, 1))


@pytest.mark.parametrize("gradient", ["reference", "exact"])
def test_deform_with_softras(tmp_path: Path, gradient: str) -> None:
    n = 8
    hard = sr.Renderer(32, anti_aliasing=False, camera_mode="look_at", viewing_angle=15)
    soft = sr.SoftRenderer(
        32, sigma_val=1e-3, aggr_func_rgb="hard", camera_mode="look_at", viewing_angle=15, gradient=gradient
    )
    for renderer in (hard, soft):
        renderer.transform.set_eyes_from_angles(*some_angles(n))
    target = hard(bean(sr, n))[:, 3]
    model = Deformed(sr)
    optimizer = torch.optim.Adam(model.parameters(), 0.05, betas=(0.5, 0.99))
    losses = []
    for _ in range(40):
        mesh, smooth = model(n)
        loss = iou_loss(soft.render_mesh(mesh)[:, 3], target)
        optimizer.zero_grad()
        (loss + smooth).backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.35 and losses[-1] < 0.15
    model(1)[0].save_obj(str(tmp_path / "bean.obj"), save_texture=False)
    saved = sr.Mesh.from_obj(tmp_path / "bean.obj")
    torch.testing.assert_close(saved.vertices, model(1)[0].vertices, rtol=0, atol=1e-6)


def test_deform_with_gendr() -> None:
    n = 8
    lighting, transform = gendr.Lighting(), gendr.LookAt(viewing_angle=15)
    transform.set_eyes_from_angles(*some_angles(n))
    hard = gendr.GenDR(32, dist_func=0, dist_scale=1e-4, dist_squared=True, dist_eps=1, aggr_alpha_func=0)
    soft = gendr.GenDR(32, dist_func="logistic", dist_scale=None, dist_squared=True, dist_eps=100, aggr_rgb_func="hard")
    with torch.no_grad():
        target = hard(transform(lighting(bean(gendr, n))))[:, 3]
    assert set(target.unique().tolist()) == {0.0, 1.0}
    model = Deformed(gendr)
    optimizer = torch.optim.Adam(model.parameters(), 0.05, betas=(0.5, 0.95))
    losses = []
    for scale in np.logspace(-2.5, -3.5, 40):
        soft.dist_scale = scale
        mesh, smooth = model(n)
        loss = iou_loss(soft(transform(lighting(mesh)))[:, 3], target)
        optimizer.zero_grad()
        (loss + smooth).backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.35 and losses[-1] < 0.15


def test_find_the_camera_with_gendr() -> None:
    """Distance, elevation, azimuth and the viewing angle of six cameras, from silhouettes."""
    n = 6
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(n, 4, generator=generator)
    truth = torch.tensor([3.0, 20.0, 130.0, 10.0]) + draws * torch.tensor([0.2, 20.0, 50.0, 0.0])
    away = torch.tensor([0.4, 15.0, -15.0, 1.0]) * torch.sign(torch.randn(n, 4, generator=generator))
    poses = nn.Parameter(truth + away)
    mesh = gendr.Mesh.from_obj(data.path("airplane.obj"))
    mesh = gendr.Mesh(mesh.vertices.repeat(n, 1, 1), mesh.faces.repeat(n, 1, 1))
    soft = gendr.GenDR(48, dist_func="logistic", dist_squared=True, dist_eps=100, aggr_rgb_func="hard")
    hard = gendr.GenDR(48, dist_func="hard", aggr_alpha_func="hard", aggr_rgb_func="hard")

    def silhouettes(poses: Tensor, renderer: gendr.GenDR) -> Tensor:
        eyes = gendr.functional.get_points_from_angles(*poses[:, :3].T)
        seen = gendr.functional.look_at(mesh.vertices, eyes)
        projected = gendr.transform.perspective(seen, poses[:, 3])
        return renderer(gendr.Mesh(projected, mesh.faces))[:, 3]

    target = silhouettes(truth, hard).detach()
    assert (target.mean((1, 2)) > 0.02).all()
    optimizer = torch.optim.Adam([poses], 0.5, betas=(0.5, 0.99))
    losses = []
    for scale in np.logspace(-2, -4, 80):
        soft.dist_scale = scale
        loss = iou_loss(silhouettes(poses, soft), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    off = (poses.detach() - truth)[:, 1:3].norm(dim=1)
    assert (off < 5).float().mean() > 0.6 and losses[-1] < 0.5 * losses[0]
