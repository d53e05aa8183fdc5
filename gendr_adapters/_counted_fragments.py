"""`count_fragments`: count the fragments of each pixel, so that those of any range of pixels can be listed later."""

from functools import cached_property
from typing import Any

from torch import Tensor

from . import ops
from ._autocast import full_precision
from ._inputs import image_shape
from ._known import as_list
from ._nothing_drawn import warn_if_nothing_drawn
from .fragments import Fragments, listing_arguments
from .settings import RenderSettings


class CountedFragments:
    """The fragments of a scene, counted but not listed. It keeps the faces as the core prepared them, 150 to 300 bytes
    each, until `find` lists all fragments.

    offsets: (B * H * W + 1,) int64, of all fragments, as in Fragments.
    """

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self._arguments = arguments
        self._workspace: Tensor | None
        self.offsets, self._workspace = ops.apply("count_fragments", *arguments)

    @cached_property
    def total(self) -> int:
        """Number of fragments. On a GPU this waits once for the number."""
        return int(self.offsets[-1])

    @cached_property
    def known_offsets(self) -> Tensor:
        """offsets in CPU memory."""
        return self.offsets.cpu()

    def find(self) -> Fragments:
        """List all fragments, as `find_fragments` does."""
        found = self._list(self.offsets, 0, self.total)
        self._workspace = None
        return found

    def find_in(self, first: int, last: int) -> Fragments:
        """List the fragments of the pixels [first, last), in the same order as in `find`.

        offsets are those of these pixels, from 0; pixel and face are counted through all pixels and faces.
        """
        begin, end = as_list(self.known_offsets[[first, last]])
        return self._list(self.offsets[first : last + 1] - begin, first, end - begin)

    def _list(self, offsets: Tensor, first: int, n: int) -> Fragments:
        if self._workspace is None:
            _, self._workspace = ops.apply("count_fragments", *self._arguments)
        *tensors, size, ints, floats = self._arguments
        *numbers, pixel, face = ops.apply(
            "list_fragments", *tensors, self._workspace, offsets, first, n, size, ints, floats
        )
        return Fragments(offsets, pixel, face, *numbers)


@full_precision
def count_fragments(
    face_vertices: Tensor,
    image_size: int | tuple[int, int],
    face_offsets: Tensor | None = None,
    settings: RenderSettings = RenderSettings(),  # noqa: B008 (frozen)
) -> CountedFragments:
    """Count the fragments. Arguments and errors are those of `find_fragments`."""
    arguments = listing_arguments(face_vertices, image_size, face_offsets, settings)
    counted = CountedFragments(arguments)
    warn_if_nothing_drawn(arguments[0], image_shape(image_size), settings)
    return counted
