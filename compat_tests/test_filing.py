"""Filing in the CUDA core, emulated: faces filed by a block an image are in the order that a sort of all gives them, so
that every result has the same bits; corners at a vertex and fragments of a face alike.

Builds of changed copies of csrc leave all to the sort, or what is larger than a handful.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from emulator.builds import changed_core, emulated_core, results_of
from torch import Tensor

pytestmark = pytest.mark.slow

PROGRAM = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
from pathlib import Path
import torch
from support.scenes import random_scene
from gendr_adapters import RenderSettings, _native, find_fragments, gather_corners, render
from gendr_adapters._nearest_fragments import find_nearest_fragments

library = _native.load(Path(sys.argv[1]))
_native.library = lambda device_type="cpu": library
results = {{}}

def silhouettes(name, corners, size, offsets=None, **settings):
    corners = corners.float().requires_grad_()
    s = RenderSettings(**{{"dist_scale": 1e-3, **settings}})
    alpha = render(corners, size, face_offsets=offsets, settings=s, outputs=("alpha",)).alpha
    results[name] = alpha.detach()
    results[name + ": d/d corners"] = torch.autograd.grad(alpha.square().sum(), corners)[0]

scene = random_scene(1, 1100).face_vertices
# Digits of one bit to eight; faces for some of a block's threads, and for more than it has.
for faces, size in ((2, (2, 2)), (3, (3, 5)), (33, (21, 50)), (1100, (40, 60)), (5, (300, 700))):
    silhouettes(f"{{faces}} faces, {{size}}", scene[:faces] * torch.tensor([1.0, 1.0, 2.0]), size)
small = scene[:170] * torch.tensor([0.05, 0.05, 1.0]) + torch.tensor([0.4, -0.3, 0.0])
silhouettes("in one corner", small, (64, 64))
silhouettes("equal shares", scene[:99].reshape(3, 33, 3, 3), (13, 18))
offsets = torch.tensor([0, 0, 70, 70, 101, 170, 170])
silhouettes("images without faces", scene[:170], (13, 18), offsets)
silhouettes("cut", scene[:170], (13, 18), offsets, near_clip=2.5)
unseen = scene[:170].clone()
unseen[::3, :, 0] += 5  # beside the picture
unseen[1::7, 0] = float("nan")
silhouettes("faces without pixels", unseen, (13, 18), offsets)
silhouettes("none with pixels", scene[:40] + torch.tensor([5.0, 0, 0]), (13, 18), torch.tensor([0, 9, 40]))

vertices = scene[:9].reshape(-1, 3).float().requires_grad_()
faces = torch.randint(0, 20, (70, 3), generator=torch.Generator().manual_seed(0))  # the last vertices have no corner
found = find_fragments(gather_corners(vertices, faces), (13, 18), settings=RenderSettings(reach=0.1, min_coverage=0.0))
loss = (found.weights.square().sum(1) * found.depth).sum()
results |= {{f"fragments: {{k}}": v.detach() for k, v in found._asdict().items()}}
results["fragments: d/d vertices"] = torch.autograd.grad(loss, vertices)[0]
nearest = find_nearest_fragments(scene[:170].float(), (13, 18), 2, offsets, RenderSettings(reach=0.1, min_coverage=0.0))
results["nearest"] = nearest.face
torch.save(results, sys.argv[2])
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Tensor]]:
    folder = tmp_path_factory.mktemp("results")

    def rendered(library: Path, order: str = "natural") -> dict[str, Tensor]:
        return results_of(PROGRAM, library, folder, order)

    return rendered


def by_sort_above(few: int, folder: Path) -> Path:
    changes = [("file_faces.cu", "n_faces <= kFewIndices", f"n_faces <= {few}"),
               ("index_groups.cu", "n <= kFewIndices", f"n <= {few}")]  # fmt: skip
    return changed_core(folder, changes)


@pytest.mark.parametrize("few", [0, 25])
def test_order_is_that_of_a_sort(few: int, tmp_path: Path, results: Callable[..., dict[str, Tensor]]) -> None:
    by_blocks, by_sort = results(emulated_core()), results(by_sort_above(few, tmp_path))
    assert by_blocks.keys() == by_sort.keys()
    for name, expected in by_sort.items():
        assert torch.equal(by_blocks[name].nan_to_num(7), expected.nan_to_num(7)), name
    assert all(value.any() for name, value in by_sort.items() if not name.startswith("none with pixels"))


@pytest.mark.parametrize("order", ["reverse", "7"])
def test_any_order_of_threads_gives_the_same_bits(order: str, results: Callable[..., dict[str, Tensor]]) -> None:
    natural = results(emulated_core())
    for name, value in results(emulated_core(), order).items():
        assert torch.equal(value.nan_to_num(7), natural[name].nan_to_num(7)), name
