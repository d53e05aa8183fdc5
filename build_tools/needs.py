"""Whether a library that was built keeps the promise (promise.py)."""

from collections.abc import Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile

from .promise import LIBRARIES, LIMITS


def excesses(library: Path) -> list[str]:
    """What the library needs beyond the promise, one line each."""
    with library.open("rb") as file:
        return sorted(_excesses(ELFFile(file)))


def _excesses(elf: ELFFile) -> Iterator[str]:
    for tag in elf.get_section_by_name(".dynamic").iter_tags():
        if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
            yield f"looks for libraries in {getattr(tag, tag.entry.d_tag.removeprefix('DT_').lower())}"
        if tag.entry.d_tag == "DT_NEEDED" and tag.needed not in LIBRARIES:
            yield f"needs {tag.needed}"
    needed_versions = elf.get_section_by_name(".gnu.version_r")
    versions = {
        version.entry.vna_other: version.name
        for _, needed in (needed_versions.iter_versions() if needed_versions else ())
        for version in needed
    }
    version_of = elf.get_section_by_name(".gnu.version")
    for i, symbol in enumerate(elf.get_section_by_name(".dynsym").iter_symbols()):
        if i == 0 or symbol.entry.st_shndx != "SHN_UNDEF":
            continue
        version = versions.get(version_of.get_symbol(i).entry.ndx) if version_of else None
        if version is None and symbol.entry.st_info.bind != "STB_WEAK":
            yield f"needs {symbol.name}, of no version"
        elif version is not None and not _is_promised(version):
            yield f"needs {symbol.name} of {version}"


def _is_promised(version: str) -> bool:
    kind, _, number = version.partition("_")
    numbers = number.split(".")
    return kind in LIMITS and all(map(str.isdigit, numbers)) and tuple(map(int, numbers)) <= LIMITS[kind]
