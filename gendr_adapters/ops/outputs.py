"""What an op is asked for, and room for it."""

import torch
from torch import Tensor

from .._native import structs
from ..settings import RenderSettings

FIELDS = tuple([name for name, *_ in structs.Outputs._fields_])
IMAGE, ALPHA, DEPTH, FACE_INDEX = 1, 2, 4, 8
OUTPUTS = {"image": IMAGE, "alpha": ALPHA, "depth": DEPTH, "face_index": FACE_INDEX}  # of `render`, by name
# What backward needs of forward besides; alpha always comes with its state.
ALPHA_WINNER, SOFTMAX, SOFTMAX_LEADER = 16, 32, 64
STATES = slice(4, 8)  # where these are among FIELDS
SAVED = ("image", "face_index", *FIELDS[STATES])  # what rendering's backward reads


def with_states(wanted: int, settings: RenderSettings) -> int:
    """The outputs wanted, and those that their gradients need."""
    if wanted & ALPHA and settings.t_conorm == "max":
        wanted |= ALPHA_WINNER
    if wanted & IMAGE and settings.blend == "softmax":
        wanted |= SOFTMAX
        if settings.background_floor > 0:
            wanted |= SOFTMAX_LEADER
    if wanted & DEPTH or (wanted & IMAGE and settings.blend == "hard"):
        wanted |= FACE_INDEX
    return wanted


def empty_outputs(like: Tensor, n_channels: int, size: list[int], outputs: int) -> list[Tensor | None]:
    """Tensors for all fields of gendr_outputs, in its order; None for what is not wanted."""
    n_images, *sides = size
    # Sizes one by one: of a list torch takes half as long again.
    return [
        like.new_empty(n_images, n_channels, *sides) if outputs & IMAGE else None,
        like.new_empty(*size) if outputs & ALPHA else None,
        like.new_empty(*size) if outputs & DEPTH else None,
        like.new_empty(*size, dtype=torch.int64) if outputs & FACE_INDEX else None,
        like.new_empty(*size) if outputs & ALPHA else None,
        like.new_empty(*size, dtype=torch.int32) if outputs & ALPHA_WINNER else None,
        like.new_empty(n_images, 2, *sides) if outputs & SOFTMAX else None,
        like.new_empty(*size, dtype=torch.int32) if outputs & SOFTMAX_LEADER else None,
    ]
