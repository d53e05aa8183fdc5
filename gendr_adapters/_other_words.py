"""Names that other renderers and papers use, for hints in error messages."""

import difflib
from collections.abc import Collection, Mapping

# Names of values: theirs -> ours. Only names that difflib does not find by itself.
DISTRIBUTIONS = {
    "sigmoid": "logistic",
    "euclidean": "logistic",  # SoftRas' dist_func
    "normal": "gaussian",
    "erf": "gaussian",
    "step": "hard",
    "none": "hard",
    "linear": "uniform",
    "smoothstep": "cubic_hermite",
    "sech": "gudermannian",
    "arctan": "cauchy",
}
T_CONORMS = {
    "prod": "probabilistic",
    "product": "probabilistic",
    "maximum": "max",
    "zadeh": "max",
    "mean": "sum",
    "average": "sum",
}
OUTPUTS = {
    "zbuf": "depth",
    "zbuffer": "depth",
    "pix_to_face": "face_index",
    "face_idx": "face_index",
    "silhouette": "alpha",
    "mask": "alpha",
    "soft_mask": "alpha",
    "rgb": "image",
    "rgba": "image",
    "color": "image",
    "colour": "image",
}

_SIGMA = "dist_scale, which is tau of the papers, sigma of SoftRas and PyTorch3D: NDC squared while dist_squared=True"
_GAMMA = "gamma"
_T_CONORM = "t_conorm, where 'prod' is called 'probabilistic'"
_BLEND = "blend, 'softmax' or 'hard'"
_EPS = "background_eps, which is 2 * eps for the background of SoftRas and GenDR"
_CULL = "cull: 'back' drops back faces, 'none' draws both sides"
_PIXELS = "dist_scale; RenderSettings.silhouette(pixels=..., image_size=...) computes it from pixels"

# Keywords of other renderers -> what to use instead in RenderSettings.
SETTINGS = {
    "tau": _SIGMA,
    "sigma": _SIGMA,
    "sigma_val": _SIGMA,
    "sigmainv": "dist_scale = 1 / sigmainv; Kaolin's soft mask has distribution 'exponential_rev'",
    "pixels": _PIXELS,
    "softness": _PIXELS,
    "gamma_val": _GAMMA,
    "aggr_rgb_gamma": _GAMMA,
    "temperature": _GAMMA,
    "dist_func": "distribution for GenDR's dist_func (its 'sigmoid' is 'logistic'), or distance for SoftRas' dist_func "
    "('euclidean' or 'barycentric')",
    "dist_eps": "reach_per_scale, which is log(1 / dist_eps - 1) for SoftRas' dist_eps and GenDR's dist_eps itself",
    "aggr_func_alpha": _T_CONORM,
    "aggr_alpha_func": _T_CONORM,
    "aggr_alpha_t_conorm_p": "t_conorm_p",
    "aggr_func_rgb": _BLEND,
    "aggr_rgb_func": _BLEND,
    "eps": _EPS,
    "aggr_rgb_eps": _EPS,
    "fill_back": _CULL,
    "double_side": _CULL,
    "double_sided": _CULL,
    "cull_backfaces": _CULL,
    "blur_radius": "reach = sqrt(blur_radius): PyTorch3D's blur_radius is NDC squared, reach is NDC",
    "boxlen": "reach = boxlen, with reach_shape='box' as in Kaolin",
    "znear": "near, or softmax_range for PyTorch3D's znear, which only scales depths",
    "zfar": "far, or softmax_range for PyTorch3D's zfar, which only scales depths",
    "z_clip_value": "near_clip",
    "clip_barycentric_coords": "clip, 'nonnegative' for True and 'none' for False",
    "background_color": "the argument background of render",
    "background_colour": "the argument background of render",
    "image_size": "the argument image_size of render",
    "anti_aliasing": "an image_size that is twice as large, and average 2 x 2 pixels",
}
# Limits of other renderers that do not exist here.
LIMITS = ("faces_per_pixel", "knum", "bin_size", "max_faces_per_bin")


def nearest(word: str, allowed: Collection[str], others: Mapping[str, str]) -> str:
    """The allowed name that is closest to a word: by the table of other names, else by its letters."""
    known = others.get(word, "")
    return known if known in allowed else difflib.get_close_matches(word, allowed, n=1, cutoff=0.0)[0]


def unknown_setting(word: str, allowed: Collection[str]) -> str:
    """The message of the TypeError for a keyword that RenderSettings does not have."""
    if word in SETTINGS:
        return f"RenderSettings has no {word!r}; use {SETTINGS[word]}"
    if word in LIMITS:
        return f"RenderSettings has no {word!r} and needs none: every face near a pixel counts, without a limit"
    near = nearest(word, allowed, {})
    return f"RenderSettings has no {word!r}; did you mean {near!r}? Allowed: {', '.join(allowed)}"
