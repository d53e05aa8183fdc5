"""`get_depth_renderer`: a mesh and a camera's intrinsics in, the point cloud that a depth camera sees out."""

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .._autocast import full_precision
from .._inputs import image_shape, refuse_half
from .._rendering import gather_corners
from .._untraced import untraced
from ..settings import RenderSettings
from ._arguments import face_indices, number, rows, whole
from ._homogeneous_mesh import project
from ._integral import fresh_seed, integrate
from ._samples import render_samples, stratified_offsets


class DepthRenderer(nn.Module):
    """The module that `get_depth_renderer` returns; see there. It has no parameters and no state."""

    def __init__(
        self,
        num_samples: int,
        print_timing: bool,
        *,
        index_base: int,
        seed: int | None,
        edge_samples: float,
        clip_near: float,
        settings: RenderSettings | None,
    ) -> None:
        super().__init__()
        self.num_samples = whole("num_samples", num_samples, 1)
        self.print_timing = bool(print_timing)
        if index_base not in (0, 1):
            raise ValueError(f"index_base must be 0 or 1, got {index_base!r}")
        self.index_base = index_base
        self.seed = None if seed is None else whole("seed", seed, 0)
        self.edge_samples = number("edge_samples", edge_samples, positive=False)
        self.clip_near = number("clip_near", clip_near, positive=True)
        if settings is not None and not isinstance(settings, RenderSettings):
            raise TypeError(f"settings must be a RenderSettings or None, got {type(settings).__name__}")
        self.settings = settings

    @full_precision
    @untraced
    def forward(
        self, vertices: Tensor, indices: Tensor, intrinsics: Tensor | Sequence[float | Tensor], dims: Sequence[int]
    ) -> Tensor:
        """The image (height, width, 3). Arguments and errors: see `get_depth_renderer`."""
        begin = time.perf_counter()
        vertices = rows("vertices", vertices, 3)
        faces = face_indices("indices", indices, vertices.shape[0], vertices, self.index_base)
        mesh = project(vertices, _intrinsics(intrinsics, vertices), faces, _image_size(dims), self.clip_near)
        points = gather_corners(vertices, faces)
        seed = fresh_seed() if self.seed is None else self.seed
        if self.settings is None:
            picture, _ = integrate(
                mesh,
                vertices,
                points,
                lambda seen, face: seen,
                n_samples=self.num_samples,
                edge_density=self.edge_samples,
                seed=seed,
            )
        else:
            offsets = stratified_offsets(self.num_samples, torch.Generator().manual_seed(seed))
            picture = render_samples(mesh, points, offsets.to(vertices.device), self.settings)[0].mean(0)
        if self.print_timing:
            if picture.is_cuda:
                torch.cuda.synchronize(picture.device)
            print(f"Depth rendering: {time.perf_counter() - begin:.5f} s")
        return picture

    def extra_repr(self) -> str:
        return f"num_samples={self.num_samples}, index_base={self.index_base}, seed={self.seed}"


def get_depth_renderer(
    num_samples: int = 1,
    print_timing: bool = False,
    *,
    index_base: int = 0,
    seed: int | None = None,
    edge_samples: float = 4.0,
    clip_near: float = 1e-4,
    settings: RenderSettings | None = None,
) -> DepthRenderer:
    """A module that turns vertices and intrinsics into the points that a depth camera sees.

    Args:
        num_samples: S, samples a pixel, at least 1; the image is their mean. Samples of the background are 0 and are
            in the mean, so along a silhouette it lies between foreground and background. 1: the pixel's centre. More:
            one at a random place in each of S equal cells of the pixel, the same places in all pixels.
        print_timing: print how long each call takes.
        index_base: 0 or 1, the number of the first vertex in indices.
        seed: of samples and edge points, >= 0. None: new ones in each call, drawn from torch's global generator (see
            torch.manual_seed), as for stochastic gradient descent.
        edge_samples: points per pixel of visible edge length in the boundary term of the gradient (see
            gendr_adapters/redner/_boundary.py), >= 0; 0: no boundary term, and no gradient of moving silhouettes.
        clip_near: depth > 0 where the mesh is cut. With settings it is ignored; settings.near_clip cuts there.
        settings: None: each sample sees the nearest face. A RenderSettings: each sample is a soft mean of the points of
            all faces in reach, as of `gendr_adapters.render`, with any distribution and T-conorm, blend 'softmax' or
            'hard', and a background of 0; the gradient is that of the soft weights, without a boundary term. Units are
            those of RenderSettings: dist_scale and reach in NDC, where a pixel is 2 / min(width, height); near and far
            are depths, 1 and 100 by default; gamma is in units of far - near.

    The module's arguments:
        vertices: (n, 3) float32 or float64, in camera coordinates as OpenCV's: x right, y down, z ahead.
        indices: (m, 3) integers, the corners of each triangle. Both sides are seen.
        intrinsics: fx, fy, cx, cy in pixels: a tensor (4,), an array, or four numbers or tensors. A point is seen at
            u = fx x / z + cx, v = fy y / z + cy; row r has its centre at v = r + 0.5, column c at u = c + 0.5.
        dims: (width, height) of the image in pixels.

    It returns (height, width, 3) of vertices' dtype and device: x, y, z of the points seen, 0 where nothing is. Channel
    2 is the depth. There are gradients to vertices and intrinsics: the interior term, of how the visible points move,
    plus the boundary term, of what moving silhouettes hide and reveal. For one seed they repeat bit for bit.

    Raises:
        TypeError, ValueError: arguments, here or of the module, that do not fit.

    Source: Li et al., "Differentiable Monte Carlo Ray Tracing through Edge Sampling", SIGGRAPH Asia 2018.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> depth_camera = pyredner.get_depth_renderer(num_samples=4, seed=0)
        >>> vertices = torch.tensor([[-1.0, -1.0, 4.0], [1.0, -1.0, 4.0], [0.0, 1.0, 4.0]], requires_grad=True)
        >>> points = depth_camera(vertices, torch.tensor([[0, 1, 2]]), (32.0, 32.0, 16.0, 12.0), dims=(32, 24))
        >>> points.sum().backward()
        >>> points.shape, round(points[12, 16, 2].item(), 3), vertices.grad.shape
        (torch.Size([24, 32, 3]), 4.0, torch.Size([3, 3]))
    """
    return DepthRenderer(
        num_samples,
        print_timing,
        index_base=index_base,
        seed=seed,
        edge_samples=edge_samples,
        clip_near=clip_near,
        settings=settings,
    )


def _intrinsics(value: Any, like: Tensor) -> Tensor:
    to: Any = {"dtype": like.dtype, "device": like.device}
    for entry in value if isinstance(value, (list, tuple)) else [value]:
        refuse_half("intrinsics", entry)
    if not isinstance(value, Tensor):
        try:
            if isinstance(value, (list, tuple)) and any(isinstance(item, Tensor) for item in value):
                value = torch.stack([torch.as_tensor(item, **to).reshape(()) for item in value])  # with gradients
            value = torch.as_tensor(value, **to)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"intrinsics must be a tensor or numbers fx, fy, cx, cy, got {value!r}") from error
    if value.shape != (4,):
        raise ValueError(f"intrinsics must be fx, fy, cx, cy, got shape {tuple(value.shape)}")
    return value.to(like)


def _image_size(dims: Any) -> tuple[int, int]:
    values = dims.tolist() if hasattr(dims, "tolist") else dims
    if not isinstance(values, (list, tuple)) or len(values) != 2:
        raise ValueError(f"dims must be (width, height), got {dims!r}")
    width, height = values
    return image_shape((height, width))
