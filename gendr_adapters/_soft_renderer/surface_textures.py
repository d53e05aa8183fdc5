"""'surface' textures: R x R texels a face, from the pictures of materials, and painted into one picture again."""

from collections.abc import Iterable

import torch
from torch import Tensor

from .._autocast import full_precision
from .arguments import default_device
from .mtl_files import Material, materials_of_faces, read_materials
from .obj_files import ObjFile
from .pictures import read_picture
from .texture_maps import TextureMap

WRAPS = ("reference", "repeat")


def texel_weights(resolution: int) -> Tensor:
    """Barycentric weights (R * R, 3) of the texel centres of a 'surface' texture.

    A face is cut into R * R congruent triangles. With w0 and w1 the weights of corners 0 and 1, the upright one in cell
    (column int(w0 R), row int(w1 R)) is texel [row, column]; the inverted one is texel [R-1-row, R-1-column], which no
    upright triangle uses (SoftRas' layout).
    """
    cells = torch.arange(resolution, dtype=torch.float32, device="cpu")
    row, column = torch.meshgrid(cells, cells, indexing="ij")
    upright = row + column < resolution
    w0 = torch.where(upright, column + 1 / 3, resolution - 1 - column + 2 / 3) / resolution
    w1 = torch.where(upright, row + 1 / 3, resolution - 1 - row + 2 / 3) / resolution
    return torch.stack([w0, w1, 1 - w0 - w1], -1).reshape(-1, 3)


def reversed_texels(resolution: int) -> Tensor:
    """Which texel of a face is where, (R * R,), once its corners are reversed: corner 0 is corner 2 and vice versa."""
    cells = torch.arange(resolution, device="cpu")
    row, column = torch.meshgrid(cells, cells, indexing="ij")
    # The cell's third index; inverted triangles are counted from the other end.
    other = torch.where(row + column < resolution, resolution - 1, 2 * resolution - 1) - row - column
    return (row * resolution + other).flatten()


def load_textures(file: ObjFile, resolution: int, wrap: str = "reference") -> Tensor:
    """The materials' pictures and colours as texels (F, R * R, 3) float32; white before the first usemtl.

    Where a material has a picture, its colour (Kd) is ignored. A file without usemtl has the only material there is.

    wrap: see `sample_texels`; a picture with -clamp on is clamped for any wrap. Raises ValueError for files without
    mtllib, without usemtl where there are several materials, materials that no library has, and faces without texture
    coordinates whose material has a picture.
    """
    textures = torch.ones(len(file.faces), resolution**2, 3, dtype=torch.float32)
    for material, indices in faces_by_material(file):
        if material is not None:
            textures[indices] = _texels(file, indices, material, resolution, wrap)
    return textures


def faces_by_material(file: ObjFile) -> list[tuple[Material | None, list[int]]]:
    """Which faces have each material, None before the first usemtl. Raises ValueError, see `load_textures`."""
    if not file.libraries:
        raise ValueError(f"{file.path}: no mtllib, so there is no texture of faces to load")
    materials = read_materials(file)
    faces: dict[str | None, list[int]] = {}
    for face, name in enumerate(materials_of_faces(file, materials)):
        faces.setdefault(name, []).append(face)
    return [(None if name is None else materials[name], indices) for name, indices in faces.items()]


def corner_uv(file: ObjFile, faces: Iterable[int]) -> Tensor:
    """Texture coordinates of some of a file's faces, (n, 3, 2) float32. Raises ValueError where there are none."""
    corners = []
    for face in faces:
        uv = file.face_uv[face]
        if None in uv:
            raise ValueError(
                f"{file.path}:{file.face_lines[face]}: a corner without texture coordinates, which a picture needs"
            )
        corners.append([file.texture_vertices[corner] for corner in uv if corner is not None])
    return torch.tensor(corners, dtype=torch.float32)


def mapped_uv(uv: Tensor, found: TextureMap) -> Tensor:
    """Texture coordinates (F, 3, 2) as the options of a picture move them."""
    if found.is_plain:
        return uv
    largest = torch.finfo(uv.dtype).max
    return (uv * uv.new_tensor(found.scale) + uv.new_tensor(found.offset)).clamp(-largest, largest)


@full_precision
def sample_texels(picture: Tensor, uv: Tensor, resolution: int, wrap: str = "reference") -> Tensor:
    """A picture at the texel centres of faces; bilinear.

    u = 0 and 1 are the centres of the first and the last column of pixels, v of the last and the first row, as SoftRas
    and GenDR sample. So the wraps agree for faces inside the picture; else

    - 'reference', as SoftRas and GenDR: a corner's coordinate above 1 loses its whole part before texels are placed
      between corners, so a face that crosses the picture's border shows the way back over all of it. Less than a pixel
      below 0 counts as 0 (along u, the originals extrapolate); further below, where the originals read another row or
      other memory, the picture repeats.
    - 'repeat': texels are placed first, and the picture repeats.
    - 'clamp': texels are placed first, and beyond the border is its last pixel.

    Args:
        picture: (H, W, 3), row 0 at the top. uv: (F, 3, 2), of the corners, of picture's dtype.
        resolution: R. wrap: 'reference', 'repeat' or 'clamp'.
    Returns:
        (F, R * R, 3).
    """
    size = torch.tensor([picture.shape[1], picture.shape[0]], device=picture.device)
    weights = texel_weights(resolution).to(picture)
    x, y = (_PLACES[wrap](weights, uv, size) * (size - 1)).unbind(-1)
    (left, right, share_x), (below, above, share_y) = _neighbours(x, picture.shape[1]), _neighbours(y, picture.shape[0])
    rows = picture.flip(0)
    lower = rows[below, left] * (1 - share_x) + rows[below, right] * share_x
    upper = rows[above, left] * (1 - share_x) + rows[above, right] * share_x
    return lower * (1 - share_y) + upper * share_y


def _reference(weights: Tensor, uv: Tensor, size: Tensor) -> Tensor:
    centre = weights @ torch.where(uv > 1, uv % 1, uv)
    return torch.where(centre * (size - 1) <= -1, centre % 1, centre)


def _repeat(weights: Tensor, uv: Tensor, size: Tensor) -> Tensor:
    """A face that does not cross the border is moved as a whole: 1 stays 1 in it, the last pixel, not the first."""
    first = uv.amin(1, keepdim=True)
    inside = (first >= 0) & (uv.amax(1, keepdim=True) <= 1)
    centre = weights @ torch.where(inside, uv, (uv - first.floor()).clamp(max=torch.finfo(uv.dtype).max))
    return torch.where(inside, centre, centre % 1)


def _clamp(weights: Tensor, uv: Tensor, size: Tensor) -> Tensor:
    return (weights @ uv).clamp(0, 1)


_PLACES = {"reference": _reference, "repeat": _repeat, "clamp": _clamp}


def _neighbours(position: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pixels before and after positions along an axis, and the share (..., 1) of the one after."""
    position = position.clamp(0, count - 1)
    before = position.long()
    return before, (before + 1).clamp(max=count - 1), (position - before)[..., None]


def _texels(file: ObjFile, indices: list[int], material: Material, resolution: int, wrap: str) -> Tensor:
    found = material.picture("map_kd")
    if found is None:
        return torch.tensor(material.values.get("kd", (1.0, 1.0, 1.0)), dtype=torch.float32)
    picture = torch.from_numpy(read_picture(found.path, found.where)).to(default_device())
    uv = mapped_uv(corner_uv(file, indices), found)
    return sample_texels(picture, uv, resolution, "clamp" if found.clamp else wrap)
