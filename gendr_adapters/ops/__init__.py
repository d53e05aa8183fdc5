"""The torch ops under `render`, `find_fragments`, `find_nearest_fragments`, `blend_fragments`, `soft_mask` and
`gather_corners`, one file each: definition, implementation, fake and autograd.

An op takes few arguments, because autograd's cost grows with their number. What is common to all:

    size      n_images, height, width
    outputs   what is wanted, a sum of IMAGE, ALPHA ... (_outputs.py); results not wanted are None
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
