"""Whether a PNG file holds all of its picture: Pillow makes black rows of what is missing, without an error."""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

_SIGNATURE_SIZE = 8
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# First column, first row, and steps to the next ones of the seven passes of an interlaced picture.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def missing_bytes(path: str) -> int:
    """How many bytes of the unpacked picture are not there. The file must be one that Pillow has read."""
    with open(path, "rb") as file:
        file.seek(_SIGNATURE_SIZE)
        chunks = _chunks(file)
        width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", next(chunks)[1])
        passes = _PASSES if interlaced else ((0, 0, 1, 1),)
        wanted = sum(
            -(-(height - y) // dy) * (1 + (-(-(width - x) // dx) * _CHANNELS[kind] * bits + 7) // 8)
            for x, y, dx, dy in passes
            if width > x and height > y
        )
        unpack = zlib.decompressobj()
        for name, data in chunks:
            if name == b"IDAT" and wanted:
                wanted -= len(unpack.decompress(data, wanted))  # no more than that
        return wanted


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while len(head := file.read(8)) == 8:
        size, name = struct.unpack(">I4s", head)
        yield name, file.read(size)
        file.seek(4, 1)  # the check sum
