"""`render`, the one function under every door, and `gather_corners`, which feeds it."""

import math
from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

from . import ops
from .settings import SCALE_MAX, SCALE_MIN, RenderSettings

# Pixels of an image are counted in int32 along a side, and in all by the kernels' row offsets.
MAX_IMAGE_SIDE = 32768

_OUTPUTS = {"image": ops.IMAGE, "alpha": ops.ALPHA, "depth": ops.DEPTH, "face_index": ops.FACE_INDEX}


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


def render(
    face_vertices: Tensor,
    image_size: int | tuple[int, int],
    features: Tensor | None = None,
    face_offsets: Tensor | None = None,
    settings: RenderSettings = RenderSettings(),  # noqa: B008 (frozen)
    background: Tensor | Sequence[float] | None = None,
    outputs: Sequence[str] = ("image", "alpha"),
) -> Rendered:
    """Render projected triangles softly, with gradients to every face in reach of a pixel.

    Args:
        face_vertices: corners, float32 or float64: x and y in NDC (x right, y up), z view depth (> 0 in front of the
            camera). (F, 3, 3): one image; (B, F, 3, 3): a batch; (F_total, 3, 3) with face_offsets: meshes of different
            sizes, packed. Corners that are not finite, or whose x or y is beyond 1e18, make their face count nowhere.
            Coordinates carry rounding errors of their own size: in float32, a corner at 1e5 NDC puts alpha off by 0.02.
        image_size: side of a square image or (H, W), in pixels, 1 to 32768. The centre of pixel (row, col) is at
            x = (2 col + 1 - W) / W * extent_x, y = (H - 1 - 2 row) / H * extent_y (see RenderSettings.half_extent).
        features: what is blended into the image, C channels of any meaning, of face_vertices' dtype. (F, 3, C): a value
            a corner, interpolated; (F, R * R, C): R x R texels a face, as SoftRas' surface textures; batched or packed
            like face_vertices. None: no image.
        face_offsets: (B + 1,) int64; image b shows faces face_offsets[b] to face_offsets[b + 1].
        settings: see RenderSettings. dist_scale and gamma of shape (B,) give each image its own.
        background: features behind everything, (C,) or (B, C); None: 0.
        outputs: any of 'image', 'alpha', 'depth', 'face_index'. What is not asked for costs nothing.

    Returns:
        Rendered. image, alpha and depth have gradients to face_vertices, features, background, dist_scale and gamma,
        the same bits for any number of threads.

    Raises:
        TypeError: something is not a tensor, or has a dtype or device that does not fit.
        ValueError: shapes, offsets, sizes or names that do not fit.

    CUDA tensors are rendered on torch's current stream of their device, without waiting for it, except to look at
    face_offsets (not while a CUDA graph is captured) and where settings.check_finite. So a dist_scale or gamma out of
    range that only the GPU knows is no error: that image and its gradients are NaN.

    Source: Liu et al., "Soft Rasterizer", ICCV 2019; Petersen et al., "GenDR", CVPR 2022.
    """
    faces, features, n_images = _packed_scene(face_vertices, features, face_offsets)
    if not isinstance(settings, RenderSettings):
        raise TypeError(f"settings must be a RenderSettings, got {type(settings).__name__}")
    height, width = _image_shape(image_size)
    if isinstance(outputs, str):
        raise TypeError(f"outputs must be a sequence of names, e.g. ({outputs!r},), got the string {outputs!r}")
    outputs = tuple(outputs)
    wanted = _wanted(outputs)
    _refuse_forward_mode(face_vertices, features, background, settings.dist_scale, settings.gamma)
    if features is None:
        if background is not None:
            raise ValueError("background goes with features: without them there is no image for it to be behind")
        wanted &= ~ops.IMAGE
        if outputs == ("image",):
            raise ValueError("outputs=('image',) needs features: they are what an image shows")
        features, back = faces.new_empty(0), None
    else:
        back = _background(background, features.shape[2], n_images, faces)
    if wanted & ops.DEPTH or (wanted & ops.IMAGE and settings.blend == "hard"):
        wanted |= ops.FACE_INDEX  # backward needs it
    dist_scale = _scale("dist_scale", settings.dist_scale, n_images, faces)
    gamma = _scale("gamma", settings.gamma, n_images, faces)
    if settings.check_finite:
        _check_finite(faces)
        _check_scale("dist_scale", dist_scale)
        _check_scale("gamma", gamma)
    extent = settings.half_extent or (width / min(height, width), height / min(height, width))
    results = torch.ops.gendr_adapters.render(
        faces,
        features,
        dist_scale,
        gamma,
        back,
        face_offsets,
        [*settings.packed_ints, height, width, wanted, n_images],
        [*settings.packed_floats, float(extent[0]), float(extent[1])],
    )
    named = zip(_OUTPUTS, results[:4], strict=True)
    return Rendered(*(result if name in outputs and result.dim() > 1 else None for name, result in named))


def gather_corners(values: Tensor, faces: Tensor) -> Tensor:
    """Corner values of an indexed mesh: `values[..., faces, :]`, with a gradient that repeats bit for bit.

    Autograd's own indexing adds up a vertex's gradients in an order that depends on threads; here it is fixed.

    Args:
        values: (V, C) or (B, V, C), float32 or float64.
        faces: (F, 3) int64, each in [0, V).
    Returns:
        (F, 3, C) or (B, F, 3, C).
    Raises:
        TypeError: wrong dtypes. ValueError: wrong shapes, or an index out of range (on CUDA: NaN at that corner).
    """
    _check_real("values", values)
    _refuse_forward_mode(values)
    if not isinstance(faces, Tensor) or faces.dtype != torch.int64:
        raise TypeError(f"faces must be an int64 tensor, got {_kind(faces)}")
    if values.dim() not in (2, 3):
        raise ValueError(f"values must be (V, C) or (B, V, C), got shape {tuple(values.shape)}")
    if faces.dim() != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces must be (F, 3), got shape {tuple(faces.shape)}")
    if values.device != faces.device:
        raise TypeError(f"values and faces must share a device, got {values.device} and {faces.device}")
    if values.dim() == 2:
        return torch.ops.gendr_adapters.gather_corners(values[None], faces)[0]
    return torch.ops.gendr_adapters.gather_corners(values, faces)


def _packed_scene(
    face_vertices: Tensor, features: Tensor | None, face_offsets: Tensor | None
) -> tuple[Tensor, Tensor | None, int]:
    """Faces (F_total, 3, 3), features (F_total, T, C) and the number of images B, checked."""
    _check_real("face_vertices", face_vertices)
    batched = face_vertices.dim() == 4
    if face_vertices.dim() not in (3, 4) or face_vertices.shape[-2:] != (3, 3):
        raise ValueError(f"face_vertices must be (F, 3, 3) or (B, F, 3, 3), got shape {tuple(face_vertices.shape)}")
    if features is not None:
        _check_real("features", features)
        _check_same("features", features, face_vertices)
        leading = face_vertices.shape[:-2]
        if features.dim() != face_vertices.dim() or features.shape[:-2] != leading:
            expected = ", ".join(map(str, leading))
            raise ValueError(
                f"features must be ({expected}, 3, C) or ({expected}, R*R, C) for face_vertices of shape "
                f"{tuple(face_vertices.shape)}, got shape {tuple(features.shape)}"
            )
        texels = features.shape[-2]
        if texels != 3 and (texels < 1 or math.isqrt(texels) ** 2 != texels):
            raise ValueError(
                f"features must have 3 corners or R*R texels a face, got {texels} (shape {tuple(features.shape)})"
            )
        if features.shape[-1] < 1:
            raise ValueError(f"features must have at least one channel, got shape {tuple(features.shape)}")
    if batched:
        if face_offsets is not None:
            raise ValueError("face_offsets go with packed face_vertices (F_total, 3, 3), not with a batch (B, F, 3, 3)")
        n_images = face_vertices.shape[0]
        return face_vertices.flatten(0, 1), None if features is None else features.flatten(0, 1), n_images
    if face_offsets is None:
        return face_vertices, features, 1
    _check_offsets(face_offsets, face_vertices)
    return face_vertices, features, face_offsets.shape[0] - 1


def _refuse_forward_mode(*inputs: object) -> None:
    """The ops have no forward-mode derivative, and torch would take that for a derivative of 0."""
    if torch.compiler.is_compiling() or forward_ad._current_level < 0:
        return
    if any(isinstance(x, Tensor) and forward_ad.unpack_dual(x).tangent is not None for x in inputs):
        raise NotImplementedError("gendr_adapters has no forward-mode derivatives (jvp); use reverse mode (backward)")


def _check_offsets(offsets: Tensor, face_vertices: Tensor) -> None:
    if not isinstance(offsets, Tensor) or offsets.dtype != torch.int64:
        raise TypeError(f"face_offsets must be an int64 tensor, got {_kind(offsets)}")
    if offsets.device != face_vertices.device:
        raise TypeError(f"face_offsets are on {offsets.device}, face_vertices on {face_vertices.device}")
    if offsets.dim() != 1 or offsets.shape[0] < 1:
        raise ValueError(f"face_offsets must be (B + 1,), got shape {tuple(offsets.shape)}")
    tracing = torch.compiler.is_compiling() or offsets.is_meta
    if tracing or (offsets.is_cuda and torch.cuda.is_current_stream_capturing()):
        return  # on a CPU the library checks them again when it runs
    values = offsets.tolist()
    if values[0] != 0 or values[-1] != face_vertices.shape[0] or values != sorted(values):
        shown = values if len(values) <= 8 else [*values[:4], "...", *values[-3:]]
        raise ValueError(f"face_offsets must rise from 0 to the number of faces, {face_vertices.shape[0]}, got {shown}")


def _image_shape(image_size: int | tuple[int, int]) -> tuple[int, int]:
    shape: object = (image_size, image_size) if isinstance(image_size, Integral) else image_size
    if not (
        isinstance(shape, tuple | list)
        and len(shape) == 2
        and all(isinstance(n, Integral) and not isinstance(n, bool) for n in shape)
    ):
        raise TypeError(f"image_size must be an int or (H, W), got {image_size!r}")
    if not all(1 <= n <= MAX_IMAGE_SIDE for n in shape):
        raise ValueError(f"image sides must be 1 to {MAX_IMAGE_SIDE} pixels, got {image_size!r}")
    return int(shape[0]), int(shape[1])


def _wanted(outputs: Sequence[str]) -> int:
    wanted = 0
    for name in outputs:
        if name not in _OUTPUTS:
            raise ValueError(f"unknown output {name!r}; allowed: {', '.join(_OUTPUTS)}")
        wanted |= _OUTPUTS[name]
    return wanted


def _background(
    background: Tensor | Sequence[float] | None, channels: int, n_images: int, like: Tensor
) -> Tensor | None:
    if background is None:
        return None
    if not isinstance(background, Tensor):
        try:
            background = _moved(torch.tensor(background, dtype=like.dtype), like)
        except (TypeError, ValueError) as error:
            raise TypeError(f"background must be a tensor or numbers, one a channel, got {background!r}") from error
    else:
        _check_real("background", background)
        _check_same("background", background, like)
    rows = background[None] if background.dim() == 1 else background
    if rows.dim() != 2 or rows.shape[1] != channels or rows.shape[0] not in (1, n_images):
        raise ValueError(
            f"background must be ({channels},) or ({n_images}, {channels}), one value a channel of the features, "
            f"got shape {tuple(background.shape)}"
        )
    return rows


def _moved(values: Tensor, like: Tensor) -> Tensor:
    """Numbers from the CPU on `like`'s device. A copy would wait for a GPU, and is refused while a CUDA graph is
    captured; a few fills are neither, so up to 16 numbers go that way."""
    if not like.is_cuda or values.numel() > 16 or torch.compiler.is_compiling():
        return values.to(like.device)
    out = like.new_empty(values.shape)
    for entry, value in zip(out.view(-1).split(1), values.view(-1).tolist(), strict=True):
        entry.fill_(value)
    return out


def _scale(name: str, value: float | Tensor, n_images: int, like: Tensor) -> Tensor | None:
    if not isinstance(value, Tensor):
        return None  # it is among the floats
    if value.shape[0] not in (1, n_images):
        raise ValueError(f"{name} must have 1 entry or one an image ({n_images}), got {value.shape[0]}")
    if value.device != like.device:
        raise TypeError(f"{name} is on {value.device}, face_vertices on {like.device}")
    return value.to(like.dtype)


def _check_finite(faces: Tensor) -> None:
    bad = ~faces.detach().isfinite().all(dim=(1, 2))
    if bool(bad.any()):
        first = int(bad.nonzero()[0])
        raise ValueError(
            f"face_vertices has {int(bad.sum())} faces with corners that are not finite; the first is face {first}: "
            f"{faces[first].tolist()}"
        )


def _check_scale(name: str, values: Tensor | None) -> None:
    if values is None or values.numel() == 0:
        return
    low, high = values.detach().aminmax()
    if not (float(low) >= SCALE_MIN and float(high) <= SCALE_MAX):
        raise ValueError(f"{name} must be > 0, from {SCALE_MIN:g} to {SCALE_MAX:g}, got {values.tolist()}")


def _check_real(name: str, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
    if value.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name} must be float32 or float64, got {value.dtype}")
    if value.device.type not in ("cpu", "cuda", "meta"):
        raise TypeError(f"{name} is on {value.device}; only CPU and CUDA tensors can be rendered")


def _check_same(name: str, value: Tensor, like: Tensor) -> None:
    if value.dtype != like.dtype:
        raise TypeError(f"{name} is {value.dtype}, face_vertices is {like.dtype}: they must be the same")
    if value.device != like.device:
        raise TypeError(f"{name} is on {value.device}, face_vertices on {like.device}: they must share a device")


def _kind(value: object) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
