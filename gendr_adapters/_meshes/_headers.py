"""What glTF and PLY files say of themselves, looked at before a reader believes it: sizes, names of files, trees.

trimesh allocates what a header asks for; a file of a few bytes may ask for terabytes.
"""

import json
import struct
from typing import Any, NamedTuple

from ._inside import inside_by_uri

# A file may share buffers between accessors, and be taken apart: what comes out may be so much more than what is there.
_GROWTH, _FREE = 16, 1 << 24
_COMPONENTS = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}  # bytes
_COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
# What trimesh takes for what it is: of each attribute, the kinds of its numbers.
_READ = {"POSITION": (5126,), "NORMAL": (5126,), "TEXCOORD_0": (5126,), "COLOR_0": (5121, 5126)}
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_GLB, _JSON = 0x46546C67, 0x4E4F534A
# Extensions without which a mesh and its base colour are the same.
_HARMLESS = ("KHR_materials_", "KHR_lights_")


class Header(NamedTuple):
    """has_normals: all its triangles have normals. n_pictures: how many parts of a glTF file show a picture. picture:
    the path of a PLY file's."""

    has_normals: bool = False
    n_pictures: int = 0
    picture: str | None = None


def gltf_header(path: str, content: bytes, binary: bool, folder: str, pictures: bool) -> Header:
    """Check a .gltf or .glb file's header. Raises ValueError that names the file."""
    try:
        tree = json.loads(_json_chunk(content) if binary else content)
        _check_gltf(path, tree, len(content), folder, pictures)
        primitives = [p for mesh in tree.get("meshes", []) for p in mesh["primitives"]]
        triangles = [p for p in primitives if p.get("mode", _TRIANGLES) in (_TRIANGLES, _STRIP, _FAN)]
        for primitive in triangles:
            _check_primitive(path, tree, primitive)
        return Header(
            has_normals=bool(triangles) and all("NORMAL" in p["attributes"] for p in triangles),
            n_pictures=sum([_shows_picture(path, tree, p) for p in triangles]) if pictures else 0,
        )
    except ValueError as error:
        raise ValueError(str(error) if path in str(error) else f"{path}: not a glTF file: {error}") from error
    except (KeyError, TypeError, AttributeError, IndexError, struct.error, RecursionError) as error:
        raise ValueError(f"{path}: not a glTF file: {type(error).__name__} at {error}") from error


def ply_header(path: str, content: bytes, folder: str, pictures: bool) -> Header:
    """Check a PLY file's header. Raises ValueError that names the file."""
    end = content.find(b"end_header", 0, 1 << 20)
    if not content.startswith(b"ply") or end < 0:
        raise ValueError(f"{path}: not a PLY file: no header that begins with ply and ends with end_header")
    lines = [line.split() for line in content[:end].decode("latin-1").splitlines()]
    for line in lines:
        if line[:1] == ["element"] and not (len(line) == 3 and line[2].isdigit() and int(line[2]) <= len(content)):
            raise ValueError(f"{path}: its header says {' '.join(line)[:200]!r}, and the file has {len(content)} bytes")
    names = {line[-1] for line in lines if line[:1] == ["property"]}
    named = [" ".join(line[2:]) for line in lines if line[:2] == ["comment", "TextureFile"]]
    picture = inside_by_uri(folder, named[-1], f"{path}: TextureFile") if named and pictures else None
    return Header({"nx", "ny", "nz"} <= names, picture=picture)


def _json_chunk(content: bytes) -> bytes:
    magic, version, _, size, kind = struct.unpack_from("<5I", content)
    if (magic, version, kind) != (_GLB, 2, _JSON):
        raise ValueError("it does not begin as a GLB file of version 2")
    return content[20 : 20 + size]


def _check_gltf(path: str, tree: Any, size: int, folder: str, pictures: bool) -> None:
    for extension in tree.get("extensionsRequired", []):
        if not str(extension).startswith(_HARMLESS):
            raise ValueError(f"{path}: it needs the glTF extension {extension}, which is not read")
    held = size
    for buffer in tree.get("buffers", []):
        if "uri" in buffer:
            held += _size_of_uri(path, "a buffer", buffer["uri"], folder)
    for image in tree.get("images", []) if pictures else ():
        if "uri" in image:
            _size_of_uri(path, "an image", image["uri"], folder)
    views = tree.get("bufferViews", [])
    wanted = sum(_whole(path, "byteLength", view["byteLength"]) for view in views)
    for accessor in tree.get("accessors", []):
        width = _COMPONENTS[accessor["componentType"]] * _COLUMNS[accessor["type"]]
        wanted += width * _whole(path, "count", accessor["count"])
    allowed = _GROWTH * held + _FREE
    if wanted > allowed:
        raise ValueError(f"{path}: its header asks for {wanted} bytes, and the file has {held}")
    _check_tree(path, tree)


def _size_of_uri(path: str, what: str, uri: Any, folder: str) -> int:
    """Bytes that a URI brings, those of data: URIs being in the file already. Raises ValueError."""
    if not isinstance(uri, str):
        raise ValueError(f"{path}: {what} has a URI that is no text")
    if uri.startswith("data:"):
        return 0
    found = inside_by_uri(folder, uri, f"{path}: {what}")
    try:
        with open(found, "rb") as file:
            return file.seek(0, 2)
    except OSError as error:
        raise ValueError(f"{path}: {what} names {uri[:200]!r}, which cannot be read: {error}") from error


def _check_tree(path: str, tree: Any) -> None:
    """Each node has one parent at most, and the roots have none: no cycles, and no node that grows by the power."""
    children = [child for node in tree.get("nodes", []) for child in node.get("children", [])]
    roots = [root for scene in tree.get("scenes", []) for root in scene.get("nodes", [])]
    if len(set(children)) < len(children) or not set(children).isdisjoint(roots):
        raise ValueError(f"{path}: its nodes are no tree, as glTF's must be")


def _whole(path: str, name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{path}: {name} must be an int from 0, got {value!r}")
    return value


def _check_primitive(path: str, tree: Any, primitive: Any) -> None:
    """Raise ValueError for what trimesh would take for something else."""
    if primitive.get("mode", _TRIANGLES) == _FAN:
        raise ValueError(f"{path}: a fan of triangles, which is not read; save it as triangles")
    names = primitive["attributes"]
    for number in (*names.values(), *([primitive["indices"]] if "indices" in primitive else [])):
        if "sparse" in tree["accessors"][number]:
            raise ValueError(f"{path}: a sparse accessor, which is not read")
    for name, allowed in _READ.items():
        if name in names and tree["accessors"][names[name]]["componentType"] not in allowed:
            raise ValueError(f"{path}: {name} has integers of a kind that is not read; save floating-point numbers")


def _shows_picture(path: str, tree: Any, primitive: Any) -> bool:
    if "material" not in primitive or "TEXCOORD_0" not in primitive["attributes"]:
        return False
    base = tree["materials"][primitive["material"]].get("pbrMetallicRoughness", {}).get("baseColorTexture")
    if base is None:
        return False
    if base.get("texCoord", 0) != 0 or base.get("extensions"):
        raise ValueError(
            f"{path}: a picture with texture coordinates of its own (texCoord or KHR_texture_transform), which are not "
            "read; textures=False reads the mesh without it"
        )
    return True
