"""How much memory shading takes, by fragment: measured, for it depends on what shades."""

from collections.abc import Callable

import torch
from torch import Tensor, UntypedStorage
from torch.autograd.graph import saved_tensors_hooks

from ._counted_fragments import CountedFragments
from ._pieces import Piece, last_with
from .fragments import Fragments

# From a piece and its fragments to its pixels, (n, C).
ShadePiece = Callable[[Piece, Fragments], Tensor]

# How many fragments are shaded to see what one takes, and in how many places.
_SAMPLE, _PLACES = 256, 3
# Beside what autograd keeps: the list, and gradients on their way.
_MORE = 1.25
# In inference mode, which keeps nothing that could be measured.
_UNMEASURED = 2 << 10


def bytes_of_a_fragment(counted: CountedFragments, size: tuple[int, int], shade: ShadePiece) -> int:
    """How much memory a fragment takes while its piece is made: what autograd keeps of it where its place on the face
    has a gradient, and a quarter. Without gradients it takes less. Measured in some places, the most of these."""
    if torch.is_inference_mode_enabled():
        return _UNMEASURED
    offsets, width, most = counted.known_offsets, size[1], 0.0
    for part in range(1, _PLACES + 1):
        # A pixel there, and what of its row fits in the sample from it on.
        first = int(torch.searchsorted(offsets, counted.total * part // (_PLACES + 1), right=True)) - 1
        last = max(first + 1, min(first - first % width + width, last_with(offsets, first, _SAMPLE)))
        (few, kept_of_few), (many, kept_of_many) = (
            _keep(counted, Piece(first, end, size), shade) for end in (first + 1, last)
        )
        if many > few:  # less what is kept once, however many fragments
            most = max(most, (kept_of_many - kept_of_few) / (many - few))
    return int(_MORE * most) or _UNMEASURED


def _keep(counted: CountedFragments, piece: Piece, shade: ShadePiece) -> tuple[int, int]:
    """How many fragments a piece has, and how many bytes autograd keeps of it."""
    device = counted.offsets.device
    kept: dict[int, UntypedStorage] = {}

    def keep(tensor: Tensor) -> None:  # not the tensor: it may hold the node that would hold it
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage

    found = counted.find_in(piece.first, piece.last)
    found = Fragments(*found[:3], *(numbers.detach().requires_grad_() for numbers in found[3:]))
    own_seed = torch.random.fork_rng([device] if device.type == "cuda" else [])
    with own_seed, torch.enable_grad(), saved_tensors_hooks(keep, lambda nothing: nothing):
        shade(piece, found)
    return found.pixel.shape[0], sum(storage.nbytes() for storage in kept.values())
