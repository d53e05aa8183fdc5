"""Reading Wavefront OBJ files as they are written: v, vt, vn, f, mtllib, usemtl; every error names file and line.

Own code, because no library on the index does that: tinyobjloader takes a coordinate that is not a number for 0, only
warns of indices out of range, and cuts quadrilaterals otherwise than SoftRas; trimesh splits vertices and names no
lines.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from os import fspath

from .statements import Path, integer, name, numbers, shown, statements, words

# Of a face's three corners: texture vertices or normals, None where a corner has none.
OfCorners = tuple[int | None, int | None, int | None]


@dataclass
class ObjFile:
    """What an OBJ file says, in its own order, faces cut into fans of triangles; indices count from 0.

    vertices: (x, y, z). colours: (r, g, b) of the vertices, as many as there are, or none at all. texture_vertices:
    (u, v). normals: (x, y, z). faces: three vertices each. face_uv, face_normals: three texture vertices or normals
    each; the normals may be out of range, see `check_normals`. uses: (line, name) of each usemtl. face_uses: the number
    of the last one before each face, -1 before the first. face_lines: where each face stands. libraries: (line, what is
    after mtllib).
    """

    path: str
    vertices: list[tuple[float, ...]] = field(default_factory=list)
    colours: list[tuple[float, ...]] = field(default_factory=list)
    texture_vertices: list[tuple[float, ...]] = field(default_factory=list)
    normals: list[tuple[float, ...]] = field(default_factory=list)
    faces: list[tuple[int, int, int]] = field(default_factory=list)
    face_uv: list[OfCorners] = field(default_factory=list)
    face_normals: list[OfCorners] = field(default_factory=list)
    uses: list[tuple[int, str]] = field(default_factory=list)
    face_uses: list[int] = field(default_factory=list)
    face_lines: list[int] = field(default_factory=list)
    libraries: list[tuple[int, bytes]] = field(default_factory=list)

    def check_normals(self) -> None:
        """Raise ValueError for a face with a normal that the file does not have. Who needs no normals need not ask."""
        _check_indices(self, "normal", self.face_normals, len(self.normals))


def read_obj(path: Path) -> ObjFile:
    """Read an OBJ file. Faces of n corners become n - 2 triangles; negative indices count back from the last vertex.

    Vertices are x y z, x y z w, x y z r g b or x y z w r g b; w is ignored in meshes.

    Raises FileNotFoundError and its like, or ValueError that names file and line: numbers that are not numbers or not
    finite in float32, too few of them or too many, faces of fewer than three corners, indices that are 0 or out of range,
    vertices with and without colours in one file, what `statements` refuses; or the file alone, where it has no
    vertices or no faces.
    """
    return _Reader(path).read()


class _Reader:
    def __init__(self, path: Path) -> None:
        self.file = ObjFile(fspath(path))
        self.line = 0
        self.keywords: dict[bytes, Callable[[bytes], None]] = {
            b"v": self.vertex,
            b"vt": self.texture_vertex,
            b"vn": self.normal,
            b"f": self.face,
            b"fo": self.face,  # as faces were called at first
            b"usemtl": self.use_material,
            b"mtllib": self.library,
        }

    def read(self) -> ObjFile:
        for line, keyword, rest in statements(self.file.path):
            self.line = line
            if keyword in self.keywords:
                self.keywords[keyword](rest)
        self.check_whole_file()
        return self.file

    @property
    def where(self) -> str:
        return f"{self.file.path}:{self.line}"

    def vertex(self, rest: bytes) -> None:
        values = numbers(words(rest), self.where, "coordinates")
        if len(values) not in (3, 4, 6, 7):
            raise ValueError(
                f"{self.where}: a vertex has three coordinates, got {shown(rest)}; then maybe w, maybe a colour"
            )
        self.file.vertices.append(values[:3])
        if len(values) >= 6:
            self.file.colours.append(values[-3:])
        if len(self.file.colours) not in (0, len(self.file.vertices)):
            raise ValueError(f"{self.where}: either every vertex has a colour or none, got {shown(rest)}")

    def texture_vertex(self, rest: bytes) -> None:
        values = numbers(words(rest), self.where, "texture coordinates")
        if len(values) not in (2, 3):
            raise ValueError(f"{self.where}: a texture vertex has two coordinates, got {shown(rest)}")
        self.file.texture_vertices.append(values[:2])

    def normal(self, rest: bytes) -> None:
        values = numbers(words(rest), self.where, "normals")
        if len(values) != 3:
            raise ValueError(f"{self.where}: a normal has three coordinates, got {shown(rest)}")
        self.file.normals.append(values)

    def face(self, rest: bytes) -> None:
        corners = [self.corner(word) for word in words(rest)]
        if len(corners) < 3:
            raise ValueError(f"{self.where}: a face has three corners or more, got {shown(rest)}")
        for b, c in zip(corners[1:], corners[2:], strict=False):
            (v0, t0, n0), (v1, t1, n1), (v2, t2, n2) = corners[0], b, c
            self.file.faces.append((v0, v1, v2))
            self.file.face_uv.append((t0, t1, t2))
            self.file.face_normals.append((n0, n1, n2))
            self.file.face_uses.append(len(self.file.uses) - 1)
            self.file.face_lines.append(self.line)

    def corner(self, word: bytes) -> tuple[int, int | None, int | None]:
        parts = word.split(b"/")
        if len(parts) > 3:
            raise ValueError(f"{self.where}: a corner is v, v/vt, v//vn or v/vt/vn, got {shown(word)}")
        texture = parts[1] if len(parts) > 1 else b""
        normal = parts[2] if len(parts) > 2 else b""
        return (
            self.index(parts[0], word, len(self.file.vertices)),
            self.index(texture, word, len(self.file.texture_vertices)) if texture else None,
            self.index(normal, word, len(self.file.normals)) if normal else None,
        )

    def index(self, text: bytes, word: bytes, count: int) -> int:
        number = integer(text) or 0
        found = number - 1 if number > 0 else count + number
        if number == 0 or found < 0:
            raise ValueError(
                f"{self.where}: indices count from 1, or from -1 back to -{count}, the first so far, got {shown(word)}"
            )
        return found

    def use_material(self, rest: bytes) -> None:
        if not rest:
            raise ValueError(f"{self.where}: usemtl needs the name of a material")
        self.file.uses.append((self.line, name(rest)))

    def library(self, rest: bytes) -> None:
        if not rest:
            raise ValueError(f"{self.where}: mtllib needs the name of a file")
        self.file.libraries.append((self.line, rest))

    def check_whole_file(self) -> None:
        """What only the end of the file tells: faces may be before their vertices."""
        file = self.file
        for what, found in (("vertices", file.vertices), ("faces", file.faces)):
            if not found:
                raise ValueError(f"{file.path}: no {what}; is it an OBJ file?")
        _check_indices(file, "vertex", file.faces, len(file.vertices))
        _check_indices(file, "texture vertex", file.face_uv, len(file.texture_vertices))


def _check_indices(file: ObjFile, what: str, of_faces: list, count: int) -> None:
    for indices, line in zip(of_faces, file.face_lines, strict=True):
        for index in indices:
            if index is not None and index >= count:
                raise ValueError(f"{file.path}:{line}: {what} {index + 1}, but the file has {count}")
