"""Reading the MTL files an OBJ file names: diffuse colours (Kd) and pictures (map_Kd); errors name file and line."""

import os
from dataclasses import dataclass

from .obj_files import ObjFile, lines_of, numbers, split_line


@dataclass
class Material:
    """colour: red, green, blue, or one grey. picture: its path, if there is one; where: file and line that name it."""

    colour: tuple[float, ...] = (1.0, 1.0, 1.0)
    picture: str | None = None
    where: str = ""


def read_materials(file: ObjFile) -> dict[str, Material]:
    """The materials of all libraries of an OBJ file, by name; of two with one name, the later.

    Libraries and pictures are looked for beside the OBJ file.

    Raises FileNotFoundError for libraries that are not there (saying which line names them), ValueError for lines that
    cannot be understood.
    """
    folder = os.path.dirname(file.path)
    materials: dict[str, Material] = {}
    for line, rest in file.libraries:
        # One name with spaces or several names: OBJ files have both.
        names = [rest] if os.path.exists(os.path.join(folder, rest)) else rest.split()
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.isfile(path):
                raise FileNotFoundError(f"{file.path}:{line}: mtllib names {path}, and there is no such file")
            materials |= _read(path, folder)
    return materials


def _read(path: str, picture_folder: str) -> dict[str, Material]:
    materials: dict[str, Material] = {}
    material: Material | None = None
    for line, text in enumerate(lines_of(path), start=1):
        (keyword, rest), where = split_line(text), f"{path}:{line}"
        if keyword not in ("newmtl", "Kd", "map_Kd"):
            continue
        if not rest:
            raise ValueError(f"{where}: {keyword} needs a value")
        if keyword == "newmtl":
            material = materials[rest] = Material()
        elif material is None:
            raise ValueError(f"{where}: {keyword} before the first newmtl")
        elif keyword == "Kd":
            material.colour = _colour(rest, where)
        elif rest.startswith("-"):
            raise ValueError(f"{where}: options of map_Kd are not supported, got {rest!r}")
        else:
            material.picture, material.where = os.path.join(picture_folder, rest), where
    return materials


def _colour(rest: str, where: str) -> tuple[float, ...]:
    values = numbers(rest.partition("#")[0].split(), where, "colours")
    if len(values) not in (1, 3):
        raise ValueError(f"{where}: Kd has one value, grey, or three, got {rest!r}")
    return values
