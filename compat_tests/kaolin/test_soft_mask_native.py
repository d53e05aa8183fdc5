"""What of the soft mask is the native operation's own: memory, threads, tiles, the sides of boxes. The numbers of it:
test_soft_mask.py."""

from collections.abc import Iterator
from typing import Any

import kaolin_reference as reference
import pytest
import torch
from kaolin_scenes import ball, soup, weights_like
from support.devices import DEVICES
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gendr_adapters import RenderSettings, ops
from gendr_adapters._native import structs
from gendr_adapters.kaolin import dibr_soft_mask

pytestmark = pytest.mark.slow

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def nothing(meshes: int, height: int, width: int) -> Tensor:
    return torch.full((meshes, height, width), -1)


def with_gradient(image: Tensor, selected: Tensor, *numbers: Any) -> tuple[Tensor, Tensor]:
    mine = image.detach().requires_grad_()
    mask = dibr_soft_mask(mine, selected, *numbers)
    return mask.detach(), torch.autograd.grad((mask * weights_like(mask)).sum(), mine)[0]


class Allocated(TorchDispatchMode):
    """Bytes of all results of torch's functions, and of all arrays handed to the native library."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        self.add(*tree_leaves(results))
        return results

    def add(self, *tensors: Any) -> None:
        self.total += sum(x.numel() * x.element_size() for x in tensors if isinstance(x, Tensor))


@DEVICES
def test_memory_does_not_grow_with_the_pairs(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of what forward and backward allocate: 72 times as many pairs, and the same bytes."""
    image, selected = ball(1)[0].image.float().to(device), nothing(1, 96, 96).to(device)
    point = structs.Call.point
    bytes_of = {}
    for boxlen in (0.02, 2.0):
        allocated = Allocated()

        def counted(call: structs.Call, names: Any, tensors: Any, part: Any = None, to: Allocated = allocated) -> None:
            to.add(*tensors)
            point(call, names, tensors, part)

        monkeypatch.setattr(structs.Call, "point", counted)
        with allocated:
            with_gradient(image, selected, 7000, boxlen, None)
        bytes_of[boxlen] = allocated.total
    assert bytes_of[0.02] == bytes_of[2.0]
    assert bytes_of[2.0] < 9 * 2**20  # 96 x 96 x 720 pairs are 6.6 million


@DEVICES
@pytest.mark.parametrize("knum", [2, None])
def test_gradcheck(knum: int | None, device: str) -> None:
    image = soup(3, meshes=1, faces=5).image.to(device).requires_grad_()
    selected = nothing(1, 9, 11).to(device)
    selected[0, 3:5, 4] = 0
    assert torch.autograd.gradcheck(lambda x: dibr_soft_mask(x, selected, 40, 0.15, knum), image, nondet_tol=0.0)


@DEVICES
def test_gradcheck_of_faces_that_are_cut(device: str) -> None:
    scene = soup(3, meshes=1, faces=5)
    inputs = [scene.image.to(device).requires_grad_(), scene.z.to(device).requires_grad_()]
    near = -scene.z.median().item()
    selected = nothing(1, 9, 11).to(device)

    def mask(image: Tensor, z: Tensor) -> Tensor:
        return dibr_soft_mask(image, selected, 40, 0.15, 3, face_vertices_z=z, near_clip=near)

    assert torch.autograd.grad(mask(*inputs).sum(), inputs[1])[0].any()
    assert torch.autograd.gradcheck(mask, inputs, nondet_tol=0.0)


def large_and_small(meshes: int = 1) -> Tensor:
    """Faces of more pixels than one thread, or one warp, adds up, among small ones."""
    image = soup(4, meshes=meshes, faces=12, size=0.1).image
    return torch.cat([image[:, :5], 8 * image[:, :2], image[:, 5:]], 1)


@DEVICES
@DTYPES
@pytest.mark.parametrize("size", [(1, 1), (9, 300), (150, 170)])
@pytest.mark.parametrize("knum", [2, None])
def test_pictures_of_many_tiles(knum: int | None, size: tuple[int, int], dtype: torch.dtype, device: str) -> None:
    """More tiles in a row than there are bits in a word, and faces in pieces; against the reference."""
    exact, selected = large_and_small().requires_grad_(), nothing(1, *size)
    selected[0, : size[0] // 3, : size[1] // 2] = 1
    expected = reference.soft_mask(exact, selected, 70, 0.1, knum)
    (want,) = torch.autograd.grad((expected * weights_like(expected)).sum(), exact)
    mask, grad = with_gradient(large_and_small().to(device, dtype), selected.to(device), 70, 0.1, knum)
    tolerance = 1e-11 if dtype == torch.float64 else 3e-5
    torch.testing.assert_close(mask.cpu().double(), expected.detach(), rtol=0, atol=tolerance)
    assert (grad.cpu().double() - want).abs().max() <= 20 * tolerance * want.abs().max()


@DEVICES
@DTYPES
def test_runs_give_the_same_bits(dtype: torch.dtype, device: str) -> None:
    image, selected = large_and_small(2).to(device, dtype), nothing(2, 150, 170).to(device)
    first = with_gradient(image, selected, 70, 0.1, 3)
    assert first[1].any()
    for _ in range(5):
        assert all(map(torch.equal, with_gradient(image, selected, 70, 0.1, 3), first))


@pytest.mark.cpu_core
@DTYPES
def test_any_number_of_threads(dtype: torch.dtype) -> None:
    image, selected = large_and_small(2).to(dtype), nothing(2, 150, 170)
    two = with_gradient(image, selected, 70, 0.1, 3)
    for n in (1, 3, 5):
        torch.set_num_threads(n)
        assert all(map(torch.equal, with_gradient(image, selected, 70, 0.1, 3), two)), f"{n} threads differ from 2"


@pytest.mark.cpu_core
def test_batches_of_more_pixels_than_are_held_at_once() -> None:
    """Each image as alone."""
    image, selected = large_and_small(4).float(), nothing(4, 600, 700)
    mask, grad = with_gradient(image, selected, 70, 0.1, 3)
    weights = weights_like(mask)
    for b in range(4):
        mine = image[b : b + 1].requires_grad_()
        alone = dibr_soft_mask(mine, selected[:1], 70, 0.1, 3)
        assert torch.equal(alone[0], mask[b])
        (alone_grad,) = torch.autograd.grad((alone * weights[b : b + 1]).sum(), mine)
        assert torch.equal(alone_grad[0], grad[b])


@DEVICES
@DTYPES
@pytest.mark.exact_coordinates
@pytest.mark.parametrize("axis", [0, 1])
def test_sides_of_boxes_on_and_next_to_pixel_centres(axis: int, dtype: torch.dtype, device: str) -> None:
    """In which pixels a box is is decided by one comparison in the dtype, whatever the picture's size."""
    n, boxlen = 37, 0.1
    size = (1, n) if axis == 0 else (n, 1)
    centres = (2 * torch.arange(n, dtype=dtype) + 1 - n) / n
    corners = torch.cat([centres + boxlen, torch.nextafter(centres + boxlen, centres - 9), centres + boxlen / 3])
    corners = torch.cat([corners, corners - 2 * boxlen])
    image = torch.zeros(len(corners), 1, 3, 2, dtype=dtype)
    image[:, 0, :, axis] = corners[:, None]
    mask = dibr_soft_mask(image.to(device), nothing(len(corners), *size).to(device), 1.0, boxlen, 1)
    x, y = reference.pixel_centres(*size, dtype)
    inside = torch.stack([reference.in_box(face[0], x, y, boxlen) for face in image])
    assert torch.equal(mask.cpu() > 0, inside)
    assert inside.any() and not inside.all()


@DEVICES
def test_small_masks_keep_their_digits(device: str) -> None:
    """The union of small probabilities is not taken from 1."""
    image = torch.tensor([[[-0.9, -0.9], [-0.8, -0.9], [-0.9, -0.8]]]).expand(1, 3, 3, 2)
    selected = nothing(1, 16, 16).to(device)
    mask = dibr_soft_mask(image.to(device), selected, 20, 3.0, 30).cpu()
    exact = reference.soft_mask(image.double(), selected.cpu(), 20, 3.0, 30)
    # In float64 1 - (1 - D)^3 has its digits down to here.
    seen = exact > 1e-10
    assert (exact[seen] < 1e-8).any()
    torch.testing.assert_close(mask[seen].double(), exact[seen], rtol=2e-4, atol=0)


@DEVICES
def test_knum_beyond_all_numbers(device: str) -> None:
    image, selected = soup(2).image.to(device), nothing(2, 20, 27).to(device)
    expected = dibr_soft_mask(image, selected, 70, 0.2, None)
    for knum in (8, 2**31, 10**30):
        assert torch.equal(dibr_soft_mask(image, selected, 70, 0.2, knum), expected)


@DEVICES
def test_box_larger_than_the_largest_float(device: str) -> None:
    image, selected = soup(2).image.float().to(device), nothing(2, 20, 27).to(device)
    expected = dibr_soft_mask(image, selected, 70, 9.0, 3)
    assert torch.equal(dibr_soft_mask(image, selected, 70, 1e300, 3), expected)


@DEVICES
def test_bad_arguments_are_refused_by_the_library(device: str) -> None:
    corners = torch.zeros(2, 3, 3, device=device)
    selected = nothing(1, 4, 4).to(device)
    for knum, settings, message in (
        (0, RenderSettings(reach=0.1), "knum must be at least 1"),
        (1, RenderSettings(), "finite reach"),
        (1, RenderSettings(reach=0.1, distance="barycentric"), "GENDR_EUCLIDEAN"),
    ):
        with pytest.raises(ValueError, match=message):
            ops.apply("soft_mask", corners, selected, knum, *settings.packed)
