"""Pictures in pieces: ranges of pixels, of whole images, rows or parts of a row."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Piece:
    """Pixels [first, last) of images of size (H, W), counted through all images: whole images, whole rows of one, or
    pixels of one row."""

    first: int
    last: int
    size: tuple[int, int]

    @classmethod
    def of_all(cls, n_images: int, size: tuple[int, int]) -> "Piece":
        return cls(0, n_images * size[0] * size[1], size)

    @property
    def whole(self) -> bool:
        """Is it of whole images?"""
        n_pixels = self.size[0] * self.size[1]
        return self.first % n_pixels == 0 and self.last % n_pixels == 0

    @property
    def images(self) -> slice:
        n_pixels = self.size[0] * self.size[1]
        return slice(self.first // n_pixels, -(-self.last // n_pixels))

    @property
    def in_image(self) -> slice:
        """Which pixels of its image a part is."""
        begin = self.images.start * self.size[0] * self.size[1]
        return slice(self.first - begin, self.last - begin)

    @property
    def image_size(self) -> tuple[int, int]:
        """Of a picture of these pixels alone."""
        n, width = self.last - self.first, self.size[1]
        rows = self.first % width == 0 and n % width == 0
        return self.size if self.whole else (n // width, width) if rows else (1, n)

    def rows(self, values: Any) -> Any:
        """Of a tensor with a row an image those of the piece; anything else, and a single row, as it is."""
        one_an_image = isinstance(values, Tensor) and values.dim() > 0 and values.shape[0] > 1
        return values[self.images] if one_an_image else values


def divide(offsets: Tensor, size: tuple[int, int], most: int) -> list[Piece]:
    """Pieces of at most so many fragments, or of one pixel. Whole images, as many as fit; else rows; else pixels."""
    pieces, first, n = [], 0, offsets.shape[0] - 1
    while first < n:
        last = max(first + 1, last_with(offsets, first, most))
        for unit in (size[0] * size[1], size[1]):
            if first % unit:  # at the end of the image or row it is in the middle of
                last = min(last, first - first % unit + unit)
            elif last >= first + unit:
                last -= last % unit
                break
        pieces.append(Piece(first, last, size))
        first = last
    return pieces


def last_with(offsets: Tensor, first: int, most: int) -> int:
    """The last pixel up to which there are at most so many fragments from the first on."""
    return int(torch.searchsorted(offsets, int(offsets[first]) + most, right=True)) - 1
