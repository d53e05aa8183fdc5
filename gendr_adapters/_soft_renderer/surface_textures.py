"""'surface' textures: R x R texels a face, from the pictures of materials, and painted into one picture again."""

from collections.abc import Iterable

import torch
from torch import Tensor

from .._autocast import full_precision
from .mtl_files import Material, read_materials
from .obj_files import ObjFile
from .pictures import read_picture


def texel_weights(resolution: int) -> Tensor:
    """Barycentric weights (R * R, 3) of the texel centres of a 'surface' texture.

    A face is cut into R * R congruent triangles. With w0 and w1 the weights of corners 0 and 1, the upright one in cell
    (column int(w0 R), row int(w1 R)) is texel [row, column]; the inverted one is texel [R-1-row, R-1-column], which no
    upright triangle uses (SoftRas' layout).
    """
    row, column = torch.meshgrid(torch.arange(resolution), torch.arange(resolution), indexing="ij")
    upright = row + column < resolution
    w0 = torch.where(upright, column + 1 / 3, resolution - 1 - column + 2 / 3) / resolution
    w1 = torch.where(upright, row + 1 / 3, resolution - 1 - row + 2 / 3) / resolution
    return torch.stack([w0, w1, 1 - w0 - w1], -1).reshape(-1, 3)


def reversed_texels(resolution: int) -> Tensor:
    """Which texel of a face is where, (R * R,), once its corners are reversed: corner 0 is corner 2 and vice versa."""
    row, column = torch.meshgrid(torch.arange(resolution), torch.arange(resolution), indexing="ij")
    # The cell's third index; inverted triangles are counted from the other end.
    other = torch.where(row + column < resolution, resolution - 1, 2 * resolution - 1) - row - column
    return (row * resolution + other).flatten()


def load_textures(file: ObjFile, resolution: int) -> Tensor:
    """The materials' pictures and colours as texels (F, R * R, 3) float32; white before the first usemtl.

    Where a material has a picture, its colour (Kd) has no say. Raises ValueError for files without mtllib, materials
    that no library has, and faces without texture coordinates whose material has a picture.
    """
    if not file.libraries:
        raise ValueError(f"{file.path}: no mtllib, so there is no 'surface' texture to load")
    materials = read_materials(file)
    textures = torch.ones(len(file.faces), resolution**2, 3)
    for name, indices in _faces_by_material(file).items():
        if name is None:
            continue
        if name not in materials:
            raise ValueError(f"{file.path}:{file.face_lines[indices[0]]}: no library has the face's material {name!r}")
        textures[indices] = _texels(file, indices, materials[name], resolution)
    return textures


def corner_uv(file: ObjFile, faces: Iterable[int]) -> Tensor:
    """Texture coordinates of some of a file's faces, (n, 3, 2) float32. Raises ValueError where there are none."""
    corners = []
    for face in faces:
        uv = file.face_uv[face]
        if uv is None:
            raise ValueError(
                f"{file.path}:{file.face_lines[face]}: a corner without texture coordinates, which a picture needs"
            )
        corners.append([file.texture_vertices[corner] for corner in uv])
    return torch.tensor(corners, dtype=torch.float32)


@full_precision
def sample_texels(picture: Tensor, uv: Tensor, resolution: int) -> Tensor:
    """A picture at the texel centres of faces, as SoftRas and GenDR sample it.

    u = 0 and 1 are the centres of the first and the last column of pixels, v of the last and the first row; bilinear.
    A corner's coordinate above 1 loses its whole part before texels are placed between corners, so a face that crosses
    the picture's border shows the way back over all of it. Less than a pixel below 0 counts as 0 (along u, the
    originals extrapolate); further below, where the originals read another row or other memory, the picture repeats.

    Args:
        picture: (H, W, 3), row 0 at the top. uv: (F, 3, 2), of the corners, of picture's dtype.
    Returns:
        (F, R * R, 3).
    """
    wrapped = torch.where(uv > 1, uv % 1, uv)
    size = torch.tensor([picture.shape[1], picture.shape[0]], device=picture.device)
    centre = texel_weights(resolution).to(picture) @ wrapped
    x, y = (torch.where(centre * (size - 1) <= -1, centre % 1, centre) * (size - 1)).unbind(-1)
    (left, right, share_x), (below, above, share_y) = _neighbours(x, picture.shape[1]), _neighbours(y, picture.shape[0])
    rows = picture.flip(0)
    lower = rows[below, left] * (1 - share_x) + rows[below, right] * share_x
    upper = rows[above, left] * (1 - share_x) + rows[above, right] * share_x
    return lower * (1 - share_y) + upper * share_y


def _neighbours(position: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pixels before and after positions along an axis, and the share (..., 1) of the one after."""
    position = position.clamp(0, count - 1)
    before = position.long()
    return before, (before + 1).clamp(max=count - 1), (position - before)[..., None]


def _faces_by_material(file: ObjFile) -> dict[str | None, list[int]]:
    faces: dict[str | None, list[int]] = {}
    for face, name in enumerate(file.face_materials):
        faces.setdefault(name, []).append(face)
    return faces


def _texels(file: ObjFile, indices: list[int], material: Material, resolution: int) -> Tensor:
    if material.picture is None:
        return torch.tensor(material.colour)
    picture = torch.from_numpy(read_picture(material.picture, material.where)).to(torch.get_default_device())
    return sample_texels(picture, corner_uv(file, indices), resolution)
