"""Reading Wavefront OBJ files as they are written: v, vt, f, mtllib, usemtl; every error names file and line.

Own code, because no library on the index does that: tinyobjloader takes a coordinate that is no number for 0, only
warns of indices out of range, and cuts quadrilaterals otherwise than SoftRas; trimesh splits vertices and names no
lines.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike, fspath

Path = str | PathLike[str]


@dataclass
class ObjFile:
    """What an OBJ file says, in its own order, faces cut into fans of triangles; indices count from 0.

    vertices: (x, y, z). colours: (r, g, b) of the vertices, as many as there are, or none at all. texture_vertices:
    (u, v). faces: three vertices each. face_uv: three texture vertices each, None where a face has none.
    face_materials: the name after the last usemtl, None before the first. face_lines: where each face stands.
    libraries: (line, what is after mtllib).
    """

    path: str
    vertices: list[tuple[float, ...]] = field(default_factory=list)
    colours: list[tuple[float, ...]] = field(default_factory=list)
    texture_vertices: list[tuple[float, ...]] = field(default_factory=list)
    faces: list[tuple[int, int, int]] = field(default_factory=list)
    face_uv: list[tuple[int, int, int] | None] = field(default_factory=list)
    face_materials: list[str | None] = field(default_factory=list)
    face_lines: list[int] = field(default_factory=list)
    libraries: list[tuple[int, str]] = field(default_factory=list)


def read_obj(path: Path) -> ObjFile:
    """Read an OBJ file. Faces of n corners become n - 2 triangles; negative indices count back from the last vertex.

    Raises FileNotFoundError and its like, or ValueError that names file and line: numbers that are none or not finite,
    faces of fewer than three corners, indices that are 0 or out of range, vertices with and without colours in one
    file; or the file alone, where it has no vertices or no faces.
    """
    return _Reader(path).read()


def lines_of(path: Path) -> list[str]:
    """The lines of a text file, whatever its encoding, without the byte order mark of some editors."""
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        return file.read().splitlines()


def split_line(text: str) -> tuple[str, str]:
    """The keyword of a line, and what is after it. A comment starts at a # after a space: names may have one inside."""
    keyword, _, rest = re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip().replace("\t", " ").partition(" ")
    return keyword, rest.strip()


def numbers(words: list[str], where: str, what: str) -> tuple[float, ...]:
    """Words as finite numbers. Raises ValueError that says where."""
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)):
        raise ValueError(f"{where}: {what} must be finite numbers, got {' '.join(words)!r}")
    return values


class _Reader:
    def __init__(self, path: Path) -> None:
        self.file = ObjFile(fspath(path))
        self.line = 0
        self.material: str | None = None
        self.keywords: dict[str, Callable[[str], None]] = {
            "v": self.vertex,
            "vt": self.texture_vertex,
            "f": self.face,
            "usemtl": self.use_material,
            "mtllib": self.library,
        }

    def read(self) -> ObjFile:
        for line, text in enumerate(lines_of(self.file.path), start=1):
            self.line = line
            keyword, rest = split_line(text)
            if keyword in self.keywords:
                self.keywords[keyword](rest)
        self.check_whole_file()
        return self.file

    @property
    def where(self) -> str:
        return f"{self.file.path}:{self.line}"

    def vertex(self, rest: str) -> None:
        values = numbers(_words(rest), self.where, "coordinates")
        if len(values) < 3:
            raise ValueError(f"{self.where}: a vertex has three coordinates, got {rest!r}")
        self.file.vertices.append(values[:3])
        if len(values) >= 6:
            self.file.colours.append(values[3:6])
        if len(self.file.colours) not in (0, len(self.file.vertices)):
            raise ValueError(f"{self.where}: either every vertex has a colour or none, got {rest!r}")

    def texture_vertex(self, rest: str) -> None:
        values = numbers(_words(rest), self.where, "texture coordinates")
        if len(values) < 2:
            raise ValueError(f"{self.where}: a texture vertex has two coordinates, got {rest!r}")
        self.file.texture_vertices.append(values[:2])

    def face(self, rest: str) -> None:
        corners = [self.corner(word) for word in _words(rest)]
        if len(corners) < 3:
            raise ValueError(f"{self.where}: a face has three corners or more, got {rest!r}")
        for b, c in zip(corners[1:], corners[2:], strict=False):
            (v0, t0), (v1, t1), (v2, t2) = corners[0], b, c
            self.file.faces.append((v0, v1, v2))
            self.file.face_uv.append(None if t0 is None or t1 is None or t2 is None else (t0, t1, t2))
            self.file.face_materials.append(self.material)
            self.file.face_lines.append(self.line)

    def corner(self, word: str) -> tuple[int, int | None]:
        parts = word.split("/")
        vertex = self.index(parts[0], word, len(self.file.vertices))
        has_texture = len(parts) > 1 and parts[1] != ""
        return vertex, self.index(parts[1], word, len(self.file.texture_vertices)) if has_texture else None

    def index(self, text: str, word: str, count: int) -> int:
        try:
            number = int(text)
        except ValueError:
            number = 0
        found = number - 1 if number > 0 else count + number
        if number == 0 or found < 0:
            raise ValueError(
                f"{self.where}: indices count from 1, or from -1 back to -{count}, the first so far, got {word!r}"
            )
        return found

    def use_material(self, rest: str) -> None:
        if not rest:
            raise ValueError(f"{self.where}: usemtl needs the name of a material")
        self.material = rest

    def library(self, rest: str) -> None:
        if not rest:
            raise ValueError(f"{self.where}: mtllib needs the name of a file")
        self.file.libraries.append((self.line, rest))

    def check_whole_file(self) -> None:
        """What only the end of the file tells: faces may be before their vertices."""
        for name, found in (("vertices", self.file.vertices), ("faces", self.file.faces)):
            if not found:
                raise ValueError(f"{self.file.path}: no {name}; is it an OBJ file?")
        n_vertices, n_texture = len(self.file.vertices), len(self.file.texture_vertices)
        for face, uv, line in zip(self.file.faces, self.file.face_uv, self.file.face_lines, strict=True):
            self.line = line
            if max(face) >= n_vertices:
                raise ValueError(f"{self.where}: vertex {max(face) + 1}, but the file has {n_vertices}")
            if uv is not None and max(uv) >= n_texture:
                raise ValueError(f"{self.where}: texture vertex {max(uv) + 1}, but the file has {n_texture}")


def _words(rest: str) -> list[str]:
    return rest.partition("#")[0].split()
