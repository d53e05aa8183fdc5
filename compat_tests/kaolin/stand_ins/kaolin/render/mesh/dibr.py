"""Test double of kaolin.render.mesh.dibr."""

from typing import Any

from .rasterization import rasterize

__all__ = ["dibr_rasterization", "dibr_soft_mask", "rasterize"]


def dibr_soft_mask(
    face_vertices_image: Any,
    selected_face_idx: Any,
    sigmainv: Any = 7000,
    boxlen: Any = 0.02,
    knum: Any = 30,
    multiplier: Any = 1000.0,
) -> Any:
    raise RuntimeError("a stand-in for Kaolin's dibr_soft_mask, which needs CUDA")


def dibr_rasterization(
    height: Any,
    width: Any,
    face_vertices_z: Any,
    face_vertices_image: Any,
    face_features: Any,
    face_normals_z: Any,
    sigmainv: Any = 7000,
    boxlen: Any = 0.02,
    knum: Any = 30,
    multiplier: Any = None,
    eps: Any = None,
    rast_backend: Any = "cuda",
) -> Any:
    raise RuntimeError("a stand-in for Kaolin's dibr_rasterization, which needs CUDA")
