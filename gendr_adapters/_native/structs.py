"""csrc/include/gendr.h in ctypes. A test compares the fields with the header."""

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_void_p
from typing import Any, Protocol

ABI_VERSION = 9
OK, INVALID_ARGUMENT = 0, 1

FEATURE_KINDS = {"none": 0, "corners": 1, "texels": 2, "maps": 3}
FILTERS = {"bilinear": 0, "nearest": 1}
PADDINGS = {"border": 0, "zeros": 1, "repeat": 2, "reflection": 3}


class Elements(Protocol):
    """Numbers in memory, like a torch.Tensor."""

    def data_ptr(self) -> int: ...

    def numel(self) -> int: ...

    def contiguous(self) -> "Elements": ...


class Call(ctypes.Structure):
    """The arguments of one call. It keeps a reference to every tensor that it points to, so that neither a caller nor a
    compiler that rewrites the caller can free memory that C is about to read.
    """

    _kept: tuple[Elements, ...] = ()

    def point(self, names: Sequence[str], tensors: Sequence[Elements | None], part: Any = None) -> None:
        """Make fields of the call, or of a part of it, point to the elements of tensors. A tensor that is not
        contiguous is copied. Fields of None and of empty tensors are unchanged: null in a new call."""
        part = self if part is None else part
        for name, tensor in zip(names, tensors, strict=True):
            if tensor is not None and tensor.numel():
                kept = tensor.contiguous()
                self._kept += (kept,)
                setattr(part, name, kept.data_ptr())

    def stopped_by(self, poll: int | None) -> None:
        """Set the address of the gendr_poll that can stop the call."""
        getattr(self, "scene", self).poll = poll


# The packed settings in the order of the ops' arguments: first integers, then floats.
SETTING_INTS = (
    "distribution",
    "t_conorm",
    "dist_squared",
    "distance",
    "blend",
    "cull",
    "front",
    "alpha_range",
    "perspective_correct",
    "gradient",
    "clip",
    "reach_shape",
    "projection",
)
SETTING_FLOATS = (
    "dist_scale",
    "dist_shape",
    "dist_shift",
    "t_conorm_p",
    "gamma",
    "background_eps",
    "background_floor",
    "near",
    "far",
    "softmax_near",
    "softmax_far",
    "reach",
    "reach_per_scale",
    "min_coverage",
    "near_clip",
    "half_width",
    "half_height",
)


class Settings(ctypes.Structure):
    """gendr_settings"""

    _fields_ = [*((name, c_int32) for name in SETTING_INTS), *((name, c_double) for name in SETTING_FLOATS)]


class Maps(ctypes.Structure):
    """gendr_maps"""

    _fields_ = [
        ("count", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("filter", c_int32),
        ("padding", c_int32),
        ("align_corners", c_int32),
        ("uvs", c_void_p),
        ("index", c_void_p),
    ]


class Lighting(ctypes.Structure):
    """gendr_lighting"""

    _fields_ = [("n_lights", c_int32), ("n_rows", c_int32), ("surface", c_void_p), ("rows", c_void_p)]


class Scene(ctypes.Structure):
    """gendr_scene"""

    _fields_ = [
        ("struct_size", c_int32),
        ("dtype", c_int32),
        ("n_threads", c_int32),
        ("device", c_int32),
        ("n_images", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("n_channels", c_int32),
        ("feature_kind", c_int32),
        ("texture_res", c_int32),
        ("n_scales", c_int32),
        ("n_gammas", c_int32),
        ("n_backgrounds", c_int32),
        ("settings", Settings),
        ("n_faces", c_int64),
        ("face_offsets", c_void_p),
        ("face_vertices", c_void_p),
        ("features", c_void_p),
        ("dist_scale", c_void_p),
        ("gamma", c_void_p),
        ("background", c_void_p),
        ("maps", Maps),
        ("lighting", Lighting),
        ("stream", c_void_p),
        ("poll", c_void_p),
    ]


class Outputs(ctypes.Structure):
    """gendr_outputs"""

    _fields_ = [
        ("image", c_void_p),
        ("alpha", c_void_p),
        ("depth", c_void_p),
        ("face_index", c_void_p),
        ("alpha_state", c_void_p),
        ("alpha_winner", c_void_p),
        ("softmax_state", c_void_p),
        ("softmax_leader", c_void_p),
    ]


class Forward(Call):
    """gendr_forward"""

    _fields_ = [("scene", Scene), ("out", Outputs), ("workspace", c_void_p), ("workspace_size", c_size_t)]


class Backward(Call):
    """gendr_backward"""

    _fields_ = [
        ("scene", Scene),
        ("out", Outputs),
        ("grad_image", c_void_p),
        ("grad_alpha", c_void_p),
        ("grad_depth", c_void_p),
        ("grad_face_vertices", c_void_p),
        ("grad_features", c_void_p),
        ("grad_uvs", c_void_p),
        ("grad_surface", c_void_p),
        ("grad_lighting", c_void_p),
        ("grad_dist_scale", c_void_p),
        ("grad_gamma", c_void_p),
        ("grad_background", c_void_p),
        ("workspace", c_void_p),
        ("workspace_size", c_size_t),
    ]


class Fragments(Call):
    """gendr_fragments"""

    _fields_ = [
        ("scene", Scene),
        ("n_fragments", c_int64),
        ("first_pixel", c_int64),
        ("n_pixels", c_int64),
        ("n_nearest", c_int32),
        ("weight_factor", c_double),
        ("distance_factor", c_double),
        ("counts", c_void_p),
        ("offsets", c_void_p),
        ("pixel", c_void_p),
        ("face", c_void_p),
        ("weights", c_void_p),
        ("depth", c_void_p),
        ("distance2", c_void_p),
        ("grad_weights", c_void_p),
        ("grad_depth", c_void_p),
        ("grad_distance2", c_void_p),
        ("grad_face_vertices", c_void_p),
        ("workspace", c_void_p),
        ("workspace_size", c_size_t),
    ]


class FragmentBlend(Call):
    """gendr_fragment_blend"""

    _fields_ = [
        ("scene", Scene),
        ("out", Outputs),
        ("n_fragments", c_int64),
        ("offsets", c_void_p),
        ("depth", c_void_p),
        ("distance2", c_void_p),
        ("values", c_void_p),
        ("grad_image", c_void_p),
        ("grad_alpha", c_void_p),
        ("grad_depth", c_void_p),
        ("grad_distance2", c_void_p),
        ("grad_values", c_void_p),
        ("grad_dist_scale", c_void_p),
        ("grad_gamma", c_void_p),
        ("grad_background", c_void_p),
        ("workspace", c_void_p),
        ("workspace_size", c_size_t),
    ]


class SoftMask(Call):
    """gendr_soft_mask"""

    _fields_ = [
        ("scene", Scene),
        ("knum", c_int32),
        ("selected", c_void_p),
        ("mask", c_void_p),
        ("missing", c_void_p),
        ("last", c_void_p),
        ("grad_mask", c_void_p),
        ("grad_face_vertices", c_void_p),
        ("workspace", c_void_p),
        ("workspace_size", c_size_t),
    ]


class Corners(Call):
    """gendr_corners"""

    _fields_ = [
        ("struct_size", c_int32),
        ("dtype", c_int32),
        ("n_threads", c_int32),
        ("n_images", c_int32),
        ("device", c_int32),
        ("n_vertices", c_int64),
        ("n_faces", c_int64),
        ("n_channels", c_int64),
        ("faces", c_void_p),
        ("values", c_void_p),
        ("out", c_void_p),
        ("workspace", c_void_p),
        ("workspace_size", c_size_t),
        ("stream", c_void_p),
        ("poll", c_void_p),
    ]


size_of = ctypes.sizeof

# name -> (result, arguments)
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "gendr_abi_version": (c_int, []),
    "gendr_last_error": (c_char_p, []),
    "gendr_isa": (c_char_p, []),
    "gendr_work_on": (None, [c_void_p]),
    "gendr_faces_in_reach": (c_int64, []),
    "gendr_distribution_name": (c_char_p, [c_int]),
    "gendr_t_conorm_name": (c_char_p, [c_int]),
    "gendr_evaluate_distribution": (
        c_int,
        [c_int, c_int, c_double, c_double, c_int64, *[c_void_p] * 4, c_int, c_void_p],
    ),
    "gendr_quantile": (c_double, [c_int, c_double, c_double, c_double]),
    "gendr_forward_workspace_size": (c_size_t, [POINTER(Forward)]),
    "gendr_render_forward": (c_int, [POINTER(Forward)]),
    "gendr_backward_workspace_size": (c_size_t, [POINTER(Backward)]),
    "gendr_render_backward": (c_int, [POINTER(Backward)]),
    "gendr_fragments_workspace_size": (c_size_t, [POINTER(Fragments)]),
    "gendr_count_fragments": (c_int, [POINTER(Fragments)]),
    "gendr_fill_fragments": (c_int, [POINTER(Fragments)]),
    "gendr_nearest_fragments": (c_int, [POINTER(Fragments)]),
    "gendr_fragments_backward": (c_int, [POINTER(Fragments)]),
    "gendr_blend_fragments": (c_int, [POINTER(FragmentBlend)]),
    "gendr_blend_workspace_size": (c_size_t, [POINTER(FragmentBlend)]),
    "gendr_blend_fragments_backward": (c_int, [POINTER(FragmentBlend)]),
    "gendr_soft_mask_workspace_size": (c_size_t, [POINTER(SoftMask)]),
    "gendr_soft_mask_forward": (c_int, [POINTER(SoftMask)]),
    "gendr_soft_mask_backward_workspace_size": (c_size_t, [POINTER(SoftMask)]),
    "gendr_soft_mask_backward": (c_int, [POINTER(SoftMask)]),
    "gendr_gather_corners": (c_int, [POINTER(Corners)]),
    "gendr_corners_workspace_size": (c_size_t, [POINTER(Corners)]),
    "gendr_scatter_corners": (c_int, [POINTER(Corners)]),
}
