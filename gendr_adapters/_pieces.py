"""Shading in pieces: ranges of pixels of which fragments are listed, shaded and blended before the next is begun, and
again in backward, so that memory does not grow with the number of fragments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, UntypedStorage
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import Module
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint

from ._counted_fragments import CountedFragments
from ._max_memory import bytes_allowed
from .fragments import Fragments

# A fragment takes less: pictures of few fragments are not looked at any closer.
_MOST_BYTES = 16 << 10
# How many fragments are shaded to see what one takes, and in how many places.
_SAMPLE, _PLACES = 256, 3
_MOST_FRAGMENTS = 2**31 - 2  # that the core blends at a time


@dataclass(frozen=True)
class Piece:
    """Pixels [first, last) of images of size (H, W), counted through all images: whole images, whole rows of one, or
    pixels of one row."""

    first: int
    last: int
    size: tuple[int, int]

    @classmethod
    def of_all(cls, n_images: int, size: tuple[int, int]) -> "Piece":
        return cls(0, n_images * size[0] * size[1], size)

    @property
    def whole(self) -> bool:
        """Is it of whole images?"""
        n_pixels = self.size[0] * self.size[1]
        return self.first % n_pixels == 0 and self.last % n_pixels == 0

    @property
    def images(self) -> slice:
        n_pixels = self.size[0] * self.size[1]
        return slice(self.first // n_pixels, -(-self.last // n_pixels))

    @property
    def in_image(self) -> slice:
        """Which pixels of its image a part is."""
        begin = self.images.start * self.size[0] * self.size[1]
        return slice(self.first - begin, self.last - begin)

    @property
    def image_size(self) -> tuple[int, int]:
        """Of a picture of these pixels alone."""
        n, width = self.last - self.first, self.size[1]
        rows = self.first % width == 0 and n % width == 0
        return self.size if self.whole else (n // width, width) if rows else (1, n)

    def rows(self, values: Any) -> Any:
        """Of a tensor with a row an image those of the piece; anything else, and a single row, as it is."""
        one_an_image = isinstance(values, Tensor) and values.dim() > 0 and values.shape[0] > 1
        return values[self.images] if one_an_image else values


# From a piece and its fragments to its pixels, (n, C).
ShadePiece = Callable[[Piece, Fragments], Tensor]


def shade_in_pieces(
    counted: CountedFragments, pieces: Sequence[Piece], shade: ShadePiece, made_of: Sequence[Tensor]
) -> Tensor:
    """(all pixels, C). With gradients nothing of a piece is kept: it is made again in backward.

    shade must find then what it found before. made_of: tensors that it reads: backward fails with autograd's error if
    one of them was written to in between.
    """

    def make(piece: Piece, *_: Tensor) -> Tensor:
        return shade(piece, counted.find_in(piece.first, piece.last))

    if not torch.is_grad_enabled():
        return torch.cat([make(piece) for piece in pieces])
    watched = [x for x in made_of if not x.is_inference()]
    return torch.cat([checkpoint(make, piece, *watched, use_reentrant=False) for piece in pieces])


def tensors_in(*values: Any) -> list[Tensor]:
    """Those in containers, in what objects hold, and in the modules among that."""
    held = [v if isinstance(v, Tensor) else getattr(v, "__dict__", v) for v in values]
    tensors: list[Tensor] = []
    for x in tree_leaves(held):
        if isinstance(x, Module):
            tensors += [*x.parameters(), *x.buffers()]
        elif isinstance(x, Tensor):
            tensors.append(x)
    return tensors


def pieces_for(
    counted: CountedFragments, size: tuple[int, int], shade: ShadePiece, max_memory: int | None
) -> list[Piece]:
    """All pixels in pieces of which each takes max_memory bytes at most, as far as a few fragments can tell; those of a
    single pixel may take more. None: a quarter of what is free, see `bytes_allowed`. size: of an image, (H, W)."""
    allowed = bytes_allowed(max_memory, counted.offsets.device)
    everything = Piece(0, counted.offsets.shape[0] - 1, size)
    if counted.total <= min(allowed // _MOST_BYTES, _MOST_FRAGMENTS):
        return [everything]
    most = min(allowed // bytes_of_a_fragment(counted, size, shade), _MOST_FRAGMENTS)
    return [everything] if counted.total <= most else _divide(counted.known_offsets, size, most)


def _divide(offsets: Tensor, size: tuple[int, int], most: int) -> list[Piece]:
    """Pieces of at most so many fragments, or of one pixel. Whole images, as many as fit; else rows; else pixels."""
    pieces, first, n = [], 0, offsets.shape[0] - 1
    while first < n:
        last = max(first + 1, _end_of(offsets, first, most))
        for unit in (size[0] * size[1], size[1]):
            if first % unit:  # at the end of the image or row it is in the middle of
                last = min(last, first - first % unit + unit)
            elif last >= first + unit:
                last -= last % unit
                break
        pieces.append(Piece(first, last, size))
        first = last
    return pieces


def _end_of(offsets: Tensor, first: int, most: int) -> int:
    """The last pixel up to which there are at most so many fragments from the first on."""
    return int(torch.searchsorted(offsets, int(offsets[first]) + most, right=True)) - 1


def bytes_of_a_fragment(counted: CountedFragments, size: tuple[int, int], shade: ShadePiece) -> int:
    """How much memory a fragment takes while its piece is made: what autograd keeps of it; at least half of all tensors
    that come into being, which is more than are there at a time. Measured on a few fragments in some places, the most
    of these."""
    offsets, width, most = counted.known_offsets, size[1], 1.0
    for part in range(1, _PLACES + 1):
        # A pixel there, and what of its row fits in the sample from it on.
        first = int(torch.searchsorted(offsets, counted.total * part // (_PLACES + 1), right=True)) - 1
        last = max(first + 1, min(first - first % width + width, _end_of(offsets, first, _SAMPLE)))
        few, many = (_measure(counted, Piece(first, end, size), shade) for end in (first + 1, last))
        if many.fragments > few.fragments:  # less what is there once, however many fragments
            n, made, kept = (m - f for m, f in zip(many, few, strict=True))
            most = max(most, kept / n, made / 2 / n)
        else:
            most = max(most, many.made / many.fragments)
    return int(most) + 1


class _Taken(NamedTuple):
    """Of a piece: how many fragments it has, bytes of all tensors that come into being, bytes that autograd keeps."""

    fragments: int
    made: int
    kept: int


def _measure(counted: CountedFragments, piece: Piece, shade: ShadePiece) -> _Taken:
    device = counted.offsets.device
    kept: dict[int, UntypedStorage] = {}

    def keep(tensor: Tensor) -> None:  # not the tensor: it may hold the node that would hold it
        kept[_memory_of(tensor)] = tensor.untyped_storage()

    made = _Made()
    with torch.random.fork_rng([device] if device.type == "cuda" else []), made, saved_tensors_hooks(keep, lambda x: x):
        found = counted.find_in(piece.first, piece.last)
        shade(piece, found)
    return _Taken(found.pixel.shape[0], made.bytes, sum(x.nbytes() for x in kept.values()))


class _Made(TorchDispatchMode):
    """Counts the bytes of all tensors that operations inside it make."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        known = {_memory_of(x) for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        made = {_memory_of(x): x.untyped_storage().nbytes() for x in tree_leaves(result) if isinstance(x, Tensor)}
        self.bytes += sum(n for memory, n in made.items() if memory not in known)
        return result


def _memory_of(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
