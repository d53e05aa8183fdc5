"""Other files that a mesh file names are read only if they are in its folder or below it."""

import os
import re
from urllib.parse import unquote

_SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+:")  # two letters at least: C: is a drive


def inside(folder: str, path: str, where: str) -> str:
    """Return the path. Raises ValueError, whose text begins with `where`, if it is not in the folder or below it."""
    root = os.path.realpath(folder)
    if os.path.commonpath([root, os.path.realpath(path)]) != root:
        raise ValueError(f"{where} names {path}, which is outside the file's folder, so it is not read")
    return path


def inside_by_uri(folder: str, uri: str, where: str) -> str:
    """Return the path that a relative URI names. Raises ValueError for network addresses and for files outside the
    folder."""
    if _SCHEME.match(uri) or uri.startswith("//"):
        raise ValueError(f"{where} names {uri[:200]!r}, which is not a file in the same folder, so it is not read")
    name = unquote(uri)
    if "\0" in name or os.path.isabs(name):
        raise ValueError(f"{where} names {uri[:200]!r}, which is outside the file's folder, so it is not read")
    return inside(folder, os.path.join(folder, name), where)
