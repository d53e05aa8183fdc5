"""What a package index shows: the README, with links that work there, and addresses."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Where the repository can be seen, e.g. "https://host/owner/name". Not known yet: until it stands here, an index shows
# what links say without the links, and no pictures.
REPOSITORY: str | None = None

_CODE = re.compile(r"(```.*?```)", re.DOTALL)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def project_urls(repository: str | None = REPOSITORY) -> dict[str, str]:
    """The addresses beside the page, by what they are called."""
    if repository is None:
        return {}
    return {
        "Repository": repository,
        "Documentation": f"{repository}/tree/HEAD/docs",
        "Changelog": f"{repository}/blob/HEAD/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


def readme(version: str, repository: str | None = REPOSITORY) -> str:
    """README.md with links and pictures as of the tag `v<version>` in the repository."""
    return absolute((ROOT / "README.md").read_text(), f"v{version}", repository)


def absolute(markdown: str, revision: str, repository: str | None) -> str:
    """The text with links to files of the repository at that revision instead of relative ones; without a
    repository, with their text alone."""

    def of_page(link: re.Match[str]) -> str:
        picture, text, target = link.groups()
        if re.match(r"\w+:|#", target):
            return link[0]
        if repository is None:
            return f"*{text}*" if picture else text
        return f"{picture}[{text}]({repository}/{'raw' if picture else 'blob'}/{revision}/{target})"

    parts = _CODE.split(markdown)  # code at the odd places
    return "".join(part if i % 2 else _LINK.sub(of_page, part) for i, part in enumerate(parts))
