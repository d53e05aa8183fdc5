"""Pictures at sample positions within the pixels: what the nearest face shows there, with its interior gradient."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from .._visibility import NO_FAR, NO_NEAR
from ..settings import RenderSettings
from ..shading import Lighting, TextureMaps
from ._homogeneous_mesh import HomogeneousMesh

# The nearest face whose triangle holds the sample, of any side and depth; reach includes those on an edge.
_HARD = RenderSettings(blend="hard", near=NO_NEAR, far=NO_FAR, reach=1e-5)


def stratified_offsets(n_samples: int, generator: torch.Generator, jitter: bool = True) -> Tensor:
    """(S, 2) float64, positions (right, down) in [0, 1)^2 of a pixel, one in each of S cells of equal area.

    The cells are a grid of as many rows as the largest divisor of S that is at most its root, so that a mean over the
    samples has no bias, for any S. One sample, or jitter=False: the cells' centres.
    """
    rows = next(r for r in range(math.isqrt(n_samples), 0, -1) if n_samples % r == 0)
    columns = n_samples // rows
    cell = torch.arange(n_samples, device="cpu")
    corner = torch.stack([cell % columns, cell // columns], 1).double()
    within = torch.full((n_samples, 2), 0.5, dtype=torch.float64, device="cpu")
    if jitter and n_samples > 1:
        within = torch.rand(n_samples, 2, dtype=torch.float64, generator=generator, device="cpu")
    return (corner + within) / corner.new_tensor([columns, rows])


def render_samples(
    mesh: HomogeneousMesh,
    features: Tensor | TextureMaps,
    offsets: Tensor,
    settings: RenderSettings | None = None,
    lighting: Lighting | None = None,
) -> tuple[Tensor, Tensor]:
    """What is seen at the same S positions within all pixels.

    Args:
        mesh: the triangles. features: (F, 3, C), values at their corners; they are interpolated as on the surface.
            TextureMaps and lighting are as for `gendr_adapters.render`, of F faces.
        offsets: (S, 2), see `stratified_offsets`.
        settings: None: the nearest face. Others: as `gendr_adapters.render` has it.

    Returns:
        (S, H, W, C), 0 where there is no face, and (S, H, W) int64, the nearest face, -1 where there is none. The first
        has gradients to mesh.vertices, features and lighting: those of what is seen inside the faces, without what
        moving edges hide or show (see `boundary_term`). They repeat bit for bit.
    """
    if settings is None:
        settings = replace(_HARD, near_clip=mesh.near)
    pixel = 2 / min(mesh.image_size)  # in NDC
    right, down = (offsets - 0.5).unbind(1)
    shifts = torch.stack([-pixel * right, pixel * down, torch.zeros_like(right)], 1).to(mesh.vertices)

    def repeated(of_faces: Tensor) -> Tensor:
        return of_faces.expand(len(offsets), *of_faces.shape).flatten(0, 1)

    if isinstance(features, TextureMaps):
        index = None if features.map_index is None else repeated(features.map_index)
        features = features._replace(uvs=repeated(features.uvs), map_index=index)
    else:
        features = repeated(features)
    if lighting is not None:
        lighting = lighting._replace(positions=repeated(lighting.positions), normals=repeated(lighting.normals))
    drawn = mesh.projected(settings, shifts).render(features, outputs=("image", "face_index"), lighting=lighting)
    assert drawn.image is not None and drawn.face_index is not None
    return drawn.image.permute(0, 2, 3, 1), drawn.face_index
