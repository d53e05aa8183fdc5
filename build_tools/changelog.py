"""`python -m build_tools.changelog v0.1.0`: what CHANGELOG.md says of a version, for the page of its release.

--released: refuse it unless the tag is the package's version, and the section has a date.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHANGELOG = ROOT / "CHANGELOG.md"


def package_version() -> str:
    """As pyproject.toml has it."""
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError("pyproject.toml has no line 'version = \"...\"'")
    return found[1]


def section(text: str, version: str) -> tuple[str, str]:
    """Date (or 'unreleased') and text of `## [VERSION] - DATE`; ValueError where there is none, or nothing in it."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    for heading, content in sections.items():
        name, _, date = heading.partition(" - ")
        if name == f"[{version}]":
            if not content.strip():
                raise ValueError(f"the changelog says nothing of version {version}")
            return date, content.strip() + "\n"
    raise ValueError(f"the changelog has no version {version}, but {'; '.join(sections)}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m build_tools.changelog", description=__doc__.partition("\n")[0])
    parser.add_argument("tag", help="a version, or its tag: v and the version")
    parser.add_argument("--released", action="store_true", help="refuse what is not to be released")
    options = parser.parse_args(arguments)
    version = options.tag.removeprefix("v")
    try:
        date, content = section(CHANGELOG.read_text(), version)
    except ValueError as error:
        parser.error(str(error))
    if options.released and version != package_version():
        parser.error(f"the tag is {options.tag}, and the package has version {package_version()}")
    if options.released and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
        parser.error(f"version {version} has no date in the changelog, but {date!r}")
    print(content, end="")


if __name__ == "__main__":
    main()
