"""Texture maps and lights for `render`."""

from typing import NamedTuple

from torch import Tensor


class TextureMaps(NamedTuple):
    """Texture maps on faces, for the argument `features` of `render`.

    Each face shows a part of a picture, which is given by the uv coordinates of its corners. The picture is looked up
    at every fragment (a pair of a pixel and a face near it), with gradients to the maps and to uvs. Nothing is stored
    for each fragment.

    maps: (H, W, C), one map, or (M, H, W, C), M maps; C channels. Row 0 is the top of the picture.
    uvs: (..., F, 3, 2), uv coordinates of the corners, batched or packed like face_vertices; (F, 3, 2) is used for all
        images of a batch. u points right and v up; (0, 0) is the lower left corner of the picture, (1, 1) the upper
        right.
    map_index: (..., F) int64 or int32, the map of each face, 0 to M - 1. None: there is one map for all faces, or one
        map for each image.
    filter: 'bilinear': a weighted mean of four texels. 'nearest': one texel; uvs have no gradient.
    padding: what is shown outside [0, 1]: 'border' (the outermost texels), 'zeros', 'repeat' (the picture repeats) or
        'reflection' (the picture is mirrored).
    align_corners: True: 0 and 1 are the centres of the outermost texels, the default of PyTorch3D's TexturesUV. False:
        they are the edges of the picture, as in Kaolin and OpenGL.

    filter, padding and align_corners mean what they mean in torch.nn.functional.grid_sample, which has no 'repeat'.

    Example:
        >>> import torch
        >>> from gendr_adapters import TextureMaps, render
        >>> square = torch.tensor([[-0.9, -0.9, 2.0], [0.9, -0.9, 2.0], [0.9, 0.9, 2.0], [-0.9, 0.9, 2.0]])
        >>> corners = square[torch.tensor([[0, 1, 2], [0, 2, 3]])]  # (2, 3, 3)
        >>> picture = torch.rand(16, 16, 3, requires_grad=True)
        >>> image, *_ = render(corners, 32, TextureMaps(picture, (corners[..., :2] + 1) / 2))
        >>> image.sum().backward()
        >>> picture.grad.shape
        torch.Size([16, 16, 3])
    """

    maps: Tensor
    uvs: Tensor
    map_index: Tensor | None = None
    filter: str = "bilinear"
    padding: str = "border"
    align_corners: bool = False


class Lighting(NamedTuple):
    """Lights and material for the argument `lighting` of `render`: Phong's reflection model at every fragment.

    `headlight` makes one for a first picture.

    With unit vectors n (normal), l (to the light), v (to the camera) and r = 2 (n . l) n - l, for each channel c:

        colour_c = texel_c (ambient_c + sum over lights of diffuse_c max(n . l, 0))
                   + sum over lights of specular_c max(v . r, 0)^shininess        where n . l > 0

    texel_c is what the features show at the fragment. Positions and normals are interpolated between the corners like
    features; then normals are normalised. For flat shading, give the three corners of a face the normal and the
    midpoint of the face. Vectors shorter than 1e-6 are divided by 1e-6, as in PyTorch3D's lights. All tensors have the
    dtype of face_vertices, and have gradients.

    positions, normals: (..., F, 3, 3), of the corners, batched or packed like face_vertices, in the same space as the
        lights and the camera, usually world space.
    camera_position: (3,) or (B, 3).
    ambient: (C,) or (B, C), ambient light times ambient colour of the material, for the C channels of the features.
    light_positions: (L, 4) or (B, L, 4), homogeneous coordinates of L lights. (x, y, z, 1): a point light at (x, y, z).
        (x, y, z, 0): a directional light that comes from the direction (x, y, z). None: only ambient light.
    diffuse, specular: (L, C) or (B, L, C), light times material. None: 0.
    shininess: a number >= 0, or a tensor () or (B,). The larger it is, the smaller are the highlights.

    Source: Phong, "Illumination for Computer Generated Pictures", CACM 1975.

    Example:
        >>> import torch
        >>> from gendr_adapters import Lighting, render
        >>> corners = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]])
        >>> lighting = Lighting(
        ...     positions=corners,
        ...     normals=torch.tensor([0.0, 0.0, -1.0]).expand(1, 3, 3),  # towards the camera
        ...     camera_position=torch.zeros(3),
        ...     ambient=torch.full((3,), 0.25),
        ...     light_positions=torch.tensor([[0.0, 0.0, -1.0, 0.0]]),  # a directional light behind the camera
        ...     diffuse=torch.full((1, 3), 0.5),
        ... )
        >>> image, *_ = render(corners, 32, torch.ones(1, 3, 3), lighting=lighting)
        >>> round(image[0, 0, 16, 16].item(), 4)  # ambient + diffuse
        0.75
    """

    positions: Tensor
    normals: Tensor
    camera_position: Tensor
    ambient: Tensor
    light_positions: Tensor | None = None
    diffuse: Tensor | None = None
    specular: Tensor | None = None
    shininess: float | Tensor = 64.0
