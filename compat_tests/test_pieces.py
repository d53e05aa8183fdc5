"""How pixels are divided into pieces, and how much memory these may take."""

import types
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gendr_adapters import RenderSettings, _max_memory, gather_corners
from gendr_adapters._counted_fragments import count_fragments
from gendr_adapters._fragment_memory import bytes_of_a_fragment
from gendr_adapters._max_memory import bytes_allowed, check_max_memory
from gendr_adapters._pieces import Piece, divide
from gendr_adapters._projected_meshes import ProjectedMeshes
from gendr_adapters._shading_in_pieces import pieces_for, shade_in_pieces, tensors_in
from gendr_adapters.fragments import Fragments

CPU, GIB = torch.device("cpu"), 1 << 30


@pytest.mark.parametrize("most", [1, 7, 20, 40, 100, 300, 10_000])
@pytest.mark.parametrize("density", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("size", [(4, 5), (1, 20), (20, 1), (1, 1)])
def test_pieces_cover_all_pixels(size: tuple[int, int], density: float, most: int) -> None:
    """One after the other, none too large but single pixels; whole images, rows or pixels of a row, as many as fit."""
    n_pixels, n_images = size[0] * size[1], 6
    counts = torch.poisson(torch.full((n_images * n_pixels,), density), generator=torch.Generator().manual_seed(1))
    counts[len(counts) // 2] = 50 * (density > 0)
    offsets = torch.cat([torch.zeros(1), counts.cumsum(0)]).long()
    pieces = divide(offsets, size, most)
    assert pieces[0].first == 0 and pieces[-1].last == len(counts)
    assert all(a.last == b.first for a, b in pairwise(pieces))

    def fits(first: int, last: int) -> bool:
        return last <= len(counts) and int(offsets[last] - offsets[first]) <= most

    for piece in pieces:
        first, last, width = piece.first, piece.last, size[1]
        assert fits(first, last) or last == first + 1
        height_now, width_now = piece.image_size
        if piece.whole:
            assert piece.image_size == size and not fits(first, last + n_pixels)
            continue
        assert piece.images.stop == piece.images.start + 1 and height_now * width_now == last - first
        if width_now == width and first % width == 0:
            assert last % n_pixels == 0 or not fits(first, last + width)
        else:
            assert height_now == 1 and first // width == (last - 1) // width
            assert last % width == 0 or not fits(first, last + 1)


def test_rows_of_a_piece() -> None:
    rows, size = torch.arange(5), (4, 5)
    whole, part = Piece(20, 60, size), Piece(26, 29, size)
    assert whole.whole and whole.image_size == size and torch.equal(whole.rows(rows), rows[1:3])
    assert not part.whole and torch.equal(part.rows(rows), rows[1:2])
    assert part.image_size == (1, 3) and part.in_image == slice(6, 9)
    assert Piece(25, 35, size).image_size == (2, 5)
    for single in (torch.ones(1), torch.tensor(3.0), None, 0.5):
        assert part.rows(single) is single


def scene(n_channels: int) -> tuple[Any, Any]:
    """Counted fragments, and a function that shades them and keeps about n_channels numbers of each."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(40, 3, 3, generator=generator, dtype=torch.float64) * 1.6 - 0.8
    corners[..., 2] += 3
    counted = count_fragments(corners, 16, settings=RenderSettings(reach=0.3, min_coverage=0.0))
    weights = torch.rand(3, n_channels, generator=generator, dtype=torch.float64, requires_grad=True)

    def shade(piece: Piece, found: Fragments) -> Tensor:
        values = (found.weights @ weights).exp().sum(1)  # exp keeps its result
        sums = values.new_zeros(piece.last - piece.first)
        return sums.index_add(0, found.pixel - piece.first, values)[:, None]

    return counted, shade


def test_memory_of_a_fragment() -> None:
    counted, shade = scene(500)
    kept = bytes_of_a_fragment(counted, (16, 16), shade)
    assert 1.25 * 8 * 500 < kept < 1.3 * 8 * 500 + 100
    with torch.no_grad():
        assert bytes_of_a_fragment(counted, (16, 16), shade) == kept
    with torch.inference_mode():
        assert bytes_of_a_fragment(counted, (16, 16), shade) == 2048


def test_few_fragments_are_not_measured() -> None:
    counted, _ = scene(500)

    def refuse(piece: Piece, found: Fragments) -> Tensor:
        raise AssertionError("shaded all the same")

    assert pieces_for(counted, (16, 16), refuse, GIB) == [Piece(0, 256, (16, 16))]
    with pytest.raises(AssertionError, match="shaded all the same"):
        pieces_for(counted, (16, 16), refuse, 100_000)


def test_pieces_are_made_once_in_each_direction() -> None:
    """Each piece is made once in forward, and once in backward, in reverse order."""
    counted, shade = scene(20)
    pieces, made = [Piece(0, 96, (16, 16)), Piece(96, 256, (16, 16))], []

    def watched(piece: Piece, found: Fragments) -> Tensor:
        made.append(piece.first)
        return shade(piece, found)

    picture = shade_in_pieces(counted, pieces, watched, [])
    assert made == [0, 96] and torch.allclose(picture, shade(Piece(0, 256, (16, 16)), counted.find()))
    picture.sum().backward()
    assert made == [0, 96, 96, 0]


def test_tensors_in_what_objects_hold() -> None:
    a, b, c, d = (torch.zeros(i) for i in range(4))
    net = torch.nn.Linear(2, 2)
    thing = types.SimpleNamespace(tensor=a, several=[b, {"c": c}], net=net, name="thing")
    assert [id(x) for x in tensors_in(thing, d, None, 5)] == [id(x) for x in (a, b, c, net.weight, net.bias, d)]


@pytest.mark.parametrize(
    "free, allowed",
    [(16 * GIB, 4 * GIB), (31 * GIB, 4 * GIB), (4 * GIB - 1, GIB // 2), (1000, 64 << 20), (0, 64 << 20)],
)
def test_a_quarter_of_what_is_free(free: int, allowed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to a power of two, at least 64 MiB."""
    monkeypatch.setattr(_max_memory, "_available", lambda: free)
    monkeypatch.setattr(_max_memory, "_left_in_cgroups", list)
    assert bytes_allowed(None, CPU) == allowed
    assert bytes_allowed(12345, CPU) == 12345
    monkeypatch.setattr(_max_memory, "_left_in_cgroups", lambda: [8 * GIB, GIB])
    assert bytes_allowed(None, CPU) == min(allowed, GIB // 4)


def test_free_memory_is_known_on_this_machine() -> None:
    assert 0 < _max_memory._available() < 1 << 50
    assert all(left >= 0 for left in _max_memory._left_in_cgroups())


def test_free_memory_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", refuse)
    assert bytes_allowed(None, CPU) == GIB


def test_numbers_of_other_types() -> None:
    assert check_max_memory(torch.tensor(7)) == 7 and check_max_memory(None) is None


@pytest.mark.cuda(real=True)
def test_memory_that_torch_has_reserved_is_free() -> None:
    device = torch.device("cuda")
    before = _max_memory._free(device)
    tensor = torch.zeros(GIB, dtype=torch.uint8, device=device)
    assert before - _max_memory._free(device) >= GIB // 2
    del tensor
    assert _max_memory._free(device) > before - GIB // 2


def test_gather_and_pieces_share_no_state() -> None:
    """Two pictures at a time, backward in either order."""
    vertices = torch.rand(6, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64) + 1
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    leaf = vertices.requires_grad_()

    def draw() -> Tensor:
        counted = count_fragments(gather_corners(leaf, faces), 16, settings=RenderSettings(reach=3.0, min_coverage=0.0))

        def shade(piece: Piece, found: Fragments) -> Tensor:
            sums = found.depth.new_zeros(piece.last - piece.first)
            return sums.index_add(0, found.pixel - piece.first, found.depth * found.distance2)[:, None]

        return shade_in_pieces(counted, [Piece(0, 96, (16, 16)), Piece(96, 256, (16, 16))], shade, [])

    first, second = draw(), draw()
    gradients = [torch.autograd.grad(x.square().sum(), leaf)[0] for x in (second, first)]
    assert torch.equal(*gradients) and gradients[0].any()


def test_parts_of_pictures_larger_than_a_side_may_be() -> None:
    """As pictures of a single row they would be too wide (more than 32768 pixels)."""
    corners = torch.tensor([[[-9.0, -9, 2], [9, -9, 2], [0, 9, 2]]])
    meshes = ProjectedMeshes(corners, torch.tensor([0, 1]), (300, 200), RenderSettings())
    counted = meshes.count_fragments()
    pieces = divide(counted.known_offsets, meshes.image_size, 40_000)
    assert counted.total == 60_000 and [p.image_size for p in pieces] == [(200, 200), (100, 200)]
    for piece in pieces:
        found = counted.find_in(piece.first, piece.last)
        alpha = meshes.blend_fragments(found, found.weights, piece).alpha
        assert alpha is not None and alpha.shape == (1, *piece.image_size) and bool((alpha > 0.99).all())
