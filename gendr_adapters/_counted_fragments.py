"""`count_fragments`: how many fragments each pixel has, from which those of any range of pixels can be listed."""

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
    """The fragments of a scene, counted, not listed. Until all are listed at once it keeps the faces as the core
    prepared them: 150 to 300 bytes each.

    offsets: (B * H * W + 1,) int64, of all fragments, as in Fragments.
    """

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self._arguments = arguments
        self._workspace: Tensor | None
        self.offsets, self._workspace = ops.apply("count_fragments", *arguments)

    @cached_property
    def total(self) -> int:
        """How many there are. On a GPU it waits for the number, once."""
        return int(self.offsets[-1])

    @cached_property
    def known_offsets(self) -> Tensor:
        """offsets in the CPU's memory."""
        return self.offsets.cpu()

    def find(self) -> Fragments:
        """What `find_fragments` returns."""
        found = self._list(self.offsets, 0, self.total)
        self._workspace = None
        return found

    def find_in(self, first: int, last: int) -> Fragments:
        """Those of pixels [first, last), the same, in the same order. offsets are of these pixels, from 0; pixel and
        face are numbers among all pixels and faces."""
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
    """Arguments and errors as of `find_fragments`."""
    arguments = listing_arguments(face_vertices, image_size, face_offsets, settings)
    counted = CountedFragments(arguments)
    warn_if_nothing_drawn(arguments[0], image_shape(image_size), settings)
    return counted
