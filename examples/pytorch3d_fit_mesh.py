"""Fit a sphere to pictures of spot, shape and colours: a PyTorch3D program, with its renderers swapped onto our core.

    python examples/pytorch3d_fit_mesh.py --out out

Twenty pictures of a textured cow are all that is known of her. A sphere is pulled into her shape by the silhouettes of
all views and the colours of two at a time, and kept smooth by PyTorch3D's own losses. Take away the three calls of
`swap`, and this is a program for PyTorch3D alone (the cow's files are ours, too).

Needs PyTorch3D, of which its Python layer is enough, and the package's `demo` extra; takes about a minute on a CPU.
Writes pytorch3d_fit.gif and pytorch3d_fit.png.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import fitting
import imageio.v3 as imageio
import torch
import torch.nn.functional as F
from fitting import UNSEEN, agreement, command_line, run, stages, training_angles
from pytorch3d.io import load_obj
from pytorch3d.loss import mesh_edge_loss, mesh_laplacian_smoothing
from pytorch3d.ops import SubdivideMeshes
from pytorch3d.renderer import (
    BlendParams,
    FoVPerspectiveCameras,
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    RasterizationSettings,
    SoftPhongShader,
    SoftSilhouetteShader,
    TexturesUV,
    TexturesVertex,
    look_at_view_transform,
)
from pytorch3d.structures import Meshes
from pytorch3d.utils import ico_sphere
from torch import Tensor

from gendr_adapters import Anneal, data
from gendr_adapters.pytorch3d import swap

# The sphere starts with 162 vertices and is subdivided on the way: first the pose of the legs, then ears and eyes.
LEVELS = (2, 3, 4, 5)
SHARES = (0.15, 0.25, 0.35, 0.25)  # of the steps
COLOUR_VIEWS = 2  # a step; silhouettes are so cheap that each step has all of them
EDGE_WEIGHT = 1.0
LAPLACIAN_WEIGHT = 1.0


@dataclass(frozen=True)
class Options(fitting.Options):
    """The softness of edges, in pixels, falls geometrically from the first to the last step: begin wide, end sharp."""

    soft_start: float = 0.64
    soft_end: float = 0.2


def load_spot() -> Meshes:
    """She fits into the unit sphere, with her texture of 1024 x 1024."""
    verts, faces, extra = load_obj(data.path("spot.obj"), load_textures=False)
    verts = verts - (verts.amin(0) + verts.amax(0)) / 2
    verts = verts / verts.norm(dim=1).max()
    picture = torch.from_numpy(imageio.imread(data.path("spot_texture.png"))[..., :3]) / 255
    return Meshes(
        [verts], [faces.verts_idx], TexturesUV(picture[None], faces.textures_idx[None], extra.verts_uvs[None])
    )


def cameras_at(elevations: Tensor, azimuths: Tensor) -> FoVPerspectiveCameras:
    rotation, translation = look_at_view_transform(3.0, elevations, azimuths)
    return FoVPerspectiveCameras(R=rotation, T=translation, fov=40.0)


def lights_at(cameras: FoVPerspectiveCameras) -> PointLights:
    """A lamp over each camera."""
    half, none = ((0.5, 0.5, 0.5),), ((0.0, 0.0, 0.0),)
    above = cameras.get_camera_center() + torch.tensor([0.0, 1.0, 0.0])
    return PointLights(location=above, ambient_color=half, diffuse_color=half, specular_color=none)


def hard_renderer(cameras: FoVPerspectiveCameras, size: int) -> MeshRenderer:
    rasterizer = MeshRasterizer(cameras, RasterizationSettings(image_size=size))
    renderer = MeshRenderer(rasterizer, HardPhongShader(cameras=cameras, lights=lights_at(cameras)))
    return swap(renderer)


def soft_settings(size: int, sigma: float) -> RasterizationSettings:
    # faces_per_pixel is what PyTorch3D would be limited to; swapped, every face counts.
    return RasterizationSettings(image_size=size, blur_radius=math.log(1 / 1e-4 - 1) * sigma, faces_per_pixel=50)


def silhouette_renderer(cameras: FoVPerspectiveCameras, size: int, sigma: float) -> MeshRenderer:
    rasterizer = MeshRasterizer(cameras, soft_settings(size, sigma))
    renderer = MeshRenderer(rasterizer, SoftSilhouetteShader(BlendParams(sigma=sigma)))
    return swap(renderer)


def colour_renderer(cameras: FoVPerspectiveCameras, size: int, sigma: float) -> MeshRenderer:
    rasterizer = MeshRasterizer(cameras, soft_settings(size, sigma))
    shader = SoftPhongShader(cameras=cameras, lights=lights_at(cameras), blend_params=BlendParams(sigma=sigma))
    renderer = MeshRenderer(rasterizer, shader)
    return swap(renderer)


def over_white(rgba: Tensor) -> Tensor:
    """(N, H, W, 4) -> (N, H, W, 3). The softmax paints a face's colour as far as its blur reaches; alpha fades it."""
    return 1 + (rgba[..., :3].clamp(0, 1) - 1) * rgba[..., 3:]


def photograph(mesh: Meshes, cameras: FoVPerspectiveCameras, size: int) -> tuple[Tensor, Tensor]:
    """Colours (N, size, size, 3) over white and silhouettes (N, size, size), anti-aliased."""
    rgba = hard_renderer(cameras, 2 * size)(mesh.extend(len(cameras)))
    rgba = torch.cat([over_white(rgba), rgba[..., 3:]], 3)
    pooled = F.avg_pool2d(rgba.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    return pooled[..., :3], pooled[..., 3]


class Fit:
    """One run: ``steps()`` trains, ``mesh()`` is what was learned so far."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.anneal = Anneal(options.soft_start, options.soft_end, options.steps, options.image_size)
        self.target = load_spot()
        self.cameras = cameras_at(*training_angles(options.views))
        with torch.no_grad():
            self.colours, self.silhouettes = photograph(self.target, self.cameras, options.image_size)
        sphere = ico_sphere(LEVELS[0])
        self.verts, self.faces = 0.6 * sphere.verts_packed(), sphere.faces_packed()
        self.logits = torch.zeros_like(self.verts)  # of the vertices' colours: all grey
        self.random = torch.Generator().manual_seed(options.seed)
        self.loss = math.nan

    def mesh(self) -> Meshes:
        return Meshes([self.verts], [self.faces], TexturesVertex(self.logits.sigmoid()[None]))

    def steps(self) -> Iterator[int]:
        """Train, yielding the number of each step once it is done."""
        for level, numbers in zip(LEVELS, stages(self.options.steps, SHARES), strict=True):
            if level > LEVELS[0]:
                self.subdivide()
            self.verts, self.logits = self.verts.requires_grad_(), self.logits.requires_grad_()
            groups = [{"params": [self.verts], "lr": 0.04 / 2**level}, {"params": [self.logits], "lr": 0.03}]
            optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
            for step in numbers:
                loss = self.objective(step)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                self.loss = loss.item()
                yield step

    def subdivide(self) -> None:
        with torch.no_grad():
            finer, logits = SubdivideMeshes()(Meshes([self.verts], [self.faces]), self.logits)
        self.verts, self.faces, self.logits = finer.verts_packed(), finer.faces_packed(), logits.view(-1, 3)

    def objective(self, step: int) -> Tensor:
        size, mesh = self.options.image_size, self.mesh()
        sigma = self.anneal(step)

        seen = silhouette_renderer(self.cameras, size, sigma)(mesh.extend(len(self.cameras)))[..., 3]
        silhouette_loss = (seen - self.silhouettes).square().mean()

        picked = torch.randperm(len(self.cameras), generator=self.random)[:COLOUR_VIEWS].tolist()
        rgba = colour_renderer(self.cameras[picked], size, sigma)(mesh.extend(len(picked)))
        rgb_loss = (over_white(rgba) - self.colours[picked]).square().mean()

        # A build of PyTorch3D with its compiled ops can add mesh_normal_consistency here.
        smoothness = EDGE_WEIGHT * mesh_edge_loss(mesh) + LAPLACIAN_WEIGHT * mesh_laplacian_smoothing(mesh, "uniform")
        return silhouette_loss + rgb_loss + 0.4 ** (step / self.options.steps) * smoothness

    @torch.no_grad()
    def pictures(self, size: int) -> tuple[Tensor, Tensor]:
        """(size, 3 size, 3): the unseen views, side by side, of spot and of what was learned so far."""
        cameras = cameras_at(*torch.tensor(UNSEEN).T)
        spot, learned = (torch.cat(list(photograph(mesh, cameras, size)[0]), 1) for mesh in (self.target, self.mesh()))
        return spot, learned

    @torch.no_grad()
    def score(self) -> tuple[float, float]:
        """Intersection over union of the silhouettes, and mean absolute difference of the colours, in unseen views."""
        cameras = cameras_at(*torch.tensor(UNSEEN).T)
        drawn, spot = (hard_renderer(cameras, 256)(m.extend(len(cameras))) for m in (self.mesh(), self.target))
        return agreement(drawn[..., 3] > 0, spot[..., 3] > 0, over_white(drawn), over_white(spot))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the fit and say where the results are; argv stands in for the command line's arguments."""
    warnings.filterwarnings("ignore", "torch.sparse.SparseTensor")  # PyTorch3D's Laplacian makes one
    out, options = command_line(__doc__, Options, argv)
    run(Fit(options), out, "pytorch3d_fit")


if __name__ == "__main__":
    main()
