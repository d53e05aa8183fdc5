"""Memory that shading a fragment takes. It is measured, because it depends on the shading functions."""

from collections.abc import Callable

import torch
from torch import Tensor, UntypedStorage
from torch.autograd.graph import saved_tensors_hooks

from ._counted_fragments import CountedFragments
from ._pieces import Piece, last_with
from .fragments import Fragments

# A function from a piece and its fragments to the values of its pixels, (n, C).
ShadePiece = Callable[[Piece, Fragments], Tensor]

# How many fragments are shaded to measure the memory of one, and at how many places in the image.
_SAMPLE, _PLACES = 256, 3
# Factor for memory besides what autograd keeps: the list of fragments and intermediate gradients.
_MORE = 1.25
# Used in inference mode, where autograd keeps nothing that could be measured.
_UNMEASURED = 2 << 10


def bytes_of_a_fragment(counted: CountedFragments, size: tuple[int, int], shade: ShadePiece) -> int:
    """Bytes that a fragment takes while its piece is rendered: what autograd keeps for it, and a quarter more.

    It is measured at some places in the image, and the largest value is returned. The measurement requires gradients to
    the fragment's numbers; without gradients a fragment takes less.
    """
    if torch.is_inference_mode_enabled():
        return _UNMEASURED
    offsets, width, most = counted.known_offsets, size[1], 0.0
    for part in range(1, _PLACES + 1):
        # A pixel there, and as many of the next pixels in its row as fit in the sample.
        first = int(torch.searchsorted(offsets, counted.total * part // (_PLACES + 1), right=True)) - 1
        last = max(first + 1, min(first - first % width + width, last_with(offsets, first, _SAMPLE)))
        (few, kept_of_few), (many, kept_of_many) = (
            _keep(counted, Piece(first, end, size), shade) for end in (first + 1, last)
        )
        if many > few:  # the difference leaves out what is kept once for any number of fragments
            most = max(most, (kept_of_many - kept_of_few) / (many - few))
    return int(_MORE * most) or _UNMEASURED


def _keep(counted: CountedFragments, piece: Piece, shade: ShadePiece) -> tuple[int, int]:
    """Number of fragments of a piece, and number of bytes that autograd keeps for it."""
    device = counted.offsets.device
    kept: dict[int, UntypedStorage] = {}

    def keep(tensor: Tensor) -> None:  # keep the storage, not the tensor: the tensor may hold this node (a cycle)
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage

    found = counted.find_in(piece.first, piece.last)
    found = Fragments(*found[:3], *(numbers.detach().requires_grad_() for numbers in found[3:]))
    own_seed = torch.random.fork_rng([device] if device.type == "cuda" else [])
    with own_seed, torch.enable_grad(), saved_tensors_hooks(keep, lambda nothing: nothing):
        shade(piece, found)
    return found.pixel.shape[0], sum(storage.nbytes() for storage in kept.values())
