"""The outputs of an op, and tensors for them."""

import torch
from torch import Tensor

from .._native import structs
from ..settings import RenderSettings

FIELDS = tuple([name for name, *_ in structs.Outputs._fields_])
IMAGE, ALPHA, DEPTH, FACE_INDEX = 1, 2, 4, 8
OUTPUTS = {"image": IMAGE, "alpha": ALPHA, "depth": DEPTH, "face_index": FACE_INDEX}  # names of `render`
# States that backward needs; alpha always comes with its own state.
ALPHA_WINNER, SOFTMAX, SOFTMAX_LEADER = 16, 32, 64
STATES = slice(4, 8)  # their positions in FIELDS
SAVED = ("image", "face_index", *FIELDS[STATES])  # what the backward of `render` reads


def with_states(wanted: int, settings: RenderSettings) -> int:
    """The wanted outputs, plus the states that their gradients need."""
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
    """Tensors for all fields of gendr_outputs, in its order. None for outputs that are not wanted."""
    n_images, *sides = size
    # Pass sizes one by one: with a list torch takes 1.5 times as long.
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
