"""soft_render: fragments shaded one by one and blended by hand; what hidden faces learn; batches and errors."""

import math
from typing import Any

import pytest
import torch
from kaolin_meshes import ASSIGNMENTS, FACES, HEIGHT, WIDTH, camera, lights, materials, octahedron, random, uv_mesh
from mesh_reference import ray, shade, unit
from torch import Tensor

from gendr_adapters import RenderSettings, find_fragments, render
from gendr_adapters.kaolin import render_mesh, soft_render

ORTHO = {"fov_distance": 0.7}
SOFT = RenderSettings(dist_scale=3e-3, gamma=3e-3, background_eps=0.02)


def mesh_of(kaolin: Any, vertices: Tensor | None = None, seed: int = 0) -> Any:
    return uv_mesh(kaolin, vertices, seed, materials=materials(kaolin, seed), material_assignments=ASSIGNMENTS)


def corners_of(view: Any, vertices: Tensor) -> Tensor:
    seen = view.extrinsics.transform(vertices)
    x_y = view.intrinsics.transform(seen).reshape(-1, 3)[:, :2]
    return torch.cat([x_y, -seen.reshape(-1, 3)[:, 2:]], 1)[FACES]


@pytest.mark.parametrize("lens", ["pinhole", "ortho"])
def test_every_fragment_counts(kaolin: Any, lens: str) -> None:
    """Alpha is the union of the coverages, colour the softmax over depth of what each face shows, written out."""
    view, lighting = camera(kaolin, **(ORTHO if lens == "ortho" else {})), lights(kaolin)
    back = (0.2, 0.5, 0.9)
    found = soft_render(view, mesh_of(kaolin), SOFT, lighting, background=back)
    mesh = mesh_of(kaolin)
    near, far = view.intrinsics.near, view.intrinsics.far
    # Which pairs there are, and where on the face: find_fragments, which has tests of its own.
    clip = "unit" if lens == "pinhole" else "nonnegative"
    pairs = find_fragments(
        corners_of(view, mesh.vertices), (HEIGHT, WIDTH),
        settings=RenderSettings(dist_scale=SOFT.dist_scale, near=near, far=far, half_extent=(1, 1), clip=clip,
                                perspective_correct=lens == "pinhole"),
    )  # fmt: skip
    wanted = torch.zeros(HEIGHT * WIDTH, 4, dtype=torch.float64)
    normals, tangents = mesh.vertex_normals, mesh.vertex_tangents
    most = 0
    for pixel in range(HEIGHT * WIDTH):
        colours, exponents = [torch.tensor(back, dtype=torch.float64)], [SOFT.background_eps / SOFT.gamma]
        shares, outside = [1.0], 1.0
        to_camera = -unit(ray(view, pixel // WIDTH, pixel % WIDTH)[1])
        for i in range(int(pairs.offsets[pixel]), int(pairs.offsets[pixel + 1])):
            corners, weights = FACES[pairs.face[i]], pairs.weights[i]
            a, b, c = mesh.vertices[corners]
            eye = view.extrinsics.cam_pos()[0, :, 0]
            facing = to_camera if lens == "ortho" else eye - a
            turned = torch.sign(torch.linalg.cross(b - a, c - a) @ facing)
            seen = shade(
                mesh.materials[int(ASSIGNMENTS[pairs.face[i]])],
                lighting,
                turned * (weights @ normals[corners]),
                weights @ tangents[corners],
                weights @ mesh.uvs[mesh.face_uvs_idx[pairs.face[i]]],
                to_camera,
                wrap=True,
            )
            coverage = 1 / (1 + math.exp(-float(pairs.distance2[i]) / SOFT.dist_scale))
            colours.append(seen.diffuse + seen.specular)
            exponents.append((far - float(pairs.depth[i])) / (far - near) / SOFT.gamma)
            shares.append(coverage)
            outside *= 1 - coverage
            most = max(most, len(shares) - 1)
        weights = torch.tensor([s * math.exp(e - max(exponents)) for s, e in zip(shares, exponents, strict=True)])
        weights = weights.double() / weights.sum()
        wanted[pixel, :3] = (weights[:, None] * torch.stack(colours)).sum(0)
        wanted[pixel, 3] = 1 - outside
    assert most > 3
    torch.testing.assert_close(found.view(-1, 4), wanted, rtol=0, atol=2e-6)


def test_sharp_edges_give_the_picture_of_render_mesh(kaolin: Any) -> None:
    view = camera(kaolin)
    sharp = RenderSettings(distribution="hard", gamma=1e-5)
    soft, hard = (
        soft_render(view, mesh_of(kaolin), sharp, lights(kaolin)),
        render_mesh(view, mesh_of(kaolin), lights(kaolin)),
    )
    assert torch.equal(soft[..., 3] > 0, hard["face_idx"] >= 0)
    torch.testing.assert_close(soft[..., :3], hard["render"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("distribution, t_conorm", [("gaussian", "yager"), ("cauchy", "max"), ("laplace", "sum")])
def test_alpha_of_any_distribution_and_t_conorm(kaolin: Any, distribution: str, t_conorm: str) -> None:
    settings = {"distribution": distribution, "t_conorm": t_conorm, "dist_scale": 0.02, "dist_squared": False}
    settings |= {"t_conorm_p": 2.0, "reach": 0.5, "half_extent": (1, 1), "near": 0.2, "far": 40.0}
    view = camera(kaolin)
    alpha = render(corners_of(view, octahedron()), (HEIGHT, WIDTH), settings=RenderSettings(**settings)).alpha
    found = soft_render(view, mesh_of(kaolin), RenderSettings(**settings))
    torch.testing.assert_close(found[..., 3], alpha, rtol=0, atol=1e-12)


def test_the_camera_cuts_and_ranges(kaolin: Any) -> None:
    """A floor that reaches behind the camera is seen up to the far plane; gamma is in units of far - near, unless
    softmax_range is given."""
    floor = torch.tensor([[-9.0, -1, 5], [9, -1, 5], [9, -1, -30], [-9, -1, -30]], dtype=torch.float64)
    view = kaolin.render.camera.Camera.from_args(
        view_matrix=torch.eye(4, dtype=torch.float64)[None], width=WIDTH, height=HEIGHT, fov=math.radians(60.0),
        near=0.3, far=8.0, dtype=torch.float64,
    )  # fmt: skip
    mesh = kaolin.rep.SurfaceMesh(floor, torch.tensor([[0, 1, 2], [0, 2, 3]]))
    hard = RenderSettings(distribution="hard")
    seen = soft_render(view, mesh, hard)[..., 3]
    assert torch.equal(seen[0, :, 0] > 0, torch.arange(HEIGHT) > 6)
    grey = [soft_render(view, mesh, RenderSettings(distribution="hard", gamma=1.0, softmax_range=r)) for r in (
        None, (0.3, 8.0), (0.3, 30.0)
    )]  # fmt: skip
    assert torch.equal(grey[0], grey[1]) and not torch.allclose(grey[0], grey[2])


def test_hidden_faces_learn(kaolin: Any) -> None:
    """A large face behind a larger one: its colour and its corners have gradients, in render_mesh they have none."""
    front = [[-3.0, -3, 1], [3, -3, 1], [0, 4, 1]]
    vertices = torch.tensor([*front, [-0.6, -0.5, 0], [0.6, -0.5, 0], [0.0, 0.7, 0]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    view = kaolin.render.camera.Camera.from_args(
        eye=torch.tensor([0.0, 0, 4], dtype=torch.float64), at=torch.zeros(3, dtype=torch.float64),
        up=torch.tensor([0.0, 1, 0], dtype=torch.float64), fov=0.8, width=WIDTH, height=HEIGHT, near=1.0, far=10.0,
        dtype=torch.float64,
    )  # fmt: skip
    make = kaolin.render.materials.PBRMaterial
    gradients = []
    for picture in (
        lambda mesh: soft_render(view, mesh, RenderSettings(dist_scale=1e-3, gamma=0.1))[..., :3],
        lambda mesh: render_mesh(view, mesh)["render"],
    ):
        learnt, colour = vertices.clone().requires_grad_(), torch.tensor([0.2, 0.9, 0.4]).requires_grad_()
        both = [make(diffuse_color=(0.9, 0.1, 0.1)), make(diffuse_color=colour)]
        mesh = kaolin.rep.SurfaceMesh(learnt, faces, materials=both, material_assignments=torch.tensor([0, 1]))
        picture(mesh).square().sum().backward()
        gradients.append(
            (learnt.grad[3:].abs().max().item(), 0.0 if colour.grad is None else colour.grad.abs().max().item())
        )
    (corners, colours), hard = gradients
    assert corners > 1e-2 and colours > 1e-2 and hard == (0.0, 0.0)


@pytest.mark.parametrize("learnt", ["vertices", "background", "dist_scale", "gamma"])
def test_gradients_are_derivatives(kaolin: Any, learnt: str) -> None:
    start = {
        "vertices": octahedron(),
        "background": random(3, seed=1),
        "dist_scale": torch.tensor([3e-3], dtype=torch.float64),
        "gamma": torch.tensor([0.05], dtype=torch.float64),
    }
    weights = random(1, HEIGHT, WIDTH, 4, seed=2)
    plain = [kaolin.render.materials.PBRMaterial(diffuse_color=(0.8, 0.4, 0.1), metallic_value=0.5)]

    def loss(value: Tensor) -> Tensor:
        now = {**start, learnt: value}
        settings = RenderSettings(dist_scale=now["dist_scale"], gamma=now["gamma"], min_coverage=0.0, reach=3.0)
        mesh = kaolin.rep.SurfaceMesh(now["vertices"], FACES, materials=plain)
        picture = soft_render(camera(kaolin), mesh, settings, lights(kaolin), background=now["background"])
        return (picture * weights).sum()

    value = start[learnt].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(value), value)
    step = 1e-6 * value.detach().abs().amax() * (random(*value.shape, seed=3) - 0.5)
    slope = float(loss(value.detach() + step) - loss(value.detach() - step)) / 2
    assert float((gradient * step).sum()) == pytest.approx(slope, rel=1e-4, abs=1e-12) and abs(slope) > 1e-9


def test_batches(kaolin: Any) -> None:
    """As many cameras as meshes, and one camera that sees two meshes; dist_scale and background for each."""
    meshes = [mesh_of(kaolin, seed=seed) for seed in range(2)]
    views = [camera(kaolin), camera(kaolin, (-1.5, 0.2, 1.4))]
    scales, back = torch.tensor([3e-3, 1e-3], dtype=torch.float64), random(2, 3, seed=4)

    def settings(scale: Any) -> RenderSettings:
        return RenderSettings(dist_scale=scale, gamma=1e-2)

    batch = kaolin.rep.SurfaceMesh.cat(meshes, fixed_topology=True)
    for cameras in (kaolin.render.camera.Camera.cat(views), views[0]):
        found = soft_render(cameras, batch, settings(scales), lights(kaolin), background=back)
        for i, mesh in enumerate(meshes):
            view = views[i] if len(cameras) > 1 else views[0]
            one = soft_render(view, mesh, settings(float(scales[i])), lights(kaolin), background=back[i])
            torch.testing.assert_close(found[i], one[0], rtol=0, atol=1e-12)


def test_meshes_out_of_sight(kaolin: Any) -> None:
    far = mesh_of(kaolin, octahedron() + torch.tensor([19.0, 0, -13], dtype=torch.float64))
    found = soft_render(camera(kaolin), far, SOFT, background=(0.1, 0.2, 0.3))
    background = torch.tensor([0.1, 0.2, 0.3, 0.0], dtype=torch.float64)
    assert torch.equal(found, background.expand(1, HEIGHT, WIDTH, 4))


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_autocast_is_ignored(kaolin: Any, low: torch.dtype) -> None:
    view, mesh = camera(kaolin), mesh_of(kaolin).float_tensors_to(torch.float32)
    view = kaolin.render.camera.Camera(view.extrinsics.to(torch.float32), view.intrinsics.to(torch.float32))
    wanted = soft_render(view, mesh, SOFT, lights(kaolin))
    with torch.autocast("cpu", dtype=low):
        assert torch.equal(soft_render(view, mesh, SOFT, lights(kaolin)), wanted)


def test_bad_input(kaolin: Any) -> None:
    view, mesh = camera(kaolin), mesh_of(kaolin)
    with pytest.raises(TypeError, match="settings must be a RenderSettings, got str"):
        soft_render(view, mesh, "soft")
    with pytest.raises(ValueError, match="settings must have blend='softmax' to blend fragments"):
        soft_render(view, mesh, RenderSettings(blend="hard"))
    with pytest.raises(TypeError, match="camera must be a kaolin.render.camera.Camera"):
        soft_render(mesh, view)
