"""Code blocks of Markdown pages: which there are, and which are not for CI."""

import re
from pathlib import Path
from typing import NamedTuple

# A block, with the comment right before it that says why it is not run: <!-- not in CI: needs a GPU -->
_FENCED = re.compile(
    r"^(?:<!-- not in CI: (?P<why>.+?) -->\n)?```(?P<kind>[\w{}-]*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
_INDENTED = re.compile(r"(?:^<!-- not in CI: (?P<why>.+?) -->\n)?(?:\n|\A)(?P<code>(?:    .+\n)+)", re.MULTILINE)


class Block(NamedTuple):
    """kind: 'python', 'diff', ..., or 'shell' of an indented one. why: the reason not to run it; None: it is run."""

    kind: str
    code: str
    why: str | None


def blocks(path: Path) -> list[Block]:
    text = path.read_text()
    fenced = [Block(found["kind"], found["code"], found["why"]) for found in _FENCED.finditer(text)]
    rest = _FENCED.sub("", text)
    indented = [Block("shell", found["code"], found["why"]) for found in _INDENTED.finditer(rest)]
    return fenced + indented
