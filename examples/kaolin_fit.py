"""Fit a sphere to pictures of spot, shape and texture: a Kaolin training loop, with the rasteriser of our core.

    python examples/kaolin_fit.py --out out

Twenty pictures of a textured cow are all that is known of her. A sphere is pulled into her shape by mask_iou and by the
colours, and kept smooth by the Laplacian, while the picture that is wrapped around it becomes her texture. One import
makes the difference to a program for Kaolin alone; that one would need a GPU.

Needs Kaolin and the package's `demo` extra; takes about a minute on a CPU. Writes kaolin_fit.gif and kaolin_fit.png.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from fitting import UNSEEN, Options, agreement, command_line, run, stages, training_angles
from torch import Tensor

from gendr_adapters import data, load_mesh
from gendr_adapters.kaolin import dibr_rasterization  # was: from kaolin.render.mesh import dibr_rasterization

try:
    from kaolin.metrics.render import mask_iou
    from kaolin.ops.mesh import face_normals, index_vertices_by_faces, uniform_laplacian
    from kaolin.render.camera import Camera
    from kaolin.render.lighting import SgLightingParameters, sg_diffuse_inner_product
    from kaolin.render.mesh import texture_mapping
    from kaolin.rep import SurfaceMesh
except ImportError as error:
    sys.exit(f"{__file__} needs Kaolin ({error}); how to get it: https://kaolin.readthedocs.io, Installation")

# The sphere is an octahedron subdivided this many times, first; then, on the way, once more at a time.
LEVELS = (3, 4, 5)
SHARES = (0.3, 0.35, 0.35)  # of the steps
VIEWS_A_STEP = 8
TEXTURE_SIZE = 128
IOU_WEIGHT = 1.0
COLOUR_WEIGHT = 3.0
LAPLACIAN_WEIGHT = 2.0

# The mask's sigmainv grows geometrically from the first to the last step: begin wide, end sharp. The box is as wide as
# what fades to a hundredth.
SIGMAINV = (2000.0, 30000.0)

# A lamp from above, and as much light from everywhere.
LIGHTS = SgLightingParameters(
    amplitude=torch.tensor([[0.75] * 3, [0.45] * 3]),
    direction=torch.tensor([[0.3, 1.0, 0.4], [0.0, 1.0, 0.0]]),
    sharpness=torch.tensor([1.0, 0.01]),
)


@dataclass(frozen=True)
class Drawn:
    """colours (C, H, W, 3) over white, soft masks (C, H, W), face_idx (C, H, W)."""

    colours: Tensor
    soft_mask: Tensor
    face_idx: Tensor


def cameras_at(elevations: Tensor, azimuths: Tensor, size: int) -> Camera:
    """A batch of them, three units from the origin; degrees."""
    elevations, azimuths = torch.deg2rad(elevations), torch.deg2rad(azimuths)
    across = elevations.cos()
    eye = 3.0 * torch.stack([across * azimuths.sin(), elevations.sin(), across * azimuths.cos()], 1)
    up = torch.tensor([0.0, 1.0, 0.0]).expand_as(eye)
    return Camera.from_args(eye=eye, at=torch.zeros_like(eye), up=up, fov=math.radians(40.0), width=size, height=size)


def draw(mesh: SurfaceMesh, texture: Tensor, cameras: Camera, sigmainv: float = SIGMAINV[1]) -> Drawn:
    """One mesh, its texture (1, 3, H, W), in every camera."""
    seen = cameras.extrinsics.transform(mesh.vertices)
    image = cameras.intrinsics.transform(seen)[..., :2]
    corners, corners_image = index_vertices_by_faces(seen, mesh.faces), index_vertices_by_faces(image, mesh.faces)
    # Of the faces as they are in the picture: in perspective the normal in space alone does not say what is in front.
    normals_z = face_normals(torch.cat([corners_image, corners[..., 2:]], 3))[..., 2]

    smooth = index_vertices_by_faces(mesh.vertex_normals[None], mesh.faces)[0]
    features = [x.expand(len(cameras), *x.shape) for x in (mesh.face_uvs, smooth)]
    (uvs, normals), soft_mask, face_idx = dibr_rasterization(
        cameras.height,
        cameras.width,
        corners[..., 2],
        corners_image,
        features,
        normals_z,
        sigmainv=sigmainv,
        boxlen=math.sqrt(math.log(100) / sigmainv),
    )

    albedo = texture_mapping(uvs, texture.expand(len(cameras), -1, -1, -1), mode="bilinear")
    covered = face_idx >= 0
    lit = sg_diffuse_inner_product(
        LIGHTS.amplitude, LIGHTS.direction, LIGHTS.sharpness, F.normalize(normals[covered], dim=1), albedo[covered]
    )
    return Drawn(torch.ones_like(albedo).index_put((covered,), lit), soft_mask, face_idx)


def photograph(mesh: SurfaceMesh, texture: Tensor, angles: tuple[Tensor, Tensor], size: int) -> tuple[Tensor, Tensor]:
    """Colours (C, size, size, 3) over white and silhouettes (C, size, size), anti-aliased."""
    drawn = draw(mesh, texture, cameras_at(*angles, 2 * size))
    both = torch.cat([drawn.colours.clamp(0, 1), (drawn.face_idx >= 0)[..., None]], 3)
    pooled = F.avg_pool2d(both.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    return pooled[..., :3], pooled[..., 3]


def load_spot() -> tuple[SurfaceMesh, Tensor]:
    """She fits into the unit sphere. Her texture (1, 3, 1024, 1024)."""
    spot = load_mesh(data.path("spot.obj"))
    assert spot.texture is not None
    vertices = spot.vertices - (spot.vertices.amin(0) + spot.vertices.amax(0)) / 2
    mesh = SurfaceMesh(vertices / vertices.norm(dim=1).max(), spot.faces, face_uvs=spot.uvs)
    return mesh, spot.texture.permute(2, 0, 1)[None]


def octahedron() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """vertices, faces, uvs, face_uvs_idx, from outside counter-clockwise. Unfolded, it is the square of the texture:
    the upper tip is in its middle, the lower one in its four corners."""
    x, y, z = torch.eye(3)
    rim = [x, z, -x, -z]
    on_rim = torch.tensor([[1.0, 0.5], [0.5, 1.0], [0.0, 0.5], [0.5, 0.0]])
    in_corners = torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    k = torch.arange(4)
    after, top, bottom = (k + 1) % 4, torch.full((4,), 4), torch.full((4,), 5)
    faces = torch.cat([torch.stack([after, k, top], 1), torch.stack([k, after, bottom], 1)])
    uvs = torch.cat([on_rim, torch.tensor([[0.5, 0.5]]), in_corners])
    face_uvs_idx = torch.where(faces == 5, 5 + torch.cat([k, k])[:, None], faces)
    return torch.stack([*rim, y, -y]), faces, uvs, face_uvs_idx


def subdivide(points: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Each face into four, with a new point in the middle of each edge."""
    edges = faces[:, [[0, 1], [1, 2], [2, 0]]].sort(2).values
    unique, middle = edges.flatten(0, 1).unique(dim=0, return_inverse=True)
    (a, b, c), (ab, bc, ca) = faces.unbind(1), (middle.view(-1, 3) + len(points)).unbind(1)
    finer = torch.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], 1).view(-1, 3)
    return torch.cat([points, points[unique].mean(1)]), finer


class Fit:
    """One run: ``steps()`` trains, ``mesh()`` and ``texture()`` are what was learned so far."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.spot = load_spot()
        angles = training_angles(options.views)
        self.cameras = cameras_at(*angles, options.image_size)
        with torch.no_grad():
            self.colours, self.silhouettes = photograph(*self.spot, angles, options.image_size)
        self.verts, self.faces, self.uvs, self.face_uvs_idx = octahedron()
        for _ in range(LEVELS[0]):
            self.subdivide()
        self.verts = 0.6 * F.normalize(self.verts, dim=1)
        self.logits = torch.zeros(1, 3, TEXTURE_SIZE, TEXTURE_SIZE, requires_grad=True)  # of the texture: all grey
        self.random = torch.Generator().manual_seed(options.seed)
        self.loss = math.nan

    def mesh(self) -> SurfaceMesh:
        return SurfaceMesh(self.verts, self.faces, uvs=self.uvs, face_uvs_idx=self.face_uvs_idx)

    def texture(self) -> Tensor:
        return self.logits.sigmoid()

    def subdivide(self) -> None:
        self.verts, self.faces = subdivide(self.verts.detach(), self.faces)
        self.uvs, self.face_uvs_idx = subdivide(self.uvs, self.face_uvs_idx)

    def steps(self) -> Iterator[int]:
        """Train, yielding the number of each step once it is done."""
        for level, numbers in zip(LEVELS, stages(self.options.steps, SHARES), strict=True):
            if level > LEVELS[0]:
                self.subdivide()
            self.verts = self.verts.requires_grad_()
            self.laplacian = uniform_laplacian(len(self.verts), self.faces).to_sparse()
            groups = [{"params": [self.verts], "lr": 0.06 / 2**level}, {"params": [self.logits], "lr": 0.05}]
            optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
            for step in numbers:
                loss = self.objective(step)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                self.loss = loss.item()
                yield step

    def objective(self, step: int) -> Tensor:
        progress = step / max(self.options.steps - 1, 1)
        sigmainv = SIGMAINV[0] * (SIGMAINV[1] / SIGMAINV[0]) ** progress
        picked = torch.randperm(len(self.cameras), generator=self.random)[:VIEWS_A_STEP]
        drawn = draw(self.mesh(), self.texture(), self.cameras[picked], sigmainv)
        silhouettes = self.silhouettes[picked]

        iou_loss = mask_iou(drawn.soft_mask, silhouettes)
        both = (drawn.face_idx >= 0) & (silhouettes == 1)
        colour_loss = (drawn.colours - self.colours[picked])[both].abs().mean()
        laplacian_loss = (self.laplacian @ self.verts).norm(dim=1).mean()
        smoothness = LAPLACIAN_WEIGHT * 0.4**progress * laplacian_loss
        return IOU_WEIGHT * iou_loss + COLOUR_WEIGHT * colour_loss + smoothness

    @torch.no_grad()
    def pictures(self, size: int) -> tuple[Tensor, Tensor]:
        """(size, 3 size, 3): the unseen views, side by side, of spot and of what was learned so far."""
        unseen = tuple(torch.tensor(UNSEEN).T)
        several = [photograph(*what, unseen, size)[0] for what in (self.spot, (self.mesh(), self.texture()))]
        return torch.cat(list(several[0]), 1), torch.cat(list(several[1]), 1)

    @torch.no_grad()
    def score(self) -> tuple[float, float]:
        """Intersection over union of the silhouettes, and mean absolute difference of the colours, in unseen views."""
        elevations, azimuths = torch.tensor(UNSEEN).T
        cameras = cameras_at(elevations, azimuths, 256)
        drawn, wanted = draw(self.mesh(), self.texture(), cameras), draw(*self.spot, cameras)
        return agreement(
            drawn.face_idx >= 0, wanted.face_idx >= 0, drawn.colours.clamp(0, 1), wanted.colours.clamp(0, 1)
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the fit and say where the results are; argv stands in for the command line's arguments."""
    out, options = command_line(__doc__, Options, argv)
    run(Fit(options), out, "kaolin_fit")


if __name__ == "__main__":
    main()
