"""The house's docstrings as reStructuredText, for the site (docs/conf.py).

A docstring here is plain text: `name: what it is` items with indented continuations, under a heading of one word where
there are groups; indented blocks of code or formulas; tables of bars. Google's sections (Args:, Returns:, ...) are left
to sphinx.ext.napoleon.
"""

import re

_SECTION = re.compile(r"(Args|Returns|Raises|Yields|Example|Examples):$")
_ITEM = re.compile(r"([A-Za-z_]\w*(?:, [A-Za-z_]\w*)*): (.*)")
_SPECIAL = re.compile(r"([|*\\]|(?<=\w)_(?!\w))")
_HEADING = re.compile(r"([A-Z][\w' ]*):?$")


def to_rst(lines: list[str]) -> list[str]:
    """The lines of one docstring, without its quotes and common indentation."""
    blocks: list[list[str]] = [[]]
    section = False
    for line in lines:
        if line and not line[0].isspace():
            begins = _SECTION.match(line) is not None
            if begins or section:
                blocks.append([])
            section = begins
        if line.strip() or section:
            blocks[-1].append(line)
        else:
            blocks.append([])
    out: list[str] = []
    for block in filter(None, blocks):
        out += [*_block(block), ""]
    return out


def _block(lines: list[str]) -> list[str]:
    first = lines[0]
    if _SECTION.match(first):
        return lines if first.startswith("Example") else [first, *map(_escaped, _joined_names(lines[1:]))]
    if first.startswith("|") or _indent(first) >= 4:
        return [".. code-block:: text", "", *("    " + line for line in lines)]
    if _HEADING.match(first) and len(lines) > 1 and _indent(lines[1]):
        out: list[str] = []
        for line in lines:
            if heading := _HEADING.match(line):
                out += ["", f"**{heading[1]}**", ""]
            else:
                out.append(line)
        return _items_in_groups(out)
    if _ITEM.match(first):
        return _items(lines)
    return [_escaped(line) for line in lines]


def _joined_names(lines: list[str]) -> list[str]:
    """Names that take more than one line stand in one."""
    out: list[str] = []
    for line in lines:
        if out and re.fullmatch(r" {4}[\w, ]+,", out[-1]):
            out[-1] += " " + line.strip()
        else:
            out.append(line)
    return out


def _items_in_groups(lines: list[str]) -> list[str]:
    out: list[str] = []
    group: list[str] = []
    for line in [*lines, ""]:
        if line and not line.startswith("**"):
            group.append(line)
            continue
        out += _items(group) + [""] if group else []
        group = []
        out.append(line)
    return out


def _items(lines: list[str]) -> list[str]:
    """A bullet for each item; what follows the items without being indented is a paragraph."""
    base = _indent(lines[0])
    continued_by_indent = any(_indent(line) > base for line in lines)
    out: list[str] = []
    ended = False
    for line in lines:
        text = _escaped(line.strip())
        item = _ITEM.match(text) if _indent(line) == base else None
        if item and not ended:
            out.append(f"- **{item[1]}**: {item[2]}")
        elif ended or (_indent(line) == base and continued_by_indent):
            out += [text] if ended else ["", text]
            ended = True
        else:
            out.append(f"  {text}")
    return out


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _escaped(line: str) -> str:
    """Bars and stars of formulas and names that end with _, outside of backticks, mean what they are."""
    parts = line.split("`")  # code at the odd places
    return "`".join(part if i % 2 else _SPECIAL.sub(r"\\\1", part) for i, part in enumerate(parts))
