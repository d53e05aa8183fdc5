"""`load_mesh` and `save_mesh`, which choose a reader or a writer by the file's suffix."""

import os
from pathlib import Path

from .._soft_renderer.arguments import default_device
from . import _obj, _others
from ._checks import check_mesh
from ._mesh import Mesh

_LOADED = (".obj", ".ply", ".glb", ".gltf", ".stl", ".off")
_SAVED = (".obj", ".ply", ".glb", ".stl", ".off")


def load_mesh(path: str | os.PathLike[str], *, textures: bool = True) -> Mesh:
    """Read a mesh from a file: OBJ, PLY, GLB, glTF, STL or OFF.

    The suffix of the path decides the format. OBJ files need no other package; the others need trimesh (the extra
    'mesh').

    | format | what is read besides vertices and faces |
    |---|---|
    | .obj | uvs, normals, textures (map_Kd) and colours (Kd) of materials, vertex colours |
    | .glb, .gltf | uvs, normals, base colours and textures, vertex colours; all parts of the scene |
    | .ply | vertex colours, normals, uvs and the texture |
    | .stl, .off | nothing |

    Faces with more than three corners become triangles. Vertices keep the order of the file, with one exception: .stl,
    .glb and .gltf files store a vertex several times, so vertices of equal position (and colour) are merged. The
    textures of several materials become one texture. Colours are the file's numbers, without a conversion of the colour
    space and without alpha. uvs and normals are None unless all corners have them. Colours of faces, skins and
    animations are not read. If the .mtl file of an OBJ file is missing, the mesh is read without materials, and a
    warning says so.

    The file need not be trusted: all numbers are checked, and other files that it names are read only if they are in
    its folder or below it, never from the network. Memory is proportional to the size of the files.

    Args:
        path: the file; the suffix may be in upper or lower case.
        textures: False: do not read textures and material colours.
    Returns:
        Mesh, with float32 tensors and int64 faces, on torch's default device.
    Raises:
        FileNotFoundError: the file, or a picture that it names, does not exist.
        ValueError: unknown suffix, or a file that cannot be read. The message names the file, and for OBJ files the
            line.
        ImportError: trimesh or Pillow is not installed.

    >>> from gendr_adapters import data, load_mesh
    >>> mesh = load_mesh(data.path("spot.obj"))
    >>> tuple(mesh.vertices.shape), tuple(mesh.faces.shape), tuple(mesh.uvs.shape), tuple(mesh.texture.shape)
    ((2930, 3), (5856, 3), (5856, 3, 2), (1024, 1024, 3))
    """
    name, suffix = _named(path, _LOADED)
    mesh = _obj.load(name, textures) if suffix == ".obj" else _others.load(name, suffix, textures)
    device = default_device()
    return mesh if device.type == "cpu" else mesh.to(device)


def save_mesh(path: str | os.PathLike[str], mesh: Mesh) -> None:
    """Write a mesh to a file: OBJ, PLY, GLB, STL or OFF.

    The suffix of the path decides the format. OBJ files need no other package; the others need trimesh (the extra
    'mesh').

    | format | what is written besides vertices and faces |
    |---|---|
    | .obj | uvs and texture, with an .mtl and a .png file beside it; without a texture, the vertex colours |
    | .glb | uvs and texture, inside the file; without a texture, the vertex colours |
    | .ply | vertex colours |
    | .stl, .off | nothing |

    Normals are not written. Colours are written with 8 bits a channel, except vertex colours in .obj files.

    Args:
        path: the file; the suffix may be in upper or lower case.
        mesh: on any device, float32 or float64.
    Raises:
        TypeError: mesh is not a Mesh of tensors.
        ValueError: unknown suffix, shapes that do not fit, or numbers that are not finite.
        ImportError: trimesh or Pillow is not installed.

    >>> import tempfile, torch
    >>> from gendr_adapters import Mesh, load_mesh, save_mesh
    >>> triangle = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_mesh(f"{folder}/triangle.obj", triangle)
    ...     load_mesh(f"{folder}/triangle.obj").faces.tolist()
    [[0, 1, 2]]
    """
    name, suffix = _named(path, _SAVED)
    check_mesh(mesh)
    if suffix == ".obj":
        _obj.save(name, mesh)
    else:
        _others.save(name, suffix, mesh)


def _named(path: str | os.PathLike[str], allowed: tuple[str, ...]) -> tuple[str, str]:
    name = os.fspath(path)
    suffix = Path(name).suffix.lower()
    if suffix not in allowed:
        raise ValueError(f"{name}: the suffix must be one of {', '.join(allowed)}, got {suffix!r}")
    return name, suffix
