"""Read and write OBJ files."""

import os

import torch
from torch import Tensor

from .._soft_renderer import obj_writing
from .._soft_renderer.mtl_files import Material
from .._soft_renderer.obj_files import ObjFile, read_obj
from .._soft_renderer.pictures import read_picture
from .._soft_renderer.surface_textures import corner_uv, faces_by_material, mapped_uv
from .._soft_renderer.texture_maps import find_file
from .._warnings import warn_caller
from ..shading import TextureMaps
from ._atlas import Part, in_one_texture, plain
from ._inside import inside
from ._mesh import Mesh


def load(path: str, textures: bool) -> Mesh:
    """Read the file as a mesh on the CPU, with the vertices in the file's order."""
    file = read_obj(path)
    file.check_normals()
    uvs, texture = _uvs(file), None
    if textures and file.libraries and _has_libraries(file):
        texture, uvs = _textured(file)
    return Mesh(
        torch.tensor(file.vertices, dtype=torch.float32, device="cpu"),
        torch.tensor(file.faces, dtype=torch.int64, device="cpu"),
        uvs,
        texture,
        torch.tensor(file.colours, dtype=torch.float32, device="cpu") if file.colours else None,
        _normals(file),
    )


def save(path: str, mesh: Mesh) -> None:
    """Write the file, with an MTL file and a PNG picture beside it if the mesh has a texture."""
    if mesh.texture is not None and mesh.uvs is not None:
        # The values are written unchanged. align_corners=True is the convention of the OBJ writer.
        maps = TextureMaps(mesh.texture.clamp(0, 1), mesh.uvs, padding="repeat", align_corners=True)
        obj_writing.save_obj(path, mesh.vertices, mesh.faces, maps, texture_type="uv")
    elif mesh.vertex_colours is not None:
        obj_writing.save_obj(path, mesh.vertices, mesh.faces, mesh.vertex_colours, texture_type="vertex")
    else:
        obj_writing.save_obj(path, mesh.vertices, mesh.faces)


def _uvs(file: ObjFile) -> Tensor | None:
    """uvs of all corners, or None if a corner has none."""
    if any(None in corners for corners in file.face_uv):
        return None
    return corner_uv(file, range(len(file.faces))).cpu()


def _normals(file: ObjFile) -> Tensor | None:
    if any(None in corners for corners in file.face_normals):
        return None
    rows = torch.tensor(file.normals, dtype=torch.float32, device="cpu")
    return rows[torch.tensor(file.face_normals, device="cpu")]


def _has_libraries(file: ObjFile) -> bool:
    """Do all material libraries exist? Warns if one is missing. Raises ValueError for one outside the file's folder."""
    folder = os.path.dirname(file.path) or "."
    for line, rest in file.libraries:
        where = f"{file.path}:{line}: mtllib"
        for name in (rest, *rest.split()):
            inside(folder, find_file(folder, name), where)
        one = os.path.exists(find_file(folder, rest))
        missing = [path for path in (find_file(folder, name) for name in rest.split()) if not os.path.exists(path)]
        if missing and not one:
            warn_caller(f"{where} names {missing[0]}, which does not exist: the mesh is read without materials")
            return False
    return True


def _textured(file: ObjFile) -> tuple[Tensor, Tensor]:
    folder = os.path.dirname(file.path) or "."
    parts = [_part(file, folder, faces, material) for material, faces in faces_by_material(file)]
    return in_one_texture(file.path, parts, len(file.faces))


def _part(file: ObjFile, folder: str, faces: list[int], material: Material | None) -> Part:
    numbers = torch.tensor(faces, device="cpu")
    found = None if material is None else material.picture("map_kd")
    if found is None:
        colour = (1.0, 1.0, 1.0) if material is None else material.values.get("kd", (1.0, 1.0, 1.0))
        uvs = _uvs(file)
        own = torch.zeros(len(faces), 3, 2, dtype=torch.float32, device="cpu") if uvs is None else uvs[numbers]
        return Part(numbers, plain(colour), own)
    picture = torch.from_numpy(read_picture(inside(folder, found.path, f"{found.where}: map_Kd"), found.where))
    uvs = mapped_uv(corner_uv(file, faces).cpu(), found)
    if found.clamp and not bool(((uvs >= 0) & (uvs <= 1)).all()):
        raise ValueError(
            f"{found.where}: map_Kd has -clamp on and there are texture coordinates outside [0, 1], but the texture of "
            "a Mesh repeats; textures=False reads the mesh without textures"
        )
    return Part(numbers, picture, uvs)
