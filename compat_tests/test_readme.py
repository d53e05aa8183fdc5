"""README.md, followed literally: code and commands run, unless they say why not in CI; links lead somewhere."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support.markdown import Block, blocks

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PERFORMANCE = ROOT / "docs" / "performance.md"
TEXT = README.read_text()
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def of_kind(kind: str) -> list[Block]:
    return [block for block in blocks(README) if block.kind == kind]


def test_kinds_of_blocks() -> None:
    """Each kind is followed by a test below."""
    assert {block.kind for block in blocks(README)} == {"python", "diff", "shell"}


def test_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    for block in of_kind("python"):
        assert block.why is None
        exec(block.code, namespace)
    assert namespace["loss"] < 0.01
    assert namespace["images"].shape == namespace["exact"].shape == (1, 4, 64, 64)


def test_added_imports_work() -> None:
    added = [line[1:] for block in of_kind("diff") for line in block.code.splitlines() if line.startswith("+")]
    imports = [line for line in added if line.startswith(("import ", "from "))]
    assert len(imports) >= 6
    for line in imports:
        if "pytorch3d" in line and find_spec("pytorch3d") is None:
            continue
        exec(line, {})


def commands(block: Block) -> list[str]:
    return [line.partition("  #")[0].strip() for line in block.code.splitlines()]


def test_commands_run() -> None:
    run = [command for block in of_kind("shell") if block.why is None for command in commands(block)]
    assert run == ["python -m gendr_adapters", "make help"]  # a new one has to be quick, or to say why it is not run
    for command in run:
        words = command.split()
        words[0] = {"python": sys.executable}.get(words[0], words[0])
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)


def test_commands_that_are_not_run_name_what_is_there() -> None:
    left = [command for block in of_kind("shell") if block.why for command in commands(block)]
    assert len(left) >= 6
    for command in left:
        assert command == "pip install ." or (command.startswith("make ") and command.split()[1] in TARGETS), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_name_targets_and_modules_that_are_there(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    code = re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", page.read_text())
    for found in re.findall(r"\bmake ([a-z][a-z-]*)", "\n".join(code)):
        assert found in TARGETS
    for module in re.findall(r"python -m\s+([\w.]+)", "\n".join(code)):
        assert find_spec(module) is not None, module


def test_local_links_exist() -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", TEXT)]
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_cuda_status_is_at_the_top() -> None:
    top = "\n".join(TEXT.splitlines()[:10])
    assert "not yet run on a GPU" in top and "docs/cuda-status.md" in top


def test_times_are_those_of_the_page() -> None:
    rows = [line for line in TEXT.splitlines() if re.match(r"\|.*\d ms \|", line)]
    assert len(rows) == 4 and set(rows) <= set(PERFORMANCE.read_text().splitlines())


def test_concepts_name_every_choice() -> None:
    from gendr_adapters.distributions import ALIASES, DISTRIBUTIONS
    from gendr_adapters.t_conorms import T_CONORMS

    concepts = (ROOT / "docs" / "concepts.md").read_text()
    assert [name for name in [*DISTRIBUTIONS, *ALIASES, *T_CONORMS] if f"`{name}`" not in concepts] == []
