"""OBJ files from strangers, the MTL files and pictures they name: a mesh comes of them, or an error that names the file
and its line; nothing is executed, nothing is opened that no file names, and time and memory are in proportion to the
files (SECURITY.md)."""

import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from struct import pack
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gendr_adapters._soft_renderer.obj_loading import load_obj
from gendr_adapters.redner import load_obj as redner_load_obj

pytestmark = pytest.mark.slow

FEW = settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))  # minutes


def png(width: int, height: int, data: bytes, kind: int = 2) -> bytes:
    """A PNG file of 8-bit samples (kind 0: grey, 2: RGB) whose packed pixels are `data`."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return pack(">I", len(body)) + name + body + pack(">I", zlib.crc32(name + body))

    header = pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


GOOD_PNG = png(2, 2, zlib.compress(b"\0\1\2\3\4\5\6" * 2))

# A grammar: lines as they should be, and words in the places of some of theirs.
NAMES = st.sampled_from(
    [b"a.mtl", b"b.mtl", b"b.png", b"missing", b"../outside/c.mtl", b"..\\outside\\c.png", b"/dev/zero", b"/dev/stdin",
     b".", b"..", b"/", b"fifo", b"link", b"\xff\xfe", b"a" * 5000, b"b.png b.png", b"sub\\b.png", b"-s 2", b"~",
     b"$HOME", b"|ls",
     b"file:///etc/passwd", b"http://localhost/a.mtl", b"__import__('os')", b"a.mtl\x0bb.mtl", b"%s", b"{0}"]
)  # fmt: skip
NUMBERS = st.sampled_from(
    [b"0", b"1", b"-0.5", b".5", b"1e-9", b"nan", b"inf", b"-inf", b"1e39", b"1e999", b"0x10", b"1_0", b"", b"--1",
     b"\xc2\xbd", b"1,5", b"9" * 400, b"1e-99999", b"\x0c1", b"1#", b"1/2"]
)  # fmt: skip
CORNERS = st.sampled_from(
    [b"1", b"2", b"3", b"-1", b"-2", b"-3", b"1/1", b"2/2/2", b"3//3", b"0", b"-99", b"99", b"1000000000000000",
     b"9" * 5000, b"2147483648", b"4294967297", b"-9223372036854775809", b"1/", b"1//", b"/1", b"1/1/1/1",
     b"1.5", b"1e1"]
)  # fmt: skip


def line(*parts: Any) -> st.SearchStrategy[bytes]:
    return st.tuples(*(st.just(part) if isinstance(part, bytes) else part for part in parts)).map(b" ".join)


def some(words: st.SearchStrategy[bytes], most: int = 5) -> st.SearchStrategy[bytes]:
    return st.lists(words, max_size=most).map(b" ".join)


OBJ_LINES = st.one_of(
    line(b"v", some(NUMBERS, 8)),
    line(b"vt", some(NUMBERS, 4)),
    line(b"vn", some(NUMBERS, 4)),
    line(b"f", some(CORNERS, 12)),
    line(b"mtllib", NAMES),
    line(b"usemtl", st.sampled_from([b"red", b"map", b"none", b"", b"\xff"])),
    st.sampled_from([b"call a.obj", b"csh ls", b"shadow_obj /dev/zero", b"map_Kd b.png", b"newmtl red", b"#", b"\x1a"]),
    st.binary(max_size=20),
)
MTL_LINES = st.one_of(
    line(st.sampled_from([b"Kd", b"Ks", b"Ke", b"Ns", b"kD"]), some(NUMBERS, 4)),
    line(st.sampled_from([b"map_Kd", b"map_Ks", b"map_Ns"]), NAMES),
    line(b"map_Kd", st.sampled_from([b"-s", b"-o", b"-clamp", b"-mm", b"-bm", b"-x"]), some(NUMBERS, 4), NAMES),
    line(b"newmtl", st.sampled_from([b"red", b"map", b"", b"\xff"])),
    st.sampled_from([b"mtllib a.mtl", b"map_Kd", b"#", b"illum 2"]),
    st.binary(max_size=20),
)
ENDS = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b"\\\n", b"\n\n", b"\0\n", b"\xe2\x80\xa8"])
STARTS = st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"\x89PNG"])

GOOD_OBJ = [
    b"mtllib a.mtl", b"v 0 0 0", b"v 1 0 0", b"v 0 1 0", b"vt 0 0", b"vt 1 0", b"vt 0 1", b"vn 0 0 1",
    b"usemtl red", b"f 1/1/1 2/2/1 3/3/1", b"usemtl map", b"f -1/-1/-1 1/1/1 2/2/1",
]  # fmt: skip
GOOD_MTL = [b"newmtl red", b"Kd 1 0 0", b"newmtl map", b"Kd 0 1 0", b"map_Kd b.png", b"Ns 10"]


@st.composite
def changed(draw: st.DrawFn, good: list[bytes], lines: st.SearchStrategy[bytes]) -> bytes:
    """A good file in which some lines are missing, others are put in or take a line's place."""
    text = list(good)
    for at, gone, put in draw(st.lists(st.tuples(st.integers(0, len(good)), st.integers(0, 1), lines), max_size=5)):
        text[at : at + gone] = [put]
    end = draw(ENDS) if draw(st.booleans()) else b"\n"
    odd = draw(st.integers(0, len(text)))
    return draw(STARTS) + b"".join(each + (end if i == odd else b"\n") for i, each in enumerate(text))


@st.composite
def pictures(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        return GOOD_PNG
    data = bytearray(draw(st.sampled_from([GOOD_PNG, b"GIF89a\2\0\2\0\0\0\0", b"P6 2 2 255\n" + bytes(12), b"BM"])))
    for at, byte in draw(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=4)):
        data[at : at + 1] = bytes([byte])
    return bytes(data)


FILES = st.tuples(changed(GOOD_OBJ, OBJ_LINES), changed(GOOD_MTL, MTL_LINES), pictures())


class Watch:
    """What Python does while it is on, by its audit events: files opened, and events that execute something."""

    on = False
    opened: ClassVar[list[str]] = []
    executed: ClassVar[list[str]] = []
    EXECUTING: ClassVar[set[str]] = {
        "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "pickle.find_class",
        "ctypes.dlopen", "exec", "urllib.Request",
    }  # fmt: skip

    @classmethod
    def hook(cls, event: str, arguments: Any) -> None:
        if not cls.on:
            return
        if event == "open":
            cls.opened.append(str(arguments[0]))
        elif event in cls.EXECUTING:
            cls.executed.append(event)


sys.addaudithook(Watch.hook)  # for good: hooks cannot be taken off


@contextmanager
def watching() -> Iterator[None]:
    Watch.opened, Watch.executed, Watch.on = [], [], True
    try:
        yield
    finally:
        Watch.on = False


LOADERS: dict[str, Callable[[Path], Any]] = {
    "geometry": load_obj,
    "surface": lambda path: load_obj(path, load_texture=True),
    "repeated": lambda path: load_obj(path, load_texture=True, wrap="repeat", normalization=True),
    "vertex": lambda path: load_obj(path, load_texture=True, texture_type="vertex"),
    "uv": lambda path: load_obj(path, load_texture=True, texture_type="uv"),
    "redner": lambda path: redner_load_obj(path, return_objects=True, device="cpu"),
}
WITH_A_LINE = re.compile(r"(a\.obj|[abc]\.mtl|[bc]\.png):\d+: ")
# Of a file as a whole; and what is asked for and not there.
OF_THE_FILE = re.compile(r"no vertices|no faces|UTF|no mtllib|texture_type|all vertices|colour|too far|no regular file")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("hostile")
    inside = top / "inside"
    for made in (inside, inside / "sub", top / "outside"):
        made.mkdir()
    os.mkfifo(inside / "fifo")
    (inside / "link").symlink_to("/dev/zero")
    (inside / "b.mtl").write_bytes(b"newmtl red\nKd 1 1 1\n")
    (top / "outside" / "c.mtl").write_bytes(b"newmtl none\nKd 0 0 1\n")
    for path in (inside / "sub" / "b.png", top / "outside" / "c.png"):
        path.write_bytes(GOOD_PNG)
    # The libraries' own imports, which execute modules, are none of a file's doing.
    coloured = [each + b" 1 1 1" if each.startswith(b"v ") else each for each in GOOD_OBJ]
    for picture in (GOOD_PNG, b"none"):
        for name, data in (("a.obj", b"\n".join(coloured)), ("a.mtl", b"\n".join(GOOD_MTL)), ("b.png", picture)):
            (inside / name).write_bytes(data)
        for load in LOADERS.values():
            with suppress(ValueError):
                load(inside / "a.obj")
    return inside


def is_loaded_or_refused(folder: Path, files: tuple[bytes, bytes, bytes]) -> bool:
    """Whether every loader either loads or says what is wrong where; the answer: whether all load."""
    for name, data in zip(("a.obj", "a.mtl", "b.png"), files, strict=True):
        (folder / name).write_bytes(data)
    loaded = 0
    for loader in LOADERS.values():
        with watching():
            try:
                loader(folder / "a.obj")
                loaded += 1
            except (ValueError, FileNotFoundError) as error:
                said = str(error)
                # mtllib may name a picture, too.
                assert re.search(r"[abc]\.(obj|mtl|png)", said), said
                assert WITH_A_LINE.search(said) or OF_THE_FILE.search(said), said
                assert len(said) < 20_000, said[:1000]
        assert not Watch.executed, Watch.executed
        for path in Watch.opened:
            inside = Path(path).resolve().is_relative_to(folder)
            asked_for = path.startswith(str(folder / "..")) and b"outside" in files[0] + files[1]
            assert inside or asked_for, path
            assert not path.endswith(("fifo", "link")), path
    return loaded == len(LOADERS)


@FEW
@given(files=FILES)
def test_files_are_loaded_or_refused(folder: Path, files: tuple[bytes, bytes, bytes]) -> None:
    is_loaded_or_refused(folder, files)


@pytest.mark.nightly
@MANY
@given(files=FILES)
def test_very_many_files(folder: Path, files: tuple[bytes, bytes, bytes]) -> None:
    is_loaded_or_refused(folder, files)


def test_unchanged_files_are_valid(folder: Path) -> None:
    coloured = [each + b" 1 1 1" if each.startswith(b"v ") else each for each in GOOD_OBJ]
    assert is_loaded_or_refused(folder, (b"\n".join(coloured), b"\n".join(GOOD_MTL), GOOD_PNG))


@pytest.mark.parametrize("named", ["/dev/zero", "fifo", ".", "link"])
@pytest.mark.parametrize("statement", ["mtllib", "map_Kd"])
def test_irregular_file_is_not_opened(folder: Path, statement: str, named: str) -> None:
    """Another file's line names it; a folder raised an error that did not say which."""
    obj, mtl = b"\n".join(GOOD_OBJ), b"\n".join(GOOD_MTL)
    if statement == "mtllib":
        obj = obj.replace(b"a.mtl", named.encode())
    else:
        mtl = mtl.replace(b"b.png", named.encode())
    (folder / "a.obj").write_bytes(obj)
    (folder / "a.mtl").write_bytes(mtl)
    where = r"a\.obj:1: " if statement == "mtllib" else r"a\.mtl:5: "
    with watching(), pytest.raises(ValueError, match=f"{where}.*(is no regular file|it is a folder)"):
        load_obj(folder / "a.obj", load_texture=True)
    # Pillow may try to open a folder, which does nothing.
    assert [path for path in Watch.opened if not path.endswith((".obj", ".mtl", "/."))] == []


def test_other_folders_are_read_where_a_file_names_them(folder: Path) -> None:
    """Collections keep their pictures so (ShapeNet's ../images): a file may name any other that its reader may read,
    which is read as a material library or a picture and as nothing else."""
    (folder / "a.obj").write_bytes(b"\n".join(GOOD_OBJ))
    for path in (b"../outside/c.png", str(folder.parent / "outside" / "c.png").encode()):
        (folder / "a.mtl").write_bytes(b"\n".join(GOOD_MTL).replace(b"b.png", path))
        assert len(load_obj(folder / "a.obj", load_texture=True)) == 3


def test_errors_show_the_beginning_of_a_long_line(folder: Path) -> None:
    (folder / "a.obj").write_bytes(b"v 1 2 3\nv " + b"1 " * 100_000)
    with pytest.raises(ValueError, match=r"a\.obj:2: .* and \d+ bytes more") as caught:
        load_obj(folder / "a.obj")
    assert len(str(caught.value)) < 1000


# Each once took more than it should: seconds are of processor time, and there are few of them for a million lines.
BOUNDED = """
import resource, sys, warnings
from pathlib import Path
sys.path.insert(0, {tests!r})
from gendr_adapters._soft_renderer.obj_loading import load_obj
from gendr_adapters._soft_renderer.pictures import read_levels
from gendr_adapters import redner
from soft_renderer.test_hostile_files import heavy_files
def address_space():
    return next(int(l.split()[1]) << 10 for l in open("/proc/self/status") if l.startswith("VmSize"))
resource.setrlimit(resource.RLIMIT_AS, (address_space() + (2 << 30), -1))
folder = Path(sys.argv[1])
for name, write in heavy_files().items():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    resource.setrlimit(resource.RLIMIT_CPU, (int(before) + 60, -1))  # killed beyond: far more than any needs
    path = write(folder)
    try:
        load_obj(path, load_texture=True) if path.suffix == ".obj" else read_levels(path)
        said = "loaded"
    except ValueError as error:
        said = "refused"
        assert path.stem in str(error) or "lib.mtl" in str(error), str(error)[:500]
        assert len(str(error)) < 2000
    print(name, said, flush=True)
"""


def heavy_files() -> dict[str, Callable[[Path], Path]]:
    """Files of a few megabytes at most that claim to be more, or are a million of something."""
    million = 1_000_000
    triangle = b"v 0 0 0\nv 1 0 0\nv 0 1 0\n"

    def obj(text: bytes) -> Callable[[Path], Path]:
        def write(folder: Path) -> Path:
            (folder / "lib.mtl").write_bytes(b"newmtl a\n" + b"Kd 1 1 1\n" * 1000)
            path = folder / "heavy.obj"
            path.write_bytes(text)
            return path

        return write

    def picture(ending: str, data: bytes) -> Callable[[Path], Path]:
        def write(folder: Path) -> Path:
            path = folder / f"heavy.{ending}"
            path.write_bytes(data)
            return path

        return write

    libraries = b"mtllib lib.mtl\n" * (million // 10)
    tiff = b"II*\0\x08\0\0\0" + pack(
        "<H" + "HHII" * 5 + "I", 5, 256, 4, 1, 60000, 257, 4, 1, 60000, 258, 3, 1, 8, 262, 3, 1, 1, 273, 4, 1, 8, 0
    )
    return {
        "polygon": obj(b"mtllib lib.mtl\nusemtl a\n" + triangle + b"f" + b" 1 2 3" * (million // 3)),
        "continued": obj(triangle + b"\\\n" * (5 * million) + b"f 1 2 3\n"),
        "libraries": obj(libraries + b"usemtl a\n" + triangle + b"f 1 2 3\n"),
        "materials": obj(b"mtllib lib.mtl\n" + b"usemtl a\n" * (million // 2) + triangle + b"f 1 2 3\n"),
        "index": obj(triangle + b"f 1 2 1000000000000000\n"),
        "digits": obj(triangle + b"f 1 2 " + b"9" * million + b"\n"),
        "number": obj(b"v 0 0 " + b"9" * million + b"\n"),
        "line": obj(b"v" + b" 1" * million + b"\n"),
        "png header": picture("png", png(60000, 60000, zlib.compress(b"\0"))),
        "png bomb": picture("png", png(2, 2, zlib.compress(bytes(1 << 28)))),
        "png chunk": picture("png", GOOD_PNG[:33] + pack(">I", 0x7FFFFFFF) + b"IDAT"),
        "gif screen": picture("gif", b"GIF89a" + pack("<HHBBB", 65535, 65535, 0, 0, 0) + b","
                              + pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\2\0;"),
        "ppm header": picture("ppm", b"P6 60000 60000 255\n"),
        "tga header": picture("tga", pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 60000, 60000, 24, 0)),
        "bmp header": picture("bmp", b"BM" + pack("<IHHIIiiHH", 54, 0, 0, 54, 40, 60000, 60000, 1, 24) + bytes(24)),
        "tiff header": picture("tif", tiff),
    }  # fmt: skip


def test_time_and_memory_are_in_proportion_to_the_files(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", BOUNDED.format(tests=tests), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    said = dict(each.rsplit(" ", 1) for each in done.stdout.splitlines())
    loaded = {"polygon", "libraries", "materials", "png bomb"}
    assert said == {name: "loaded" if name in loaded else "refused" for name in heavy_files()}
