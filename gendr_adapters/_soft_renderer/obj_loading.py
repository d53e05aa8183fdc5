"""`load_obj`: an OBJ file as tensors, with its textures as texels, colours of vertices or texture maps."""

from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from ..shading import TextureMaps
from .obj_files import ObjFile, read_obj
from .statements import Path
from .surface_textures import WRAPS, load_textures
from .uv_loading import load_uv_textures

TEXTURE_TYPES = ("surface", "vertex", "uv")


def load_obj(
    filename_obj: Path,
    normalization: bool = False,
    load_texture: bool = False,
    texture_res: int = 4,
    texture_type: str = "surface",
    *,
    wrap: str = "reference",
) -> tuple[Any, ...]:
    """Read a Wavefront OBJ file: vertices in the file's order, faces as triangles.

    The tensors are on torch's default device.

    Args:
        filename_obj: path.
        normalization: move and scale the vertices so that their bounding box is centred at 0 and its longest side is
            [-1, 1].
        load_texture: also read the textures, and return them.
        texture_res: R, the side of the R x R texels a face has with 'surface', from 1.
        texture_type: 'surface' for the materials' pictures and colours, 'vertex' for the colours written behind the
            vertices' coordinates, 'uv' for the materials' pictures as they are, by the corners' texture coordinates.
        wrap: what 'surface' and 'uv' do with texture coordinates outside [0, 1]. 'reference': each corner is wrapped by
            itself, as SoftRas and GenDR do; a face that crosses the picture's border then shows the part of the picture
            between its wrapped corners, mirrored. 'repeat': the picture repeats.
    Returns:
        (vertices, faces) or (vertices, faces, textures): vertices (V, 3) float32; faces (F, 3) int32; textures
        (F, R * R, 3) or (V, 3) float32, or with 'uv' a gendr_adapters.TextureMaps; pictures in [0, 1].
    Raises:
        FileNotFoundError: the file, or one that it names, is not there.
        ValueError: a file cannot be read (which, and in which line), or an argument is out of range.
        ImportError: there is a picture to be read, and Pillow is not installed.

    Example:
        >>> from gendr_adapters import data
        >>> from gendr_adapters.softras import functional as srf
        >>> vertices, faces = srf.load_obj(data.path("airplane.obj"), normalization=True)
        >>> vertices.shape, faces.shape, float(vertices.abs().max())
        (torch.Size([1352, 3]), torch.Size([2700, 3]), 1.0)
    """
    if texture_type not in TEXTURE_TYPES:
        raise ValueError(f"texture_type must be 'surface', 'vertex' or 'uv', got {texture_type!r}")
    if not isinstance(texture_res, Integral) or isinstance(texture_res, bool) or texture_res < 1:
        raise ValueError(f"texture_res must be an int from 1, got {texture_res!r}")
    if wrap not in WRAPS:
        raise ValueError(f"wrap must be 'reference' or 'repeat', got {wrap!r}")
    file = read_obj(filename_obj)
    vertices = torch.tensor(file.vertices, dtype=torch.float32)
    if normalization:
        vertices = _normalized(vertices, file)
    faces = torch.tensor(file.faces, dtype=torch.int32)
    if not load_texture:
        return vertices, faces
    textures: Tensor | TextureMaps
    if texture_type == "surface":
        textures = load_textures(file, int(texture_res), wrap)
    else:
        textures = _vertex_colours(file) if texture_type == "vertex" else load_uv_textures(file, wrap)
    return vertices, faces, textures


def _normalized(vertices: Tensor, file: ObjFile) -> Tensor:
    vertices = vertices - vertices.amin(0)
    longest = vertices.max()
    if longest == 0:
        raise ValueError(f"{file.path}: all vertices are in one place; normalization needs an extent")
    if not longest.isfinite():
        raise ValueError(f"{file.path}: the vertices are too far apart for float32; normalization needs their extent")
    vertices = vertices / longest * 2
    return vertices - vertices.amax(0) / 2


def _vertex_colours(file: ObjFile) -> Tensor:
    if not file.colours:
        raise ValueError(
            f"{file.path}: the vertices have no colours (v x y z r g b), which texture_type 'vertex' reads"
        )
    return torch.tensor(file.colours, dtype=torch.float32)
