"""Pictures of every depth and kind: read with all that is in them, or refused by name; never half of one."""

import io
import os
import struct
import zlib
from collections import Counter

import numpy as np
import pytest
from PIL import Image

import gendr_adapters.redner as pyredner
from gendr_adapters._soft_renderer.pictures import read_picture

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(1, 256, (6, 5, 3)).astype(np.uint8)


def png(rows, width, bits, kind, height=None, interlaced=0):
    """A PNG file of unpacked rows, each with the number of its filter before it."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height or len(rows), bits, kind, 0, 0, interlaced)
    packed = zlib.compress(b"".join(rows))
    middle = len(packed) // 2  # in two pieces, as writers do
    pieces = chunk(b"IDAT", packed[:middle]) + chunk(b"IDAT", packed[middle:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pieces + chunk(b"IEND", b"")


def rows_of(array):
    big = array.astype(array.dtype.newbyteorder(">"))
    return [b"\0" + row.tobytes() for row in big]


def saved(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def read(folder, content):
    (folder / "a.bin").write_bytes(content)  # the name says nothing
    return read_picture(str(folder / "a.bin"), "m.mtl:3")


@pytest.mark.parametrize("form", ["PNG", "BMP", "TGA", "PPM", "PCX", "TIFF"])
def test_all_bytes_come_back(tmp_path, form):
    found = read(tmp_path, saved(Image.fromarray(COLOURS), form))
    np.testing.assert_array_equal(found, COLOURS.astype(np.float32) / np.float32(255))
    assert found.dtype == np.float32


@pytest.mark.parametrize(("levels", "dtype"), [(255, np.uint8), (65535, np.uint16)])
def test_every_level_is_the_nearest_float32(tmp_path, levels, dtype):
    grey = np.arange(levels + 1).astype(dtype).reshape(256, -1)
    found = read(tmp_path, png(rows_of(grey), grey.shape[1], 8 * dtype().itemsize, 0))
    np.testing.assert_array_equal(found[..., 1], grey.astype(np.float32) / np.float32(levels))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_of_grey(tmp_path, form):
    deep = RANDOM.integers(0, 65536, (4, 3)).astype(np.uint16)
    expected = np.repeat((deep / 65535).astype(np.float32)[..., None], 3, 2)
    np.testing.assert_array_equal(read(tmp_path, saved(Image.fromarray(deep), form)), expected)


def test_sixteen_bits_in_either_byte_order(tmp_path):
    deep = np.array([[256, 3]], np.uint16)
    for order, mode in (("<", "I;16"), (">", "I;16B")):
        image = Image.frombytes(mode, (2, 1), deep.astype(f"{order}u2").tobytes())
        np.testing.assert_allclose(read(tmp_path, saved(image, "TIFF"))[0, :, 0], [256 / 65535, 3 / 65535])


def tiff_with(image, **tags):
    """A TIFF file, then its header's words of two bytes changed: tag number by its new value."""
    content = bytearray(saved(image, "TIFF"))
    for name, value in tags.items():
        number = int(name.removeprefix("t"))
        place = content.index(struct.pack("<HHI", number, 3, 1)) + 8
        content[place : place + 2] = struct.pack("<H", value)
    return bytes(content)


GREY_16 = Image.fromarray(np.full((2, 2), 32768, np.uint16))
REFUSED = {
    "rgb 16": png(rows_of(RANDOM.integers(0, 65536, (2, 6)).astype(np.uint16)), 2, 16, 2),
    "rgba 16": png(rows_of(RANDOM.integers(0, 65536, (2, 8)).astype(np.uint16)), 2, 16, 6),
    "la 16": png(rows_of(RANDOM.integers(0, 65536, (2, 4)).astype(np.uint16)), 2, 16, 4),
    "ppm 16": b"P6 1 1 65535\n" + bytes(6),
    "ppm 10": b"P6 1 1 1023\n" + bytes(6),
    "ppm text": b"P3 1 1 1023 0 1023 1\n",
    "pfm": b"Pf 1 1 -1.0\n" + struct.pack("<f", 0.5),
    "float tiff": saved(Image.fromarray(np.full((2, 2), 0.5, np.float32)), "TIFF"),
    "int32 tiff": saved(Image.fromarray(np.full((2, 2), 32768, np.int32)), "TIFF"),
    "white is 0": tiff_with(GREY_16, t262=0),
    "twelve bits": tiff_with(GREY_16, t258=12),
    "jpeg 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(40),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n%%EndComments\n",
    "text": b"no picture",
    "nothing": b"",
    "a bomb": png([b"\0"], 60000, 8, 2, height=60000),
    "too wide": png([b"\0"], 2**31 - 1, 8, 2, height=1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_picture_that_would_be_read_in_part_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"m\.mtl:3: cannot read the picture .*a\.bin: .+"):
        read(tmp_path, REFUSED[name])
    with pytest.raises(ValueError, match=r"^cannot read the picture .*a\.bin: .+"):
        pyredner.imread(tmp_path / "a.bin")


def test_levels_of_few_bits_are_scaled_to_1(tmp_path):
    np.testing.assert_allclose(read(tmp_path, b"P5 2 2 15\n\x0f\x00\x05\x0f")[..., 0], [[1, 0], [1 / 3, 1]], atol=2e-3)
    np.testing.assert_allclose(read(tmp_path, b"P5 2 1 1023\n\x03\xff\x00\x00")[..., 0], [[1, 0]])
    for bits in (1, 2, 4):
        packed = png([b"\0" + bytes([0x0F << 4])], 8 // bits, bits, 0)
        levels = np.array([1.0] * (4 // bits) + [0.0] * (4 // bits))
        np.testing.assert_allclose(read(tmp_path, packed)[0, :, 0], levels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK"])
def test_modes(tmp_path, mode):
    image = Image.fromarray(COLOURS).convert(mode)
    form = "PNG" if mode in ("1", "L", "LA", "P", "RGBA") else "TIFF"
    if mode == "PA":
        image = Image.fromarray(COLOURS).convert("P").convert("PA")
    found = read(tmp_path, saved(image, form))
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")).astype(np.float32) / np.float32(255))


def test_orientations_and_further_pictures_are_ignored(tmp_path):
    wide = np.zeros((2, 4, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    assert read(tmp_path, saved(Image.fromarray(wide), "JPEG", exif=exif)).shape == (2, 4, 3)
    pictures = [Image.new("RGB", (2, 2), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    for form in ("GIF", "TIFF"):
        found = read(tmp_path, saved(pictures[0], form, save_all=True, append_images=pictures[1:]))
        assert found[0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("kind", [(8, 2, 3), (8, 0, 1), (8, 6, 4), (16, 0, 2)])
def test_a_png_that_ends_before_its_picture_does(tmp_path, interlaced, kind):
    """Its data are whole and well packed, only too few: Pillow makes the rest black."""
    bits, colour_kind, size = kind
    width, height = 5, 7
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = [
        b"\0" + b"\x77" * (len(range(x, width, dx)) * size)
        for x, y, dx, dy in passes
        for _ in range(y, height, dy)
        if range(x, width, dx)
    ]
    whole = read(tmp_path, png(rows, width, bits, colour_kind, height, interlaced))
    assert whole.shape == (7, 5, 3) and len(np.unique(whole)) == 1
    for kept in ([], rows[:1], rows[: len(rows) // 2], rows[:-1], [*rows[:-1], rows[-1][:-1]]):
        with pytest.raises(ValueError, match="truncated|cannot read"):
            read(tmp_path, png(kept, width, bits, colour_kind, height, interlaced))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "TGA", "PPM", "WEBP", "PCX"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, before it gives up
def test_files_cut_short(tmp_path, form):
    """Either it is refused, or, where only what is behind the picture is missing, it is the whole of it."""
    whole = saved(Image.fromarray(RANDOM.integers(1, 256, (20, 21, 3)).astype(np.uint8)), form)
    expected = read(tmp_path, whole)
    told: Counter[str] = Counter()
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        try:
            found = read(tmp_path, whole[:length])
        except ValueError:
            told["refused"] += 1
        else:
            np.testing.assert_array_equal(found, expected)
            told["whole"] += 1
    assert told["refused"] >= 50


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (str(tmp_path / "fifo"), str(tmp_path), "/dev/zero"):
        with pytest.raises(ValueError, match="m.mtl:3: cannot read the picture"):
            read_picture(path, "m.mtl:3")
        with pytest.raises(ValueError, match="cannot read the picture"):
            pyredner.imread(path)
