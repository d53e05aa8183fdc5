"""`blend_fragments`: an image of fragments that the caller has shaded."""

from collections.abc import Sequence

from torch import Tensor

from . import ops
from ._autocast import full_precision
from ._inputs import (
    as_index,
    background_rows,
    check_real,
    check_same,
    image_shape,
    output_names,
    refuse_forward_mode,
)
from ._rendering import Rendered
from ._scales import check_values, scale_tensor
from .fragments import Fragments
from .settings import RenderSettings

_OUTPUTS = {"image": ops.IMAGE, "alpha": ops.ALPHA}


@full_precision
def blend_fragments(
    fragments: Fragments,
    features: Tensor | None,
    image_size: int | tuple[int, int],
    settings: RenderSettings = RenderSettings(),  # noqa: B008 (frozen)
    background: Tensor | Sequence[float] | None = None,
    face_offsets: Tensor | None = None,
    n_images: int = 1,
    outputs: Sequence[str] = ("image", "alpha"),
) -> Rendered:
    """Blend shaded fragments into an image, as `gendr_adapters.render` does.

    A T-conorm combines the coverages of the fragments at a pixel into alpha, and a softmax over depth mixes their
    features into the image.

    With found = find_fragments(...) and features = (found.weights[..., None] * corner_features[found.face]).sum(1), the
    result is that of `render`, values and gradients. One exception: with the T-conorm 'max' and several faces of equal
    coverage, another of them may get the gradient.

    Args:
        fragments: result of find_fragments for this image_size. offsets, depth and distance2 are used. Every fragment
            counts: reach, near, far, cull and min_coverage of settings are ignored.
        features: (M, C), what each fragment shows, of the dtype of depth. None: there is no image.
        image_size: side of a square image, or (H, W), in pixels.
        settings: used are distribution, dist_scale, dist_squared, dist_shape, dist_shift, t_conorm, t_conorm_p, gamma,
            softmax_range (or near and far), background_eps and background_floor. blend must be 'softmax', and gradient
            'exact'.
        background: features of the background, (C,) or (B, C). None: 0.
        face_offsets: (B + 1,) int64 or int32, the one given to find_fragments; F * torch.arange(B + 1) for a batch
            (B, F, 3, 3). Only the T-conorm 'sum' needs it, because it is a mean over the faces of a mesh.
        n_images: B. Only used if face_offsets is None.
        outputs: 'image', 'alpha' or both.

    Returns:
        Rendered, with image (B, C, H, W) and alpha (B, H, W). They have gradients to depth, distance2, features,
        background, dist_scale and gamma, the same bits in every run.

    Raises:
        TypeError, ValueError: a tensor, shape, dtype, device or setting does not fit. On CUDA the values of offsets and
            scales are not checked, see `render`.

    Example:
        >>> import torch
        >>> from gendr_adapters import RenderSettings, blend_fragments, find_fragments
        >>> triangle = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]])
        >>> settings = RenderSettings(dist_scale=1e-3)
        >>> found = find_fragments(triangle, 16, settings=settings)
        >>> shaded = found.weights  # (M, 3): any function of the fragment
        >>> image, alpha, *_ = blend_fragments(found, shaded, 16, settings)
        >>> image.shape, alpha.shape
        (torch.Size([1, 3, 16, 16]), torch.Size([1, 16, 16]))
    """
    offsets, depth, distance2 = _checked_fragments(fragments)
    if not isinstance(settings, RenderSettings):
        raise TypeError(f"settings must be a RenderSettings, got {type(settings).__name__}")
    for name, allowed in (("blend", "softmax"), ("gradient", "exact")):
        if (got := getattr(settings, name)) != allowed:
            raise ValueError(f"settings must have {name}={allowed!r} to blend fragments, got {got!r}")
    height, width = image_shape(image_size)
    if face_offsets is not None:
        face_offsets = _checked_numbers("face_offsets", face_offsets, depth)
    n_images = _image_count(face_offsets, n_images, settings)
    if offsets.shape[0] != n_images * height * width + 1:
        raise ValueError(
            f"fragments belong to {offsets.shape[0] - 1} pixels, but {n_images} images of {height} x {width} have "
            f"{n_images * height * width}"
        )
    refuse_forward_mode(depth, distance2, features, background, settings.dist_scale, settings.gamma)
    wanted = sum(_OUTPUTS[name] for name in set(output_names(outputs, _OUTPUTS)))
    if features is None:
        if background is not None:
            raise ValueError("background needs features: without features there is no image; got features=None")
        if not wanted & ops.ALPHA:
            raise ValueError("outputs=('image',) needs features, which the image shows; got features=None")
        wanted, back = ops.ALPHA, None
    else:
        check_real("features", features)
        check_same("features", features, depth, "fragments.depth")
        if features.dim() != 2 or features.shape[0] != depth.shape[0] or features.shape[1] < 1:
            raise ValueError(f"features must be ({depth.shape[0]}, C), got shape {tuple(features.shape)}")
        back = background_rows(background, features.shape[1], n_images, depth)
    dist_scale = scale_tensor("dist_scale", settings.dist_scale, n_images, depth)
    gamma = scale_tensor("gamma", settings.gamma, n_images, depth)
    if settings.check_finite:
        check_values("dist_scale", dist_scale)
        check_values("gamma", gamma)
    image, alpha, *_ = ops.apply(
        "blend",
        offsets,
        depth,
        distance2,
        features,
        dist_scale,
        gamma,
        back,
        face_offsets,
        [n_images, height, width],
        ops.with_states(wanted, settings),
        *settings.packed,
    )
    return Rendered(image, alpha, None, None)


def _checked_fragments(fragments: Fragments) -> tuple[Tensor, Tensor, Tensor]:
    if not isinstance(fragments, Fragments):
        raise TypeError(f"fragments must be what find_fragments returns, got {type(fragments).__name__}")
    offsets, depth, distance2 = fragments.offsets, fragments.depth, fragments.distance2
    check_real("fragments.depth", depth)
    check_real("fragments.distance2", distance2)
    check_same("fragments.distance2", distance2, depth, "fragments.depth")
    if depth.dim() != 1 or depth.shape != distance2.shape:
        raise ValueError(
            f"fragments.depth and distance2 must be (M,), got shapes {tuple(depth.shape)} and {tuple(distance2.shape)}"
        )
    return _checked_numbers("fragments.offsets", offsets, depth), depth, distance2


def _checked_numbers(name: str, values: Tensor, depth: Tensor) -> Tensor:
    """Check a list of integers and return it in int64."""
    values = as_index(name, values)
    if values.device != depth.device:
        raise TypeError(f"{name} are on {values.device}, fragments.depth on {depth.device}")
    if values.dim() != 1 or values.shape[0] < 1:
        raise ValueError(f"{name} must have one dimension and at least one entry, got shape {tuple(values.shape)}")
    return values


def _image_count(face_offsets: Tensor | None, n_images: int, settings: RenderSettings) -> int:
    if face_offsets is not None:
        return face_offsets.shape[0] - 1
    if settings.t_conorm == "sum":
        raise ValueError(
            "t_conorm='sum' is a mean over the faces of each mesh and needs face_offsets; for one mesh of F faces use "
            "torch.tensor([0, F])"
        )
    if not isinstance(n_images, int) or isinstance(n_images, bool):
        raise TypeError(f"n_images must be an int, got {n_images!r}")
    if n_images < 0:
        raise ValueError(f"n_images must be >= 0, got {n_images}")
    return n_images
