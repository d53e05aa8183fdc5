"""GenDRRasterizer and rasterize_meshes against PyTorch3D's compiled rasteriser, by its golden numbers."""

from typing import Any

import numpy as np
import pytest
import torch
from golden_fragments import FragmentsCase, fragments_cases
from golden_noise import MANY_TIES, clips, exact_depth, is_smooth, leaf_meshes, perspective_of, rounding
from pytorch3d.renderer import FoVPerspectiveCameras, MeshRasterizer, RasterizationSettings
from pytorch3d.renderer.mesh.rasterizer import Fragments
from pytorch3d.structures import Meshes
from real_pytorch3d import NEEDS_COMPILED_OPS
from torch import Tensor

from gendr_adapters.pytorch3d import GenDRRasterizer, rasterize_meshes

CASES = fragments_cases()


def through_the_rasterizer(case: FragmentsCase, **changes: Any) -> Fragments:
    meshes, _ = leaf_meshes(case)
    return GenDRRasterizer(case.cameras(), RasterizationSettings(**{**case.settings, **changes}))(meshes)


def through_the_function(case: FragmentsCase) -> Fragments:
    """On the golden vertices in NDC."""
    counts = list(map(len, case.meshes.verts))
    in_ndc = Meshes(
        list(torch.from_numpy(case.verts_ndc).split(counts)), list(map(torch.from_numpy, case.meshes.faces))
    )
    settings = {**case.settings, "perspective_correct": perspective_of(case), "clip_barycentric_coords": clips(case)}
    return Fragments(*rasterize_meshes(in_ndc, **settings))


def on_edges(case: FragmentsCase, ours: Fragments) -> Tensor:
    """(N, H, W) bool, pixels exactly on an edge of a face. With blur radius 0 PyTorch3D leaves the face out there, and
    we do not, or meshes would have holes."""
    if case.settings["blur_radius"] > 0:
        return torch.zeros(ours.pix_to_face.shape[:3], dtype=torch.bool)
    found = ((ours.dists == 0) & (ours.pix_to_face >= 0)).any(3)
    assert int(found.sum()) <= 1e-2 * found.numel()
    return found


def shaped_like(pixels: Tensor, values: Tensor) -> Tensor:
    return pixels.reshape(*pixels.shape, *[1] * (values.dim() - 3))


def compare(case: FragmentsCase, ours: Fragments) -> int:
    """How many slots have another face than PyTorch3D's; fails unless that is all there is, and they are ties."""
    golden = {name: torch.from_numpy(value) for name, value in vars(case.expected).items()}
    for name, value in golden.items():
        assert getattr(ours, name).shape == value.shape and getattr(ours, name).dtype == value.dtype
    on_edge = on_edges(case, ours)
    names = ("pix_to_face", "zbuf", "bary_coords", "dists")
    tensors = [getattr(ours, name).detach() for name in names]
    ours = Fragments(*(x.masked_fill(shaped_like(on_edge, x), -1) for x in tensors))
    golden = {name: x.masked_fill(shaped_like(on_edge, x), -1) for name, x in golden.items()}
    index, golden_index = ours.pix_to_face, golden["pix_to_face"]
    occupied = golden_index >= 0
    assert torch.equal(index >= 0, occupied)
    for value in (ours.zbuf, ours.dists, ours.bary_coords, index):
        assert (value[~occupied] == -1).all()
    zbuf, dists, bary = (getattr(ours, name).detach()[occupied] for name in ("zbuf", "dists", "bary_coords"))
    expected_zbuf, expected_bary = golden["zbuf"][occupied], golden["bary_coords"][occupied]
    noise = rounding(torch.maximum(expected_bary.abs(), bary.abs()))

    # Which of two faces of one depth comes first, rounding decides; nothing else.
    other = index[occupied] != golden_index[occupied]
    n_pixels = case.settings["image_size"][0] * case.settings["image_size"][1]
    pixel = (torch.arange(index[..., 0].numel()) % n_pixels).view(index.shape[:3])[..., None].expand(index.shape)
    pixel = pixel[occupied][other]
    tie = [exact_depth(case, pixel, faces[occupied][other]) for faces in (index, golden_index)]
    assert ((tie[0] - tie[1]).abs() <= (1e-6 + 2 * noise[other]) * tie[1].abs() + 10 * noise[other]).all()

    # Slivers, not clipped, may be off by more: case 053 has one such pair.
    few = 1e-3 * len(other)
    off = (zbuf - expected_zbuf).abs() > 1e-4 * expected_zbuf.abs() + noise * (expected_zbuf.abs() + 10)
    assert int(off.sum()) <= few
    bary, expected_bary, noise = bary[~other], expected_bary[~other], noise[~other]
    off = ((bary - expected_bary).abs() > 2e-3 + (noise * expected_bary.abs().sum(1))[:, None]).any(1)
    assert int(off.sum()) <= few
    expected_dists = golden["dists"][occupied][~other]
    assert ((dists[~other] - expected_dists).abs() <= 1e-4 * expected_dists.abs() + 1e-6).all()
    return int(other.sum())


@pytest.mark.parametrize("rasterise", [through_the_rasterizer, through_the_function])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_fragments(case: FragmentsCase, rasterise: Any) -> None:
    others = compare(case, rasterise(case))
    occupied = (case.expected.pix_to_face >= 0).sum()
    # One tie is in two slots.
    assert others <= max(2, (0.5 if case.id.startswith(MANY_TIES) else 1e-3) * occupied)


def test_golden_cases_have_horizons_and_ties_but_mostly_not() -> None:
    """What `compare` excuses is little: else it would show nothing."""
    slots = sum(int((case.expected.pix_to_face >= 0).sum()) for case in CASES)
    bary = torch.cat([torch.from_numpy(case.expected.bary_coords).view(-1, 3) for case in CASES])
    assert slots > 90_000 and int((rounding(bary) > 1e-4).sum()) < 5e-3 * slots


def gradient_of(case: FragmentsCase, moved: int = 0) -> Tensor:
    """Of the golden's loss over its slots that have the same face here, to the vertices of all meshes."""
    meshes, verts = leaf_meshes(case, moved)
    # Weights go with pixel and face, and there is room behind the last slot, so that ties do not matter.
    settings = {**case.settings, "faces_per_pixel": case.settings["faces_per_pixel"] + 6}
    ours = GenDRRasterizer(case.cameras(), RasterizationSettings(**settings))(meshes)
    n_faces = int(case.meshes.face_offsets[-1]) + 1

    def keys(pix_to_face: Tensor) -> Tensor:
        pixel = torch.arange(pix_to_face[..., 0].numel())[:, None]
        return (pixel * n_faces + pix_to_face.flatten(0, 2)).flatten()

    golden = torch.from_numpy(case.expected.pix_to_face)
    ours_sorted, order = keys(ours.pix_to_face).sort()
    theirs = (golden.flatten() >= 0).nonzero()[:, 0]
    wanted = keys(golden)[theirs]
    at = torch.searchsorted(ours_sorted, wanted).clamp(max=len(ours_sorted) - 1)
    there = ours_sorted[at] == wanted
    theirs, mine = theirs[there], order[at[there]]

    def total(values: Tensor, weights: np.ndarray) -> Tensor:
        flat = torch.from_numpy(weights).flatten(0, 3)[theirs]
        return (values.flatten(0, 3)[mine] * flat).sum()

    loss = total(ours.zbuf, case.w_zbuf) + total(ours.bary_coords, case.w_bary) + 50 * total(ours.dists, case.w_dists)
    return torch.cat(torch.autograd.grad(loss, verts, allow_unused=True, materialize_grads=True))


def test_gradients() -> None:
    """The golden ones, but for at most a quarter of the cases, whose gradients say nothing."""
    others = []
    for case in CASES:
        expected = torch.from_numpy(np.concatenate(case.grad_verts))
        if (gradient_of(case) - expected).abs().max() > 1e-3 * expected.abs().max():
            others.append(case)
    assert len(others) <= 15
    assert not [case for case in others if is_smooth(case, gradient_of)]


@pytest.mark.parametrize("case", [CASES[0], CASES[13], CASES[33], CASES[5], CASES[16]], ids=str)
def test_all_faces(case: FragmentsCase) -> None:
    """faces_per_pixel=None: as many as there are at the pixel that has most; the first K of them are the K-limited
    view."""
    some, every = through_the_rasterizer(case), through_the_rasterizer(case, faces_per_pixel=None)
    most = every.pix_to_face.shape[-1]
    assert most == max(1, int((every.pix_to_face >= 0).sum(-1).max()))
    shared = min(most, case.settings["faces_per_pixel"])
    for name in ("pix_to_face", "zbuf", "bary_coords", "dists"):
        values = getattr(some, name)
        assert torch.equal(values[:, :, :, :shared], getattr(every, name)[:, :, :, :shared])
        assert (values[:, :, :, shared:] == -1).all()
    if case.scene != "behind":
        fewer = through_the_rasterizer(case, faces_per_pixel=most - 1)
        assert torch.equal(fewer.pix_to_face, every.pix_to_face[..., :-1])


@pytest.mark.parametrize("k", [200, 400, None])
def test_hundreds_of_faces_at_a_pixel(k: int | None) -> None:
    """400 triangles, one behind the other, listed from the farthest to the nearest: PyTorch3D takes 150 on CUDA."""
    depths = torch.linspace(5.0, 2.0, 400)
    triangle = torch.tensor([[3.0, -3.0], [0.0, 4.0], [-3.0, -3.0]])
    verts = torch.cat([triangle.expand(400, 3, 2), depths[:, None, None].expand(400, 3, 1)], 2).reshape(-1, 3)
    mesh = Meshes([verts], [torch.arange(1200).view(-1, 3)])
    fragments = GenDRRasterizer(FoVPerspectiveCameras(), RasterizationSettings(8, 0.0, k))(mesh)
    assert fragments.pix_to_face.shape == (1, 8, 8, k or 400)
    assert torch.equal(fragments.pix_to_face[0, 4, 4], torch.arange(399, -1, -1)[: k or 400])
    torch.testing.assert_close(fragments.zbuf[0, 4, 4], depths.flip(0)[: k or 400])


def test_one_camera_for_many_meshes_and_bins_without_effect() -> None:
    case = CASES[0]
    (verts,), (faces,) = (list(map(torch.from_numpy, x)) for x in (case.meshes.verts, case.meshes.faces))
    meshes, settings = Meshes([verts, verts + 0.1], [faces, faces]), {**case.settings, "faces_per_pixel": 4}
    both = GenDRRasterizer(case.cameras(), RasterizationSettings(**settings))(meshes)
    binned = RasterizationSettings(**settings, bin_size=0, max_faces_per_bin=1)
    for i in range(2):
        alone = GenDRRasterizer(case.cameras(), binned)(meshes[i])
        assert torch.equal(both.zbuf[i], alone.zbuf[0]) and torch.equal(both.dists[i], alone.dists[0])
        moved = torch.where(alone.pix_to_face < 0, -1, alone.pix_to_face + i * len(faces))
        assert torch.equal(both.pix_to_face[i], moved[0])
    assert not torch.equal(both.zbuf[0], both.zbuf[1])


def test_equal_depths_come_by_face_number() -> None:
    corners = torch.tensor([[1.0, -1.0, 2.0], [0.0, 1.0, 2.0], [-1.0, -1.0, 2.0]])
    mesh = Meshes([corners], [torch.tensor([[0, 1, 2]] * 4)])
    pix_to_face, *_ = rasterize_meshes(mesh, 5, faces_per_pixel=3)
    assert pix_to_face[0, 2, 2].tolist() == [0, 1, 2]


@NEEDS_COMPILED_OPS
def test_fragments_are_those_of_the_compiled_rasterizer() -> None:
    for case in CASES:
        theirs = MeshRasterizer(case.cameras(), RasterizationSettings(**case.settings))(leaf_meshes(case)[0])
        others = through_the_rasterizer(case).pix_to_face != theirs.pix_to_face
        few = 0.5 if case.id.startswith(MANY_TIES) else 1e-3
        assert int(others.sum()) <= few * int((theirs.pix_to_face >= 0).sum())
