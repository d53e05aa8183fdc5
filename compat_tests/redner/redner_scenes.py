"""Scenes, and how gradients of sampled pictures are compared."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

# For 16 x 12 pixels; no edge of the scenes below lies along a border between pixels, where integrals have kinks.
INTRINSICS = (12.3, 13.1, 8.23, 5.71)


class Mesh(NamedTuple):
    vertices: Tensor
    faces: Tensor


def joined(*meshes: Mesh) -> Mesh:
    """One behind the other."""
    starts = [sum(len(mesh.vertices) for mesh in meshes[:i]) for i in range(len(meshes))]
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    return Mesh(torch.cat([mesh.vertices for mesh in meshes]), torch.cat(faces))


def mesh_of(vertices: list[list[float]], faces: list[list[int]]) -> Mesh:
    return Mesh(torch.tensor(vertices, dtype=torch.float64), torch.tensor(faces))


def triangle() -> Mesh:
    return mesh_of([[-0.5, -0.4, 2.0], [0.6, -0.3, 2.5], [0.0, 0.7, 1.8]], [[0, 1, 2]])


def square(half: float, depth: float) -> Mesh:
    corners = [[-half, -half, depth], [half, -half, depth], [half, half, depth], [-half, half, depth]]
    return mesh_of(corners, [[0, 1, 2], [0, 2, 3]])


def soup(n: int, seed: int) -> Mesh:
    """Triangles anywhere, some of them behind the camera or across its plane."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.rand(n, 1, 3, generator=generator, dtype=torch.float64) * torch.tensor([3.0, 3.0, 3.5])
    corners = centres + torch.rand(n, 3, 3, generator=generator, dtype=torch.float64) * 3
    corners = corners - torch.tensor([3.0, 3.0, 1.0], dtype=torch.float64)
    return Mesh(corners.view(-1, 3), torch.arange(3 * n).view(n, 3))


def cube(half: float, centre: tuple[float, float, float], turn: float = 0.4) -> Mesh:
    """Closed, 8 vertices, its faces counter-clockwise from outside."""
    corners = [[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = [[q[0], q[i], q[i + 1]] for q in quads for i in (1, 2)]
    mesh = mesh_of(corners, faces)
    c, s = math.cos(turn), math.sin(turn)
    about_y = torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]], dtype=torch.float64)
    about_x = torch.tensor([[1, 0, 0], [0, c, -s], [0, s, c]], dtype=torch.float64)
    centre_of = torch.tensor(centre, dtype=torch.float64)
    return Mesh(half * mesh.vertices @ (about_x @ about_y).T + centre_of, mesh.faces)


def doubled(mesh: Mesh) -> Mesh:
    """The same with three vertices of its own for each face."""
    return Mesh(mesh.vertices[mesh.faces].reshape(-1, 3), torch.arange(3 * len(mesh.faces)).view(-1, 3))


def smooth_weights(height: int, width: int, channels: int) -> Tensor:
    """A loss that is a weighted sum over the picture, (H, W, C)."""
    y = torch.linspace(-1, 1, height, dtype=torch.float64)[:, None, None]
    x = torch.linspace(-1, 1, width, dtype=torch.float64)[None, :, None]
    c = torch.arange(1, channels + 1, dtype=torch.float64)
    return torch.cos(c * x + 0.5 * y) + 0.4 * c * y


# The loss of a picture: of a parameter, a number of samples a pixel, and a seed; computed in the parameter's dtype.
Loss = Callable[[Tensor, int, int], Tensor]

SEEDS = range(6)
# What finite differences lack: pictures of many samples are still steps, and the differences are not infinitesimal.
BIAS = 0.015


def gradients(loss: Loss, n_samples: int = 64) -> Tensor:
    """d loss / d parameter at 0, for each of SEEDS."""
    found = []
    for seed in SEEDS:
        parameter = torch.zeros((), dtype=torch.float64, requires_grad=True)
        found.append(torch.autograd.grad(loss(parameter, n_samples, seed), parameter)[0])
    return torch.stack(found)


def differences(loss: Loss, step: float, n_samples: int) -> Tensor:
    """The same by central differences of pictures of many samples. In float32, which is several times faster: its
    rounding moves edges by millionths of a pixel, where a step moves them by hundredths."""
    with torch.no_grad():
        sides = [[loss(torch.tensor(sign * step), n_samples, seed).double() for sign in (1, -1)] for seed in SEEDS]
    return torch.stack([(plus - minus) / (2 * step) for plus, minus in sides])


def assert_gradient_of_integral(
    loss: Loss, interior: Loss | None = None, *, step: float = 0.008, n_samples: int = 6400
) -> None:
    """loss's gradient is the derivative of the pixels' integral, as far as both are known: within four standard errors
    of the seeds' means, and BIAS. Both must be known to 3 %. interior: the same loss without the boundary term, whose
    gradient must be off by twice what is allowed."""
    analytic, numeric = gradients(loss), differences(loss, step, n_samples)
    scale = numeric.mean().abs()
    errors = [sample.std() / len(SEEDS) ** 0.5 for sample in (analytic, numeric)]
    assert max(errors) < 0.03 * scale, f"too noisy to tell: {analytic}, {numeric}"
    allowed = 4 * torch.stack(errors).norm() + BIAS * scale
    assert (analytic.mean() - numeric.mean()).abs() < allowed, f"{analytic.mean()} and {numeric.mean()} +- {allowed}"
    if interior is not None:
        missed = (gradients(interior).mean() - numeric.mean()).abs()
        assert missed > 2 * allowed, f"the interior's gradient is off by {missed} only, {allowed} are allowed"
