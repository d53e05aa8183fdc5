"""What users pass, checked and brought into one form: what a shape or dtype says when a program is traced, and what a
value says where it is there to be looked at."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._scene_shapes import check_background, check_offset_values, check_offsets, check_scene


def packed_scene(face_vertices: Any, features: Any, face_offsets: Any) -> tuple[Any, Any, Any, int]:
    """Faces (F_total, 3, 3), features (F_total, T, C) or None, face_offsets in int32 or None, the number of images."""
    face_vertices = as_real("face_vertices", face_vertices)
    if features is not None:
        features = as_real("features", features)
        check_same("features", features, face_vertices)
    check_scene(face_vertices.shape, None if features is None else features.shape, face_offsets is not None)
    if face_vertices.ndim == 4:
        n_images, n_faces = face_vertices.shape[:2]
        flat = [None if x is None else x.reshape(n_images * n_faces, *x.shape[2:]) for x in (face_vertices, features)]
        return flat[0], flat[1], None, n_images
    if face_offsets is None:
        return face_vertices, features, None, 1
    face_offsets = as_index("face_offsets", face_offsets)
    check_offsets(face_offsets.shape)
    if is_known(face_offsets):
        check_offset_values(np.asarray(face_offsets).tolist(), face_vertices.shape[0])
    return face_vertices, features, jnp.asarray(face_offsets), face_offsets.shape[0] - 1


def background_rows(background: Any, channels: int, n_images: int, like: Any) -> Any:
    """(n_images, channels); None stays None."""
    if background is None:
        return None
    if not isinstance(background, (jax.Array, np.ndarray)):
        try:
            background = jnp.asarray(background, like.dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"background must be an array or numbers, one for each channel, got {background!r}"
            ) from error
    background = as_real("background", background)
    check_same("background", background, like)
    check_background(background.shape, channels, n_images)
    return jnp.broadcast_to(background, (n_images, channels))


def is_known(x: Any) -> bool:
    """Whether its values can be read: it is no tracer."""
    return not isinstance(x, jax.core.Tracer)


def as_array(name: str, value: Any) -> Any:
    """The jax.Array itself, or one of a NumPy array."""
    if isinstance(value, np.ndarray):
        return jnp.asarray(value)
    if not isinstance(value, jax.Array):
        raise TypeError(f"{name} must be a jax.Array or a NumPy array, got {type(value).__name__}")
    if is_known(value):
        strays = sorted({device.platform for device in value.devices()} - {"cpu"})
        if strays:
            raise TypeError(f"{name} is on {', '.join(strays)}; gendr_adapters.jax renders arrays on the CPU only")
    return value


def as_real(name: str, value: Any) -> Any:
    """The array, of float32 or float64."""
    value = as_array(name, value)
    if value.dtype not in (jnp.float32, jnp.float64):
        raise TypeError(f"{name} must be float32 or float64, got {value.dtype}")
    return value


def check_same(name: str, value: Any, like: Any) -> None:
    """Raises TypeError unless both have the dtype of face_vertices."""
    if value.dtype != like.dtype:
        raise TypeError(f"{name} is {value.dtype}, face_vertices is {like.dtype}: they must be the same")


def as_index(name: str, value: Any) -> Any:
    """Numbers of faces and such in int32, from int64 or int32: without jax_enable_x64 there are no others. NumPy arrays
    stay what they are, so that their values can be looked at inside jit, too."""
    if not isinstance(value, (jax.Array, np.ndarray)) or value.dtype not in (np.int32, np.int64):
        got = value.dtype if isinstance(value, (jax.Array, np.ndarray)) else type(value).__name__
        raise TypeError(f"{name} must be an int64 or int32 array, got {got}")
    if value.dtype == np.int64:
        # What is beyond int32 is out of range, and must not come back into it.
        limits = np.iinfo(np.int32)
        clip = np.clip if isinstance(value, np.ndarray) else jnp.clip
        value = clip(value, limits.min, limits.max).astype(np.int32)
    return value if isinstance(value, np.ndarray) else as_array(name, value)


def check_finite(face_vertices: Any) -> None:
    """Raises ValueError for corners that are known not to be finite."""
    if not is_known(face_vertices):
        return
    bad = ~np.isfinite(np.asarray(face_vertices)).all((1, 2))
    if bad.any():
        first = int(bad.nonzero()[0][0])
        raise ValueError(
            f"face_vertices has {int(bad.sum())} faces with corners that are not finite; the first is face {first}: "
            f"{np.asarray(face_vertices)[first].tolist()}"
        )
