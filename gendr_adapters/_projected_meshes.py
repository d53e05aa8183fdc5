"""ProjectedMeshes: meshes of another library as a door hands them to the core."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ._counted_fragments import CountedFragments, count_fragments
from ._nearest_fragments import NearestFragments, find_nearest_fragments
from ._pieces import Piece
from ._rendering import Rendered, render
from ._scales import scale_tensor
from .blend import blend_fragments
from .fragments import Fragments, find_fragments
from .settings import RenderSettings
from .shading import Lighting, TextureMaps


@dataclass(frozen=True, eq=False)
class ProjectedMeshes:
    """N meshes, each projected for its own image.

    face_vertices: (F, 3, 3), of all meshes, concatenated: x right and y up in NDC, z the depth; NaN for hidden faces.
    face_offsets: (N + 1,) int64, where the faces of each mesh begin.
    image_size: (H, W), pixels.
    settings: which faces are drawn (reach, culling, clipping), and as much of the blending as the door knows.
    """

    face_vertices: Tensor
    face_offsets: Tensor
    image_size: tuple[int, int]
    settings: RenderSettings

    @classmethod
    def of_equal_size(
        cls, face_vertices: Tensor, image_size: tuple[int, int], settings: RenderSettings
    ) -> "ProjectedMeshes":
        """Make it from a batch (N, F, 3, 3): N meshes of F faces each."""
        n_meshes, n_faces = face_vertices.shape[:2]
        face_offsets = torch.arange(n_meshes + 1, device=face_vertices.device) * n_faces
        return cls(face_vertices.flatten(0, 1), face_offsets, image_size, settings)

    def __len__(self) -> int:
        return self.face_offsets.shape[0] - 1

    @property
    def n_pixels(self) -> int:
        """Number of pixels of one image."""
        return self.image_size[0] * self.image_size[1]

    def detach(self) -> "ProjectedMeshes":
        return replace(self, face_vertices=self.face_vertices.detach())

    def render(
        self,
        features: Tensor | TextureMaps | None = None,
        background: Tensor | None = None,
        outputs: Sequence[str] = ("image", "alpha"),
        lighting: Lighting | None = None,
    ) -> Rendered:
        """See `gendr_adapters.render`."""
        return render(
            self.face_vertices,
            self.image_size,
            features,
            self.face_offsets,
            self.settings,
            background,
            outputs,
            lighting,
        )

    def find_fragments(self) -> Fragments:
        """See `gendr_adapters.find_fragments`."""
        return find_fragments(self.face_vertices, self.image_size, self.face_offsets, self.settings)

    def count_fragments(self) -> CountedFragments:
        """See `count_fragments`."""
        return count_fragments(self.face_vertices, self.image_size, self.face_offsets, self.settings)

    def find_nearest_fragments(self, n_nearest: int, **factors: float) -> NearestFragments:
        """See `find_nearest_fragments`."""
        return find_nearest_fragments(
            self.face_vertices, self.image_size, n_nearest, self.face_offsets, self.settings, **factors
        )

    def blend_fragments(
        self, found: Fragments, features: Tensor, piece: Piece, background: Tensor | None = None
    ) -> Rendered:
        """Blend the fragments of a piece. If the piece is a part of an image, the result is an image of that part. See
        `gendr_adapters.blend_fragments`.

        found: fragments of the piece. features: (M, C), what each fragment shows. background: (1, C) or (N, C).
        """
        scales = {
            name: piece.rows(scale)
            for name in ("dist_scale", "gamma")
            if (scale := scale_tensor(name, getattr(self.settings, name), len(self), found.depth)) is not None
        }
        first, last = piece.images.start, piece.images.stop
        return blend_fragments(
            found,
            features,
            piece.image_size,
            replace(self.settings, **scales),
            piece.rows(background),
            self.face_offsets[first : last + 1],
        )
