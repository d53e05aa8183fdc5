"""GenDRFragments: PyTorch3D's dataclass, worked out when it is read."""

import copy
import dataclasses
from typing import Any

import pytest
import torch
from door_scenes import SIZE, cameras_of, lights_of, settings_of, two_meshes
from pytorch3d.renderer.mesh.rasterizer import Fragments
from torch import Tensor

import gendr_adapters.pytorch3d._fragments as door_fragments
from gendr_adapters._projected_meshes import ProjectedMeshes
from gendr_adapters.pytorch3d import (
    GenDRDepthShader,
    GenDRFragments,
    GenDRGouraudShader,
    GenDRPhongShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
)

NAMES = ("pix_to_face", "zbuf", "bary_coords", "dists")


def fragments_of(k: int | None = 6, **settings: Any) -> tuple[GenDRFragments, list[Tensor]]:
    meshes, leaves = two_meshes()
    return GenDRRasterizer(cameras_of(), settings_of(faces_per_pixel=k, **settings))(meshes), leaves


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often fragments were found, and made dense."""
    owners = {"count_fragments": ProjectedMeshes, "dense_view": door_fragments}
    calls = dict.fromkeys(owners, 0)

    def counted(name: str, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            return function(*args, **kwargs)

        return call

    for name, owner in owners.items():
        monkeypatch.setattr(owner, name, counted(name, getattr(owner, name)))
    return calls


def test_reading_computes_once(counts: dict[str, int]) -> None:
    fragments, _ = fragments_of()
    assert repr(fragments) == "GenDRFragments(2 images of (20, 24))" and len(fragments.meshes) == 2
    assert isinstance(fragments, Fragments) and not any(counts.values())
    first = fragments.zbuf
    assert counts == {"count_fragments": 0, "dense_view": 1}
    assert fragments.zbuf is first and fragments.dists.shape == first.shape
    assert torch.equal(fragments.compact().zbuf >= 0, fragments.compact().pix_to_face >= 0)
    assert counts == {"count_fragments": 1, "dense_view": 1}


@pytest.mark.parametrize("name", NAMES)
def test_any_field_first(name: str) -> None:
    fragments, other = fragments_of()[0], fragments_of()[0]
    assert torch.equal(getattr(fragments, name), getattr(other, name))
    for each in NAMES:
        tail = (3,) if each == "bary_coords" else ()
        assert getattr(fragments, each).shape == (2, *SIZE, 6, *tail)


def test_fragments_of_all_faces_are_counted_first(counts: dict[str, int]) -> None:
    fragments, _ = fragments_of(None)
    most = int(fragments.found.offsets.diff().max())
    assert fragments.zbuf.shape[-1] == most and (fragments.pix_to_face[..., -1] >= 0).any()
    assert counts == {"count_fragments": 1, "dense_view": 1}


def test_fragments_are_a_dataclass() -> None:
    fragments, _ = fragments_of()
    assert [field.name for field in dataclasses.fields(fragments)] == list(NAMES)
    assert {field.name for field in dataclasses.fields(GenDRFragments)} == set(NAMES)
    plain = dataclasses.asdict(fragments.detach())
    assert list(plain) == list(NAMES) and all(torch.equal(plain[name], getattr(fragments, name)) for name in NAMES)
    with pytest.raises(dataclasses.FrozenInstanceError):
        fragments.zbuf = fragments.dists
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        fragments.nothing_of_the_kind  # noqa: B018


def test_replace_makes_one_by_hand() -> None:
    fragments, _ = fragments_of()
    moved = dataclasses.replace(fragments, zbuf=fragments.zbuf + 1)
    assert type(moved) is GenDRFragments and torch.equal(moved.zbuf, fragments.zbuf + 1)
    assert moved.dists is fragments.dists
    assert repr(moved).startswith("GenDRFragments(pix_to_face=tensor(")
    for use in (lambda: moved.meshes, lambda: moved.found, moved.compact):
        with pytest.raises(ValueError, match="made by hand.*pass our shaders what GenDRRasterizer returned"):
            use()
    meshes, _ = two_meshes()
    for shader in (GenDRSilhouetteShader, GenDRGouraudShader, GenDRPhongShader, GenDRDepthShader):
        with pytest.raises(ValueError, match="made by hand"):
            shader(cameras=cameras_of(), lights=lights_of())(moved, meshes)
    assert torch.equal(moved.detach().zbuf, moved.zbuf) and not moved.detach().zbuf.requires_grad


@pytest.mark.parametrize("read_before", [True, False])
def test_detach(read_before: bool, counts: dict[str, int]) -> None:
    """No graph behind it, whether or not it was worked out before; nothing is computed for it."""
    fragments, _ = fragments_of()
    if read_before:
        fragments.zbuf  # noqa: B018
    before = dict(counts)
    detached = fragments.detach()
    assert isinstance(detached, GenDRFragments) and counts == before
    assert fragments.zbuf.requires_grad
    for name in NAMES:
        assert torch.equal(getattr(detached, name), getattr(fragments, name))
        assert not getattr(detached, name).requires_grad
    assert not detached.compact().zbuf.requires_grad and not detached.meshes.face_vertices.requires_grad
    assert counts["dense_view"] == (1 if read_before else 2)
    image = GenDRSilhouetteShader()(detached, two_meshes()[0])
    assert not image.requires_grad and image[..., 3].max() > 0.9


def test_copies() -> None:
    fragments, _ = fragments_of()
    unread = copy.copy(fragments)
    assert isinstance(unread, GenDRFragments) and unread.meshes is fragments.meshes
    assert torch.equal(unread.zbuf, fragments.zbuf)
    assert copy.copy(fragments).zbuf is fragments.zbuf
    deep = copy.deepcopy(fragments.detach())
    assert torch.equal(deep.zbuf, fragments.zbuf) and deep.zbuf is not fragments.zbuf


@pytest.mark.parametrize("k", [1, 6, None])
def test_compact_has_all_faces(k: int | None) -> None:
    """The fragments of the dense view without K, and -1 behind."""
    compact, dense = fragments_of(k)[0].compact(), fragments_of(None)[0]
    assert type(compact) is Fragments
    numbers = [int((dense.pix_to_face[i] >= 0).sum()) for i in range(2)]
    assert numbers[0] != numbers[1]
    for name in NAMES:
        values, tail = getattr(compact, name), (3,) if name == "bary_coords" else ()
        assert values.shape == (2, 1, max(numbers), 1, *tail)
        for i in range(2):
            ours, all_of_them = values[i, 0, : numbers[i], 0], getattr(dense, name)[i][dense.pix_to_face[i] >= 0]
            assert torch.equal(ours.flatten().sort().values, all_of_them.flatten().sort().values)
            assert (values[i, 0, numbers[i] :] == -1).all()
    assert compact.pix_to_face.dtype == torch.int64 and compact.zbuf.requires_grad


def test_compact_of_nothing() -> None:
    meshes, _ = two_meshes()
    away = meshes.offset_verts(
        torch.tensor([0.0, 50.0, 0.0], dtype=torch.float64).expand(len(meshes.verts_packed()), 3)
    )
    fragments = GenDRRasterizer(cameras_of(), settings_of(faces_per_pixel=None))(away)
    assert len(fragments.found.pixel) == 0
    for one in (fragments.compact(), fragments):
        assert (one.pix_to_face == -1).all() and (one.bary_coords == -1).all()
    assert fragments.compact().zbuf.shape == (2, 1, 1, 1) and fragments.zbuf.shape == (2, *SIZE, 1)
    fragments.zbuf.sum().backward()


def test_our_shaders_refuse_other_fragments() -> None:
    fragments, _ = fragments_of()
    plain = Fragments(**{name: getattr(fragments, name) for name in NAMES})
    with pytest.raises(TypeError, match="fragments must come from a GenDRRasterizer, got Fragments"):
        GenDRSilhouetteShader()(plain, two_meshes()[0])
