"""`render`, the function that every door calls, and `gather_corners`, which makes its input from an indexed mesh."""

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
    """The result of `render`, a named tuple. Outputs that were not requested are None.

    B images, C channels, H rows and W columns; row 0 is the top of the image.

    image: (B, C, H, W), the blended features. Not multiplied by alpha: alpha * image + (1 - alpha) * background puts it
        over a background.
    alpha: (B, H, W) in [0, 1], how much of the pixel is covered: the coverages of all faces, combined.
    depth: (B, H, W), depth of the nearest face whose closed triangle contains the pixel's centre; 0 where there is
        none.
    face_index: (B, H, W) int64, the index of that face within its mesh; -1 where there is none.
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
    """Draw triangles with soft edges. Every face near a pixel gets a gradient from it.

    The triangles are already projected: x and y are positions in the image, z is the depth. `gather_corners` makes them
    from the vertices that a camera's `project` returns.

    Args:
        face_vertices: the triangles, float32 or float64. x and y are in NDC (x right, y up; the shorter side of the
            image spans [-1, 1]); z is the depth, > 0 in front of the camera. (F, 3, 3): F faces, one image.
            (B, F, 3, 3): a batch of B images. (F_total, 3, 3) with face_offsets: meshes of different sizes,
            concatenated ("packed"). Faces with corners that are not finite, or with abs(x) or abs(y) above 1e18, are
            ignored. Rounding errors grow with coordinates: in float32, a corner at 1e5 NDC changes alpha by 0.02.
        image_size: side of a square image, or (H, W), in pixels, 1 to 32768. The centre of pixel (row, col) is at
            x = (2 col + 1 - W) / W * extent_x, y = (H - 1 - 2 row) / H * extent_y (see RenderSettings.half_extent).
        features: what the faces show in the image: colours, normals or any other C channels, of the same dtype as
            face_vertices. (F, 3, C): one value for each corner, interpolated. (F, R * R, C): R x R texels for each
            face, like SoftRas' surface textures. Both batched or packed like face_vertices. TextureMaps: texture maps
            with uv coordinates. None: there is no image.
        face_offsets: (B + 1,) int64 or int32, for packed faces: image b shows the faces from face_offsets[b] to
            face_offsets[b + 1] - 1.
        settings: softness, blending and visibility, see RenderSettings. dist_scale and gamma of shape (B,) have one
            value for each image.
        background: features of the background, (C,) or (B, C). None: 0.
        outputs: names of the wanted outputs: 'image', 'alpha', 'depth', 'face_index'. Others are not computed.
        lighting: lights for the features, see Lighting. None: features are shown without light.

    Returns:
        Rendered. image, alpha and depth have gradients to face_vertices, features, background, dist_scale, gamma and
        all tensors of lighting. Results and gradients have the same bits for any number of threads.

    Raises:
        TypeError: an argument is not a tensor, or its dtype or device does not fit.
        ValueError: a shape, an offset, a size or a name does not fit.

    CUDA tensors are rendered on torch's current stream of their device. The call does not wait for the GPU, except to
    check face_offsets (not during the capture of a CUDA graph) and with settings.check_finite. So it cannot raise an
    error for a dist_scale or gamma in GPU memory that is out of range: that image and its gradients are NaN.

    Source: Liu et al., "Soft Rasterizer", ICCV 2019; Petersen et al., "GenDR", CVPR 2022.

    Example:
        >>> import torch
        >>> from gendr_adapters import RenderSettings, render
        >>> triangle = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]], requires_grad=True)
        >>> red = torch.tensor([1.0, 0.0, 0.0]).expand(1, 3, 3)  # (F, 3, C)
        >>> image, alpha, *_ = render(triangle, 64, red, settings=RenderSettings(dist_scale=1e-3))
        >>> image.shape, alpha.shape
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 64, 64]))
        >>> alpha.mean().backward()
        >>> bool(triangle.grad[0, 2, 1] > 0)  # moving the top corner up covers more pixels
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
                raise ValueError("lighting needs features, the colours that are lit; got features=None")
            surface, lights = pack_lighting(lighting, features.shape[-1], faces)
    if features is None:
        if background is not None:
            raise ValueError("background needs features: without features there is no image; got features=None")
        wanted &= ~ops.IMAGE
        if outputs == ("image",):
            raise ValueError("outputs=('image',) needs features, which the image shows; got features=None")
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
    """Look up the values at the corners of faces: `values[..., faces, :]`, with a gradient that repeats bit for bit.

    It turns vertices and faces into the triangles that `render` takes, and values at vertices into features. Indexing
    with torch gives the same values, but its backward adds up in an order that depends on threads. Here the order is
    fixed.

    Args:
        values: values at the vertices, (V, C) or (B, V, C), float32 or float64.
        faces: vertex indices of the faces, (F, 3) int64 or int32, each in [0, V).
    Returns:
        (F, 3, C) or (B, F, 3, C).
    Raises:
        TypeError: wrong dtypes or devices.
        ValueError: wrong shapes, or an index out of range. (On CUDA the index is no error, and that corner is NaN.)

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
