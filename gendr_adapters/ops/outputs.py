"""Tensors for the outputs of an op."""

import torch
from torch import Tensor

from .._outputs import ALPHA, ALPHA_WINNER, DEPTH, FACE_INDEX, IMAGE, SOFTMAX, SOFTMAX_LEADER


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
