"""The public names and their signatures are those written down in public_api.txt."""

import difflib

import public_api
import pytest

HINT = "If it is meant, run `python -m compat_tests.public_api`, and say in CHANGELOG.md what changed"


@pytest.mark.parametrize("name", public_api.PUBLIC)
def test_public_names(name: str) -> None:
    try:
        found = public_api.described(name)
    except ImportError as error:
        pytest.skip(str(error))
    expected = public_api.snapshot()[name]
    difference = "\n".join(difflib.unified_diff(expected, found, "public_api.txt", "as it is", lineterm="", n=0))
    assert not difference, f"the public API has changed. {HINT}.\n{difference}"


def test_public_modules_are_in_the_snapshot() -> None:
    assert list(public_api.snapshot()) == list(public_api.PUBLIC)


def test_modules_are_public_or_said_not_to_be() -> None:
    """A new module without an underscore must say which it is."""
    found = set(public_api.modules())
    decided = {*public_api.PUBLIC, *public_api.NOT_PROMISED}
    under = {name for name in found for package in public_api.NOT_PROMISED if name.startswith(f"{package}.")}
    assert found - under == decided
