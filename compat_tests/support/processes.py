"""The same pictures in other processes: run by test_processes.py, in a process of its own. Prints the cases that held.

cd compat_tests && python -m support.processes CASE...
"""

import os
import sys
import tempfile
from collections.abc import Callable

import torch
import torch.distributed as distributed
import torch.multiprocessing as multiprocessing
from support.scenes import loss, random_scene, sphere
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset

from gendr_adapters import RenderSettings, gather_corners, render

SETTINGS = RenderSettings(dist_scale=1e-3, gamma=1e-2, near=1, far=10)
N = 4  # pictures


def picture(i: int) -> list[Tensor]:
    """Large enough to be shared among threads."""
    scene = random_scene(i, faces=30)
    drawn = render(scene.face_vertices.float(), 96, scene.features.float(), settings=SETTINGS)
    assert drawn.image is not None and drawn.alpha is not None
    return [drawn.image, drawn.alpha]


def picture_with_gradients(i: int) -> list[Tensor]:
    scene = random_scene(i, faces=30)
    inputs = [scene.face_vertices.float().requires_grad_(), scene.features.float().requires_grad_()]
    drawn = render(inputs[0], 96, inputs[1], settings=SETTINGS)
    assert drawn.image is not None
    return [drawn.image.detach(), *torch.autograd.grad(loss(drawn), inputs)]


class Pictures(Dataset):
    def __init__(self, draw: Callable[[int], list[Tensor]]) -> None:
        self.draw = draw

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> list[Tensor]:
        return self.draw(i)


def loaded(draw: Callable[[int], list[Tensor]], start: str) -> None:
    """After this process has drawn, on threads of its own."""
    expected = [draw(i) for i in range(N)]
    workers = DataLoader(Pictures(draw), batch_size=None, num_workers=2, multiprocessing_context=start)
    for _ in range(2):
        found = list(workers)
        assert len(found) == N
        for one, other in zip(found, expected, strict=True):
            assert all(map(torch.equal, one, other)) and one[0].std() > 0
    assert all(map(torch.equal, draw(0), expected[0]))


def fork_loader() -> None:
    """Without gradients: autograd refuses to work in a forked child."""
    loaded(picture, "fork")


def spawn_loader() -> None:
    loaded(picture_with_gradients, "spawn")


def forkserver_pool() -> None:
    expected = [picture_with_gradients(i) for i in range(N)]
    with multiprocessing.get_context("forkserver").Pool(2) as pool:
        for one, other in zip(pool.map(picture_with_gradients, range(N)), expected, strict=True):
            assert all(map(torch.equal, one, other))


class Silhouettes(torch.nn.Module):
    """A mesh to be fitted: a picture for each turn."""

    def __init__(self) -> None:
        super().__init__()
        vertices, self.faces = sphere()
        self.vertices = torch.nn.Parameter(vertices)

    def forward(self, shifts: Tensor) -> Tensor:
        seen = self.vertices + shifts[:, None]
        alpha = render(gather_corners(seen, self.faces), 32, settings=SETTINGS, outputs=("alpha",)).alpha
        assert alpha is not None
        return alpha.square().mean()


def all_shifts() -> Tensor:
    return 0.3 * torch.rand((N, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def _train(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    model = Silhouettes()
    both = DistributedDataParallel(model)
    both(all_shifts().chunk(2)[rank]).backward()
    torch.save(model.vertices.grad, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def two_process_training() -> None:
    """Each process has half of the pictures; both have the gradient of all, the same to the last bit."""
    model = Silhouettes()
    model(all_shifts()).backward()
    expected = model.vertices.grad
    assert expected is not None and expected.any()
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(_train, (folder,), nprocs=2)
        first, second = (torch.load(os.path.join(folder, f"{rank}.pt")) for rank in range(2))
    assert torch.equal(first, second)
    torch.testing.assert_close(first, expected, rtol=0, atol=1e-12 * expected.abs().max().item())


CASES = {
    "fork_loader": fork_loader,
    "spawn_loader": spawn_loader,
    "forkserver_pool": forkserver_pool,
    "two_process_training": two_process_training,
}


if __name__ == "__main__":
    torch.set_num_threads(2)
    for name in sys.argv[1:]:
        CASES[name]()
        print(name, flush=True)
