"""`save_obj`: a mesh as an OBJ file, with its texels painted into a picture or its vertices' colours; and voxels."""

import math
import os
import re
from collections.abc import Iterable, Iterator
from numbers import Integral

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import refuse_half
from ..shading import TextureMaps
from .obj_loading import TEXTURE_TYPES
from .pictures import write_picture
from .statements import Path
from .texture_atlas import paint_atlas
from .uv_textures import LitMaps, Textures, check_uv_textures

_MATERIAL = "material_1"


@full_precision
def save_obj(
    filename: Path,
    vertices: Tensor,
    faces: Tensor,
    textures: Textures = None,
    texture_res: int | None = 16,
    texture_type: str = "surface",
) -> None:
    """Write a Wavefront OBJ file, and for 'surface' and 'uv' textures an MTL and a PNG file of the same name beside it.

    Numbers have nine digits, so that float32 values are read again without loss. File names are written so that
    `load_obj` finds them.

    Args:
        filename: path, ending in .obj.
        vertices: (V, 3).
        faces: (F, 3), integers in [0, V).
        textures: 'surface': (F, R * R, 3) in [0, 1], what is outside is clipped; 'vertex': (V, 3), any numbers;
            'uv': as load_obj has them, a TextureMaps of one map, with align_corners, of uvs in [0, 1] or repeated.
        texture_res: side of the square that a 'surface' face gets in the picture, pixels, at least 2. With 3 R + 3, or
            with 5 R and more, `load_obj` at the same R gives the saved texels again, rounded to the picture's 8 bits;
            other sizes blur them, and smaller ones lose some. None: 3 R + 3.
        texture_type: what `textures` are: 'surface', 'vertex' or 'uv'.
    Raises:
        TypeError, ValueError: an argument of the wrong type, shape or range; numbers that are not finite in float32; a
            name that these files cannot hold (a line break, or a # after a space). ImportError: there is a picture to
            be written, and Pillow is not installed.

    Example:
        >>> import tempfile
        >>> from gendr_adapters import data
        >>> from gendr_adapters.softras import functional as srf
        >>> vertices, faces = srf.load_obj(data.path("airplane.obj"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     srf.save_obj(f"{folder}/copy.obj", vertices, faces)
        ...     bool((srf.load_obj(f"{folder}/copy.obj")[0] == vertices).all())
        True
    """
    path = os.fspath(filename)
    _check(vertices, faces, textures, texture_type)
    _check_name(path, with_files_beside=textures is not None and texture_type != "vertex")
    lines = [f"# {os.path.basename(path)}", ""]
    positions = vertices.detach().tolist()
    corners = [[str(index + 1) for index in face] for face in faces.tolist()]
    if textures is None:
        lines += _lines("v", positions)
    elif texture_type == "vertex":
        lines += _lines("v", ([*x, *colour] for x, colour in zip(positions, textures.detach().tolist(), strict=True)))
    else:
        stem = os.path.splitext(path)[0]
        if texture_type == "uv":
            picture, corner_uv = _picture_of_map(textures)
        else:
            picture, corner_uv = _painted(textures, texture_res)
        write_picture(stem + ".png", picture.cpu().numpy())
        _write(stem + ".mtl", [f"newmtl {_MATERIAL}", f"map_Kd {_beside(stem)}.png"])
        lines += [f"mtllib {_beside(stem)}.mtl", "", *_lines("v", positions)]
        lines += ["", *_lines("vt", corner_uv.flatten(0, 1).tolist()), "", f"usemtl {_MATERIAL}"]
        corners = [[f"{v}/{3 * face + k + 1}" for k, v in enumerate(vs)] for face, vs in enumerate(corners)]
    lines += ["", *(" ".join(["f", *face]) for face in corners)]
    _write(path, lines)


def save_voxel(filename: Path, voxel: Tensor) -> None:
    """Write voxels as an OBJ file without faces: a vertex (i / X, j / Y, k / Z) for each voxel (i, j, k) that is 1.

    Args:
        filename: path, ending in .obj.
        voxel: (X, Y, Z).
    Raises:
        ValueError: voxel is not a tensor of three dimensions.

    Example:
        >>> import pathlib, tempfile, torch
        >>> from gendr_adapters.softras import functional as srf
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "voxels.obj")
        ...     srf.save_voxel(path, torch.ones(2, 2, 2))
        ...     path.read_text().count("v ")
        8
    """
    if not isinstance(voxel, Tensor) or voxel.dim() != 3:
        raise ValueError(f"voxel must be a tensor (X, Y, Z), got {_shape(voxel)}")
    vertices = (voxel == 1).nonzero().float() / torch.tensor(voxel.shape, device=voxel.device)
    save_obj(filename, vertices, torch.empty(0, 3, dtype=torch.int64, device=voxel.device))


def _painted(textures: Tensor, texture_res: int | None) -> tuple[Tensor, Tensor]:
    """A picture (H, W, 3), and texture coordinates (F, 3, 2)."""
    tile = 3 * math.isqrt(textures.shape[1]) + 3 if texture_res is None else texture_res
    if not isinstance(tile, Integral) or isinstance(tile, bool) or tile < 2:
        raise ValueError(f"texture_res must be None or an int from 2, got {texture_res!r}")
    return paint_atlas(textures.detach(), int(tile))


def _picture_of_map(textures: TextureMaps) -> tuple[Tensor, Tensor]:
    """As `_painted`. Raises ValueError for what load_obj would show otherwise."""
    maps, uvs = textures.maps.detach(), textures.uvs.detach()
    if maps.shape[:-3] not in ((), (1,)) or uvs.shape[:-3] not in ((), (1,)):
        raise ValueError(
            f"a file has one map and its uvs, got maps of shape {tuple(maps.shape)}, uvs of shape {tuple(uvs.shape)}"
        )
    if (textures.filter, textures.align_corners) != ("bilinear", True):
        raise ValueError(
            "load_obj reads textures with filter='bilinear' and align_corners=True, got "
            f"{textures.filter!r} and {textures.align_corners}"
        )
    if textures.padding != "repeat" and not ((uvs >= 0) & (uvs <= 1)).all():
        raise ValueError(f"uvs outside [0, 1] are saved with padding='repeat' alone, got {textures.padding!r}")
    return maps.reshape(maps.shape[-3:]), uvs.reshape(-1, 3, 2)


def _beside(stem: str) -> str:
    """How a file names those beside it: with ./ where a space would be lost, - begin an option, or # a comment."""
    base = os.path.basename(stem)
    return f"./{base}" if base[:1] in " \t-#" else base


def _check_name(path: str, with_files_beside: bool) -> None:
    base = os.path.basename(path)
    # What \v and \f are depends on the reader.
    if re.search(r"[\r\n]", base) or (with_files_beside and re.search(r"[\v\f]|[ \t]#", base)):
        raise ValueError(f"filename must have no line break, \\v, \\f, or # after a space, got {path!r}")
    if with_files_beside and os.path.splitext(base)[1] in (".mtl", ".png"):
        raise ValueError(f"filename must not end in .mtl or .png, as the files beside it do, got {path!r}")


def _lines(keyword: str, rows: Iterable[list[float]]) -> Iterator[str]:
    for row in rows:
        yield " ".join([keyword, *(f"{number:.9g}" for number in row)])


def _write(path: str, lines: list[str]) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join(lines) + "\n")


def _check(vertices: Tensor, faces: Tensor, textures: Textures, texture_type: str) -> None:
    refuse_half("vertices", vertices)
    refuse_half("textures", textures)
    for name, values in (("vertices", vertices), ("faces", faces)):
        if not isinstance(values, Tensor) or values.dim() != 2 or values.shape[1] != 3:
            raise ValueError(f"{name} must be a tensor (n, 3), got {_shape(values)}")
    if faces.dtype.is_floating_point:
        raise TypeError(f"faces must be integers, got {faces.dtype}")
    if faces.numel() and not 0 <= int(faces.min()) <= int(faces.max()) < len(vertices):
        raise ValueError(f"faces must be in [0, {len(vertices)}), got {int(faces.min())} to {int(faces.max())}")
    if texture_type not in TEXTURE_TYPES:
        raise ValueError(f"texture_type must be 'surface', 'vertex' or 'uv', got {texture_type!r}")
    _check_finite("vertices", vertices)
    if textures is None:
        return
    if texture_type == "uv":
        if isinstance(textures, LitMaps):
            raise ValueError("the textures are lit, and a file cannot hold the light: call reset_() of the mesh first")
        check_uv_textures(textures, 1, len(faces))
        for name in ("maps", "uvs"):
            _check_finite(name, getattr(textures, name))
        return
    _check_finite("textures", textures)
    shape = tuple(textures.shape) if isinstance(textures, Tensor) else ()
    if texture_type == "vertex" and shape != tuple(vertices.shape):
        raise ValueError(f"'vertex' textures must be {tuple(vertices.shape)}, got {_shape(textures)}")
    if texture_type == "surface" and (
        len(shape) != 3 or (shape[0], shape[2]) != (len(faces), 3) or math.isqrt(shape[1]) ** 2 != shape[1]
    ):
        raise ValueError(f"'surface' textures must be ({len(faces)}, R * R, 3), got {_shape(textures)}")


def _check_finite(name: str, values: Tensor) -> None:
    if isinstance(values, Tensor) and not values.detach().float().isfinite().all():
        raise ValueError(f"{name} must be finite in float32, or they cannot be loaded again")


def _shape(values: object) -> str:
    return f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
