"""The site's settings: `make docs` builds it from docs/ into build/site, warnings as errors."""

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from build_tools.docstrings import to_rst  # noqa: E402

(release,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

project = "gendr_adapters"
author = "gendr_adapters contributors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"gendr_adapters {release}"
html_show_copyright = False

# Links to a heading, `page.md#the-heading`, as on GitHub. A link that leads nowhere is a warning, and so an error.
myst_heading_anchors = 3

# `name` in a docstring is a link where the name has an entry, else code.
default_role = "py:obj"

# Only our own docstrings: those of torch's and PyTorch3D's base classes are theirs.
autodoc_inherit_docstrings = False
autodoc_default_options = {"members": True}
autodoc_member_order = "groupwise"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 100


def _rewrite_docstring(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    lines[:] = to_rst(lines)


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", _rewrite_docstring, priority=100)  # before napoleon's
