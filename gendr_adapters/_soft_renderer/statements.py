"""The statements of OBJ and MTL files: lines of a keyword and what is after it, read as bytes.

Bytes, because their `split`, `strip` and `float` know the spaces and digits of ASCII alone. Those of text would take a
form feed or a Unicode separator for the end of a line, and full-width digits for a number.
"""

import codecs
import os
import re
import stat
from collections.abc import Iterator
from os import PathLike
from typing import NamedTuple

Path = str | PathLike[str]

# Numbers from here on are infinite in float32: half a step beyond its largest.
FLOAT32_END = 2.0**128 - 2.0**103

_LINE_END = re.compile(rb"\r\n|\r|\n")
# Only a # after a space begins a comment: names may have one inside.
_COMMENT = re.compile(rb"(?:^|[ \t\v\f])#")
_LOOSE_COMMENT = re.compile(rb"#(?:[ \t\v\f]|$)")
# The longer come first: UTF-32's begins with UTF-16's.
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_SHOWN = 200  # bytes of a line in an error's text
_END_OF_FILE = b"\x1a"  # which DOS programs wrote there


class Statement(NamedTuple):
    """line: the first it stands in, from 1. keyword: in lower case. rest: what is after it, without comments."""

    line: int
    keyword: bytes
    rest: bytes


def statements(path: Path) -> Iterator[Statement]:
    """The statements of a file; a line that ends with a backslash goes on in the next, unless in a comment.

    Raises OSError for a file that cannot be opened; ValueError for what is not a regular file, for UTF-16 and other
    text that is not UTF-8's kind, and, naming the line, for a keyword that is not of printable ASCII.
    """
    begun: list[bytes] = []
    first = 0
    for line, text in enumerate(_LINE_END.split(_text(path)), start=1):
        if b"#" in text:
            text = _COMMENT.split(text, maxsplit=1)[0]
        if text.endswith(b"\\"):
            begun.append(text[:-1])
            first = first or line
            continue
        yield from _statement(path, first or line, b" ".join([*begun, text]) if begun else text)
        begun, first = [], 0
    yield from _statement(path, first, b" ".join(begun))


def require_regular(path: Path, where: str = "") -> None:
    """Raise ValueError for devices, pipes and sockets, which can block or never end; FileNotFoundError for nothing.

    where: what names the file, if that is another one, which must not name a folder."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and (where or not stat.S_ISDIR(mode)):  # opening a folder raises by itself
        raise ValueError(f"{where and where + ': '}{os.fspath(path)} is no regular file")


def name(rest: bytes) -> str:
    """Bytes of any encoding as a name of a file or material."""
    return rest.decode("utf-8", "surrogateescape")


def shown(rest: bytes) -> str:
    """Bytes for an error's text, of many the first."""
    more = f" and {len(rest) - _SHOWN} bytes more" if len(rest) > _SHOWN else ""
    return repr(rest[:_SHOWN].decode("utf-8", "backslashreplace")) + more


def words(rest: bytes) -> list[bytes]:
    """What is between spaces. After a number, a # with a space after it begins a comment, too; 1.#INF has none."""
    return (_LOOSE_COMMENT.split(rest, maxsplit=1)[0] if b"#" in rest else rest).split()


def numbers(of: list[bytes], where: str, what: str) -> tuple[float, ...]:
    """Words as numbers that are finite in float32. Raises ValueError that says where."""
    try:
        values = tuple(map(float, of))
    except ValueError:
        values = ()
    # Python's numbers may have underscores inside, the format's may not.
    if len(values) != len(of) or not _finite(values) or b"_" in b"".join(of):
        raise ValueError(f"{where}: {what} must be finite numbers, got {shown(b' '.join(of))}")
    return values


def _finite(values: tuple[float, ...]) -> bool:
    # The sum, which is quick, tells of nearly all; not-a-number is less than nothing.
    return sum(map(abs, values)) < FLOAT32_END or all(-FLOAT32_END < x < FLOAT32_END for x in values)


def integer(word: bytes) -> int | None:
    """A word as an integer, None where it is none."""
    try:
        return None if b"_" in word else int(word)
    except ValueError:
        return None


def _text(path: Path) -> bytes:
    require_regular(path)
    with open(path, "rb") as file:
        text = file.read()
    for mark, encoding in _OTHER_ENCODINGS.items():
        if text.startswith(mark):
            raise ValueError(f"{os.fspath(path)}: the text is {encoding}; save it as UTF-8")
    if b"\0" in text:
        line = len(_LINE_END.findall(text, 0, text.index(b"\0"))) + 1
        raise ValueError(f"{os.fspath(path)}:{line}: a zero byte; is it UTF-16, or no text at all?")
    return text.removeprefix(codecs.BOM_UTF8)


def _statement(path: Path, line: int, text: bytes) -> Iterator[Statement]:
    found = text.split(None, 1)
    if not found or found == [_END_OF_FILE]:
        return
    keyword = found[0]
    if not keyword.isalnum() and not 33 <= min(keyword) <= max(keyword) <= 126:  # isalnum, of ASCII, is quick
        raise ValueError(f"{os.fspath(path)}:{line}: a line begins with a keyword of ASCII, got {shown(keyword)}")
    yield Statement(line, keyword.lower(), found[1].rstrip() if len(found) > 1 else b"")
