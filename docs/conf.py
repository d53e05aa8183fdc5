"""The site's settings: `make docs` builds it from docs/ into build/site, warnings as errors."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from build_tools.docstrings import to_rst  # noqa: E402

(release,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

project = "gendr_adapters"
author = "gendr_adapters contributors"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"gendr_adapters {release}"
html_show_copyright = False

# Links to a heading, `page.md#the-heading`, as on GitHub. A link that leads nowhere is a warning, and so an error.
myst_heading_anchors = 3

# The notebooks are shown with the outputs that `make notebooks` stored in them.
nb_execution_mode = "off"

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


def _copy_notebooks(app: Any) -> None:
    """Into docs/notebooks, as Sphinx reads nothing outside of docs/."""
    copies = Path(__file__).parent / "notebooks"
    shutil.rmtree(copies, ignore_errors=True)
    shutil.copytree(ROOT / "notebooks", copies, ignore=shutil.ignore_patterns(".*"))


def _rewrite_links(app: Any, page: str, source: list[str]) -> None:
    """Links are by the places in the repository. The site has the notebooks elsewhere, and no programs: links to these
    become code."""
    if page.startswith("notebooks/"):
        moved = source[0].replace("](../docs/", "](../")
        source[0] = re.sub(r"\[([^]\[]+)\]\(\.\./(?:examples|experiments)/[^)]+\)", r"`\1`", moved)
    else:
        source[0] = source[0].replace("](../notebooks/", "](notebooks/")


def setup(app: Any) -> None:
    app.connect("builder-inited", _copy_notebooks)
    app.connect("source-read", _rewrite_links)
    app.connect("autodoc-process-docstring", _rewrite_docstring, priority=100)  # before napoleon's
