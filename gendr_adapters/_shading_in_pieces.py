"""Shading in pieces: the fragments of one are listed, shaded and blended before the next is begun, and again in
backward, so that memory does not grow with the number of fragments."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint

from ._counted_fragments import CountedFragments
from ._fragment_memory import ShadePiece, bytes_of_a_fragment
from ._max_memory import bytes_allowed
from ._pieces import Piece, divide

# A fragment takes less: pictures of few fragments are not looked at any closer.
_MOST_BYTES = 32 << 10
_MOST_FRAGMENTS = 2**31 - 2  # that the core blends at a time


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
    return [everything] if counted.total <= most else divide(counted.known_offsets, size, most)
