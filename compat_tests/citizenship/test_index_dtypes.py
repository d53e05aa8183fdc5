"""Indices of int32 are as good as those of int64, in every public function that takes some."""

import public_cases
import pytest
import torch
from public_cases import FACES, SETTINGS, SIZE, STRIP, Case, params, points
from test_public_cases import assert_same, outcome
from torch import Tensor

from gendr_adapters import Fragments, TextureMaps, blend_fragments, find_fragments, gendr, render

INDICES = ("APART", "STRIP", "NOTHING_SELECTED")
OFFSETS = torch.tensor([0, 5, 12])


@params()
def test_public_indices_of_int32(public: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = outcome(public, FACES)
    for name in INDICES:
        monkeypatch.setattr(public_cases, name, getattr(public_cases, name).int())
    assert_same(outcome(public, FACES), expected)


def images(offsets: Tensor) -> list[Tensor]:
    rendered = render(FACES, SIZE, FACES, offsets, SETTINGS)
    return [rendered.image, rendered.alpha]


def fragments(offsets: Tensor) -> list[Tensor]:
    return [*find_fragments(FACES, SIZE, offsets, SETTINGS)]


def blended(offsets: Tensor) -> list[Tensor]:
    """Both of its offsets."""
    found = find_fragments(FACES, SIZE, OFFSETS, SETTINGS)
    own = Fragments(found.offsets.to(offsets.dtype), *found[1:])
    settings = SETTINGS.replace(t_conorm="sum")
    return [blend_fragments(own, None, SIZE, settings, face_offsets=offsets, outputs=("alpha",)).alpha]


def mapped(index: Tensor) -> list[Tensor]:
    textures = TextureMaps(FACES[:3].reshape(3, 3, 3, 1), FACES[..., :2], index)
    return [render(FACES, SIZE, textures, settings=SETTINGS).image]


def losses(faces: Tensor) -> list[Tensor]:
    x = points(FACES)
    return [gendr.LaplacianLoss(x[0], faces)(x), gendr.FlattenLoss(faces)(x)]


@pytest.mark.parametrize(
    ("call", "index"),
    [(images, OFFSETS), (fragments, OFFSETS), (blended, OFFSETS), (mapped, torch.arange(12) % 3), (losses, STRIP)],
)
def test_indices_of_int32(call: object, index: Tensor) -> None:
    assert callable(call)
    assert_same(call(index.int()), call(index))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int16, torch.float32], ids=str)
def test_indices_of_other_types_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match="map_index must be an int64 or int32 tensor, got " + str(dtype)):
        mapped(torch.zeros(12, dtype=dtype))
    with pytest.raises(TypeError, match="face_offsets must be an int64 or int32 tensor, got " + str(dtype)):
        fragments(OFFSETS.to(dtype))
