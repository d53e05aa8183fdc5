"""`load_mesh` and `save_mesh`: which reader and writer a file has, by its suffix."""

import os
from pathlib import Path

from .._soft_renderer.arguments import default_device
from . import _obj, _others
from ._checks import check_mesh
from ._mesh import Mesh

_LOADED = (".obj", ".ply", ".glb", ".gltf", ".stl", ".off")
_SAVED = (".obj", ".ply", ".glb", ".stl", ".off")


def load_mesh(path: str | os.PathLike[str], *, textures: bool = True) -> Mesh:
    """Read a mesh file: OBJ by our own reader; PLY, GLB, glTF, STL and OFF by trimesh (the extra 'mesh').

    | | what is read besides vertices and faces |
    |---|---|
    | .obj | uvs, normals, the materials' pictures (map_Kd) and colours (Kd), colours behind the vertices |
    | .glb, .gltf | uvs, normals, base colours and pictures, colours of vertices; all parts of the scene |
    | .ply | colours of vertices, normals, uvs and their picture |
    | .stl, .off | nothing |

    Faces of more corners become triangles. Vertices are in the file's order; but those of .stl, .glb and .gltf that are
    in one place (and of one colour) become one, as these formats hold them several times. Several materials become one
    texture. Colours and pictures are the file's numbers, in whatever colour space, without alpha. Uvs and normals are
    None unless all corners have them. Colours of faces, skins and animations are not read.

    Of an OBJ file whose .mtl file is missing, as it often is, the mesh alone is read, with a warning.

    A file need not be trusted: its numbers are checked, and files that it names are read only from its own folder and
    from below, never from the network. Memory goes with the size of the files, not with what they claim to hold.

    Args:
        path: its suffix says the format, in any case. textures: False: read no pictures and no colours of materials.
    Returns:
        Mesh of float32 tensors and int64 faces, on torch's default device.
    Raises:
        FileNotFoundError: the file, or a picture that it names, is not there. ValueError: another suffix; a file that
            cannot be read, which it names, with the line of an OBJ file. ImportError: trimesh or Pillow is needed.

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
    """Write a mesh file: OBJ by our own writer; PLY, GLB, STL and OFF by trimesh (the extra 'mesh').

    | | what is written besides vertices and faces |
    |---|---|
    | .obj | uvs and the texture, with an .mtl and a .png file beside it; or else the vertices' colours |
    | .glb | the same, in the file |
    | .ply | the vertices' colours |
    | .stl, .off | nothing |

    Normals are not written. Colours have 8 bits, but those behind the vertices of an .obj file.

    Args:
        path: its suffix says the format, in any case. mesh: on any device, float32 or float64.
    Raises:
        TypeError: not a Mesh of tensors. ValueError: another suffix; shapes that do not fit; numbers that are not
            finite. ImportError: trimesh or Pillow is needed.

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
