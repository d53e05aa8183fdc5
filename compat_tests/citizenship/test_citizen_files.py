"""What is read from files is float32, whatever torch's default dtype; what is written does not depend on it, nor on the
default device."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from public_cases import FACES, STRIP
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gendr_adapters import data, redner, softras

pytest.importorskip("PIL", reason="pictures need Pillow")


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def load(**options: Any) -> tuple[Any, ...]:
    return softras.functional.load_obj(data.path("spot.obj"), load_texture=True, texture_res=2, **options)


def coloured(folder: Path) -> Path:
    """Materials of colours and of a picture, a face with none."""
    picture = redner.imread(data.path("spot_texture.png"))[:3, :4]
    redner.imwrite(picture, folder / "a.png")
    (folder / "a.mtl").write_text("newmtl c\nKd 1 0.5 0\nnewmtl p\nmap_Kd -s 2 2 -o 0.1 0 a.png\n")
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 0.4 0\nvt 0 0.4\n"
    (folder / "a.obj").write_text(f"mtllib a.mtl\n{corners}f 1/1 2/2 3/3\nusemtl c\nf 1 2 3\nusemtl p\nf 1/1 2/2 3/3\n")
    return folder / "a.obj"


READERS: dict[str, Callable[[Path], Any]] = {
    "surface": lambda folder: load(),
    "surface of colours": lambda folder: softras.functional.load_obj(coloured(folder), True, True, 2),
    "uv": lambda folder: load(texture_type="uv"),
    "uv of colours": lambda folder: softras.functional.load_obj(coloured(folder), True, True, texture_type="uv"),
    "Mesh": lambda folder: [
        getattr(softras.Mesh.from_obj(coloured(folder), load_texture=True, texture_res=2), name)
        for name in ("vertices", "textures", "surface_normals")
    ],
    "redner": lambda folder: [vars(mesh) for _, mesh in redner.load_obj(data.path("spot.obj"))[1]],
    "imread": lambda folder: redner.imread(data.path("spot_texture.png")),
}


def tensors(value: Any) -> list[Tensor]:
    return [x for x in tree_leaves(value) if isinstance(x, Tensor)]


@pytest.mark.parametrize("name", READERS)
def test_files_are_read_as_float32(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    expected = tensors(READERS[name](tmp_path))
    request.getfixturevalue("double")
    found = tensors(READERS[name](tmp_path))
    assert expected and torch.float32 in {x.dtype for x in found}
    assert [x.dtype for x in found] == [x.dtype for x in expected]
    assert all(map(torch.equal, found, expected))


def written(folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    vertices = FACES.reshape(-1, 3)
    softras.functional.save_obj(folder / "plain.obj", vertices, STRIP)
    softras.functional.save_obj(folder / "surface.obj", vertices, STRIP, vertices[:34, None].sigmoid(), 4)
    softras.functional.save_voxel(folder / "voxel.obj", (FACES[:3] > 0).int())
    redner.imwrite(FACES.sigmoid(), folder / "picture.png")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_files_are_written_alike(tmp_path: Path, double: None) -> None:
    torch.set_default_dtype(torch.float32)
    expected = written(tmp_path / "a")
    torch.set_default_dtype(torch.float64)
    with torch.device("meta"):
        found = written(tmp_path / "b")
    assert len(expected) >= 5 and found == expected
