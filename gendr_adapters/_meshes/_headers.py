"""Checks of glTF and PLY headers before a reader uses them: sizes, names of other files, the tree of nodes.

trimesh allocates what a header asks for, and a file of a few bytes may ask for terabytes.
"""

import json
import struct
from typing import Any, NamedTuple

from ._inside import inside_by_uri

# A file may share buffers between accessors, so the result may be larger than the file, by this factor and constant.
_GROWTH, _FREE = 16, 1 << 24
_COMPONENTS = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}  # bytes
_COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
# The component types that trimesh reads correctly, for each attribute.
_READ = {"POSITION": (5126,), "NORMAL": (5126,), "TEXCOORD_0": (5126,), "COLOR_0": (5121, 5126)}
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_GLB, _JSON = 0x46546C67, 0x4E4F534A
# Extensions that do not change a mesh and its base colour.
_HARMLESS = ("KHR_materials_", "KHR_lights_")


class Header(NamedTuple):
    """has_normals: all triangles have normals. n_pictures: number of parts of a glTF file that show a picture. picture:
    path of the picture of a PLY file."""

    has_normals: bool = False
    n_pictures: int = 0
    picture: str | None = None


def gltf_header(path: str, content: bytes, binary: bool, folder: str, pictures: bool) -> Header:
    """Check the header of a .gltf or .glb file. Raises ValueError with the name of the file."""
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
    """Check the header of a PLY file. Raises ValueError with the name of the file."""
    end = content.find(b"end_header", 0, 1 << 20)
    if not content.startswith(b"ply") or end < 0:
        raise ValueError(f"{path}: not a PLY file: no header that begins with ply and ends with end_header")
    lines = [line.split() for line in content[:end].decode("latin-1").splitlines()]
    for line in lines:
        if line[:1] == ["element"] and not (len(line) == 3 and line[2].isdigit() and int(line[2]) <= len(content)):
            raise ValueError(f"{path}: its header says {' '.join(line)[:200]!r}, but the file has {len(content)} bytes")
    names = {line[-1] for line in lines if line[:1] == ["property"]}
    named = [" ".join(line[2:]) for line in lines if line[:2] == ["comment", "TextureFile"]]
    picture = inside_by_uri(folder, named[-1], f"{path}: TextureFile") if named and pictures else None
    return Header({"nx", "ny", "nz"} <= names, picture=picture)


def _json_chunk(content: bytes) -> bytes:
    magic, version, _, size, kind = struct.unpack_from("<5I", content)
    if (magic, version, kind) != (_GLB, 2, _JSON):
        raise ValueError("it does not begin like a GLB file of version 2")
    return content[20 : 20 + size]


def _check_gltf(path: str, tree: Any, size: int, folder: str, pictures: bool) -> None:
    for extension in tree.get("extensionsRequired", []):
        if not str(extension).startswith(_HARMLESS):
            raise ValueError(f"{path}: it needs the glTF extension {extension}, which is not supported")
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
        raise ValueError(f"{path}: its header asks for {wanted} bytes, but the file has {held}")
    _check_tree(path, tree)


def _size_of_uri(path: str, what: str, uri: Any, folder: str) -> int:
    """Size in bytes of the file that a URI names; 0 for data: URIs, which are part of the file. Raises ValueError."""
    if not isinstance(uri, str):
        raise ValueError(f"{path}: {what} has a URI that is not a string")
    if uri.startswith("data:"):
        return 0
    found = inside_by_uri(folder, uri, f"{path}: {what}")
    try:
        with open(found, "rb") as file:
            return file.seek(0, 2)
    except OSError as error:
        raise ValueError(f"{path}: {what} names {uri[:200]!r}, which cannot be read: {error}") from error


def _check_tree(path: str, tree: Any) -> None:
    """Check that nodes form trees: each has at most one parent, and roots have none. So there are no cycles, and the
    number of nodes cannot grow exponentially."""
    children = [child for node in tree.get("nodes", []) for child in node.get("children", [])]
    roots = [root for scene in tree.get("scenes", []) for root in scene.get("nodes", [])]
    if len(set(children)) < len(children) or not set(children).isdisjoint(roots):
        raise ValueError(f"{path}: its nodes are not a tree, as glTF requires")


def _whole(path: str, name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{path}: {name} must be an int >= 0, got {value!r}")
    return value


def _check_primitive(path: str, tree: Any, primitive: Any) -> None:
    """Raise ValueError for primitives that trimesh would read wrongly."""
    if primitive.get("mode", _TRIANGLES) == _FAN:
        raise ValueError(f"{path}: it has a fan of triangles, which is not supported; save it as triangles")
    names = primitive["attributes"]
    for number in (*names.values(), *([primitive["indices"]] if "indices" in primitive else [])):
        if "sparse" in tree["accessors"][number]:
            raise ValueError(f"{path}: it has a sparse accessor, which is not supported")
    for name, allowed in _READ.items():
        if name in names and tree["accessors"][names[name]]["componentType"] not in allowed:
            raise ValueError(f"{path}: {name} has an integer type that is not supported; save floating-point numbers")


def _shows_picture(path: str, tree: Any, primitive: Any) -> bool:
    if "material" not in primitive or "TEXCOORD_0" not in primitive["attributes"]:
        return False
    base = tree["materials"][primitive["material"]].get("pbrMetallicRoughness", {}).get("baseColorTexture")
    if base is None:
        return False
    if base.get("texCoord", 0) != 0 or base.get("extensions"):
        raise ValueError(
            f"{path}: a picture has its own texture coordinates (texCoord or KHR_texture_transform), which are not "
            "supported; textures=False reads the mesh without pictures"
        )
    return True
