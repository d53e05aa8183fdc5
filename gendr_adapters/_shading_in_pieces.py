"""Shading in pieces: the fragments of one piece are listed, shaded and blended before the next piece begins, and again
in backward. So memory does not grow with the number of fragments."""

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

# More than any fragment takes. Images whose fragments fit even so are not measured.
_MOST_BYTES = 32 << 10
_MOST_FRAGMENTS = 2**31 - 2  # the most that the core blends at a time


def shade_in_pieces(
    counted: CountedFragments, pieces: Sequence[Piece], shade: ShadePiece, made_of: Sequence[Tensor]
) -> Tensor:
    """Return all pixels, (n, C). With gradients, nothing of a piece is kept: backward computes it again.

    shade must then find the same state as before. made_of: tensors that shade reads; if one of them was written to in
    between, backward fails with autograd's error.
    """

    def make(piece: Piece, *_: Tensor) -> Tensor:
        return shade(piece, counted.find_in(piece.first, piece.last))

    if not torch.is_grad_enabled():
        return torch.cat([make(piece) for piece in pieces])
    watched = [x for x in made_of if not x.is_inference()]
    return torch.cat([checkpoint(make, piece, *watched, use_reentrant=False) for piece in pieces])


def tensors_in(*values: Any) -> list[Tensor]:
    """All tensors in containers, in attributes of objects, and in modules among them."""
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
    """Divide all pixels into pieces that take at most max_memory bytes each, estimated from a few fragments. A piece of
    a single pixel may take more.

    max_memory: None: a quarter of the free memory, see `bytes_allowed`. size: of an image, (H, W).
    """
    allowed = bytes_allowed(max_memory, counted.offsets.device)
    everything = Piece(0, counted.offsets.shape[0] - 1, size)
    if counted.total <= min(allowed // _MOST_BYTES, _MOST_FRAGMENTS):
        return [everything]
    most = min(allowed // bytes_of_a_fragment(counted, size, shade), _MOST_FRAGMENTS)
    return [everything] if counted.total <= most else divide(counted.known_offsets, size, most)
