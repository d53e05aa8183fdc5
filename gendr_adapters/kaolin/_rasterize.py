"""`rasterize`, as kaolin.render.mesh.rasterize."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .._autocast import full_precision
from .._numbers import plain
from .._rendering import render
from .._untraced import untraced
from ..settings import RenderSettings
from ._arguments import check_backend, check_depths, check_image, check_per_face, joined_features, picture_size
from ._faces import empty_meshes, face_vertices_of, kaolin_settings, warn_of_empty


@full_precision
@untraced
def rasterize(
    height: int,
    width: int,
    face_vertices_z: Tensor,
    face_vertices_image: Tensor,
    face_features: Tensor | Sequence[Tensor],
    valid_faces: Tensor | None = None,
    multiplier: float | None = None,
    eps: float | None = None,
    backend: str = "cuda",
    *,
    perspective_correct: bool = False,
    near_clip: float | None = None,
) -> tuple[Tensor | tuple[Tensor, ...], Tensor]:
    """The features of the nearest face at each pixel: kaolin.render.mesh.rasterize, on any device.

    Args:
        height, width: size of the image, pixels, 1 to 32768.
        face_vertices_z: (B, F, 3), z of the corners; the largest z is nearest, as in Kaolin's camera space, where z is
            negative in front of the camera. Without perspective_correct and near_clip z may have any sign, up to 1e30.
            With perspective_correct a face with a corner at z >= 0 is not drawn, unless near_clip cuts it; if this
            leaves nothing of a mesh, there is a UserWarning, once.
        face_vertices_image: (B, F, 3, 2), x (right) and y (up) of the corners; both axes of the image span [-1, 1].
        face_features: (B, F, 3, C), features at the corners, or a list or tuple of such tensors. float32 or float64,
            the same as the two above.
        valid_faces: (B, F) bool, which faces are drawn; None: all.
        multiplier, eps: ignored; our core does not need them.
        backend: 'cuda', 'nvdiffrast' or 'nvdiffrast_fwd'; all are our core.
        perspective_correct: True: features and z are interpolated linearly in space; False: on the screen, as in
            Kaolin.
        near_clip: depth > 0: what is nearer, z > -near_clip, is not drawn, and faces are cut there, in space, whether
            or not perspective_correct. x and y must then be those of a perspective camera, X / -z and Y / -z times a
            factor, also for corners behind the camera. See RenderSettings.near_clip. None: faces are not cut.

    Returns:
        (features, face_idx): features are (B, height, width, C), 0 where there is no face, or a tuple of such tensors
        for a list or tuple of face_features; face_idx is (B, height, width) int64, the number of the face within its
        mesh, -1 where there is none. Row 0 is the top. features have gradients to face_features and
        face_vertices_image; to face_vertices_z with perspective_correct, and with near_clip for faces that are cut.
        Gradients repeat bit for bit.

    Raises:
        TypeError, ValueError: dtypes, devices, shapes, sizes or names that do not fit.

    Source: Chen et al., "Learning to Predict 3D Objects with an Interpolation-based Differentiable Renderer",
    NeurIPS 2019.

    Example:
        >>> import torch
        >>> from gendr_adapters.kaolin import rasterize
        >>> xy = torch.tensor([[[[-0.5, -0.5], [0.5, -0.5], [0.0, 0.5]]]])  # (B, F, 3, 2)
        >>> z = torch.full((1, 1, 3), -2.0)
        >>> features, face_idx = rasterize(32, 32, z, xy, torch.ones(1, 1, 3, 4))
        >>> features.shape, face_idx[0, 16, 16].item(), face_idx[0, 0, 0].item()
        (torch.Size([1, 32, 32, 4]), 0, -1)
    """
    check_backend("rasterize", backend, multiplier, eps)
    settings = hard_settings(perspective_correct, plain(near_clip))
    return rasterize_as(settings, height, width, face_vertices_z, face_vertices_image, face_features, valid_faces)


def hard_settings(perspective_correct: bool, near_clip: float | None) -> RenderSettings:
    """The nearest face at each pixel; affine, or perspective_correct. The reach is for pixels on an edge."""
    return kaolin_settings(
        blend="hard", clip="none", perspective_correct=perspective_correct, near_clip=near_clip, reach=1e-5
    )


def rasterize_as(
    settings: RenderSettings,
    height: int,
    width: int,
    face_vertices_z: Tensor,
    face_vertices_image: Tensor,
    face_features: Tensor | Sequence[Tensor],
    valid_faces: Tensor | None,
    background: Tensor | Sequence[float] | None = None,
) -> tuple[Tensor | tuple[Tensor, ...], Tensor]:
    """rasterize, with other settings, and features where there is no face."""
    size = picture_size(height, width)
    check_image(face_vertices_image)
    check_depths(face_vertices_z, face_vertices_image)
    features, channels = joined_features(face_features, face_vertices_image)
    if valid_faces is not None:
        check_per_face("valid_faces", valid_faces, face_vertices_image)
        valid_faces = valid_faces.bool()
    cut = settings.near_clip is not None
    if settings.perspective_correct or cut:
        warn_of_empty(
            face_vertices_z,
            lambda: empty_meshes(face_vertices_z, valid_faces, cut),
            "Were depths passed for face_vertices_z (negate them), or vertices of a camera that looks along +z, as "
            "OpenCV's and PyTorch3D's do?",
        )
    face_vertices = face_vertices_of(face_vertices_image, face_vertices_z, valid_faces)
    some = features if features.shape[3] else None
    drawn = render(face_vertices, size, some, None, settings, background, ("image", "face_index"))
    assert drawn.face_index is not None
    image = features.new_zeros((features.shape[0], 0, *size)) if drawn.image is None else drawn.image
    if channels is None:
        return _own(image), drawn.face_index
    return tuple(_own(part) for part in image.split(channels, 1)), drawn.face_index


def _own(image: Tensor) -> Tensor:
    """(B, H, W, C) of (B, C, H, W): a copy even of one channel, for users write into what they get."""
    return image.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
