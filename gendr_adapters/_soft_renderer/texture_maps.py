"""The map_ statements of MTL files: options, and the name of a picture."""

import os
from dataclasses import dataclass
from typing import Any

from .statements import name, numbers, shown

# How many words each option takes; as many numbers as there are up to three, where it says None.
_WORDS: dict[bytes, int | None] = {
    b"-blendu": 1,
    b"-blendv": 1,
    b"-bm": 1,
    b"-boost": 1,
    b"-cc": 1,
    b"-clamp": 1,
    b"-imfchan": 1,
    b"-mm": 2,
    b"-o": None,
    b"-s": None,
    b"-t": None,
    b"-texres": 1,
}
_SWITCHES = (b"-blendu", b"-blendv", b"-cc", b"-clamp")
# What an option may say whose other values would change the picture in a way that is not drawn here. The rest, -bm,
# -boost, -imfchan and -texres, is about bumps, mipmaps, single channels and memory, and changes no colour.
_ALLOWED: dict[bytes, tuple[Any, ...]] = {
    b"-blendu": (True,),
    b"-blendv": (True,),
    b"-cc": (False,),
    b"-mm": ((0.0, 1.0),),
    b"-t": ((0.0, 0.0, 0.0),),
}


@dataclass(frozen=True)
class TextureMap:
    """path: of the picture. where: file and line that name it. Texture coordinates are multiplied by scale, then offset
    is added (-s, -o). clamp: the picture does not repeat (-clamp on)."""

    path: str
    where: str
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    clamp: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether no option moves the picture."""
        return (self.scale, self.offset, self.clamp) == ((1.0, 1.0), (0.0, 0.0), False)


def texture_map(rest: bytes, where: str, keyword: str, folder: str) -> TextureMap:
    """What is after map_Kd and its like: options, then a name, which may have spaces.

    Raises ValueError, which says where, for options that there are not, or with values that are not drawn here.
    """
    found: dict[bytes, Any] = {}
    while rest.startswith(b"-"):
        option, rest = _first(rest)
        option = option.lower()
        if option not in _WORDS:
            known = ", ".join(sorted(known.decode() for known in _WORDS))
            raise ValueError(
                f"{where}: {keyword} has no option {shown(option)}; there are {known}; a name that begins so is "
                f"written ./{option.decode('utf-8', 'replace')}"
            )
        values, rest = _values(option, rest, where)
        if values not in _ALLOWED.get(option, (values,)):
            raise ValueError(f"{where}: {option.decode()} of {keyword} is not supported with this value, got {values}")
        found[option] = values
    if not rest:
        raise ValueError(f"{where}: {keyword} needs the name of a picture")
    scale, offset = found.get(b"-s", (1.0, 1.0)), found.get(b"-o", (0.0, 0.0))
    return TextureMap(find_file(folder, rest), where, scale[:2], offset[:2], found.get(b"-clamp", False))


def find_file(folder: str, written: bytes) -> str:
    r"""The path of a file that a folder is meant to have: as written or, if there is no such file, with / for \."""
    path = os.path.join(folder, name(written))
    if b"\\" not in written or os.path.exists(path):
        return path
    return os.path.join(folder, name(written.replace(b"\\", b"/")))


def _first(rest: bytes) -> tuple[bytes, bytes]:
    found = rest.split(None, 1)
    return found[0], found[1] if len(found) > 1 else b""


def _values(option: bytes, rest: bytes, where: str) -> tuple[Any, bytes]:
    """What follows an option, and what is after it."""
    count = _WORDS[option]
    if count is None:
        return _up_to_three(option, rest, where)
    taken = []
    for _ in range(count):
        if not rest:
            raise ValueError(f"{where}: {option.decode()} needs {count} value{'s' if count > 1 else ''}")
        word, rest = _first(rest)
        taken.append(word)
    if option in _SWITCHES:
        if taken[0].lower() not in (b"on", b"off"):
            raise ValueError(f"{where}: {option.decode()} must be on or off, got {shown(taken[0])}")
        return taken[0].lower() == b"on", rest
    if option == b"-imfchan":
        return taken[0], rest
    return numbers(taken, where, option.decode()), rest


def _up_to_three(option: bytes, rest: bytes, where: str) -> tuple[tuple[float, ...], bytes]:
    """One, two or three numbers: those that are left out are as the option were not there. The last word is a name."""
    taken: list[bytes] = []
    while len(taken) < 3:
        word, after = _first(rest) if rest else (b"", b"")
        if not after or not _is_number(word):
            break
        taken.append(word)
        rest = after
    if not taken:
        raise ValueError(f"{where}: {option.decode()} needs one to three numbers, got {shown(rest)}")
    values = numbers(taken, where, option.decode())
    missing = (1.0,) if option == b"-s" else (0.0,)
    return values + (3 - len(values)) * missing, rest


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
