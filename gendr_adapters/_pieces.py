"""Pieces of images: ranges of pixels that are whole images, whole rows, or a part of one row."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Piece:
    """The pixels [first, last) of images of size (H, W), counted through all images. A piece consists of whole images,
    of whole rows of one image, or of pixels of one row."""

    first: int
    last: int
    size: tuple[int, int]

    @classmethod
    def of_all(cls, n_images: int, size: tuple[int, int]) -> "Piece":
        return cls(0, n_images * size[0] * size[1], size)

    @property
    def whole(self) -> bool:
        """Does it consist of whole images?"""
        n_pixels = self.size[0] * self.size[1]
        return self.first % n_pixels == 0 and self.last % n_pixels == 0

    @property
    def images(self) -> slice:
        n_pixels = self.size[0] * self.size[1]
        return slice(self.first // n_pixels, -(-self.last // n_pixels))

    @property
    def in_image(self) -> slice:
        """The range of pixels within the image, for a piece of one image."""
        begin = self.images.start * self.size[0] * self.size[1]
        return slice(self.first - begin, self.last - begin)

    @property
    def image_size(self) -> tuple[int, int]:
        """Size of an image that consists of only these pixels."""
        n, width = self.last - self.first, self.size[1]
        rows = self.first % width == 0 and n % width == 0
        return self.size if self.whole else (n // width, width) if rows else (1, n)

    def rows(self, values: Any) -> Any:
        """The rows of a tensor with one row for each image that belong to the piece. A tensor with a single row, and
        anything else, is returned unchanged."""
        one_an_image = isinstance(values, Tensor) and values.dim() > 0 and values.shape[0] > 1
        return values[self.images] if one_an_image else values


def divide(offsets: Tensor, size: tuple[int, int], most: int) -> list[Piece]:
    """Divide all pixels into pieces with at most `most` fragments each, or with one pixel. A piece is as many whole
    images as fit; if none fits, rows; if none fits, pixels."""
    pieces, first, n = [], 0, offsets.shape[0] - 1
    while first < n:
        last = max(first + 1, last_with(offsets, first, most))
        for unit in (size[0] * size[1], size[1]):
            if first % unit:  # it begins inside an image or row: end with that image or row
                last = min(last, first - first % unit + unit)
            elif last >= first + unit:
                last -= last % unit
                break
        pieces.append(Piece(first, last, size))
        first = last
    return pieces


def last_with(offsets: Tensor, first: int, most: int) -> int:
    """The last pixel such that the pixels from `first` to it have at most `most` fragments."""
    return int(torch.searchsorted(offsets, int(offsets[first]) + most, right=True)) - 1
