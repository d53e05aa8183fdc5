"""The C header's declarations, as text. `python -m compat_tests.abi` rewrites abi.txt, once the version is raised.

A library is loaded by the package of the same number alone: whoever forgets to raise it makes one that is read wrongly.
"""

import argparse
import re
import sys
from pathlib import Path

HEADER = Path(__file__).parents[1] / "csrc" / "include" / "gendr.h"
SNAPSHOT = Path(__file__).with_name("abi.txt")


def described(header: str) -> list[str]:
    """The version, then a line a field, function or enum; comments and layout do not count."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", header, flags=re.DOTALL)
    version = re.search(r"#define GENDR_ABI_VERSION (\d+)", text)
    assert version, "the header has no GENDR_ABI_VERSION"
    text = re.sub(r"^\s*#[^\n]*", "", text, flags=re.MULTILINE)
    declarations = re.sub(r"\s+", " ", text).replace("{ ", "{;").split(";")
    return [f"version {version[1]}", *(line.strip() for line in declarations if line.strip())]


def fault(header: str, snapshot: str) -> str | None:
    """What is wrong with a header beside what is written down; None: nothing."""
    found, expected = described(header), snapshot.splitlines()
    if found == expected:
        return None
    if found[1:] != expected[1:] and _number(found) <= _number(expected):
        return "gendr.h has changed: raise GENDR_ABI_VERSION there and ABI_VERSION in _native/structs.py"
    return "GENDR_ABI_VERSION has changed: run `python -m compat_tests.abi`"


def _number(lines: list[str]) -> int:
    return int(lines[0].split()[1])


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m compat_tests.abi", description=__doc__).parse_args()
    message = fault(HEADER.read_text(), SNAPSHOT.read_text()) if SNAPSHOT.exists() else None
    if message and "raise" in message:
        sys.exit(message)
    SNAPSHOT.write_text("\n".join(described(HEADER.read_text())) + "\n")
