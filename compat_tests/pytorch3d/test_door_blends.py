"""What GenDRBlendParams mean: the core's own render of the same scene, and SoftRas'."""

from typing import Any

import pytest
import torch
from door_scenes import assert_close, cameras_of, gradients, reach, renderer_of, settings_of, two_meshes
from pytorch3d.renderer import AmbientLights, FoVOrthographicCameras
from pytorch3d.structures import Meshes
from support.scenes import distribution_settings, label, t_conorm_settings

from gendr_adapters import RenderSettings, gather_corners, render
from gendr_adapters.pytorch3d import (
    GenDRBlendParams,
    GenDRFlatShader,
    GenDRGouraudShader,
    GenDRPhongShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
)
from gendr_adapters.softras.functional import soft_rasterize

BLENDS = [
    *({**d, "dist_squared": i % 2 == 0} for i, d in enumerate(distribution_settings())),
    {"dist_squared": False},
    *t_conorm_settings(),
    {"distribution": "gaussian", "t_conorm": "yager", "t_conorm_p": 2.0},
    {"distribution": "cauchy", "t_conorm": "einstein"},
    {"background": "paper"},
    {"background": "paper", "background_eps": 0.3},
    {"background": "softras", "background_eps": 0.1},
]


@pytest.mark.slow
@pytest.mark.parametrize("blend", BLENDS, ids=label)
def test_every_blend_is_the_core_s(blend: dict[str, Any]) -> None:
    """Under ambient light alone the picture is that of the vertices' colours, by all paths."""
    tau, gamma, back = (2e-3 if blend.get("dist_squared", True) else 0.05), 0.05, (0.2, 0.4, 0.9)
    params = GenDRBlendParams(tau, gamma, back, **blend)
    meshes, leaves = two_meshes()
    cameras, scene = cameras_of(), {"lights": AmbientLights(), "blend_params": params}
    settings = {"image_size": (9, 12), "blur_radius": reach(2e-3)}
    projected = GenDRRasterizer(cameras, settings_of(**settings)).transform(meshes)
    corners = gather_corners(projected.verts_packed(), meshes.faces_packed()) * torch.tensor([-1.0, 1.0, 1.0])
    background, eps = blend.get("background", "pytorch3d"), blend.get("background_eps", 1e-3)
    fields = {k: v for k, v in blend.items() if not k.startswith("background")}
    rendered = render(
        corners,
        (9, 12),
        gather_corners(meshes.textures.verts_features_packed(), meshes.faces_packed()),
        torch.tensor([0, 80, 100]),
        RenderSettings(
            reach=reach(2e-3) ** 0.5,
            min_coverage=0.0,
            near=1e-20,
            far=1e20,
            near_clip=1e-2,
            clip="nonnegative",
            softmax_range=(1.0, 100.0),
            dist_scale=tau,
            gamma=gamma,
            background_eps={"pytorch3d": 1e-10, "paper": eps, "softras": 2 * eps}[background],
            background_floor=1e-10 if background == "pytorch3d" else 0.0,
            **fields,
        ),
        back,
    )
    expected = torch.cat([rendered.image, rendered.alpha[:, None]], 1).permute(0, 2, 3, 1)
    slopes = gradients(expected, leaves)
    assert expected[..., 3].min() == 0 < expected[..., :3].std()
    for shader in (GenDRGouraudShader, GenDRPhongShader, GenDRFlatShader):
        image = renderer_of(shader(cameras=cameras, **scene), cameras, **settings)(meshes)
        torch.testing.assert_close(image, expected, rtol=0, atol=1e-8)
        assert_close(gradients(image, leaves), slopes, 1e-6)
    alpha = renderer_of(GenDRSilhouetteShader(params), cameras, **settings)(meshes)[..., 3]
    torch.testing.assert_close(alpha, expected[..., 3], rtol=0, atol=1e-12)


def test_same_scene_as_softras() -> None:
    """Perspective, clipping and background as SoftRas has them: the numbers of the softras door."""
    meshes, leaves = two_meshes("vertex", torch.float32)
    (mesh, leaf), cameras = (meshes[0], leaves[0]), cameras_of("fov", 1, torch.float32)
    sigma, gamma, back, near, far, eps = 1e-3, 1e-2, (0.1, 0.5, 0.8), 1.0, 10.0, 2e-3
    params = GenDRBlendParams(sigma, gamma, back, background="softras", background_eps=eps)
    projected = GenDRRasterizer(cameras, settings_of(image_size=24)).transform(mesh).verts_packed()
    corners = (projected * torch.tensor([-1.0, 1.0, 1.0]))[mesh.faces_packed()]
    assert near < corners[..., 2].min() and corners[..., 2].max() < far
    colours = mesh.textures.verts_features_packed()[mesh.faces_packed()]
    expected = soft_rasterize(
        corners[None],
        colours[None],
        24,
        back,
        near,
        far,
        eps=eps,
        sigma_val=sigma,
        gamma_val=gamma,
        texture_type="vertex",
        gradient="exact",
    ).permute(0, 2, 3, 1)
    for shader in (GenDRGouraudShader, GenDRPhongShader):
        ours = shader(cameras=cameras, lights=AmbientLights(), blend_params=params)
        renderer = renderer_of(ours, cameras, clip="unit", image_size=24, perspective_correct=False)
        image = renderer(mesh, znear=near, zfar=far)
        torch.testing.assert_close(image, expected, rtol=0, atol=1e-5)
        assert_close(gradients(image, [leaf]), gradients(expected, [leaf]), 1e-3)


def test_seams_of_alpha() -> None:
    """At an inner edge each face covers half a pixel, as in PyTorch3D; with 'exponential_rev' all of it, and its
    softness is outside of the mesh."""
    corners = torch.tensor([[0.875, -0.875, 2], [-0.875, -0.875, 2], [-0.875, 0.875, 2], [0.875, 0.875, 2]])
    square = Meshes([corners], [torch.tensor([[0, 1, 2], [0, 2, 3]])])
    diagonal = torch.eye(14, dtype=torch.bool).flip(0)  # the square has 14 by 14 pixels
    for distribution, least, most in (("logistic", 0.49, 0.76), ("exponential_rev", 1.0, 1.0)):
        params = GenDRBlendParams(1e-4, 1e-4, distribution=distribution)
        renderer = renderer_of(GenDRSilhouetteShader(params), FoVOrthographicCameras(), image_size=16)
        alpha = renderer(square)[0, 1:-1, 1:-1, 3]
        assert (alpha[~diagonal] > 0.99).all()
        assert ((alpha[diagonal] >= least) & (alpha[diagonal] <= most)).all()
