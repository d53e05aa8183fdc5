"""The README's code runs as it stands, one block after the other, and its pictures and links exist."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_code_runs():
    namespace: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, namespace)
    assert namespace["loss"] < 0.01
    assert namespace["images"].shape == namespace["exact"].shape == (1, 4, 64, 64)


def test_local_links_exist():
    links = re.findall(r"\]\(([^)]+)\)", README)
    missing = [link for link in links if not link.startswith("http") and not (ROOT / link).exists()]
    assert not missing


def test_tables_name_every_choice():
    from gendr_adapters.distributions import ALIASES, DISTRIBUTIONS
    from gendr_adapters.t_conorms import T_CONORMS

    assert not [name for name in [*DISTRIBUTIONS, *ALIASES, *T_CONORMS] if f"`{name}`" not in README]
