"""`render`, the one function under every door, and `gather_corners`, which feeds it."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from . import ops
from ._autocast import full_precision
from ._inputs import (
    as_index,
    background_rows,
    check_finite,
    check_real,
    image_shape,
    output_names,
    packed_scene,
    refuse_forward_mode,
)
from ._nothing_drawn import warn_if_nothing_drawn
from ._scales import check_values, scale_tensor
from ._scene_shapes import check_corners
from ._shading import Faces, pack_lighting, pack_maps
from .settings import RenderSettings
from .shading import Lighting, TextureMaps


class Rendered(NamedTuple):
    """What `render` returns; what was not asked for is None.

    image: (B, C, H, W), blended features. alpha: (B, H, W) in [0, 1], union of the faces' coverages.
    depth: (B, H, W), view depth of the nearest face whose closed triangle holds the pixel centre, 0 where none does.
    face_index: (B, H, W) int64, that face, counted within its mesh; -1 where there is none. Row 0 is the top.
    """

    image: Tensor | None
    alpha: Tensor | None
    depth: Tensor | None
    face_index: Tensor | None


@full_precision
def render(
    face_vertices: Tensor,
    image_size: int | tuple[int, int],
    features: Tensor | TextureMaps | None = None,
    face_offsets: Tensor | None = None,
    settings: RenderSettings = RenderSettings(),  # noqa: B008 (frozen)
    background: Tensor | Sequence[float] | None = None,
    outputs: Sequence[str] = ("image", "alpha"),
    lighting: Lighting | None = None,
) -> Rendered:
    """Render projected triangles softly, with gradients to every face in reach of a pixel.

    Args:
        face_vertices: float32 or float64: x and y in NDC (x right, y up), z view depth (> 0 in front of the
            camera). (F, 3, 3): one image; (B, F, 3, 3): a batch; (F_total, 3, 3) with face_offsets: meshes of different
            sizes, packed. Faces with corners that are not finite, or whose x or y is beyond 1e18, are ignored.
            Coordinates carry rounding errors of their own size: in float32, a corner at 1e5 NDC puts alpha off by 0.02.
        image_size: side of a square image or (H, W), in pixels, 1 to 32768. The centre of pixel (row, col) is at
            x = (2 col + 1 - W) / W * extent_x, y = (H - 1 - 2 row) / H * extent_y (see RenderSettings.half_extent).
        features: what is blended into the image, C channels of any meaning, of face_vertices' dtype. (F, 3, C): a value
            a corner, interpolated; (F, R * R, C): R x R texels a face, as SoftRas' surface textures; batched or packed
            like face_vertices. TextureMaps: what texture maps show at the pixel. None: no image.
        face_offsets: (B + 1,) int64 or int32; image b shows faces face_offsets[b] to face_offsets[b + 1].
        settings: see RenderSettings. dist_scale and gamma of shape (B,) give each image its own.
        background: features behind everything, (C,) or (B, C); None: 0.
        outputs: any of 'image', 'alpha', 'depth', 'face_index'. What is not asked for costs nothing.
        lighting: light on the features, see Lighting. None: they are shown as they are.

    Returns:
        Rendered. image, alpha and depth have gradients to face_vertices, features, background, dist_scale and gamma,
        and to all tensors of lighting, the same bits for any number of threads.

    Raises:
        TypeError: something is not a tensor, or has a dtype or device that does not fit.
        ValueError: shapes, offsets, sizes or names that do not fit.

    CUDA tensors are rendered on torch's current stream of their device, without waiting for it, except to look at
    face_offsets (not while a CUDA graph is captured) and where settings.check_finite. So a dist_scale or gamma out of
    range that only the GPU knows is no error: that image and its gradients are NaN.

    Source: Liu et al., "Soft Rasterizer", ICCV 2019; Petersen et al., "GenDR", CVPR 2022.

    Example:
        >>> import torch
        >>> from gendr_adapters import RenderSettings, render
        >>> triangle = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]], requires_grad=True)
        >>> red = torch.tensor([1.0, 0.0, 0.0]).expand(1, 3, 3)  # (F, 3, C)
        >>> image, alpha, *_ = render(triangle, 64, red, settings=RenderSettings(dist_scale=1e-3))
        >>> image.shape, alpha.shape
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 64, 64]))
        >>> alpha.mean().backward()  # a larger triangle covers more pixels
        >>> bool(triangle.grad[0, 2, 1] > 0)
        True
    """
    textures, features = (features, None) if isinstance(features, TextureMaps) else (None, features)
    given = face_vertices
    face_vertices, features, face_offsets, n_images = packed_scene(face_vertices, features, face_offsets)
    if not isinstance(settings, RenderSettings):
        raise TypeError(f"settings must be a RenderSettings, got {type(settings).__name__}")
    height, width = image_shape(image_size)
    outputs = output_names(outputs, ops.OUTPUTS)
    wanted = sum([bit for name, bit in ops.OUTPUTS.items() if name in outputs])
    refuse_forward_mode(
        face_vertices, features, background, settings.dist_scale, settings.gamma, *(textures or ()), *(lighting or ())
    )
    uvs = index = surface = lights = None
    sampling: list[int] = []
    if textures is not None or lighting is not None:
        faces = Faces(face_vertices, tuple(given.shape[:-2]), n_images)
        if textures is not None:
            features, uvs, index, sampling = pack_maps(textures, faces)
        if lighting is not None:
            if not isinstance(lighting, Lighting):
                raise TypeError(f"lighting must be a Lighting, got {type(lighting).__name__}")
            if features is None:
                raise ValueError("lighting goes with features: without them there is nothing for it to shine on")
            surface, lights = pack_lighting(lighting, features.shape[-1], faces)
    if features is None:
        if background is not None:
            raise ValueError("background goes with features: without them there is no image for it to be behind")
        wanted &= ~ops.IMAGE
        if outputs == ("image",):
            raise ValueError("outputs=('image',) needs features: they are what an image shows")
        back = None
    else:
        back = background_rows(background, features.shape[-1], n_images, face_vertices)
    dist_scale = scale_tensor("dist_scale", settings.dist_scale, n_images, face_vertices)
    gamma = scale_tensor("gamma", settings.gamma, n_images, face_vertices)
    if settings.check_finite:
        check_finite(face_vertices)
        check_values("dist_scale", dist_scale)
        check_values("gamma", gamma)
    image, alpha, depth, face_index, *_ = ops.apply(
        "render",
        face_vertices,
        features,
        dist_scale,
        gamma,
        back,
        uvs,
        surface,
        lights,
        face_offsets,
        index,
        sampling,
        [n_images, height, width],
        ops.with_states(wanted, settings),
        *settings.packed,
    )
    warn_if_nothing_drawn(
        face_vertices,
        (height, width),
        settings,
        depth_matters=alpha is None or settings.alpha_range == "near_far",
        drawn=depth if alpha is None else alpha,
    )
    return Rendered(image, alpha, depth, face_index if "face_index" in outputs else None)


@full_precision
def gather_corners(values: Tensor, faces: Tensor) -> Tensor:
    """Corner values of an indexed mesh: `values[..., faces, :]`, with a gradient that repeats bit for bit.

    Autograd's own indexing adds up a vertex's gradients in an order that depends on threads; here it is fixed.

    Args:
        values: (V, C) or (B, V, C), float32 or float64.
        faces: (F, 3) int64 or int32, each in [0, V).
    Returns:
        (F, 3, C) or (B, F, 3, C).
    Raises:
        TypeError: wrong dtypes. ValueError: wrong shapes, or an index out of range (on CUDA: NaN at that corner).

    Example:
        >>> import torch
        >>> from gendr_adapters import gather_corners
        >>> vertices = torch.tensor([[0.0, 0.0, 2.0], [1.0, 0.0, 2.0], [1.0, 1.0, 2.0], [0.0, 1.0, 2.0]])
        >>> gather_corners(vertices, torch.tensor([[0, 1, 2], [0, 2, 3]])).shape
        torch.Size([2, 3, 3])
    """
    check_real("values", values)
    refuse_forward_mode(values)
    faces = as_index("faces", faces)
    check_corners(values.shape, faces.shape)
    if values.device != faces.device:
        raise TypeError(f"values and faces must share a device, got {values.device} and {faces.device}")
    if values.dim() == 2:
        return ops.apply("gather_corners", values[None], faces)[0]
    return ops.apply("gather_corners", values, faces)
