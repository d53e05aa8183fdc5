"""`load_obj`: an OBJ file as meshes, materials and what its materials emit."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .._soft_renderer.mtl_files import Material as WrittenMaterial
from .._soft_renderer.mtl_files import materials_of_faces, read_materials
from .._soft_renderer.obj_files import ObjFile, OfCorners, read_obj
from .._soft_renderer.statements import Path
from ._device import get_device
from ._materials import Material
from ._meshes import Object
from ._pictures import read_linear

GREY = 0.5  # of objects without a material


@dataclass
class TriangleMesh:
    """A mesh as `load_obj` returns it.

    indices: (m, 3) int32.
    uv_indices, normal_indices: (m, 3) int32, which uvs and normals the corners have; None where the file has none.
    vertices: (n, 3) float32.
    uvs: (k, 2) float32; None where the file has none.
    normals: (l, 3) float32; None where the file has none.
    """

    indices: Tensor
    uv_indices: Tensor | None
    normal_indices: Tensor | None
    vertices: Tensor
    uvs: Tensor | None
    normals: Tensor | None


def load_obj(
    filename: Path,
    obj_group: bool = True,
    flip_tex_coords: bool = True,
    use_common_indices: bool = False,
    return_objects: bool = False,
    device: torch.device | str | None = None,
) -> Any:
    """Read a Wavefront OBJ file, the MTL files it names and their pictures.

    Args:
        filename: path. Libraries and pictures are looked for beside it.
        obj_group: True: one mesh for each usemtl line; False: one mesh, with the last material.
        flip_tex_coords: replace v by 1 - v, as row 0 of a Texture is at v = 0.
        use_common_indices: make one vertex for each combination of vertex, texture vertex and normal in the file; the
            mesh is then not connected across texture seams.
        return_objects: True: return Objects; those without a material are grey.
        device: where the tensors go, `get_device()` unless given.
    Returns:
        A list of Objects if return_objects, else (material_map, mesh_list, light_map): the Materials by name;
        (material name, TriangleMesh) of each mesh, None as the name before the first usemtl; and by material name the
        emitted light (Ke), (3,), where it is not 0.
    Raises:
        FileNotFoundError: the file, or one that it names, is not there.
        ValueError: a file cannot be read (which, and in which line); some faces of a mesh have texture coordinates or
            normals and others not; a material's picture has an option that moves it (-s, -o, -clamp).
        ImportError: there is a picture to be read, and Pillow is not installed.

    Example:
        >>> import gendr_adapters.redner as pyredner
        >>> from gendr_adapters import data
        >>> (airplane,) = pyredner.load_obj(data.path("airplane.obj"), return_objects=True)
        >>> airplane.vertices.shape, airplane.indices.shape
        (torch.Size([1352, 3]), torch.Size([2700, 3]))
    """
    file = read_obj(filename)
    file.check_normals()
    device = get_device() if device is None else torch.device(device)
    written = read_materials(file)
    names = materials_of_faces(file, written)
    used = list(dict.fromkeys([*(name for _, name in file.uses if name in written), *filter(None, names)]))
    materials = {name: _material(written[name], device) for name in used}
    light = {name: written[name].values.get("ke", (0.0, 0.0, 0.0)) for name in used}
    lights = {name: torch.tensor(ke, dtype=torch.float32, device=device) for name, ke in light.items() if any(ke)}
    meshes = [
        (names[faces[-1]] if obj_group or not file.uses else file.uses[-1][1], mesh.built(flip_tex_coords, device))
        for faces in _groups(file, obj_group)
        for mesh in [_Mesh(file, faces, use_common_indices)]
    ]
    if not return_objects:
        return materials, meshes, lights
    grey = Material(torch.full((3,), GREY, device=device))
    return [
        Object(
            mesh.vertices,
            mesh.indices,
            grey if name is None else materials.get(name, grey),
            light_intensity=None if name is None else lights.get(name),
            uvs=mesh.uvs,
            normals=mesh.normals,
            uv_indices=mesh.uv_indices,
            normal_indices=mesh.normal_indices,
        )
        for name, mesh in meshes
    ]


def _groups(file: ObjFile, obj_group: bool) -> list[list[int]]:
    """The numbers of the faces of each mesh."""
    if not obj_group:
        return [list(range(len(file.faces)))]
    groups: dict[int, list[int]] = {}
    for face, use in enumerate(file.face_uses):
        groups.setdefault(use, []).append(face)
    return list(groups.values())


@dataclass
class _Pool:
    """Rows in the order in which corners first ask for them."""

    numbers: dict[Hashable, int] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)  # in the file

    def number(self, key: Hashable, row: int) -> int:
        if key not in self.numbers:
            self.numbers[key] = len(self.rows)
            self.rows.append(row)
        return self.numbers[key]


class _Mesh:
    """Some faces of a file, whose rows are counted anew."""

    def __init__(self, file: ObjFile, faces: Sequence[int], common: bool) -> None:
        self.file = file
        has_uv = self._have("texture coordinates", file.face_uv, faces)
        has_normals = self._have("normals", file.face_normals, faces)
        kinds: list[tuple[str, Callable[[int], Sequence[Any]]]] = [("vertex", file.faces.__getitem__)]
        kinds += [("uv", file.face_uv.__getitem__)] if has_uv else []
        kinds += [("normal", file.face_normals.__getitem__)] if has_normals else []
        self.pools = {kind: _Pool() for kind, _ in kinds}
        self.indices: dict[str, list[list[int]]] = {kind: [] for kind, _ in kinds}
        for face in faces:
            corners = list(zip(*(of(face) for _, of in kinds), strict=True))
            for i, (kind, _) in enumerate(kinds):
                pool = self.pools[kind]
                self.indices[kind].append([pool.number(c if common else c[i], c[i]) for c in corners])

    def built(self, flip: bool, device: torch.device) -> TriangleMesh:
        file = self.file
        uvs = [(u, 1 - v if flip else v) for u, v in file.texture_vertices]
        vertices, uvs_found, normals = (
            self._rows(kind, values, device)
            for kind, values in (("vertex", file.vertices), ("uv", uvs), ("normal", file.normals))
        )
        indices = (self._indices(kind, device) for kind in ("vertex", "uv", "normal"))
        corners, uv_indices, normal_indices = indices
        assert vertices is not None and corners is not None
        return TriangleMesh(corners, uv_indices, normal_indices, vertices, uvs_found, normals)

    def _rows(self, kind: str, values: Sequence[Any], device: torch.device) -> Tensor | None:
        if kind not in self.pools:
            return None
        rows = [values[row] for row in self.pools[kind].rows]
        return torch.tensor(rows, dtype=torch.float32, device=device)

    def _indices(self, kind: str, device: torch.device) -> Tensor | None:
        if kind not in self.indices:
            return None
        return torch.tensor(self.indices[kind], dtype=torch.int32, device=device)

    def _have(self, what: str, of_faces: Sequence[OfCorners], faces: Sequence[int]) -> bool:
        """Whether the faces' corners have it, all of them; none: False. Raises ValueError where some have."""
        having = [None not in of_faces[face] for face in faces]
        if not all(having) and any(set(of_faces[face]) != {None} for face in faces):
            line = self.file.face_lines[faces[having.index(False)]]
            raise ValueError(f"{self.file.path}:{line}: a corner without {what}, which others of the same mesh have")
        return having[0]


def _material(written: WrittenMaterial, device: torch.device) -> Material:
    return Material(
        _constant_or_picture(written, "kd", device),
        _constant_or_picture(written, "ks", device),
        _roughness(written, device),
    )


def _roughness(written: WrittenMaterial, device: torch.device) -> Tensor:
    picture = _picture(written, "map_ns", device)
    if picture is not None:
        return 2 / (picture[..., :1] + 2)  # one channel; of grey pictures all three are alike
    shininess = written.values.get("ns", (0.0,))[0]
    if shininess <= -2:
        raise ValueError(
            f"{written.where['ns']}: Ns must be more than -2, as roughness is 2 / (Ns + 2), got {shininess}"
        )
    return torch.tensor([2 / (shininess + 2)], dtype=torch.float32, device=device)


def _constant_or_picture(written: WrittenMaterial, keyword: str, device: torch.device) -> Tensor:
    picture = _picture(written, f"map_{keyword}", device)
    if picture is not None:
        return picture
    return torch.tensor(written.values.get(keyword, (0.0, 0.0, 0.0)), dtype=torch.float32, device=device)


def _picture(written: WrittenMaterial, keyword: str, device: torch.device) -> Tensor | None:
    found = written.picture(keyword)
    if found is None:
        return None
    if not found.is_plain:
        raise ValueError(f"{found.where}: {keyword} with -s, -o or -clamp on, which are not supported")
    return read_linear(found.path, found.where).to(device)
