"""What a rasteriser hands a shader: PyTorch3D's Fragments, worked out only when they are read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from pytorch3d.renderer.mesh.rasterizer import Fragments as PyTorch3DFragments
from torch import Tensor

from .._counted_fragments import CountedFragments
from .._known import as_list
from .._projected_meshes import ProjectedMeshes
from ..fragments import Fragments

_DENSE = ("pix_to_face", "zbuf", "bary_coords", "dists")


class _AsMade:
    """Remembers tensors, to tell later whether they are still what they were."""

    def __init__(self, values: dict[str, Tensor]) -> None:
        self._values = values
        # Inference tensors have no version: these are compared with copies.
        self._versions = {name: x.clone() if x.is_inference() else x._version for name, x in values.items()}

    def edited(self, values: dict[str, Any]) -> list[str]:
        """Names of those that are another tensor now, or were written to."""
        return [name for name, x in self._values.items() if values.get(name) is not x or self._written(name)]

    def _written(self, name: str) -> bool:
        now, before = self._values[name], self._versions[name]
        if isinstance(before, Tensor):
            return not torch.equal(now.nan_to_num(), before.nan_to_num())
        return now._version != before

    def __reduce__(self) -> tuple[Any, ...]:  # versions of copies count from 0
        return _AsMade, (self._values,)


class GenDRFragments(PyTorch3DFragments):
    """What `GenDRRasterizer` returns: PyTorch3D's Fragments, computed from the projected meshes when they are read.

    pix_to_face, zbuf, dists: (N, H, W, K), as in PyTorch3D: the nearest K = faces_per_pixel faces of each pixel; with
        faces_per_pixel None, K is the largest number of faces at a pixel. They are computed when one of them is first
        read, and take N H W K memory. Our shaders do not read them.
    bary_coords: (N, H, W, K, 3), likewise.
    found: gendr_adapters.Fragments, every pair of a pixel and a face in reach, concatenated.

    Our shaders raise ValueError for fragments made by hand or by dataclasses.replace, which hold no meshes, and for
    fragments whose tensors were written to, as they would not see the change.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, RasterizationSettings
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> fragments = GenDRRasterizer(cameras, RasterizationSettings(image_size=32))(ico_sphere(1))
        >>> fragments.zbuf.shape, fragments.nearest().zbuf.shape
        (torch.Size([1, 32, 32, 1]), torch.Size([1, 32, 32, 1]))
        >>> len(fragments.found.face) > int((fragments.pix_to_face >= 0).sum())  # also the faces behind the nearest
        True
    """

    _meshes: ProjectedMeshes
    _faces_per_pixel: int | None

    @classmethod
    def _of(cls, meshes: ProjectedMeshes, faces_per_pixel: int | None) -> "GenDRFragments":
        fragments = object.__new__(cls)
        object.__setattr__(fragments, "_meshes", meshes)
        object.__setattr__(fragments, "_faces_per_pixel", faces_per_pixel)
        return fragments

    @property
    def meshes(self) -> ProjectedMeshes:
        """The projected meshes. Raises ValueError for fragments made by hand."""
        if "_meshes" not in self.__dict__:
            raise ValueError(
                "these fragments were made by hand, and hold no meshes: pass our shaders what GenDRRasterizer returned"
            )
        return self._meshes

    @property
    def counted(self) -> CountedFragments:
        """How many fragments each pixel has, as offsets (N H W + 1,); `found` is made from it."""
        if "_counted" not in self.__dict__:
            with _graph_of(self.meshes.face_vertices):
                object.__setattr__(self, "_counted", self.meshes.count_fragments())
        return self._counted

    @property
    def found(self) -> Fragments:
        """Every pair of a pixel and a face in reach, of all images, concatenated (gendr_adapters.Fragments)."""
        if "_found" not in self.__dict__:
            with _graph_of(self.meshes.face_vertices):
                found = self.counted.find()
            self._keep_found(found)
        return self._found

    def compact(self) -> PyTorch3DFragments:
        """All fragments as PyTorch3D's Fragments of shape (N, 1, M, 1).

        M is the largest number of fragments of an image, at least 1; images with fewer are filled up with -1.
        PyTorch3D's textures and shading functions take them. Raises ValueError for fragments that were edited.
        """
        n_images = len(self.meshes)
        self.check_untouched()
        return lay_out(self.found, list(range(n_images)), bounds_of(self.found, n_images))

    def check_untouched(self) -> None:
        """Raise ValueError if one of the tensors that were read has been replaced, or written to in place."""
        if edited := self._edited():
            raise ValueError(
                f"{', '.join(edited)} of these fragments was edited, which our shaders do not see: they take the "
                "meshes themselves. Leave faces out of the meshes, or hand the tensors to a shader of PyTorch3D's, in "
                "dataclasses.replace(fragments, ...)"
            )

    @property
    def is_whole(self) -> bool:
        """Whether our shaders can use these fragments: they hold the projected meshes, and nothing was edited."""
        return "_meshes" in self.__dict__ and not self._edited()

    def nearest(self) -> PyTorch3DFragments:
        """PyTorch3D's Fragments with K = 1: the nearest face of each pixel."""
        if "_meshes" in self.__dict__ and "_dense_as_made" not in self.__dict__:
            return PyTorch3DFragments(*dense_view(self.meshes, 1))
        values = [getattr(self, name) for name in _DENSE]
        return PyTorch3DFragments(*(x if x is None else x[:, :, :, :1] for x in values))

    def _edited(self) -> list[str]:
        watched = self.__dict__
        names = watched["_dense_as_made"].edited(watched) if "_dense_as_made" in watched else []
        if "_found" in watched:
            found = watched["_found_as_made"].edited(watched["_found"]._asdict())
            names += [f"found.{name}" for name in found]
        return names

    def detach(self) -> "GenDRFragments":
        if "_meshes" not in self.__dict__ or self._edited():
            values = [getattr(self, name) for name in _DENSE]
            return GenDRFragments(*(x if x is None else x.detach() for x in values))
        detached = GenDRFragments._of(self.meshes.detach(), self._faces_per_pixel)
        if "_found" in self.__dict__:
            detached._keep_found(Fragments(*(x.detach() for x in self.found)))
        if "_dense_as_made" in self.__dict__:
            detached._keep_dense([self.__dict__[name].detach() for name in _DENSE])
        return detached

    def _keep_found(self, found: Fragments) -> None:
        object.__setattr__(self, "_found", found)
        object.__setattr__(self, "_found_as_made", _AsMade(found._asdict()))

    def _keep_dense(self, values: Sequence[Tensor]) -> None:
        named = dict(zip(_DENSE, values, strict=True))
        for name, value in named.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_dense_as_made", _AsMade(named))

    def __getattr__(self, name: str) -> Any:  # asked only for what is not there yet
        if name not in _DENSE or "_meshes" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        with _graph_of(self.meshes.face_vertices):
            self._keep_dense(dense_view(self.meshes, self._faces_per_pixel or most_at_a_pixel(self.counted)))
        return self.__dict__[name]

    def __repr__(self) -> str:
        if "_meshes" not in self.__dict__:
            return super().__repr__()
        return f"GenDRFragments({len(self.meshes)} images of {self.meshes.image_size})"


@contextmanager
def _graph_of(face_vertices: Tensor) -> Iterator[None]:
    """What is computed late has the graph it would have had at once, also where it is first read under no_grad."""
    with torch.inference_mode(face_vertices.is_inference()), torch.set_grad_enabled(face_vertices.requires_grad):
        yield


def bounds_of(found: Fragments, n_images: int) -> list[int]:
    """(n_images + 1,): where each image's fragments begin, and where the last one's end."""
    n_pixels = (found.offsets.shape[0] - 1) // max(1, n_images)
    return as_list(found.offsets[:: max(1, n_pixels)])[: n_images + 1]


def lay_out(found: Fragments, images: list[int], bounds: list[int]) -> PyTorch3DFragments:
    """The fragments of some images as PyTorch3D's, (len(images), 1, M, 1), filled up with -1. Face numbers stay."""
    starts, ends = ([bounds[i + k] for i in images] for k in (0, 1))
    most = max([1, *(end - start for start, end in zip(starts, ends, strict=True))])

    def rows(values: Tensor) -> Tensor:
        if len(images) == 1 and starts[0] < ends[0]:
            return values[None, None, starts[0] : ends[0], None]
        filled = [
            torch.nn.functional.pad(
                values[start:end], [*[0, 0] * (values.dim() - 1), 0, most - (end - start)], value=-1
            )
            for start, end in zip(starts, ends, strict=True)
        ]
        stacked = torch.stack(filled) if filled else values.new_empty((0, most, *values.shape[1:]))
        return stacked[:, None, :, None]

    return PyTorch3DFragments(
        pix_to_face=rows(found.face),
        zbuf=rows(found.depth),
        bary_coords=rows(just_inside(found.weights)),
        dists=rows(-found.distance2),
    )


def dense_view(meshes: ProjectedMeshes, faces_per_pixel: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """PyTorch3D's pix_to_face, zbuf, bary_coords and dists: the nearest faces of a pixel, by depth, then by number."""
    face, weights, depth, distance2 = meshes.find_nearest_fragments(
        faces_per_pixel, weight_factor=_just_inside(meshes.face_vertices.dtype), distance_factor=-1.0
    )
    return face, depth, weights, distance2


def most_at_a_pixel(counted: CountedFragments) -> int:
    """How many fragments there are at the pixel that has most; 1 if there are none."""
    counts = torch.diff(counted.offsets)
    return max(1, int(counts.max())) if counts.numel() else 1


def just_inside(weights: Tensor) -> Tensor:
    """Weights (..., 3) that sum to 1 less a few roundings.

    TexturesAtlas takes 1 - w_0 - w_1 for w_2. At pixels beyond the edge from corner 0 to 1 the clipped w_2 is 0, and
    the last bit of the others would say on which side of that edge the texel is.
    """
    return weights * _just_inside(weights.dtype)


def _just_inside(dtype: torch.dtype) -> float:
    return 1 - 4 * torch.finfo(dtype).eps


def nearest_first(found: Fragments) -> Tensor:
    """(M,): the fragments by pixel, those of a pixel by depth, those of a depth by face number."""
    order = torch.argsort(found.face, stable=True)
    order = order[torch.argsort(found.depth.detach()[order], stable=True)]
    return order[torch.argsort(found.pixel[order], stable=True)]
