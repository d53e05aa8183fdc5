"""Fragments of ranges of pixels, listed and blended range by range, against all of them at once: the same bits."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from support.devices import DEVICES
from support.op_calls import call_op
from support.scenes import label, random_scene, t_conorm_settings
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import Fragments, RenderSettings
from gendr_adapters._counted_fragments import count_fragments
from gendr_adapters._pieces import Piece
from gendr_adapters._projected_meshes import ProjectedMeshes

SIZE = (21, 19)
N_PIXELS = SIZE[0] * SIZE[1]
BASE: dict[str, Any] = {"near": 1.8, "far": 4.5, "reach": 0.2, "min_coverage": 0.0, "dist_scale": 0.02, "gamma": 0.2}
# Where ranges of the pixels of three images begin and end: in a row, at rows, at images, of one pixel, of none, of all.
CUTS = {
    "all": [0, 3 * N_PIXELS],
    "images": [0, N_PIXELS, N_PIXELS, 3 * N_PIXELS],
    "rows": [0, 19, 57, 190, 399, 418, 798, 1197],
    "pixels": [0, 1, 2, 150, 151, 163, 399, 400, 1000, 1196, 1197],
}


def three_images(dtype: torch.dtype, device: str, faces: int = 14) -> tuple[Tensor, Tensor]:
    """Faces, and where each image's begin: the second has none."""
    corners = random_scene(3, faces).face_vertices.to(device, dtype)
    return corners, torch.tensor([0, faces - 5, faces - 5, faces], device=device)


def joined(parts: list[Fragments]) -> list[Tensor]:
    """pixel, face, weights, depth, distance2."""
    return [torch.cat(x) for x in zip(*(part[1:] for part in parts), strict=True)]


@DEVICES
@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("settings", [{}, {"near_clip": 2.5}, {"clip": "none"}, {"distance": "barycentric"}], ids=label)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_ranges_have_the_fragments_of_the_whole(
    dtype: torch.dtype, settings: dict[str, Any], cuts: str, device: str
) -> None:
    corners, face_offsets = three_images(dtype, device)
    counted = count_fragments(corners, SIZE, face_offsets, RenderSettings(**{**BASE, **settings}))
    parts = [counted.find_in(*bounds) for bounds in pairwise(CUTS[cuts])]
    whole = counted.find()
    assert counted.total == len(whole.pixel) > 300
    assert all(map(torch.equal, joined(parts), whole[1:]))
    for part, (first, last) in zip(parts, pairwise(CUTS[cuts]), strict=True):
        assert part.offsets[0] == 0 and part.offsets[-1] == len(part.pixel)
        assert torch.equal(part.offsets.diff(), whole.offsets[first : last + 1].diff())
    # After the whole the faces are prepared anew.
    begin, end = whole.offsets[[150, 400]].tolist()
    assert all(map(torch.equal, counted.find_in(150, 400)[1:], (x[begin:end] for x in whole[1:])))


@DEVICES
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads(threads: int, device: str) -> None:
    corners, face_offsets = three_images(torch.float32, device)
    whole = count_fragments(corners, SIZE, face_offsets, RenderSettings(**BASE)).find()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        counted = count_fragments(corners, SIZE, face_offsets, RenderSettings(**BASE))
        parts = [counted.find_in(*bounds) for bounds in pairwise(CUTS["rows"])]
    finally:
        torch.set_num_threads(before)
    assert all(map(torch.equal, joined(parts), whole[1:]))


@DEVICES
def test_gradients_are_those_of_the_whole(device: str) -> None:
    """Up to the order of the sums: in float64."""
    corners, face_offsets = three_images(torch.float64, device)
    corners.requires_grad_()

    def gradient(cuts: list[int]) -> Tensor:
        counted = count_fragments(corners, SIZE, face_offsets, RenderSettings(**BASE))
        _, _, weights, depth, distance2 = joined([counted.find_in(*bounds) for bounds in pairwise(cuts)])
        at = torch.arange(len(depth), dtype=torch.float64, device=device).sin()
        loss = ((weights.square().sum(1) * depth + distance2.cos()) * at).sum()
        return torch.autograd.grad(loss, corners)[0]

    expected = gradient(CUTS["all"])
    assert (expected != 0).flatten(1).any(1).sum() > 10
    for name in ("images", "rows", "pixels"):
        bound = 1e-12 * expected.abs().max().item()
        assert_close(gradient(CUTS[name]), expected, rtol=0, atol=bound)
    assert torch.equal(gradient(CUTS["rows"]), gradient(CUTS["rows"]))


def pieces_of(cuts: list[int]) -> list[Piece]:
    """Of ranges, cut further where they are no whole images or rows, and no part of a row."""
    bounds = set(cuts)
    for first, last in pairwise(cuts):
        if first % N_PIXELS or last % N_PIXELS:
            bounds |= {i for i in range(first, last) if i % N_PIXELS == 0}
            if first % SIZE[1] or last % SIZE[1]:
                bounds |= {i for i in range(first, last) if i % SIZE[1] == 0}
    return [Piece(first, last, SIZE) for first, last in pairwise(sorted(bounds))]


def blended(
    dtype: torch.dtype, device: str, cuts: list[int], faces: int, settings: dict[str, Any]
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The picture (pixels, C + 1), gradients to what each fragment is, and to the scales and the background."""
    corners, face_offsets = three_images(dtype, device, faces)
    scales = {"dist_scale": torch.tensor([0.02, 0.01, 0.03]), "gamma": torch.tensor([0.2, 0.1, 0.3])}
    scales = {name: x.to(device, dtype).requires_grad_() for name, x in scales.items()}
    meshes = ProjectedMeshes(corners, face_offsets, SIZE, RenderSettings(**{**BASE, **settings, **scales}))
    background = torch.tensor([[0.1, 0.9], [0.5, 0.4], [0.7, 0.2]], dtype=dtype, device=device, requires_grad=True)
    counted = meshes.count_fragments()
    rows, found, values = [], [], []
    for piece in pieces_of(cuts):
        part = counted.find_in(piece.first, piece.last)
        part = part._replace(depth=part.depth.requires_grad_(), distance2=part.distance2.requires_grad_())
        value = (part.weights[:, :2] * part.depth.detach()[:, None]).requires_grad_()
        image, alpha, *_ = meshes.blend_fragments(part, value, piece, background)
        assert image is not None and alpha is not None
        rows.append(torch.cat([image, alpha[:, None]], 1).permute(0, 2, 3, 1).flatten(0, 2))
        found.append(part)
        values.append(value)
    picture = torch.cat(rows)
    weights = torch.arange(picture.numel(), dtype=dtype, device=device).sin().view_as(picture)
    own = [x for x in (*values, *(f.depth for f in found), *(f.distance2 for f in found)) if len(x)]
    shared = [*scales.values(), background]
    gradients = torch.autograd.grad((picture * weights).sum(), [*own, *shared])
    of_fragments = [torch.cat([g.flatten() for g in gradients[: len(own)]])]
    if len(rows) > 1:  # value by value, then depths, then distances
        n = len(own) // 3
        of_fragments = [torch.cat([g.flatten() for k in range(3) for g in gradients[k * n : (k + 1) * n]])]
    return picture.detach(), of_fragments, list(gradients[len(own) :])


@DEVICES
@pytest.mark.parametrize("cuts", ["images", "rows", "pixels"])
@pytest.mark.parametrize("settings", t_conorm_settings(), ids=label)
def test_ranges_blend_as_the_whole(settings: dict[str, Any], cuts: str, device: str) -> None:
    for dtype in (torch.float32, torch.float64):
        picture, of_fragments, shared = blended(dtype, device, CUTS["all"], 14, settings)
        got, of_got, shared_got = blended(dtype, device, CUTS[cuts], 14, settings)
        assert torch.equal(got, picture)
        assert all(map(torch.equal, of_got, of_fragments))
        for a, b in zip(shared_got, shared, strict=True):
            bound = max(1.0, b.abs().max().item()) * (1e-12 if dtype == torch.float64 else 1e-5)
            assert_close(a, b, rtol=0, atol=bound)


@DEVICES
@pytest.mark.parametrize("t_conorm", ["probabilistic", "max", "einstein", "yager"])
def test_pixels_of_many_fragments(t_conorm: str, device: str) -> None:
    """More than the core blends at a time (256): where they are divided does not depend on the pixels before."""
    settings = {"t_conorm": t_conorm, "t_conorm_p": 2.0 if t_conorm == "yager" else None, "near": 1.0, "far": 6.0}
    corners, face_offsets = three_images(torch.float32, device, 1500)
    counts = count_fragments(corners, SIZE, face_offsets, RenderSettings(**{**BASE, **settings})).offsets.diff()
    assert (counts > 256).sum() > 30 and ((counts > 0) & (counts < 256)).sum() > 30
    picture, of_fragments, _ = blended(torch.float32, device, CUTS["all"], 1500, settings)
    got, of_got, _ = blended(torch.float32, device, CUTS["pixels"], 1500, settings)
    assert torch.equal(got, picture) and all(map(torch.equal, of_got, of_fragments))


@DEVICES
def test_scales_and_backgrounds_that_do_not_fit(device: str) -> None:
    """Not even where a piece needs but one of their rows."""
    corners, face_offsets = three_images(torch.float32, device)
    piece = Piece(0, 10, SIZE)
    for name in ("dist_scale", "gamma"):
        settings = RenderSettings(**{**BASE, name: torch.full((2,), 0.1, device=device)})
        meshes = ProjectedMeshes(corners, face_offsets, SIZE, settings)
        part = ProjectedMeshes(corners, face_offsets, SIZE, RenderSettings(**BASE)).count_fragments().find_in(0, 10)
        with pytest.raises(ValueError, match=rf"{name} must have 1 entry or one for each image \(3\), got 2"):
            meshes.blend_fragments(part, part.weights, piece)


@DEVICES
def test_ranges_outside_the_images_are_refused(device: str) -> None:
    corners, face_offsets = three_images(torch.float32, device)
    settings = RenderSettings(**BASE)
    scene = {"face_vertices": corners, "face_offsets": face_offsets, "size": [3, *SIZE], "ints": settings.packed[0],
             "floats": settings.packed[1]}  # fmt: skip
    offsets, workspace = call_op("count_fragments", **scene)
    for first, n in ((-1, 3), (3 * N_PIXELS - 1, 2), (3 * N_PIXELS + 1, 0)):
        with pytest.raises(ValueError, match="the range of pixels must be within the images"):
            call_op(
                "list_fragments", **scene, workspace=workspace, offsets=offsets[: n + 1], first=first, n_fragments=0
            )


def test_opcheck() -> None:
    corners, face_offsets = three_images(torch.float64, "cpu")
    settings = RenderSettings(**BASE).packed
    arguments = (corners.requires_grad_(), None, face_offsets)
    # What AOT makes of it is not compared: some bytes of the workspace are nobody's.
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(
        torch.ops.gendr_adapters.count_fragments, (*arguments, [3, *SIZE], *settings), test_utils=checks
    )
    offsets, workspace = torch.ops.gendr_adapters.count_fragments(*arguments, [3, *SIZE], *settings)
    part = offsets[150:401] - offsets[150]
    call = (*arguments, workspace, part, 150, int(part[-1]), [3, *SIZE], *settings)
    assert call[6] > 100
    torch.library.opcheck(torch.ops.gendr_adapters.list_fragments, call)
