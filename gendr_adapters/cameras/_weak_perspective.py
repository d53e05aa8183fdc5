"""WeakPerspectiveCamera: the camera of body and face models."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .._autocast import full_precision
from ._camera import check_points, middle, settle
from ._orthographic import OrthographicCamera


@dataclass(frozen=True, kw_only=True, eq=False)
class WeakPerspectiveCamera:
    """N weak-perspective cameras that share an image size: x = s (X + t), as SMPL and face models are fitted with.

    A world point X has the camera coordinates (x right, y down, z ahead) = rotation X + (t_x, t_y, 0), and is seen at
    s x to the right and s y down, from the middle of the image, whose shorter side spans [-1, 1]. This approximates a
    pinhole camera where the object's depth is small compared with its distance. (Hartley & Zisserman, "Multiple View
    Geometry", 6.3; Kanazawa et al., "End-to-end Recovery of Human Shape and Pose", CVPR 2018.)

    scale: (N,), s, not 0: one world unit is s times half the image's shorter side.
    translation: (N, 2), (t_x, t_y), world units, right and down.
    rotation: (N, 3, 3), world to camera; None: the world has the camera's axes, as the bodies of HMR and its successors
        have. For models with y up that look at the camera, as FLAME in DECA, it is diag(1, -1, -1), and t_y changes
        its sign.
    image_size: (H, W) in pixels, or the side of a square; 1 to 32768. That of the crop the model was fitted to.

    z is the depth along the camera's axis, from the model's origin, and may have any sign. Nothing is divided by it:
    render with the settings that `OrthographicCamera` names. Dtypes, devices, N and errors are those of
    `PinholeCamera`.

    Example:
        >>> import torch
        >>> from gendr_adapters.cameras import WeakPerspectiveCamera
        >>> camera = WeakPerspectiveCamera(
        ...     scale=torch.tensor([0.5]), translation=torch.tensor([[0.25, 0.0]]), image_size=224
        ... )
        >>> camera.project(torch.tensor([[0.25, 0.5, 4.0]]))  # x and y in NDC, depth
        tensor([[[ 0.2500, -0.2500,  4.0000]]])
    """

    scale: Tensor
    translation: Tensor
    rotation: Tensor | None = None
    image_size: tuple[int, int]

    def __post_init__(self) -> None:
        if self.rotation is None and isinstance(self.scale, Tensor):
            eye = torch.eye(3, dtype=self.scale.dtype, device=self.scale.device)[None]
            object.__setattr__(self, "rotation", eye)
        settle(self, {"scale": (), "translation": (2,), "rotation": (3, 3)})

    def __len__(self) -> int:
        return self.scale.shape[0]

    @full_precision
    def view(self, points: Tensor) -> Tensor:
        """Camera coordinates (x right, y down, z ahead) of world points; see `PinholeCamera.view`."""
        check_points(points, self.scale, len(self))
        return self.to_orthographic().view(points)

    @full_precision
    def project(self, points: Tensor) -> Tensor:
        """World points as `gendr_adapters.render` takes them; see `OrthographicCamera.project`."""
        check_points(points, self.scale, len(self))
        return self.to_orthographic().project(points)

    @full_precision
    def to_orthographic(self) -> OrthographicCamera:
        """The `OrthographicCamera` that sees the same, whose scale and principal point are in pixels."""
        assert self.rotation is not None
        pixels = self.scale * (min(self.image_size) / 2)
        return OrthographicCamera(
            rotation=self.rotation,
            translation=torch.cat([self.translation, torch.zeros_like(self.translation[:, :1])], 1),
            scale=torch.stack([pixels, pixels], 1),
            principal_point=middle(self.image_size, self.scale),
            image_size=self.image_size,
        )
