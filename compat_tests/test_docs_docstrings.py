"""build_tools/docstrings.py: what the site makes of the house's docstrings."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # build_tools is not installed

from build_tools.docstrings import to_rst


def rst(text: str) -> str:
    return "\n".join(to_rst(text.splitlines()))


def test_items_are_a_list() -> None:
    text = "Look at it.\n\nmaps: (H, W, C),\n    row 0 is the top.\nuvs, index: others.\nReturns one."
    found = rst(text)
    assert (
        "Look at it.\n\n- **maps**: (H, W, C),\n  row 0 is the top.\n- **uvs, index**: others.\n\nReturns one." in found
    )


def test_groups_have_headings() -> None:
    found = rst("First.\n\nCoverage\n    scale: tau,\n        wide.\nVisibility\n    near, far: depths.")
    assert "**Coverage**\n\n- **scale**: tau,\n  wide.\n" in found
    assert "**Visibility**\n\n- **near, far**: depths." in found


def test_formulas_and_tables_stay_as_they_are() -> None:
    assert "    " + "    a = |b| * c_" in rst("It is:\n\n    a = |b| * c_")
    assert "    | a | b |" in rst("| a | b |")


def test_special_characters_are_escaped_in_prose_alone() -> None:
    assert rst("fill_back_ and dist_* and |e1| of `a_*`").strip() == r"fill_back\_ and dist\_\* and \|e1\| of `a_*`"


def test_google_sections_are_left_to_napoleon() -> None:
    section = "Args:\n    a, b,\n        c: numbers.\n\n    d: one.\n\nRaises:\n    ValueError: else."
    assert "Args:\n    a, b, c: numbers.\n\n    d: one.\n" in rst(section) + "\n"
    example = "Example:\n    >>> a_ = 2 * 3\n    >>> a_\n    6"
    assert rst(example).strip() == example
