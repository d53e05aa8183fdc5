"""`Mesh`: a batch of triangle meshes with textures, as SoftRas and GenDR hand it from module to module."""

import math

import numpy as np
import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import check_real
from .arguments import default_device
from .normals import face_vertices, surface_normals, vertex_normals
from .obj_loading import TEXTURE_TYPES, load_obj
from .obj_writing import save_obj
from .statements import Path
from .surface_textures import reversed_texels
from .uv_textures import Textures, check_uv_textures, for_meshes, seen_from_behind_too, white_maps
from .voxels import voxelization

Array = Tensor | np.ndarray


class Mesh:
    """A batch of N meshes of V vertices and F faces each, with textures.

    vertices: (N, V, 3), float32 or float64.
    faces: (N, F, 3), integers.
    texture_type: 'surface': R x R texels a face; 'vertex': a colour a vertex; 'uv': texture maps.
    textures: (N, F, R * R, 3) with 'surface', (N, V, 3) with 'vertex', a gendr_adapters.TextureMaps with 'uv' (after
        lighting, the maps together with the light on each face).

    vertices, faces and textures may be set anew; where N is 1, tensors may lack the batch dimension. Normals and other
    derived values are computed on every access, so they follow changes in place.

    Example:
        >>> from gendr_adapters import data
        >>> from gendr_adapters.softras import Mesh
        >>> mesh = Mesh.from_obj(data.path("airplane.obj"))
        >>> mesh.vertices.shape, mesh.faces.shape, mesh.textures.shape
        (torch.Size([1, 1352, 3]), torch.Size([1, 2700, 3]), torch.Size([1, 2700, 1, 3]))
    """

    def __init__(
        self,
        vertices: Array,
        faces: Array,
        textures: Textures = None,
        texture_res: int = 1,
        texture_type: str = "surface",
    ) -> None:
        """Take tensors as they are, on any device; NumPy arrays become float32 and int32 tensors.

        Args:
            vertices: (N, V, 3) or (V, 3).
            faces: (N, F, 3) or (F, 3).
            textures: as the attribute, or without its N. None: white, with texture_res x texture_res texels a face.
                With 'uv', TextureMaps of maps (H, W, 3) or (M, H, W, 3) and uvs (F, 3, 2) or (N, F, 3, 2).
            texture_res: R of white textures; ignored if textures are given.
            texture_type: 'surface', 'vertex' or 'uv'.
        Raises:
            TypeError, ValueError: types, shapes or names that do not fit.

        Arrays go to the device of vertices; if vertices is an array itself, to torch's default device.
        """
        if texture_type not in TEXTURE_TYPES:
            raise ValueError(f"texture_type must be 'surface', 'vertex' or 'uv', got {texture_type!r}")
        self.texture_type = texture_type
        self._array_device = vertices.device if isinstance(vertices, Tensor) else default_device()
        self._set_vertices(vertices)
        self._set_faces(faces)
        self._set_textures(self._white(texture_res) if textures is None else textures)
        self.check_sizes()
        self._origin = self._vertices, self._faces, self._textures
        self._fill_back = False

    @classmethod
    def from_obj(
        cls,
        filename_obj: Path,
        normalization: bool = False,
        load_texture: bool = False,
        texture_res: int = 1,
        texture_type: str = "surface",
        *,
        wrap: str = "reference",
    ) -> "Mesh":
        """Read an OBJ file; see `functional.load_obj`. Without load_texture, the mesh is white."""
        found = load_obj(filename_obj, normalization, load_texture, texture_res, texture_type, wrap=wrap)
        return cls(found[0], found[1], found[2] if load_texture else None, texture_res, texture_type)

    def save_obj(self, filename_obj: Path, save_texture: bool = False, texture_res_out: int | None = 16) -> None:
        """Write an OBJ file; see `functional.save_obj`. Raises ValueError unless the batch is one mesh."""
        if self.batch_size != 1:
            raise ValueError(f"only a batch of one mesh can be saved, got {self.batch_size}")
        textures = None
        if save_texture:
            textures = self.textures if self.texture_type == "uv" else self.textures[0]
        save_obj(filename_obj, self.vertices[0], self.faces[0], textures, texture_res_out, self.texture_type)

    @property
    def vertices(self) -> Tensor:
        """(N, V, 3)."""
        return self._vertices

    @vertices.setter
    def vertices(self, vertices: Array) -> None:
        self._set_vertices(vertices)

    # What our own code calls: torch.compile of torch 2.5 to 2.7 does not see what a property's setter sets.
    @full_precision
    def _set_vertices(self, vertices: Array) -> None:
        self._vertices = self._batched("vertices", vertices, np.float32, ("N", "V", "3"))

    @property
    def faces(self) -> Tensor:
        """(N, F, 3), integers."""
        return self._faces

    @faces.setter
    def faces(self, faces: Array) -> None:
        self._set_faces(faces)

    def _set_faces(self, faces: Array) -> None:
        self._faces = self._batched("faces", faces, np.int32, ("N", "F", "3"))

    @property
    def textures(self) -> Textures:
        """(N, F, R * R, 3) or (N, V, 3), or a TextureMaps, lit or not."""
        return self._textures

    @textures.setter
    def textures(self, textures: Textures) -> None:
        self._set_textures(textures)

    @full_precision
    def _set_textures(self, textures: Textures) -> None:
        if self.texture_type == "uv":
            check_uv_textures(textures, self.batch_size, self.num_faces)
            self._textures = textures
            return
        shape = ("N", "F", "R * R", "3") if self.texture_type == "surface" else ("N", "V", "3")
        self._textures = self._batched("textures", textures, np.float32, shape)

    @property
    def device(self) -> torch.device:
        """Where the vertices are."""
        return self._vertices.device

    @property
    def batch_size(self) -> int:
        """N."""
        return self._vertices.shape[0]

    @property
    def num_vertices(self) -> int:
        """V."""
        return self._vertices.shape[1]

    @property
    def num_faces(self) -> int:
        """F."""
        return self._faces.shape[1]

    @property
    def texture_res(self) -> int:
        """R; 1 with texture_type 'vertex' and 'uv'."""
        return math.isqrt(self._textures.shape[2]) if self.texture_type == "surface" else 1

    @property
    def face_vertices(self) -> Tensor:
        """(N, F, 3, 3): mesh, face, corner, coordinate."""
        return face_vertices(self.vertices, self.faces)

    @property
    def surface_normals(self) -> Tensor:
        """Unit normals of the faces, (N, F, 3)."""
        return surface_normals(self.face_vertices)

    @property
    def vertex_normals(self) -> Tensor:
        """Unit normals of the vertices, (N, V, 3); see `functional.vertex_normals`."""
        return vertex_normals(self.vertices, self.faces)

    @property
    def face_textures(self) -> Textures:
        """What the rasterisers take: (N, F, R * R, 3), the colours at the corners (N, F, 3, 3), or TextureMaps."""
        if self.texture_type == "surface":
            return self.textures
        self.check_sizes()
        if self.texture_type == "uv":
            return self.textures
        return face_vertices(self.textures, self.faces)

    def fill_back_(self) -> None:
        """Add every face once more with its corners in reverse order, and the same texture, so that it is seen from
        both sides. A second call changes nothing."""
        if self._fill_back:
            return
        self._set_faces(torch.cat((self.faces, self.faces.flip(2)), 1))
        if self.texture_type == "uv":
            self._set_textures(seen_from_behind_too(self.textures))
        if self.texture_type == "surface":
            behind = self.textures[:, :, reversed_texels(self.texture_res).to(self.textures.device)]
            self._set_textures(torch.cat((self.textures, behind), 1))
        self._fill_back = True

    def reset_(self) -> None:
        """Restore the vertices, faces and textures that the mesh was made of."""
        self._vertices, self._faces, self._textures = self._origin
        self._fill_back = False

    def moved_to(self, vertices: Tensor) -> tuple[Tensor, Tensor, Textures]:
        """Vertices, faces and textures of the mesh with other vertices (N, V, 3); one mesh is repeated N times."""
        n = len(vertices)
        if n == self.batch_size or self.batch_size != 1:
            return vertices, self.faces, self.textures
        textures = self.textures
        textures = for_meshes(textures, n) if self.texture_type == "uv" else textures.expand(n, *textures.shape[1:])
        return vertices, self.faces.expand(n, -1, -1), textures

    def voxelize(self, voxel_size: int = 32) -> Tensor:
        """Which of S x S x S voxels the mesh fills: (N, S, S, S) int32 of 0 and 1, S = voxel_size, at least 2.

        A coordinate x is at x S^2 / (S - 1) + S / 2, in voxels, so the cube [-0.5, 0.5] exceeds the grid by a little
        more than half a voxel on every side, as in SoftRas. See `functional.voxelization`.
        """
        if voxel_size < 2:
            raise ValueError(f"voxel_size must be from 2, got {voxel_size}")
        return voxelization(self.face_vertices * voxel_size / (voxel_size - 1) + 0.5, voxel_size, False)

    def _batched(self, name: str, values: Array, array_type: type, shape: tuple[str, ...]) -> Tensor:
        if isinstance(values, np.ndarray):
            values = torch.from_numpy(values.astype(array_type)).to(self._array_device)
        if not isinstance(values, Tensor):
            raise TypeError(f"{name} must be a tensor or a NumPy array, got {type(values).__name__}")
        if values.dim() not in (len(shape), len(shape) - 1) or values.shape[-1] != 3:
            raise ValueError(
                f"{name} must be ({', '.join(shape)}) or ({', '.join(shape[1:])}), got shape {tuple(values.shape)}"
            )
        if array_type is np.float32:
            check_real(name, values)
        return values if values.dim() == len(shape) else values[None]

    def _white(self, texture_res: int) -> Textures:
        if self.texture_type == "uv":
            return white_maps(self.num_faces, self._vertices)
        shape = (self.num_faces, texture_res**2) if self.texture_type == "surface" else (self.num_vertices,)
        return self._vertices.new_ones(self.batch_size, *shape, 3)

    def check_sizes(self) -> None:
        """Raise ValueError unless vertices, faces and textures go together; they may have been set one by one."""
        if self._faces.shape[0] != self.batch_size:
            raise ValueError(f"there must be faces for each of {self.batch_size} meshes, got {self._faces.shape[0]}")
        if self.texture_type == "uv":
            check_uv_textures(self._textures, self.batch_size, self.num_faces)
            return
        shape = tuple(self._textures.shape)
        n_carriers, carriers = (
            (self.num_faces, "faces") if self.texture_type == "surface" else (self.num_vertices, "vertices")
        )
        if shape[:2] != (self.batch_size, n_carriers):
            raise ValueError(f"textures must be of {self.batch_size} x {n_carriers} {carriers}, got shape {shape}")
        if self.texture_type == "surface" and math.isqrt(shape[2]) ** 2 != shape[2]:
            raise ValueError(f"'surface' textures must have R * R texels a face, got {shape[2]} (shape {shape})")
