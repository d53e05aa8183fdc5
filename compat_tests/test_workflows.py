""".github/workflows: what they call is there, and they try the versions that pyproject.toml promises."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from nightly import items

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYPROJECT = (ROOT / "pyproject.toml").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()

# Where others could put another program behind a name, only these are trusted.
TRUSTED = re.compile(r"actions/[\w-]+@v\d+|pypa/gh-action-pypi-publish@release/v1|[\w./-]+@[0-9a-f]{40}")


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            yield f"{path.stem}: {name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for step in job["steps"]:
            yield name, step


def key(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_workflows_exist() -> None:
    assert [path.stem for path in WORKFLOWS] == ["docs", "nightly", "release", "tests", "wheels"]


def test_every_target_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))
    called = {
        (name, target) for name, step in steps() for target in re.findall(r"\bmake ([\w-]+)", step.get("run", ""))
    }
    assert len(called) > 10
    assert {(name, target) for name, target in called if target not in targets} == set()
    phony = {name for line in re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE) for name in line.split()}
    assert {target for _, target in called} <= phony


def test_variables_are_not_those_that_make_reads() -> None:
    """A variable of the environment stands in for one of the Makefile that is set with ?=."""
    read = set(re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.MULTILINE))
    assert "PYTHON" in read
    for name, step in steps():
        assert not read & set(step.get("env", {})), name


def test_versions_are_those_promised() -> None:
    tried = [pair for _, job in jobs() for pair in job.get("strategy", {}).get("matrix", {}).get("include", [])]
    pythons = sorted({pair["python"] for pair in tried}, key=key)
    classified = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PYPROJECT)
    assert pythons == sorted(classified, key=key)
    lowest = re.search(r'^requires-python = ">=(.+)"$', PYPROJECT, re.MULTILINE)
    assert lowest is not None and pythons[0] == lowest[1]
    torches = sorted({pair["torch"] for pair in tried}, key=key)
    oldest = re.search(r'"torch>=([\d.]+)"', PYPROJECT)
    newest = re.search(r"^torch==(.+)$", (ROOT / "requirements" / "base.txt").read_text(), re.MULTILINE)
    assert oldest is not None and newest is not None
    assert torches[0].startswith(oldest[1] + ".") and torches[-1] == newest[1]
    assert {pair["python"] for pair in tried if pair["torch"] == newest[1]} == set(pythons)


def test_nightly_runs_every_item() -> None:
    found = dict(jobs())
    patterns = found["nightly: nightly"]["strategy"]["matrix"]["items"]
    names = {item.name for item in items()}
    assert all(any(fnmatch(name, pattern) for name in names) for pattern in patterns)
    left = {name for name in names if not any(fnmatch(name, pattern) for pattern in patterns)}
    alone = {name for name in left if f"nightly: {name}" in found}
    assert left == alone


def test_actions_are_pinned() -> None:
    used = [step["uses"] for _, step in steps() if "uses" in step]
    assert len(used) > 20
    assert [name for name in used if not TRUSTED.fullmatch(name)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_only_read(path: Path) -> None:
    """But for the two jobs of a release that write: a page of releases, and the token of the package index."""
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    more = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    expected = {"page": {"contents": "write"}, "index": {"id-token": "write"}}
    assert more == (expected if path.stem == "release" else {})


def test_jobs_end() -> None:
    for name, job in jobs():
        if any("make" in step.get("run", "") for step in job["steps"]):
            assert 0 < job["timeout-minutes"] <= 360, name


def test_issue_forms_ask_what_is_installed() -> None:
    forms = [path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
    assert len(forms) >= 2
    for path in forms:
        labels = [field["attributes"]["label"] for field in yaml.safe_load(path.read_text())["body"]]
        assert "Output of `python -m gendr_adapters`" in labels, path.stem
