"""Texture: a picture on a surface, or one value for all of it."""

import torch
from torch import Tensor

from .._autocast import full_precision, widened
from .._inputs import check_real
from .._rendering import gather_corners
from ._arguments import FullPrecision, vector


class Texture(FullPrecision):
    """A texture: a map, or one constant value.

    Args:
        texels: (C,): the same value everywhere; or (height, width, C): a map, row 0 at v = 0. float32 or float64.
        uv_scale: tensor (2,), a factor of the texture coordinates; None: 1.

    Texel (row, column) has its centre at u = (column + 0.5) / width, v = (row + 0.5) / height. Between centres values
    are interpolated bilinearly, and the map repeats in both directions. There are no mipmaps: distant surfaces may
    alias unless more samples a pixel are taken.

    Raises:
        TypeError, ValueError: another type or shape.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> texture = pyredner.Texture(torch.tensor([[[0.0], [1.0]], [[1.0], [0.0]]]))  # 2 x 2 texels, C = 1
        >>> texture.sample(torch.tensor([[0.25, 0.25], [0.5, 0.5]]))
        tensor([[0.0000],
                [0.5000]])
    """

    def __init__(self, texels: Tensor, uv_scale: Tensor | None = None) -> None:
        self._set_texels(texels)
        self.uv_scale = None if uv_scale is None else vector("uv_scale", uv_scale, 2)

    @property
    def texels(self) -> Tensor:
        return self._texels

    @texels.setter
    def texels(self, value: Tensor) -> None:
        self._set_texels(value)

    # torch.compile of torch 2.5 to 2.7 does not see what a property's setter sets.
    def _set_texels(self, value: Tensor) -> None:
        value = widened(value)
        check_real("texels", value)
        if value.dim() not in (1, 3) or 0 in value.shape:
            raise ValueError(f"texels must be (C,) or (height, width, C), got shape {tuple(value.shape)}")
        self._texels = value

    @property
    def device(self) -> torch.device:
        return self.texels.device

    @property
    def is_constant(self) -> bool:
        return self.texels.dim() == 1

    @property
    def channels(self) -> int:
        return self.texels.shape[-1]

    @full_precision
    def sample(self, uv: Tensor) -> Tensor:
        """The values (N, C) at texture coordinates uv (N, 2), of the dtype and device of uv.

        There are gradients to uv and to texels; those of texels repeat bit for bit.
        """
        texels = self.texels.to(uv)
        if self.is_constant:
            return texels.expand(uv.shape[0], -1)
        height, width, n_channels = texels.shape
        if self.uv_scale is not None:
            uv = uv * self.uv_scale.to(uv)
        at = uv * uv.new_tensor([width, height]) - 0.5
        low = at.detach().floor()
        right, down = (at - low).unbind(1)
        column, row = low.long().unbind(1)
        columns, rows = [column % width, (column + 1) % width], [row % height, (row + 1) % height]
        index = torch.stack([rows[j] * width + columns[i] for j in (0, 1) for i in (0, 1)], 1)
        weights = torch.stack([(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down], 1)
        return (weights[:, :, None] * _take(texels.reshape(-1, n_channels), index)).sum(1)


def _take(values: Tensor, index: Tensor) -> Tensor:
    """values[index], by gather_corners, whose gradient repeats bit for bit. It takes indices by threes."""
    flat = index.reshape(-1)
    padding = -flat.shape[0] % 3
    threes = torch.cat([flat, flat.new_zeros(padding)]).view(-1, 3)
    return gather_corners(values, threes).flatten(0, 1)[: flat.shape[0]].view(*index.shape, values.shape[1])
