"""What `render` can show of a face besides numbers at its corners: texture maps, and light."""

from typing import NamedTuple

from torch import Tensor


class TextureMaps(NamedTuple):
    """Pictures that faces show, by the uv coordinates of their corners: `features` of `render`.

    A texel is looked up at every fragment (a pair of a pixel and a face in reach of it), where it is found, and has
    gradients to the maps and to uvs; nothing is stored for each fragment.

    maps: (H, W, C), or (M, H, W, C): M maps, any number of channels. Row 0 is the top of a map's picture.
    uvs: (..., F, 3, 2), batched or packed like face_vertices, or (F, 3, 2) for all images of a batch: u to the right, v
        up; (0, 0) is the lower left of the picture, (1, 1) the upper right.
    map_index: (..., F) int64 or int32, each face's map, 0 to M - 1. None: all faces show the one map there is, or
        with a map for each image those of their own.
    filter: 'bilinear', or 'nearest': one texel, no gradient to uvs.
    padding: what is beyond [0, 1]: 'border' (the outermost texels), 'zeros', 'repeat' (the map again), 'reflection'.
    align_corners: True: 0 and 1 are the centres of the outermost texels (PyTorch3D's TexturesUV unless told otherwise).
        False: they are the picture's edges (Kaolin, OpenGL).

    Filter, paddings and align_corners are those of torch.nn.functional.grid_sample, and 'repeat' besides.

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
    """Light on what the features show: Phong's reflection model at every fragment.

    With unit vectors n (normal), l (to the light), v (to the camera) and r = 2 (n . l) n - l, for each channel c:

        colour_c = texel_c (ambient_c + sum over lights of diffuse_c max(n . l, 0))
                   + sum over lights of specular_c max(v . r, 0)^shininess        where n . l > 0

    Positions and normals are interpolated between the corners as features are, and normals made unit vectors then. For
    flat shading give all corners of a face its own normal and its middle. Conventions are those of PyTorch3D's lights
    (vectors shorter than 1e-6 are divided by that). All tensors are of face_vertices' dtype and have gradients.

    positions, normals: (..., F, 3, 3) of the corners, batched or packed like face_vertices, in the space of the lights.
    camera_position: (3,) or (B, 3).
    ambient: (C,) or (B, C), C channels as the features have: colours of the lights times those of the material; so are
        diffuse and specular.
    light_positions: (L, 4) or (B, L, 4), homogeneous: x y z 1 is a point light there, x y z 0 a directional light from
        there. None: ambient light alone.
    diffuse, specular: (L, C) or (B, L, C). None: 0.
    shininess: a number >= 0, or a tensor () or (B,).

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
