"""Sample positions, and what is seen at them, against a ray caster."""

import numpy as np
import pytest
import torch
from ray_caster import cast, opencv_ray
from redner_scenes import INTRINSICS, Mesh, cube, joined, soup, square, triangle

from gendr_adapters.redner._homogeneous_mesh import project
from gendr_adapters.redner._samples import render_samples, stratified_offsets

SIZE = (12, 16)
NEAR = 0.3


def offsets(n: int, seed: int = 0, jitter: bool = True) -> torch.Tensor:
    return stratified_offsets(n, torch.Generator().manual_seed(seed), jitter)


@pytest.mark.parametrize(("n", "rows"), [(2, 1), (3, 1), (4, 2), (6, 2), (7, 1), (12, 3), (16, 4)])
def test_one_sample_in_each_cell(n: int, rows: int) -> None:
    found = offsets(n)
    cells = (found * torch.tensor([n // rows, rows])).floor().long()
    assert found.min() >= 0 and found.max() < 1
    assert sorted(map(tuple, cells.tolist())) == [(c, r) for c in range(n // rows) for r in range(rows)]


def test_one_sample_is_at_the_centre_and_others_are_seeded() -> None:
    assert offsets(1, seed=5).tolist() == [[0.5, 0.5]]
    assert torch.equal(offsets(4, 1), offsets(4, 1))
    assert not torch.equal(offsets(4, 1), offsets(4, 2))
    assert offsets(4, jitter=False).tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "mesh",
    [
        pytest.param(joined(triangle(), square(3.0, 4.0)), id="triangle"),
        pytest.param(cube(0.7, (0.3, 0.1, 3.0)), id="cube"),
        *(pytest.param(soup(8, seed), id=f"soup-{seed}") for seed in range(3)),
    ],
)
def test_samples_are_the_ray_casters(mesh: Mesh) -> None:
    at = offsets(3, seed=3)
    generator = torch.Generator().manual_seed(1)
    features = torch.rand(len(mesh.faces), 3, 2, generator=generator, dtype=torch.float64)
    intrinsics = torch.tensor(INTRINSICS, dtype=torch.float64)
    seen, face = render_samples(project(mesh.vertices, intrinsics, mesh.faces, SIZE, NEAR), features, at)
    assert seen.shape == (3, *SIZE, 2) and face.shape == (3, *SIZE)
    triangles = mesh.vertices[mesh.faces].numpy()
    n_hits = 0
    for s, (right, down) in enumerate(at.tolist()):
        for row in range(SIZE[0]):
            for column in range(SIZE[1]):
                hit = cast(*opencv_ray(column + right, row + down, np.array(INTRINSICS)), triangles, NEAR)
                assert face[s, row, column] == (-1 if hit is None else hit.face)
                expected = np.zeros(2) if hit is None else hit.weights @ features[hit.face].numpy()
                np.testing.assert_allclose(seen[s, row, column], expected, atol=1e-9)
                n_hits += hit is not None
    assert n_hits > 50
