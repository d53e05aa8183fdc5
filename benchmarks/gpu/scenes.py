"""What is timed: meshes, views, sizes, and which of their combinations."""

import math
from functools import cache
from itertools import product
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from benchmarks.scenes import Scene as PairScene
from benchmarks.scenes import silhouette_settings
from benchmarks.spheres import icosphere
from gendr_adapters import Mesh, RenderSettings, load_mesh
from gendr_adapters.data import path
from gendr_adapters.utils.cameras import orbit, project

SPOT = "spot"
SCREEN = "one face over the screen"
SPHERES = (5_120, 20_480, 81_920, 327_680)  # faces: 20 * 4^subdivisions


class Case(NamedTuple):
    """A scene's name for itself: all that is chosen, nothing that is computed."""

    mesh: str = SPOT
    image_size: int = 256
    tau: float = 1e-4
    output: Literal["alpha", "colour"] = "alpha"  # a silhouette, or silhouette and softmax of vertex colours
    batch: int = 1

    @property
    def name(self) -> str:
        views = f"{self.batch} x " if self.batch > 1 else ""
        return f"{views}{self.mesh} {self.image_size}^2 {self.output} tau {self.tau:g}"

    @property
    def settings(self) -> RenderSettings:
        return silhouette_settings(self.tau)

    @property
    def reach(self) -> float:
        """NDC."""
        assert self.settings.reach is not None
        return self.settings.reach


class View(NamedTuple):
    """A case's tensors. vertices (B, V, 3): x, y in NDC, z depth; faces (F, 3) int64; colours (V, 3)."""

    case: Case
    vertices: Tensor
    faces: Tensor
    colours: Tensor

    @property
    def corners(self) -> Tensor:
        """(B, F, 3, 3)."""
        return self.vertices[:, self.faces]

    @property
    def corner_colours(self) -> Tensor:
        """(B, F, 3, 3)."""
        return self.colours[self.faces].expand(len(self.vertices), -1, -1, -1).contiguous()

    def count_pairs(self) -> int:
        """Pixels in reach of a face, over all faces and images, counted exactly on the device."""
        return PairScene(self.case.name, self.corners, self.case.image_size, self.case.settings).count_pairs()


def view(case: Case, device: torch.device) -> View:
    """`case.batch` views of the mesh from around it, the same pictures in every run."""
    mesh = _mesh(case.mesh)
    azimuth = torch.arange(case.batch) * 360.0 / case.batch
    if case.mesh == SCREEN:
        vertices = mesh.vertices.expand(case.batch, -1, -1).contiguous()
    else:
        cameras = orbit(torch.full((case.batch,), 2.732), torch.full((case.batch,), 30.0), azimuth)
        vertices = project(mesh.vertices, cameras, 30.0)
    colours = torch.rand(len(mesh.vertices), 3, generator=torch.Generator().manual_seed(0))
    return View(case, vertices.to(device), mesh.faces.to(device), colours.to(device))


def sphere(faces: int) -> str:
    return f"icosphere {faces:,}"


BASE = Case()
SPOT_COLOUR = Case(output="colour")
SPHERE_5K, SPHERE_300K = Case(sphere(5_120)), Case(sphere(327_680))


def standard_cases() -> list[Case]:
    """One thing changed at a time around BASE, then corners where several things are large at once."""
    around = [
        BASE,
        *(Case(image_size=n) for n in (512, 1024)),
        *(Case(tau=tau) for tau in (1e-5, 1e-3)),
        SPOT_COLOUR,
        Case(batch=16),
        *(Case(sphere(n)) for n in SPHERES),
    ]
    corners = [
        Case(output="colour", batch=16),
        Case(image_size=1024, tau=1e-3, output="colour"),
        Case(sphere(5_120), image_size=1024, batch=16),
        Case(sphere(327_680), image_size=1024),
        Case(sphere(327_680), image_size=1024, tau=1e-5),
        Case(sphere(327_680), image_size=512, output="colour"),
        Case(sphere(81_920), image_size=256, batch=16),
        Case(SCREEN, image_size=1024),
    ]
    return around + corners


def all_cases() -> list[Case]:
    """Every combination the issue names; takes much longer than a lent machine's command."""
    meshes = [SPOT, *map(sphere, SPHERES)]
    grid = product(meshes, (256, 512, 1024), (1e-5, 1e-4, 1e-3), ("alpha", "colour"), (1, 16))
    return [Case(*values) for values in grid]  # type: ignore[arg-type]


def quick_cases() -> list[Case]:
    """Small enough for a CPU: for the test of the benchmark itself."""
    small = sphere(320)
    return [Case(small, 24), Case(small, 24, output="colour", batch=2), Case(SCREEN, 24)]


def peer_cases() -> list[Case]:
    return [BASE, SPOT_COLOUR, Case(image_size=1024), Case(batch=16), SPHERE_5K, SPHERE_300K]


@cache
def _mesh(name: str) -> Mesh:
    if name == SPOT:
        return load_mesh(path("spot.obj"), textures=False)
    if name == SCREEN:
        return Mesh(torch.tensor([[-2.0, -2.0, 2.0], [2.0, -2.0, 2.0], [0.0, 3.0, 2.0]]), torch.tensor([[0, 1, 2]]))
    faces = int(name.split()[-1].replace(",", ""))
    subdivisions = round(math.log(faces / 20, 4))
    found = icosphere(subdivisions, radius=0.6)
    assert len(found.faces) == faces, f"no icosphere has {faces} faces: they have 20 * 4^n"
    return found
