"""gendr_scene without the addresses of its arrays."""

import math
from functools import lru_cache

from . import structs


@lru_cache(maxsize=256)
def scene_without_addresses(
    struct_size: int,
    dtype: int,
    n_threads: int,
    device: int,
    size: tuple[int, ...],
    n_faces: int,
    features_shape: tuple[int, ...],
    n_rows: tuple[int, ...],
    ints: tuple[int, ...],
    floats: tuple[float, ...],
) -> structs.Scene:
    """The result is cached, so it must not be changed. Callers copy it, which takes a fifth of the time of making it.

    size: images, height, width. features_shape: (faces, texels, channels), or anything else: there are none, or they
    are maps, which are set afterwards. n_rows: entries of dist_scale, gamma and background.
    """
    n_texels, n_channels = features_shape[1:] if len(features_shape) == 3 else (0, 0)
    kind = feature_kind(n_texels)
    # Arguments are in the order of the struct's fields; by name the call would take 1.5 times as long.
    return structs.Scene(
        struct_size,
        dtype,
        n_threads,
        device,
        *size,
        n_channels,
        structs.FEATURE_KINDS[kind],
        math.isqrt(n_texels) if kind == "texels" else 0,
        *n_rows,
        structs.Settings(*ints, *floats),
        n_faces,
    )


def feature_kind(n_texels: int) -> str:
    """Of features with so many texels a face, 0 without features: a key of FEATURE_KINDS."""
    return "none" if n_texels == 0 else "corners" if n_texels == 3 else "texels"
