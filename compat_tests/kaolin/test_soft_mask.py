"""dibr_soft_mask against the slow reference, forward and backward."""

import kaolin_reference as reference
import pytest
import torch
from kaolin_scenes import SIZE, ball, flipped, soup, weights_like
from support.devices import DEVICES
from torch import Tensor

from gendr_adapters import RenderSettings, render
from gendr_adapters.kaolin import dibr_soft_mask, rasterize

pytestmark = pytest.mark.slow

TOLERANCE = {torch.float32: 3e-5, torch.float64: 1e-11}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE))
NOTHING = torch.full((2, *SIZE), -1)


def assert_as_reference(
    image: Tensor, selected: Tensor, device: str, dtype: torch.dtype, sigmainv: float, boxlen: float, knum: int | None
) -> tuple[Tensor, Tensor]:
    """The mask and its gradient. Returns the reference's mask and how many faces each pixel has to count."""
    exact = image.double().requires_grad_()
    counted: list[Tensor] = []
    expected = reference.soft_mask(exact, selected, sigmainv, boxlen, knum, counted)
    (want,) = torch.autograd.grad((expected * weights_like(expected)).sum(), exact)
    mine = image.detach().to(device, dtype).requires_grad_()
    mask = dibr_soft_mask(mine, selected.to(device), sigmainv, boxlen, knum)
    assert mask.dtype == dtype and mask.shape == selected.shape
    torch.testing.assert_close(mask.cpu().double(), expected, rtol=0, atol=TOLERANCE[dtype])
    (grad,) = torch.autograd.grad((mask * weights_like(mask)).sum(), mine)
    assert want.abs().max() > 0
    error = (grad.cpu().double() - want).abs().max() / want.abs().max()
    assert error < 20 * TOLERANCE[dtype], error
    return expected.detach(), torch.stack(counted)


def selected_of(scene: object, valid: Tensor | None = None) -> Tensor:
    return reference.rasterize(*SIZE, *scene, valid=valid)[1]  # type: ignore[misc]


@DEVICES
@DTYPES
@pytest.mark.parametrize("sigmainv", [7000, 70])
@pytest.mark.parametrize("boxlen", [0.0, 0.02, 0.2, 5.0])
@pytest.mark.parametrize("flip", [False, True])
def test_soup(flip: bool, boxlen: float, sigmainv: float, dtype: torch.dtype, device: str) -> None:
    scene = flipped(soup(1)) if flip else soup(1)
    mask, _ = assert_as_reference(scene.image, selected_of(scene), device, dtype, sigmainv, boxlen, 30)
    assert (mask == 1).any() and mask.min() < 0.1


@DEVICES
@DTYPES
@pytest.mark.parametrize("knum", [1, 3, None])
def test_knum_takes_the_first_faces_by_index(knum: int | None, dtype: torch.dtype, device: str) -> None:
    """Not the nearest ones; and it matters."""
    scene = soup(2, faces=24, size=0.3)
    selected = selected_of(scene, valid=torch.zeros(2, 24, dtype=torch.bool))
    mask, counted = assert_as_reference(scene.image, selected, device, dtype, 70, 0.2, knum)
    full = reference.soft_mask(scene.image, selected, 70, 0.2, None)
    assert (counted > 3).double().mean() > 0.3
    assert ((full - mask).max() > 0.3) == (knum is not None)


@DEVICES
@DTYPES
def test_faces_that_are_not_selected(dtype: torch.dtype, device: str) -> None:
    """A pixel within such a face counts by its distance to the outline, as one outside does."""
    scene = soup(3)
    valid = torch.arange(16).view(2, 8) % 4 == 0
    assert_as_reference(scene.image, selected_of(scene, valid), device, dtype, 70, 0.02, 30)
    big = torch.tensor([[-0.93, -0.91], [0.91, -0.97], [0.03, 0.94]], dtype=torch.float64).expand(2, 1, 3, 2)
    mask, _ = assert_as_reference(big, NOTHING, device, dtype, 70, 0.02, 30)
    assert mask[0, 12, 13] < 1e-3 and mask.max() > 0.5


@DEVICES
@DTYPES
@pytest.mark.parametrize("knum", [2, 30])
def test_a_mesh(knum: int, dtype: torch.dtype, device: str) -> None:
    """Culled faces count in the mask."""
    scene, normals_z = ball()
    selected = selected_of(scene, normals_z >= 0)
    assert_as_reference(scene.image, selected, device, dtype, 700, 0.05, knum)


@DEVICES
@DTYPES
def test_huge_and_tiny_faces(dtype: torch.dtype, device: str) -> None:
    """One face far larger than the picture, one that is a needle, one that is a point."""
    image = torch.tensor(
        [
            [[-30.0, -20.0], [40.0, -25.0], [-1.5, 0.3]],
            [[-0.8, -0.8], [0.8, 0.81], [0.8, 0.83]],
            [[0.31, -0.52], [0.31, -0.52], [0.31, -0.52]],
        ],
        dtype=torch.float64,
    ).expand(2, 3, 3, 2)
    assert_as_reference(image, NOTHING, device, dtype, 50, 0.1, 30)


@DEVICES
@DTYPES
def test_grown_boxes_are_half_open(dtype: torch.dtype, device: str) -> None:
    """Pixel centres exactly on their sides: the left and lower ones are in, the right and upper ones are not."""
    image = torch.tensor([[[-0.5, -0.5], [0.5, -0.5], [0.0, 0.5]]], dtype=torch.float64)[None]
    nothing = torch.full((1, 4, 4), -1)  # centres at -0.75, -0.25, 0.25, 0.75
    mask, _ = assert_as_reference(image, nothing, device, dtype, 2, 0.25, 30)
    assert (mask[0] > 0).tolist() == [[False] * 4, *[[True, True, True, False]] * 3]


@DEVICES
@DTYPES
@pytest.mark.parametrize("row, column", [(0, 0), (7, 11), (19, 26)])
def test_uncovered_pixel_finds_all_faces_near_it(row: int, column: int, dtype: torch.dtype, device: str) -> None:
    """Few faces are near it, and none of them is overlooked."""
    image = ball(1)[0].image if (row, column) == (7, 11) else soup(8, meshes=1, faces=20).image
    selected = torch.zeros(1, *SIZE, dtype=torch.int64)
    selected[0, row, column] = -1
    mask, counted = assert_as_reference(image, selected, device, dtype, 10, 0.7, 30)
    assert counted.sum() >= 1 and 0 < mask[0, row, column] < 1


@DEVICES
def test_a_pixel_on_an_edge(device: str) -> None:
    """Full coverage, and no gradient that is not a number."""
    x = 1 / SIZE[1] * 3 - 1 / SIZE[1]  # a column's centre
    image = torch.tensor([[[x, -0.5], [x, 0.5], [0.9, 0.0]]], dtype=torch.float64).expand(2, 1, 3, 2)
    mine = image.to(device).requires_grad_()
    mask = dibr_soft_mask(mine, NOTHING.to(device), 70)
    assert ((mask - 1).abs() < 1e-12).sum() >= 2 * 8
    assert torch.autograd.grad(mask.sum(), mine)[0].isfinite().all()


@DEVICES
def test_covered_pixels(device: str) -> None:
    """A constant 1, and a graph to go back through even where all are covered."""
    image = soup().image.to(device).requires_grad_()
    mask = dibr_soft_mask(image, NOTHING.to(device) + 1)
    assert (mask == 1).all()
    assert (torch.autograd.grad(mask.sum(), image)[0] == 0).all()


@DEVICES
@pytest.mark.parametrize("shape", [(2, 0), (0, 3)])
def test_no_faces(shape: tuple[int, int], device: str) -> None:
    image = torch.zeros(*shape, 3, 2, device=device, requires_grad=True)
    selected = NOTHING[: shape[0]].to(device)
    mask = dibr_soft_mask(image, selected)
    assert mask.shape == selected.shape and (mask == 0).all()
    assert torch.autograd.grad(mask.sum(), image)[0].shape == image.shape


@DEVICES
def test_faces_that_are_not_finite(device: str) -> None:
    """They count nowhere; the others as ever."""
    image = soup(5).image
    bad = torch.full((2, 1, 3, 2), torch.nan, dtype=torch.float64)
    bad[1, 0, :2] = torch.tensor([[0.0, 0.0], [torch.inf, 0.5]])
    mine = torch.cat([bad, image], 1).to(device).requires_grad_()
    mask = dibr_soft_mask(mine, NOTHING.to(device), 70, 0.1)
    expected = dibr_soft_mask(image.to(device), NOTHING.to(device), 70, 0.1)
    assert torch.equal(mask, expected)
    grad = torch.autograd.grad(mask.sum(), mine)[0]
    assert (grad[:, 0] == 0).all() and grad.isfinite().all()


@DEVICES
@pytest.mark.parametrize("t_conorm, p", [(None, None), ("max", None), ("yager", 2.0)])
@pytest.mark.parametrize("distribution", [None, "logistic", "gamma"])
def test_generalized_masks_are_alpha(
    distribution: str | None, t_conorm: str | None, p: float | None, device: str
) -> None:
    """With a distribution or T-conorm it is `render`'s alpha: what is selected and knum do not count."""
    if distribution is None and t_conorm is None:
        return
    scene = soup(6).to(device, torch.float64)
    shape = {"dist_shape": 2.0} if distribution == "gamma" else {}
    mask = dibr_soft_mask(
        scene.image,
        NOTHING.to(device),
        300,
        0.1,
        1,
        distribution=distribution,
        t_conorm=t_conorm,
        t_conorm_p=p,
        **shape,
    )
    settings = RenderSettings(
        distribution=distribution or "exponential_rev",
        dist_scale=1 / 300,
        t_conorm=t_conorm or "probabilistic",
        t_conorm_p=p,
        reach=0.1,
        half_extent=(1, 1),
        min_coverage=0.0,
        **shape,
    )
    corners = torch.cat([scene.image, torch.full_like(scene.image[..., :1], 2.0)], 3)
    expected = render(corners, SIZE, settings=settings, outputs=("alpha",)).alpha
    assert expected is not None and (expected > 0.1).any()
    torch.testing.assert_close(mask, expected, rtol=0, atol=1e-12)
    grads = [torch.autograd.grad(x.sum(), scene.image, retain_graph=True)[0] for x in (mask, expected)]
    torch.testing.assert_close(*grads, rtol=1e-9, atol=1e-12)


@DEVICES
def test_selected_faces_may_come_from_any_rasteriser(device: str) -> None:
    """From our rasterize it is the reference's mask of the reference's indices."""
    scene = soup(7).to(device, torch.float64)
    _, index = rasterize(*SIZE, *scene)
    expected = reference.soft_mask(scene.image.detach().cpu(), selected_of(soup(7)), 700, 0.05, 30)
    torch.testing.assert_close(
        dibr_soft_mask(scene.image, index, 700, 0.05).detach().cpu(), expected, rtol=0, atol=1e-11
    )


@DEVICES
@DTYPES
def test_a_face_over_all_of_a_large_picture(device: str, dtype: torch.dtype) -> None:
    """Its gradient is summed up in parts, by all threads: as the reference has it, and the same bits by one thread."""
    height, width = 270, 330
    image = torch.tensor([[[-0.97, -0.96], [0.98, -0.95], [0.1, 0.97]], [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]]])[None]
    selected = torch.where(torch.arange(width) % 3 == 0, 0, -1).expand(1, height, width).contiguous()
    assert_as_reference(image, selected, device, dtype, 30.0, 0.1, 3)
    grads: list[Tensor] = []
    before = torch.get_num_threads()
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        mine = image.to(device, dtype).requires_grad_()
        mask = dibr_soft_mask(mine, selected.to(device), 30.0, 0.1, 3)
        grads += torch.autograd.grad((mask * weights_like(mask)).sum(), mine)
    torch.set_num_threads(before)
    assert torch.equal(grads[0], grads[1]) and torch.equal(grads[0], grads[2])
