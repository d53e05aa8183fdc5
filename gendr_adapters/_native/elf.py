"""Faults of a library file, found in its ELF header (Linux). dlopen reports them badly, or the process is killed."""

import platform
import struct
from pathlib import Path

_MACHINES = {3: "i386", 21: "ppc64le", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}


def damage(path: Path) -> str | None:
    """How the file is damaged. None: it is complete, or it is not a 64-bit ELF file.

    A library that is cut short can be mapped into memory, but using it kills the process (SIGBUS).
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        header = file.read(64)
        if not header:
            return "is empty"
        if not header.startswith(b"\x7fELF\x02\x01"):
            return None
        if len(header) < 64:
            return f"is cut short, at {size} bytes"
        # Offsets of the tables of segments and of sections, then the size and number of entries of each.
        segments, sections, segment_size, n_segments, section_size, n_sections = struct.unpack_from(
            "<QQ6xHHHH", header, 32
        )
        ends = [segments + segment_size * n_segments, sections + section_size * n_sections]
        if size < max(ends):
            return f"is cut short, at {size} of {max(ends)} bytes"
        file.seek(segments)
        for _ in range(n_segments):
            offset, length = struct.unpack_from("<8xQ16xQ", file.read(segment_size))
            ends.append(offset + length)
        return f"is cut short, at {size} of {max(ends)} bytes" if size < max(ends) else None


def foreign(path: Path) -> str | None:
    """For which machine the file was built. None: for this one."""
    with path.open("rb") as file:
        header = file.read(20)
    if len(header) < 20 or not header.startswith(b"\x7fELF"):
        return None
    (number,) = struct.unpack_from("<H", header, 18)
    machine = _MACHINES.get(number, f"machine number {number}")
    return None if machine == platform.machine() else f"it is for {machine}, and this is {platform.machine()}"
