"""`gendr-adapters`: meshes to pictures and to a page in the browser, from the command line.

Needs the `cli` extra: pip install 'gendr_adapters[cli]'. `python -m gendr_adapters` is the same program; without
arguments it prints what this installation found, and needs no extra for that.
"""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; arguments stand in for those of the command line."""
    try:
        from ._program import program
    except ImportError as error:
        if error.name != "click":
            raise
        sys.exit("gendr-adapters needs click: pip install 'gendr_adapters[cli]'")
    program.main(args=None if arguments is None else list(arguments), prog_name="gendr-adapters")
