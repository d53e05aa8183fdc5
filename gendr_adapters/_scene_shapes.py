"""Shapes of what users pass to `render` and its like, of any framework's arrays, checked. Free of torch."""

import math
from collections.abc import Sequence

Shape = Sequence[int]


def check_scene(face_vertices: Shape, features: Shape | None, has_offsets: bool) -> None:
    """Raise ValueError unless these shapes make a scene."""
    if len(face_vertices) not in (3, 4) or tuple(face_vertices[-2:]) != (3, 3):
        raise ValueError(f"face_vertices must be (F, 3, 3) or (B, F, 3, 3), got shape {tuple(face_vertices)}")
    if features is not None:
        leading = face_vertices[:-2]
        if len(features) != len(face_vertices) or features[:-2] != leading:
            expected = ", ".join(map(str, leading))
            raise ValueError(
                f"features must be ({expected}, 3, C) or ({expected}, R*R, C) for face_vertices of shape "
                f"{tuple(face_vertices)}, got shape {tuple(features)}"
            )
        texels = features[-2]
        if texels != 3 and (texels < 1 or math.isqrt(texels) ** 2 != texels):
            raise ValueError(
                f"features must have 3 corners or R*R texels for each face, got {texels} (shape {tuple(features)})"
            )
        if features[-1] < 1:
            raise ValueError(f"features must have at least one channel, got shape {tuple(features)}")
    if len(face_vertices) == 4 and has_offsets:
        raise ValueError("face_offsets need packed face_vertices (F_total, 3, 3), got a batch (B, F, 3, 3)")


def check_offsets(offsets: Shape) -> None:
    """Raise ValueError unless face_offsets may have this shape."""
    if len(offsets) != 1 or offsets[0] < 1:
        raise ValueError(f"face_offsets must be (B + 1,), got shape {tuple(offsets)}")


def check_offset_values(values: list[int], n_faces: int) -> None:
    """Raise ValueError unless these face_offsets share out the faces."""
    if values[0] != 0 or values[-1] != n_faces or values != sorted(values):
        shown = values if len(values) <= 8 else [*values[:4], "...", *values[-3:]]
        raise ValueError(f"face_offsets must rise from 0 to the number of faces, {n_faces}, got {shown}")


def check_background(background: Shape, channels: int, n_images: int) -> None:
    """Raise ValueError unless a background may have this shape."""
    rows = (1, *background) if len(background) == 1 else background
    if len(rows) != 2 or rows[1] != channels or rows[0] not in (1, n_images):
        raise ValueError(
            f"background must be ({channels},) or ({n_images}, {channels}), one value for each channel of features, "
            f"got shape {tuple(background)}"
        )


def check_corners(values: Shape, faces: Shape) -> None:
    """Raise ValueError unless `gather_corners` takes these shapes."""
    if len(values) not in (2, 3):
        raise ValueError(f"values must be (V, C) or (B, V, C), got shape {tuple(values)}")
    if len(faces) != 2 or faces[1] != 3:
        raise ValueError(f"faces must be (F, 3), got shape {tuple(faces)}")
