"""One scene through every door: colours without light, and a silhouette whose edges are soft."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import Mesh, RenderSettings, gather_corners, gendr, kaolin, redner, render, softras, vertex_normals
from .._pixels import scale_of_pixels
from ..cameras import PinholeCamera, to_pytorch3d, to_redner, to_softras_look_at

SOFTNESS = 2.0  # pixels
# A face is left out where it covers less than this, the same in all doors.
LEAST_COVERAGE = 1e-6
WHITE = (1.0, 1.0, 1.0)


class Scene(NamedTuple):
    """mesh: with vertex_colours, as they are to be seen. camera: one that looks at the origin, y up."""

    mesh: Mesh
    camera: PinholeCamera

    @property
    def scale(self) -> float:
        """dist_scale, sigma of SoftRas and PyTorch3D, 1 / sigmainv of Kaolin: NDC^2."""
        return scale_of_pixels("softness", SOFTNESS, self.camera.image_size)

    @property
    def reach_per_scale(self) -> float:
        """u, the squared distance over the scale, where a face covers LEAST_COVERAGE."""
        return math.log(1 / LEAST_COVERAGE - 1)

    @property
    def corners(self) -> Tensor:
        """(1, F, 3, 3), projected."""
        return gather_corners(self.camera.project(self.mesh.vertices), self.mesh.faces)

    @property
    def colours(self) -> Tensor:
        """(V, 3)."""
        assert self.mesh.vertex_colours is not None
        return self.mesh.vertex_colours


class Drawn(NamedTuple):
    """image: (3, H, W) over white, of the nearest faces. alpha: (H, W), of edges that are soft, or else of areas: the
    share of the pixel that is covered."""

    image: Tensor
    alpha: Tensor
    is_soft: bool = True

    def differences(self, wanted: "Drawn") -> tuple[str, str]:
        """Captions of image and alpha, which are compared with what is wanted."""
        differ = ((self.image - wanted.image).abs().amax(0) > 1 / 255).float().mean().item()
        apart = (self.alpha - wanted.alpha).abs().max().item()
        alpha = f"differs by up to {apart:.0e}" if apart else "the same numbers"
        if not self.is_soft:
            alpha = "no soft edges here:\nshares of the pixels' areas"
        return f"{differ:.1%} of the pixels differ", alpha


def scene_of(mesh: Mesh, camera: PinholeCamera) -> Scene:
    """The mesh in colours that say where a vertex is and how it is turned to the camera, which every door can show."""
    eye = -(camera.rotation[0].mT @ camera.translation[0])
    towards = F.normalize(eye - mesh.vertices, dim=1)
    turned = (F.normalize(vertex_normals(mesh.vertices, mesh.faces), dim=1) * towards).sum(1, keepdim=True).abs()
    low, high = mesh.vertices.amin(0), mesh.vertices.amax(0)
    place = (mesh.vertices - low) / (high - low).clamp(min=1e-12)
    return Scene(mesh._replace(vertex_colours=(0.2 + 0.8 * turned) * (0.35 + 0.65 * place)), camera)


def core(scene: Scene) -> Drawn:
    """By `gendr_adapters.render`."""
    features, size = scene.mesh.features(), scene.camera.image_size
    image = render(scene.corners, size, features, settings=RenderSettings.sharp(near=0.1), background=WHITE).image
    soft = RenderSettings(dist_scale=scene.scale, reach_per_scale=scene.reach_per_scale, near=0.1)
    alpha = render(scene.corners, size, settings=soft, outputs=("alpha",)).alpha
    assert image is not None and alpha is not None
    return Drawn(image[0], alpha[0])


def _through_softras(scene: Scene) -> Drawn:
    eye, _, _, angle = _mirrored(scene.camera)
    renderer = softras.SoftRenderer(
        scene.camera.image_size,
        WHITE,
        near=0.1,
        fill_back=True,
        sigma_val=scene.scale,
        dist_eps=LEAST_COVERAGE,
        aggr_func_rgb="hard",
        camera_mode="look_at",
        viewing_angle=float(angle),
        light_intensity_ambient=1.0,
        light_intensity_directionals=0.0,
    )
    renderer.transform.set_eyes(eye)
    vertices, faces, colours = scene.mesh.vertices[None], scene.mesh.faces[None], scene.colours[None]
    return _unmirrored(renderer(vertices, faces, colours, texture_type="vertex"))


def _through_gendr(scene: Scene) -> Drawn:
    eye, _, _, angle = _mirrored(scene.camera)
    mesh = gendr.Mesh(scene.mesh.vertices[None], scene.mesh.faces[None], scene.colours[None], texture_type="vertex")
    renderer = gendr.GenDR(
        scene.camera.image_size,
        WHITE,
        dist_func="logistic",
        dist_scale=scene.scale,
        dist_squared=True,
        dist_eps=scene.reach_per_scale,
        aggr_rgb_func="hard",
        near=0.1,
        double_side=True,
        texture_type="vertex",
    )
    return _unmirrored(renderer(gendr.LookAt(viewing_angle=float(angle), eye=eye)(mesh)))


def _through_pytorch3d(scene: Scene) -> Drawn:
    from pytorch3d.renderer import AmbientLights, MeshRenderer, RasterizationSettings, TexturesVertex
    from pytorch3d.structures import Meshes

    from .. import pytorch3d as door

    cameras = to_pytorch3d(scene.camera)
    meshes = Meshes([scene.mesh.vertices], [scene.mesh.faces], TexturesVertex([scene.colours]))
    size, blend = scene.camera.image_size, door.GenDRBlendParams(sigma=scene.scale, background_color=WHITE)

    def through(shader: Any, blur_radius: float) -> Tensor:
        settings = RasterizationSettings(size, blur_radius=blur_radius, perspective_correct=True)
        pictures: Tensor = MeshRenderer(door.GenDRRasterizer(cameras, settings), shader)(meshes)
        return pictures[0].permute(2, 0, 1)

    hard = door.GenDRHardPhongShader(cameras=cameras, lights=AmbientLights(), blend_params=blend)
    soft = door.GenDRSilhouetteShader(blend_params=blend)
    return Drawn(through(hard, 0.0)[:3], through(soft, scene.reach_per_scale * scene.scale)[3])


def _through_kaolin(scene: Scene) -> Drawn:
    xy, depth = scene.corners[..., :2], scene.corners[..., 2]
    height, width = scene.camera.image_size
    features, mask, _ = kaolin.dibr_rasterization(
        height,
        width,
        -depth,
        xy.contiguous(),
        gather_corners(scene.colours, scene.mesh.faces)[None],
        torch.ones_like(depth[..., 0]),
        sigmainv=1 / scene.scale,
        boxlen=math.sqrt(scene.reach_per_scale * scene.scale),
        knum=None,
        perspective_correct=True,
        distribution="logistic",
        t_conorm="probabilistic",
        background=WHITE,
    )
    assert isinstance(features, Tensor)
    return Drawn(features[0].permute(2, 0, 1), mask[0])


def _through_redner(scene: Scene) -> Drawn:
    (camera,) = to_redner(scene.camera)
    material = redner.Material(use_vertex_color=True)
    shape = redner.Object(scene.mesh.vertices, scene.mesh.faces, material, colors=scene.colours)
    seen = redner.Scene(camera=camera, objects=[shape])
    centre = redner.render_albedo(seen, alpha=True, sample_pixel_center=True).permute(2, 0, 1)
    alpha = redner.render_albedo(seen, alpha=True, num_samples=64, seed=0)[..., 3]
    return Drawn(centre[:3] + 1 - centre[3:], alpha, is_soft=False)


def _mirrored(camera: PinholeCamera) -> Any:
    """SoftRas' and GenDR's camera shows the mirror picture of what this one sees."""
    return to_softras_look_at(replace(camera, focal=camera.focal * camera.focal.new_tensor([-1.0, 1.0])))


def _unmirrored(rgba: Tensor) -> Drawn:
    seen = rgba[0].flip(-1)
    return Drawn(seen[:3], seen[3])


DOORS: dict[str, Callable[[Scene], Drawn]] = {
    "SoftRas": _through_softras,
    "GenDR": _through_gendr,
    "PyTorch3D": _through_pytorch3d,
    "Kaolin": _through_kaolin,
    "redner": _through_redner,
}
