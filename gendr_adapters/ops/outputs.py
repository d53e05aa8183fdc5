"""What an op is asked for, and room for it."""

import torch
from torch import Tensor

from ..settings import RenderSettings

IMAGE, ALPHA, DEPTH, FACE_INDEX = 1, 2, 4, 8
# What backward needs of forward besides; alpha always comes with its state.
ALPHA_WINNER, SOFTMAX, SOFTMAX_LEADER = 16, 32, 64


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
    n_images, height, width = size
    pixels = (n_images, height, width)

    def numbers(wanted: int, *shape: int) -> Tensor | None:
        return like.new_empty(shape) if wanted else None

    def indices(wanted: int, dtype: torch.dtype) -> Tensor | None:
        return like.new_empty(pixels, dtype=dtype) if wanted else None

    return [
        numbers(outputs & IMAGE, n_images, n_channels, height, width),
        numbers(outputs & ALPHA, *pixels),
        numbers(outputs & DEPTH, *pixels),
        indices(outputs & FACE_INDEX, torch.int64),
        numbers(outputs & ALPHA, *pixels),
        indices(outputs & ALPHA_WINNER, torch.int32),
        numbers(outputs & SOFTMAX, n_images, 2, height, width),
        indices(outputs & SOFTMAX_LEADER, torch.int32),
    ]
