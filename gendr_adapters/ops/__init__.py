"""The torch ops of `render`, `find_fragments`, `find_nearest_fragments`, `blend_fragments`, `soft_mask` and
`gather_corners`, one file for each: definition, implementation, fake and autograd.

An op has few arguments, because the cost of autograd grows with their number. Common arguments:

    size      n_images, height, width
    outputs   the wanted outputs, a sum of IMAGE, ALPHA ... (_outputs.py); other results are None
    ints, floats   RenderSettings.packed: the numbers of gendr_settings, in the order of _native/structs.py
"""

from .._outputs import ALPHA, DEPTH, FACE_INDEX, IMAGE, OUTPUTS, with_states
from . import blend, corners, fragments, nearest_fragments, render, soft_mask
from .library import apply

__all__ = [
    "ALPHA",
    "DEPTH",
    "FACE_INDEX",
    "IMAGE",
    "OUTPUTS",
    "apply",
    "blend",
    "corners",
    "fragments",
    "nearest_fragments",
    "render",
    "soft_mask",
    "with_states",
]
