"""Settings that make the core compute what other renderers compute. The presets of SoftRas and PyTorch3D are also what
their doors use.
"""

import math
from typing import Any

# Values of near and far with which every depth in front of the camera is drawn.
NO_NEAR, NO_FAR = 1e-30, 1e30

# PyTorch3D's softmax_rgb_blend: exponent of the background, and its smallest weight relative to the nearest face.
PYTORCH3D_EPS = 1e-10


def softras() -> dict[str, Any]:
    """The defaults of soft_rasterize and SoftRenderer."""
    return {
        "front": "clockwise",
        "alpha_range": "all",
        "perspective_correct": False,
        "dist_scale": 1e-5,
        "gamma": 1e-4,
        # Their running softmax starts with both its maximum and its sum at eps (compat_tests/goldens/README.md).
        "background_eps": 2 * 1e-3,
        "reach_per_scale": softras_reach(1e-4),
        "min_coverage": 0.0,
        "gradient": "reference",
    }


def softras_reach(dist_eps: float) -> float:
    """The reach_per_scale for SoftRas' dist_eps, the coverage below which a face outside the pixel is ignored."""
    return math.log(1 / dist_eps - 1)


def pytorch3d(blur_radius: float) -> dict[str, Any]:
    """The defaults of the soft shaders with BlendParams() and FoVPerspectiveCameras()."""
    return {
        **pytorch3d_rasterizer(blur_radius),
        "near_clip": 0.5,
        "dist_scale": 1e-4,
        "gamma": 1e-4,
        "background_eps": PYTORCH3D_EPS,
        "background_floor": PYTORCH3D_EPS,
        "softmax_range": (1.0, 100.0),
    }


def pytorch3d_rasterizer(blur_radius: float) -> dict[str, Any]:
    """The settings that the rasteriser alone determines."""
    return {
        "reach": blur_radius**0.5,
        "min_coverage": 0.0,
        "near": NO_NEAR,  # PyTorch3D's planes only scale depths for the blending
        "far": NO_FAR,
        "clip": "nonnegative" if blur_radius > 0 else "none",
    }


def silhouette() -> dict[str, Any]:
    """Silhouettes do not depend on depth."""
    return {"alpha_range": "all"}


def sharp() -> dict[str, Any]:
    """Sharp images without seams."""
    return {"distribution": "hard", "t_conorm": "hard", "blend": "hard"}
