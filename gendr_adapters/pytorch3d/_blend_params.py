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
    """PyTorch3D's BlendParams with GenDR's distributions and T-conorms; the defaults are those of PyTorch3D's shaders.

    sigma: softness of the edges, > 0, tau in the papers: NDC^2 if dist_squared, else NDC. A float, or a tensor (1,) or
        (N,), one value an image, which may require a gradient.
    gamma: temperature of the softmax over depth, > 0, in units of zfar - znear. A float or a tensor, like sigma.
    background_color: as in PyTorch3D: one number, (C,) or (N, C), or an image (H, W, C) or (N, H, W, C).
    distribution, dist_squared, dist_shape, dist_shift, t_conorm, t_conorm_p: see gendr_adapters.RenderSettings.
    background: the weight of the background in the softmax, where a face of coverage D at depth z weighs
        D e^(zn / gamma), zn = (zfar - z) / (zfar - znear): 'paper': e^(eps / gamma); 'softras': e^(2 eps / gamma), as
        in SoftRas' code; 'pytorch3d': e^(eps / gamma), but at least 1e-10 times e^(largest zn / gamma).
    background_eps: eps; None: 1e-10 with 'pytorch3d', else 1e-3.

    Values are checked when a shader renders; it raises ValueError or TypeError.

    Example:
        >>> from gendr_adapters.pytorch3d import GenDRBlendParams, GenDRSilhouetteShader
        >>> params = GenDRBlendParams(sigma=1e-3, distribution="gaussian", t_conorm="einstein")
        >>> GenDRSilhouetteShader(blend_params=params).blend_params.t_conorm
        'einstein'
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
