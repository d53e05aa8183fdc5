"""What benchmarks.gpu.counts counts on the emulator, held against counts made here from the geometry alone."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # benchmarks is not installed

from benchmarks.gpu import model  # noqa: E402
from benchmarks.gpu.counts import Launch, launches_of, rectangles_of, table, tiles_of  # noqa: E402
from gendr_adapters import RenderSettings, render  # noqa: E402

pytestmark = pytest.mark.slow

HEIGHT, WIDTH, REACH = 22, 37, 0.15
TILE = (4, 8)


@pytest.fixture(scope="module")
def corners() -> torch.Tensor:
    """(1, 150, 3, 3): no pixel lies on the limit of a face's reach, by far more than rounding."""
    generator = torch.Generator().manual_seed(3)
    centres = 3 * torch.rand(150, 1, 2, generator=generator, dtype=torch.float64) - 1.5
    places = centres + 0.5 * torch.rand(150, 3, 2, generator=generator, dtype=torch.float64)
    places[0] = torch.tensor([[-1.0, -0.8], [1.1, -0.7], [-0.9, 0.9]])
    return torch.cat([places, torch.full((150, 3, 1), 2.0)], 2)[None].float()


@pytest.fixture(scope="module")
def launches(corners: torch.Tensor) -> dict[str, Launch]:
    settings = RenderSettings(dist_scale=1e-3, reach=REACH, min_coverage=0.0)
    leaf = corners.clone().requires_grad_()

    def both() -> None:
        alpha = render(leaf, (HEIGHT, WIDTH), settings=settings, outputs=("alpha",)).alpha
        assert alpha is not None
        torch.autograd.grad(alpha.sum(), leaf)

    return {launch.kernel: launch for launch in launches_of(both)}


def pixels() -> tuple[np.ndarray, np.ndarray]:
    """NDC of columns and of rows."""
    x = (2 * np.arange(WIDTH) + 1 - WIDTH) / HEIGHT
    y = (HEIGHT - 1 - 2 * np.arange(HEIGHT)) / HEIGHT
    return x, y


def pairs_of(corners: torch.Tensor) -> np.ndarray:
    """(F, H, W): is the pixel inside the face, or closer than the reach to its outline?"""
    faces = corners[0, :, :, :2].double().numpy()
    grid = np.stack(np.meshgrid(*pixels()), -1)
    found = np.zeros((len(faces), HEIGHT, WIDTH), bool)
    for i, face in enumerate(faces):
        distance = np.full((HEIGHT, WIDTH), np.inf)
        sides = []
        for k in range(3):
            a, b = face[k], face[(k + 1) % 3]
            t = np.clip((grid - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            distance = np.minimum(distance, np.linalg.norm(grid - a - t[..., None] * (b - a), axis=-1))
            sides.append((b - a)[0] * (grid - a)[..., 1] - (b - a)[1] * (grid - a)[..., 0])
        inside = (np.min(sides, 0) > 0) | (np.max(sides, 0) < 0)
        assert np.abs(distance - REACH).min() > 1e-6
        found[i] = inside | (distance < REACH)
    return found


def boxes_of(corners: torch.Tensor) -> np.ndarray:
    """(F, 4): first and last column and row within the reach of a face's bounding box; first > last: none."""
    x, y = pixels()
    rows = []
    for face in corners[0, :, :, :2].double().numpy():
        low, high = face.min(0) - REACH, face.max(0) + REACH
        columns = np.flatnonzero((x >= low[0]) & (x <= high[0]))
        lines = np.flatnonzero((y >= low[1]) & (y <= high[1]))
        some = len(columns) and len(lines)
        rows.append([columns[0], columns[-1], lines[0], lines[-1]] if some else [WIDTH, -1, HEIGHT, -1])
    return np.array(rows)


def test_pairs_of_forward_and_of_backward(corners: torch.Tensor, launches: dict[str, Launch]) -> None:
    expected = int(pairs_of(corners).sum())
    assert expected > 2_000
    assert launches["render_tiles"].total("pairs") == expected
    assert launches["sum_faces"].total("pairs") == expected


def test_faces_of_a_tile(corners: torch.Tensor, launches: dict[str, Launch]) -> None:
    """Faces in a tile's box, and of these the ones that come to the pairs: not fewer than have a pair there."""
    x0, x1, y0, y1 = boxes_of(corners).T
    in_box = sum(
        int(((x0 < x + TILE[1]) & (x1 >= x) & (y0 < y + TILE[0]) & (y1 >= y)).sum())
        for y in range(0, HEIGHT, TILE[0])
        for x in range(0, WIDTH, TILE[1])
    )
    pairs = pairs_of(corners)
    padded = np.pad(pairs, [(0, 0), (0, -HEIGHT % TILE[0]), (0, -WIDTH % TILE[1])])
    blocks = padded.reshape(len(pairs), padded.shape[1] // TILE[0], TILE[0], padded.shape[2] // TILE[1], TILE[1])
    needed = int(blocks.any((2, 4)).sum())
    tiles = tiles_of(launches["render_tiles"])
    assert tiles["in_box"] == in_box
    assert needed <= tiles["faces"] < 1.2 * needed
    assert tiles["candidates"] >= in_box
    assert tiles["lanes"] == pytest.approx(pairs.sum() / (32 * tiles["faces"]))


def test_rectangles_of_a_face(corners: torch.Tensor, launches: dict[str, Launch]) -> None:
    """Those of small boxes are all looked at, those of large ones where they may be in reach."""
    x0, x1, y0, y1 = boxes_of(corners).T
    most = np.where(x1 >= x0, -(-(x1 - x0 + 1) // TILE[1]) * -(-(y1 - y0 + 1) // TILE[0]), 0)
    found = rectangles_of(launches["sum_faces"])
    assert most[most <= 8].sum() < found["rectangles"] < most.sum()
    assert found["busy"] == (most > 0).sum()
    assert found["longest"] <= most.max()


def test_what_the_emulator_counts_of_any_kernel(launches: dict[str, Launch]) -> None:
    prepare = launches["prepare"]  # backward's, the last; a thread a face, 144 bytes each
    assert (prepare.n_blocks, prepare.warps_per_block) == (2, 4)
    assert prepare.total("barriers") == 0
    assert prepare.total("meetings") == 8 * 5  # a sum over a warp each
    assert prepare.of_warps("global bytes written")[0] >= 32 * 144
    assert prepare.total("global bytes written") < 150 * 200
    assert prepare.total("global bytes read") >= 150 * 36
    assert prepare.total("shared bytes read") == 0


def test_table_has_all_numbers(launches: dict[str, Launch]) -> None:
    from benchmarks.gpu.counts import kernels_of

    result = {
        "scene": "small",
        "kernels": kernels_of(list(launches.values())),
        "render_tiles": tiles_of(launches["render_tiles"]),
        "sum_faces": rectangles_of(launches["sum_faces"]),
    }
    lines = table([result]).splitlines()
    assert f"{launches['render_tiles'].total('pairs'):,}" in lines[2]
    assert any(line.startswith("prepare ") for line in lines)


def launch(faces: list[int], warps_per_block: int = 4) -> Launch:
    counts = {"faces": faces, "meetings": [1] * len(faces)}
    return Launch("render_tiles", len(faces) // warps_per_block, warps_per_block, counts)


def test_model_of_one_warp_and_of_many() -> None:
    alone = model.predict(launch([1000, 0, 0, 0]))
    assert alone.us == pytest.approx(alone.longest_us) and alone.us > 10 * alone.issue_us
    full = model.predict(launch([100] * 100_000))
    assert full.us == pytest.approx(full.issue_us, rel=0.06) and full.us > 10 * full.longest_us
    # One that is long is over before the others are, or not.
    assert model.predict(launch([1000, *[100] * 99_999])).us == pytest.approx(full.us, rel=0.02)
    late = model.predict(launch([*[100] * 99_999, 100_000]))
    assert late.us > 0.9 * late.longest_us > 5 * full.us
