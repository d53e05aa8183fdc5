"""Files that a mesh file names: only those in its own folder and below it are read."""

import os
import re
from urllib.parse import unquote

_SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+:")  # two letters at least: C: is a drive


def inside(folder: str, path: str, where: str) -> str:
    """The path of a file. Raises ValueError, which `where` begins, for one that is not in the folder or below it."""
    root = os.path.realpath(folder)
    if os.path.commonpath([root, os.path.realpath(path)]) != root:
        raise ValueError(f"{where} names {path}, outside the file's folder, and that is not read")
    return path


def inside_by_uri(folder: str, uri: str, where: str) -> str:
    """The path that a relative URI names. Raises ValueError for network addresses and for what is not in the folder."""
    if _SCHEME.match(uri) or uri.startswith("//"):
        raise ValueError(f"{where} names {uri[:200]!r}, which is no file beside it, and that is not read")
    name = unquote(uri)
    if "\0" in name or os.path.isabs(name):
        raise ValueError(f"{where} names {uri[:200]!r}, outside the file's folder, and that is not read")
    return inside(folder, os.path.join(folder, name), where)
