"""Test double of kaolin.render.mesh.rasterization."""

from typing import Any


def rasterize(
    height: Any,
    width: Any,
    face_vertices_z: Any,
    face_vertices_image: Any,
    face_features: Any,
    valid_faces: Any = None,
    multiplier: Any = None,
    eps: Any = None,
    backend: Any = "cuda",
) -> Any:
    raise RuntimeError("a stand-in for Kaolin's rasterize, which needs CUDA")
