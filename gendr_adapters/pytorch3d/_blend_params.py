"""GenDRBlendParams, and what they and PyTorch3D's BlendParams mean in RenderSettings."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pytorch3d.renderer import BlendParams
from torch import Tensor

from .._presets import PYTORCH3D_EPS
from .._projected_meshes import ProjectedMeshes
from .._scales import door_scale
from ..settings import RenderSettings

_SOFTRAS_EPS = 1e-3


class GenDRBlendParams(NamedTuple):
    """PyTorch3D's BlendParams, and what else GenDR knows. The defaults reproduce PyTorch3D's soft shaders.

    sigma: scale of the edges, tau in the papers: NDC^2 if dist_squared, else NDC. gamma: temperature of the blending
        over depth. Each a float, or a tensor (1,) or (N,), one an image, which may require a gradient.
    background_color: what PyTorch3D takes: one number, (C,) or (N, C) of them, or a picture (H, W, C) or (N, H, W, C).
    distribution, dist_squared, dist_shape, dist_shift, t_conorm, t_conorm_p: see gendr_adapters.RenderSettings.
    background: how much the background weighs in the softmax, where a face at depth z weighs
        D e^(zn / gamma), zn = (zfar - z) / (zfar - znear): 'paper': e^(eps / gamma); 'softras': e^(2 eps / gamma), as
        SoftRas' code has it; 'pytorch3d': e^(eps / gamma), but at least 1e-10 times e^(largest zn / gamma).
    background_eps: eps; None: 1e-10 with 'pytorch3d', else 1e-3.
    """

    sigma: float | Tensor = 1e-4
    gamma: float | Tensor = 1e-4
    background_color: Sequence[float] | Tensor = (1.0, 1.0, 1.0)
    distribution: str = "logistic"
    dist_squared: bool = True
    dist_shape: float = 0.0
    dist_shift: float = 0.0
    t_conorm: str = "probabilistic"
    t_conorm_p: float | None = None
    background: Literal["pytorch3d", "paper", "softras"] = "pytorch3d"
    background_eps: float | None = None


def as_gendr(params: Any) -> GenDRBlendParams:
    """Ours, from ours or PyTorch3D's. Raises TypeError for anything else."""
    if isinstance(params, GenDRBlendParams):
        return params
    if isinstance(params, BlendParams):
        return GenDRBlendParams(*params)
    raise TypeError(f"blend_params must be GenDRBlendParams or PyTorch3D's BlendParams, got {type(params).__name__}")


def blend_settings(
    meshes: ProjectedMeshes, params: GenDRBlendParams, znear: float = 1.0, zfar: float = 100.0
) -> RenderSettings:
    """meshes.settings, which say what is seen, with how it is blended."""
    if params.background not in ("pytorch3d", "paper", "softras"):
        raise ValueError(f"background must be 'pytorch3d', 'paper' or 'softras', got {params.background!r}")
    eps = params.background_eps
    if eps is None:
        eps = PYTORCH3D_EPS if params.background == "pytorch3d" else _SOFTRAS_EPS
    if not znear < zfar:
        raise ValueError(f"znear must be less than zfar, got {znear} and {zfar}")
    return meshes.settings.replace(
        distribution=params.distribution,
        dist_scale=door_scale("sigma", params.sigma, len(meshes), meshes.face_vertices),
        dist_squared=params.dist_squared,
        dist_shape=params.dist_shape,
        dist_shift=params.dist_shift,
        t_conorm=params.t_conorm,
        t_conorm_p=params.t_conorm_p,
        gamma=door_scale("gamma", params.gamma, len(meshes), meshes.face_vertices),
        background_eps=2 * eps if params.background == "softras" else eps,
        background_floor=PYTORCH3D_EPS if params.background == "pytorch3d" else 0.0,
        softmax_range=(znear, zfar),
    )
