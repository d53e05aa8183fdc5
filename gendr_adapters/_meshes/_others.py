"""Read and write PLY, glTF, STL and OFF files, by trimesh."""

import io
import os
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._extras import optional
from .._soft_renderer.pictures import read_picture
from .._soft_renderer.statements import require_regular
from ._atlas import Part, in_one_texture, plain
from ._headers import Header, gltf_header, ply_header
from ._inside import inside_by_uri
from ._mesh import Mesh

# The largest number of faces of a scene. A mesh may appear in a scene many times.
_MOST_FACES = 1 << 25


def load(path: str, suffix: str, textures: bool) -> Mesh:
    """Read the file as one mesh on the CPU. All parts of a scene are placed as the scene says."""
    trimesh = optional("trimesh", f"reading {path}", "mesh")
    require_regular(path)
    with open(path, "rb") as file:
        content = file.read()
    folder = os.path.dirname(path) or "."
    header = _header(path, suffix, content, folder, textures)
    if header.n_pictures:
        optional("PIL.Image", f"reading the texture of {path}", "io")
    picture = None if header.picture is None else torch.from_numpy(read_picture(header.picture, path))
    try:
        scene = trimesh.load_scene(
            io.BytesIO(content),
            file_type=suffix[1:],
            resolver=_resolver(trimesh, path, folder),
            process=False,
            skip_materials=not textures or suffix == ".ply",
        )
        _check_pictures(path, scene, header)
        parts = [_part(path, scene, node, header.has_normals) for node in _nodes(path, trimesh, scene)]
        if suffix == ".ply":
            parts = [part._replace(texture=picture) for part in parts]
    except MemoryError:
        raise
    except Exception as error:  # for broken files a reader may raise anything
        said = f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)
        raise ValueError(said if path in said else f"{path}: cannot be read as {suffix[1:].upper()}: {said}") from error
    if not sum(len(part.faces) for part in parts):
        raise ValueError(f"{path}: it has no faces; is it a mesh?")
    mesh = _joined(path, parts)
    return _merged(mesh) if suffix in (".stl", ".glb", ".gltf") else mesh


def save(path: str, suffix: str, mesh: Mesh) -> None:
    """Write as much of a mesh as the format can hold."""
    held = mesh._replace(
        texture=mesh.texture if suffix == ".glb" else None,
        vertex_colours=mesh.vertex_colours if suffix in (".ply", ".glb") else None,
    )
    written = as_trimesh(held, f"writing {path}").export(file_type=suffix[1:])
    with open(path, "wb") as file:
        file.write(written.encode() if isinstance(written, str) else written)


def as_trimesh(mesh: Mesh, purpose: str) -> Any:
    """The mesh as a trimesh.Trimesh: with its texture, or else with its vertices' colours. purpose: what it is for, in
    the ImportError where trimesh or Pillow is missing."""
    trimesh = optional("trimesh", purpose, "mesh")
    vertices, faces = mesh.vertices.detach().cpu().numpy(), mesh.faces.cpu().numpy()
    visual = None
    if mesh.texture is not None and mesh.uvs is not None:
        vertices, faces, uvs = _split(vertices, faces, mesh.uvs.detach().cpu().numpy())
        image = optional("PIL.Image", purpose, "io").fromarray(_bytes(mesh.texture))
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=image, metallicFactor=0.0)
        visual = trimesh.visual.TextureVisuals(uv=uvs, material=material)
    elif mesh.vertex_colours is not None:
        visual = trimesh.visual.ColorVisuals(vertex_colors=_bytes(mesh.vertex_colours))
    return trimesh.Trimesh(vertices, faces, process=False, visual=visual)


def _header(path: str, suffix: str, content: bytes, folder: str, textures: bool) -> Header:
    if suffix == ".ply":
        return ply_header(path, content, folder, textures)
    if suffix in (".glb", ".gltf"):
        return gltf_header(path, content, suffix == ".glb", folder, textures)
    return Header()


def _resolver(trimesh: Any, path: str, folder: str) -> Any:
    """An object that reads files in the mesh's folder for trimesh, and no others."""

    class InFolder(trimesh.resolvers.FilePathResolver):
        def get(self, name: str) -> bytes:
            found = inside_by_uri(folder, str(name), path)
            require_regular(found, path)
            with open(found, "rb") as file:
                return file.read()

    return InFolder(path)


def _check_pictures(path: str, scene: Any, header: Header) -> None:
    """Raise ValueError if trimesh could not read a picture. trimesh itself ignores that."""
    materials = [getattr(geometry.visual, "material", None) for geometry in scene.geometry.values()]
    read = sum([getattr(material, "baseColorTexture", None) is not None for material in materials])
    if read < header.n_pictures:
        raise ValueError(
            f"{path}: {header.n_pictures - read} of its {header.n_pictures} pictures cannot be read; textures=False "
            "reads the mesh without pictures"
        )


def _nodes(path: str, trimesh: Any, scene: Any) -> list[str]:
    """The nodes that show triangles, in the order of the file's meshes."""
    order = {name: number for number, name in enumerate(scene.geometry)}
    nodes = [n for n in scene.graph.nodes_geometry if isinstance(scene.geometry[scene.graph[n][1]], trimesh.Trimesh)]
    nodes.sort(key=lambda node: (order[scene.graph[node][1]], str(node)))
    count = sum(len(scene.geometry[scene.graph[node][1]].faces) for node in nodes)
    if count > _MOST_FACES:
        raise ValueError(f"{path}: the scene has {count} faces, at most {_MOST_FACES} are allowed")
    return nodes


def _part(path: str, scene: Any, node: str, has_normals: bool) -> Mesh:
    """One part of a scene, transformed to its place."""
    transform, name = scene.graph[node]
    geometry = scene.geometry[name]
    vertices = np.asarray(geometry.vertices, np.float64) @ transform[:3, :3].T + transform[:3, 3]
    faces = np.asarray(geometry.faces, np.int64).reshape(-1, 3)
    if faces.size and not (faces.min() >= 0 and faces.max() < len(vertices)):
        raise ValueError(f"{path}: a face has vertex {faces.max()}, but there are {len(vertices)} vertices")
    mirrored = np.linalg.det(transform[:3, :3]) < 0
    faces = faces[:, ::-1] if mirrored else faces
    normals = None
    if has_normals:
        turned = np.asarray(geometry.vertex_normals, np.float64) @ np.linalg.inv(transform[:3, :3])
        normals = _floats(path, "normals", turned)[torch.from_numpy(faces.copy())]
    uvs, texture, colours = _visual(path, geometry, faces)
    return Mesh(_floats(path, "vertices", vertices), torch.from_numpy(faces.copy()), uvs, texture, colours, normals)


def _visual(path: str, geometry: Any, faces: np.ndarray) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """uvs, texture and vertex colours."""
    visual = geometry.visual
    if visual.kind == "vertex":
        return None, None, torch.from_numpy(np.asarray(visual.vertex_colors)[:, :3].astype(np.float32) / 255)
    if visual.kind != "texture":
        return None, None, None
    beside = getattr(visual, "vertex_attributes", {}).get("color")
    if beside is not None and visual.material.baseColorTexture is None:
        levels = np.asarray(beside)[:, :3] / (255 if beside.dtype.kind == "u" else 1)
        factor = _texture(visual.material).view(3)
        return None, None, torch.from_numpy(levels.astype(np.float32)) * factor
    uv = getattr(visual, "uv", None)
    uvs = None if uv is None else _floats(path, "uvs", np.asarray(uv))[torch.from_numpy(faces.copy())]
    return uvs, _texture(visual.material) if hasattr(visual.material, "baseColorTexture") else None, None


def _texture(material: Any) -> Tensor:
    """The picture of a material times its colour. A material with only a colour has a picture of one texel."""
    colour = (255, 255, 255) if material.baseColorFactor is None else material.baseColorFactor
    factor = plain(tuple((np.asarray(colour, np.float64)[:3] / 255).tolist()))
    if material.baseColorTexture is None:
        return factor
    return torch.from_numpy(np.asarray(material.baseColorTexture.convert("RGB"), np.float32) / 255) * factor


def _joined(path: str, parts: list[Mesh]) -> Mesh:
    """The parts as one mesh. Normals are kept if all have them."""
    firsts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    ends = np.cumsum([0, *(len(part.faces) for part in parts)])
    vertices = torch.cat([part.vertices for part in parts])
    faces = torch.cat([part.faces + int(first) for part, first in zip(parts, firsts, strict=False)])
    normals = [part.normals for part in parts if part.normals is not None]
    uvs = [part.uvs for part in parts if part.uvs is not None]
    joined = Mesh(
        vertices,
        faces,
        torch.cat(uvs) if len(uvs) == len(parts) else None,
        normals=torch.cat(normals) if len(normals) == len(parts) else None,
    )
    if any(part.texture is not None for part in parts):
        if any(part.vertex_colours is not None for part in parts):
            raise ValueError(
                f"{path}: some parts have vertex colours and others have textures; a Mesh can have only one of both"
            )
        pieces = [
            Part(torch.arange(int(first), int(end)), *_shown(path, part))
            for part, first, end in zip(parts, ends, ends[1:], strict=False)
        ]
        texture, in_texture = in_one_texture(path, pieces, len(faces))
        return joined._replace(uvs=in_texture, texture=texture)
    if any(part.vertex_colours is not None for part in parts):
        white = [torch.ones_like(p.vertices) if p.vertex_colours is None else p.vertex_colours for p in parts]
        return joined._replace(vertex_colours=torch.cat(white))
    return joined


def _shown(path: str, part: Mesh) -> tuple[Tensor, Tensor]:
    """Picture and uvs of a part; white if it has no material."""
    texture = torch.ones(1, 1, 3) if part.texture is None else part.texture
    if part.uvs is None and texture.shape[:2] != (1, 1):
        raise ValueError(f"{path}: a material has a picture, but its faces have no texture coordinates")
    return texture, torch.zeros(len(part.faces), 3, 2) if part.uvs is None else part.uvs


def _merged(mesh: Mesh) -> Mesh:
    """Merge vertices of equal position (and colour): these formats store a vertex once for each face, or on both sides
    of a seam. The merged vertex keeps the place of the first one."""
    rows = mesh.vertices.numpy()
    if mesh.vertex_colours is not None:
        rows = np.concatenate([rows, mesh.vertex_colours.numpy()], 1)
    _, first, inverse = np.unique(rows + 0.0, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    kept = torch.from_numpy(first[order])
    colours = None if mesh.vertex_colours is None else mesh.vertex_colours[kept]
    faces = torch.from_numpy(rank[inverse.reshape(-1)])[mesh.faces]
    return mesh._replace(vertices=mesh.vertices[kept], faces=faces, vertex_colours=colours)


def _split(vertices: np.ndarray, faces: np.ndarray, uvs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, faces and uvs (n, 2) of the same mesh with one uv for each vertex."""
    corners = np.concatenate([faces.reshape(-1, 1).astype(np.float64), uvs.reshape(-1, 2)], 1)
    rows, inverse = np.unique(corners, axis=0, return_inverse=True)
    return vertices[rows[:, 0].astype(np.int64)], inverse.reshape(-1, 3), rows[:, 1:]


def _bytes(values: Tensor) -> np.ndarray:
    return (values.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def _floats(path: str, name: str, values: np.ndarray) -> Tensor:
    with np.errstate(over="ignore"):
        found = torch.from_numpy(values.astype(np.float32))
    if not bool(found.isfinite().all()):
        raise ValueError(f"{path}: its {name} must be finite numbers in float32")
    return found
