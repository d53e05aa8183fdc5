"""build_tools/changelog.py, and that there is one version."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # build_tools is not installed

import gendr_adapters  # noqa: E402
from build_tools import changelog  # noqa: E402

TEXT = """# Changelog

## [0.2.0] - 2027-01-31

### Added

- New: one.

### Fixed

- Two.

## [0.1.0] - unreleased

- Old.

## [0.0.1] - 2026-01-01

"""


def test_sections() -> None:
    assert changelog.section(TEXT, "0.2.0") == ("2027-01-31", "### Added\n\n- New: one.\n\n### Fixed\n\n- Two.\n")
    assert changelog.section(TEXT, "0.1.0") == ("unreleased", "- Old.\n")


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.2", "has no version 0.2, but [0.2.0] - 2027-01-31; [0.1.0] - unreleased; "),
        ("0.0.1", "says nothing of version 0.0.1"),
    ],
)
def test_versions_that_are_not_there(version: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        changelog.section(TEXT, version)


def test_version_is_the_same_everywhere() -> None:
    """Of the package, of its metadata, of the citation and the newest of the changelog."""
    version = changelog.package_version()
    assert gendr_adapters.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    newest = re.search(r"^## \[(.+?)\] - ", changelog.CHANGELOG.read_text(), re.MULTILINE)
    assert newest is not None and newest[1] == version


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "CHANGELOG.md"
    path.write_text(TEXT)
    monkeypatch.setattr(changelog, "CHANGELOG", path)
    monkeypatch.setattr(changelog, "package_version", lambda: "0.2.0")
    return path


def test_notes_of_a_release(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changelog.main(["v0.2.0", "--released"])
    assert capsys.readouterr().out.startswith("### Added\n\n- New: one.\n")
    changelog.main(["0.1.0"])
    assert capsys.readouterr().out == "- Old.\n"


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("v0.1.0", "the tag is v0.1.0, and the package has version 0.2.0"),
        ("v0.3.0", "the changelog has no version 0.3.0"),
    ],
)
def test_tags_that_are_refused(tag: str, message: str, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        changelog.main([tag, "--released"])
    assert message in capsys.readouterr().err


def test_section_without_a_date_is_not_released(
    released: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(changelog, "package_version", lambda: "0.1.0")
    with pytest.raises(SystemExit):
        changelog.main(["v0.1.0", "--released"])
    assert "version 0.1.0 has no date in the changelog, but 'unreleased'" in capsys.readouterr().err


def test_the_form_is_that_of_keep_a_changelog() -> None:
    text = changelog.CHANGELOG.read_text()
    assert "https://keepachangelog.com/" in text
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings and all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - (\d{4}-\d\d-\d\d|unreleased)", one) for one in headings)
    kinds = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert kinds and set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
