"""Reading the MTL files an OBJ file names: colours, shininess and which pictures; errors name file and line."""

import os
from dataclasses import dataclass, field

from .obj_files import ObjFile
from .statements import name, numbers, require_regular, shown, statements, words
from .texture_maps import TextureMap, find_file, texture_map

_COLOURS = (b"kd", b"ks", b"ke")
_NUMBERS = (*_COLOURS, b"ns")
_MAPS = (b"map_kd", b"map_ks", b"map_ns")


@dataclass
class Material:
    """What an MTL file says of a material; keywords in lower case.

    values: three numbers of kd, ks and ke, one of ns. maps: of map_kd, map_ks and map_ns, see `picture`. where: file
    and line of each.
    """

    folder: str
    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    maps: dict[str, bytes] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)

    def picture(self, keyword: str) -> TextureMap | None:
        """The picture of a map, if there is one. Raises ValueError for options that are not understood."""
        if keyword not in self.maps:
            return None
        return texture_map(self.maps[keyword], self.where[keyword], keyword, self.folder)


def read_materials(file: ObjFile) -> dict[str, Material]:
    """The materials of all libraries of an OBJ file, by name; of two with one name, the later.

    Libraries and pictures are looked for beside the OBJ file. Keywords may be in any case.

    Raises FileNotFoundError for libraries that are not there (saying which line names them), ValueError for lines that
    cannot be understood.
    """
    folder = os.path.dirname(file.path)
    materials: dict[str, Material] = {}
    for path in _libraries(file, folder):
        materials |= _read(path, folder)
    return materials


def _libraries(file: ObjFile, folder: str) -> list[str]:
    """The paths of a file's libraries, each once, where it is named last."""
    paths: dict[str, None] = {}
    for line, rest in file.libraries:
        # One name with spaces or several names: OBJ files have both.
        names = [rest] if os.path.exists(find_file(folder, rest)) else rest.split()
        for library in names:
            path = find_file(folder, library)
            if not os.path.exists(path):
                raise FileNotFoundError(f"{file.path}:{line}: mtllib names {path}, and there is no such file")
            require_regular(path, f"{file.path}:{line}")
            paths.pop(path, None)
            paths[path] = None
    return list(paths)


def materials_of_faces(file: ObjFile, materials: dict[str, Material]) -> list[str | None]:
    """The name of each face's material, None before the first usemtl.

    In a file without usemtl, all faces have the only material there is. Raises ValueError where there are several, and
    for names that no library has.
    """
    for use in sorted({use for use in file.face_uses if use >= 0}):
        line, used = file.uses[use]
        if used not in materials:
            at = file.face_lines[file.face_uses.index(use)]
            raise ValueError(f"{file.path}:{at}: no library has the face's material {used!r} (usemtl in line {line})")
    only = None
    if file.libraries and not file.uses:
        if len(materials) != 1:
            raise ValueError(
                f"{file.path}:{file.libraries[0][0]}: no usemtl says which of the library's {len(materials)} materials "
                f"the faces have{': ' if materials else ''}{', '.join(map(repr, list(materials)[:8]))}"
            )
        only = next(iter(materials))
    return [only if use < 0 else file.uses[use][1] for use in file.face_uses]


def _read(path: str, folder: str) -> dict[str, Material]:
    materials: dict[str, Material] = {}
    material: Material | None = None
    for line, keyword, rest in statements(path):
        where = f"{path}:{line}"
        if keyword not in (b"newmtl", *_NUMBERS, *_MAPS):
            continue
        if not rest:
            raise ValueError(f"{where}: {_spelled(keyword)} needs a value")
        if keyword == b"newmtl":
            material = materials[name(rest)] = Material(folder)
        elif material is None:
            raise ValueError(f"{where}: {_spelled(keyword)} before the first newmtl")
        else:
            material.where[keyword.decode()] = where
            if keyword in _MAPS:
                material.maps[keyword.decode()] = rest
            else:
                material.values[keyword.decode()] = _values(keyword, rest, where)
    return materials


def _values(keyword: bytes, rest: bytes, where: str) -> tuple[float, ...]:
    if keyword not in _COLOURS:
        values = numbers(words(rest), where, _spelled(keyword))
        if len(values) != 1:
            raise ValueError(f"{where}: {_spelled(keyword)} is one number, got {shown(rest)}")
        return values
    values = numbers(words(rest), where, "colours")
    if len(values) not in (1, 3):
        raise ValueError(f"{where}: {_spelled(keyword)} has one value, grey, or three, got {shown(rest)}")
    return values if len(values) == 3 else 3 * values


def _spelled(keyword: bytes) -> str:
    """As it is usually written: Kd, map_Kd, newmtl."""
    text = keyword.decode()
    return text if keyword == b"newmtl" else f"{text[:-2]}{text[-2:].capitalize()}"
